/* kernels_avx2.c - 8 floats at a time: x86-64 with AVX2 and FMA. [any] */
#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

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

/* As 16 bits a product of two would fit, but not its sum: |w| times x with w's sign keeps within +-127 * 127 * 2. */
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
    const __m256i weights = _mm256_load_si256((const __m256i *)w);
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8((__m256i)x, weights));
    return sum + (ints)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

#define RP_BLOCK_VECTORS 2
#include "kernels_vector.h"
#include "kernels_decoder.h"

const rp_kernels rp_kernels_avx2 = RP_KERNELS_OF("avx2");
#endif
