/* rack_denormals.h - numbers close to zero count as zero while units run: a tail that dies away would be slow else. */
#ifndef RIPIENO_RACK_DENORMALS_H
#define RIPIENO_RACK_DENORMALS_H
#include <stdint.h>

#if defined(__SSE__)
#include <xmmintrin.h>

/* What to give to rp_denormals_restore. FTZ and DAZ: Intel SDM volume 1, 10.2.3. [process] */
static inline uint64_t rp_denormals_flush(void) {
    uint32_t before = _mm_getcsr();
    _mm_setcsr(before | 0x8040);
    return before;
}

/* [process] */
static inline void rp_denormals_restore(uint64_t before) { _mm_setcsr((uint32_t)before); }

#elif defined(__aarch64__)

/* What to give to rp_denormals_restore. FPCR.FZ: Arm ARM, C5.2.8. [process] */
static inline uint64_t rp_denormals_flush(void) {
    uint64_t before;
    __asm__ __volatile__("mrs %0, fpcr" : "=r"(before));
    __asm__ __volatile__("msr fpcr, %0" : : "r"(before | 1 << 24));
    return before;
}

/* [process] */
static inline void rp_denormals_restore(uint64_t before) { __asm__ __volatile__("msr fpcr, %0" : : "r"(before)); }

#else

/* [process] */
static inline uint64_t rp_denormals_flush(void) { return 0; }

/* [process] */
static inline void rp_denormals_restore(uint64_t before) { (void)before; }

#endif
#endif
