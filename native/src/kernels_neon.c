/* kernels_neon.c - 4 floats at a time: AArch64. Tested under QEMU only, never on hardware. [any] */
#if defined(__aarch64__)
#include <arm_neon.h>
#include <stdint.h>
#include <string.h>

#define RP_LANES 4
typedef float floats __attribute__((vector_size(16), may_alias));
typedef int32_t ints __attribute__((vector_size(16), may_alias));

/* What kernels_vector.h asks for; all of it [any]. */
static inline floats add_product(floats sum, floats a, floats b) { return (floats)vfmaq_f32(sum, a, b); }

/* These minima and maxima keep a NaN. */
static inline floats clamp(floats x, float limit) {
    return (floats)vmaxq_f32(vminq_f32(x, vdupq_n_f32(limit)), vdupq_n_f32(-limit));
}

static inline ints add_pairs(ints sum, ints w, ints x) {
    const int16x8_t weights = (int16x8_t)w, values = (int16x8_t)x;
    const int32x4_t low = vmull_s16(vget_low_s16(weights), vget_low_s16(values));
    return sum + (ints)vpaddq_s32(low, vmull_high_s16(weights, values));
}
static inline ints widen(const void *w) { return (ints)vmovl_s8(vld1_s8(w)); }

static inline ints begin_fours(const int32_t *sums) {
    (void)sums;
    return (ints){0};
}
static inline ints splat_fours(const int8_t *x) {
    int32_t fours;
    memcpy(&fours, x, sizeof fours);
    return (ints){0} + fours;
}
static inline ints add_fours(ints sum, const int8_t *w, ints x) {
    const int8x16_t weights = vld1q_s8(w), values = (int8x16_t)x;
    const int16x8_t low = vmull_s8(vget_low_s8(weights), vget_low_s8(values));
    return sum + (ints)vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(vmull_high_s8(weights, values)));
}

#define RP_BLOCK_VECTORS 4
#include "kernels_vector.h"
#include "kernels_decoder.h"

const rp_kernels rp_kernels_neon = RP_KERNELS_OF("neon");
#endif
