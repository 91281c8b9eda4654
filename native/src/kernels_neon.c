/* kernels_neon.c - 4 floats at a time: AArch64. Tested under QEMU only, never on hardware. [any] */
#if defined(__aarch64__)
#include <arm_neon.h>
#include <stdint.h>

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

#include "kernels_vector.h"

const rp_kernels rp_kernels_neon = {"neon", {product_fp32, product_16, product_8}, quantise, cell, norm};
#endif
