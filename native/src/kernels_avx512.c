/* kernels_avx512.c - 16 floats at a time: x86-64 with AVX-512 (F, BW, VL, DQ) and VNNI. [any] */
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VNNI__)
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define RP_LANES 16
typedef float floats __attribute__((vector_size(64), may_alias));
typedef int32_t ints __attribute__((vector_size(64), may_alias));

/* What kernels_vector.h asks for; all of it [any]. */
static inline floats add_product(floats sum, floats a, floats b) { return _mm512_fmadd_ps(a, b, sum); }

/* min and max give their second operand where one is a NaN. */
static inline floats clamp(floats x, float limit) {
    const floats below = _mm512_min_ps(_mm512_set1_ps(limit), x);
    return _mm512_max_ps(_mm512_set1_ps(-limit), below);
}

static inline ints add_pairs(ints sum, ints w, ints x) {
    return (ints)_mm512_dpwssd_epi32((__m512i)sum, (__m512i)w, (__m512i)x);
}
static inline ints widen(const void *w) { return (ints)_mm512_cvtepi8_epi16(_mm256_load_si256(w)); }

/* The instruction wants one side without a sign: 128 is added to x, and taken off again by the weights' sums. */
static inline ints begin_fours(const int32_t *sums) { return *(const ints *)sums * -128; }
static inline ints splat_fours(const int8_t *x) {
    int32_t fours;
    memcpy(&fours, x, sizeof fours);
    return (ints){0} + (fours ^ (int32_t)0x80808080);
}
static inline ints add_fours(ints sum, const int8_t *w, ints x) {
    return (ints)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)x, _mm512_load_si512(w));
}

#define RP_BLOCK_VECTORS 4
#include "kernels_vector.h"
#include "kernels_decoder.h"

const rp_kernels rp_kernels_avx512 = RP_KERNELS_OF("avx512");
#endif
