/* kernels_avx2.c - 8 floats at a time: x86-64 with AVX2 and FMA. [any] */
#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#include <stdint.h>

#define RP_LANES 8
typedef float floats __attribute__((vector_size(32), may_alias));
typedef int32_t ints __attribute__((vector_size(32), may_alias));

/* What kernels_vector.h asks for; all of it [any]. */
static inline floats add_product(floats sum, floats a, floats b) { return _mm256_fmadd_ps(a, b, sum); }

/* min and max give their second operand where one is a NaN. */
static inline floats clamp(floats x, float limit) {
    const floats below = _mm256_min_ps(_mm256_set1_ps(limit), x);
    return _mm256_max_ps(_mm256_set1_ps(-limit), below);
}

static inline ints add_pairs(ints sum, ints w, ints x) { return sum + (ints)_mm256_madd_epi16((__m256i)w, (__m256i)x); }
static inline ints widen(const void *w) { return (ints)_mm256_cvtepi8_epi16(_mm_load_si128(w)); }

#include "kernels_vector.h"

const rp_kernels rp_kernels_avx2 = {"avx2", {product_fp32, product_16, product_8}, quantise, cell, norm};
#endif
