/* kernels_vector.h - the arithmetic in vectors, the same text for every instruction set.
 *
 * The file of an instruction set defines, before it includes this one:
 *   RP_LANES                      floats in a vector
 *   floats, ints                  the vectors of RP_LANES floats and of RP_LANES int32
 *   add_product(sum, a, b)        sum + a * b, rounded once
 *   clamp(x, limit)               x within +-limit; a NaN stays one
 *   add_pairs(sum, w, x)          sum + w0 * x0 + w1 * x1 in each 32-bit lane, of two int16 each
 *   widen(w)                      2 * RP_LANES int8 as the int16 pairs of add_pairs
 * Vector types are the GCC and Clang extension: arithmetic reads as arithmetic. [any] */
#include <math.h>
#include <string.h>

#include "kernels.h"

#define RP_INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define RP_UNROLL _Pragma("clang loop unroll(full)")
#else
#define RP_UNROLL _Pragma("GCC unroll 16")
#endif

enum { PER_GROUP = RP_GROUP / RP_LANES, PER_TILE = RP_TILE / RP_LANES };

/* [any] */
RP_INLINE floats load(const float *from) { return *(const floats *)from; }
/* [any] */
RP_INLINE void store(float *to, floats value) { *(floats *)to = value; }
/* [any] */
RP_INLINE floats splat(float x) { return x - (floats){0}; }

/* ---- products ----
 * `vectors` accumulators hold a tile or a group; `chains` sets of them take turns, so that each addition need not wait
 * for the one before. Both are constants where these are called, and everything is unrolled. */

/* y [vectors] += the sums over all columns; returns the next weights. [any] */
RP_INLINE const float *block_fp32(const float *weight, const float *x, uint32_t columns, float *y, int vectors,
                                  int chains) {
    floats sum[16];
    RP_UNROLL for (int i = 0; i < vectors * chains; i++) sum[i] = splat(0);
    for (uint32_t column = 0; column < columns; column += (uint32_t)chains) {
        RP_UNROLL for (int i = 0; i < vectors * chains; i++) {
            sum[i] = add_product(sum[i], load(weight), splat(x[column + (uint32_t)(i / vectors)]));
            weight += RP_LANES;
        }
    }
    RP_UNROLL for (int i = 0; i < vectors; i++) {
        for (int chain = 1; chain < chains; chain++) sum[i] += sum[chain * vectors + i];
        store(y + i * RP_LANES, load(y + i * RP_LANES) + sum[i]);
    }
    return weight;
}

/* [any] */
static void product_fp32(const rp_matrix *matrix, const void *x, float x_scale, float *y) {
    enum { TILE_CHAINS = PER_TILE < 8 ? 2 : 1, GROUP_CHAINS = PER_GROUP < 4 ? 4 : 2 };
    const float *weight = matrix->weights;
    uint32_t row = 0;
    (void)x_scale;
    for (; row + RP_TILE <= matrix->rows; row += RP_TILE)
        weight = block_fp32(weight, x, matrix->columns, y + row, PER_TILE, TILE_CHAINS);
    for (; row < matrix->rows; row += RP_GROUP)
        weight = block_fp32(weight, x, matrix->columns, y + row, PER_GROUP, GROUP_CHAINS);
}

/* The weights of one vector of rows and one pair of columns. [any] */
RP_INLINE ints load_16(const void *from) { return *(const ints *)from; }
/* [any] */
RP_INLINE ints load_8(const void *from) { return widen(from); }

/* Two int16 of x in every lane. [any] */
RP_INLINE ints splat_pair(const int16_t *x) {
    int32_t pair;
    memcpy(&pair, x, sizeof pair);
    return (ints){0} + pair;
}

/* [any] */
RP_INLINE const char *block_integers(const char *weight, const int16_t *x, uint32_t columns, const float *scale,
                                     float x_scale, float *y, int vectors, int chains, int bytes) {
    ints sum[16];
    RP_UNROLL for (int i = 0; i < vectors * chains; i++) sum[i] = (ints){0};
    for (uint32_t column = 0; column < columns; column += 2 * (uint32_t)chains) {
        RP_UNROLL for (int i = 0; i < vectors * chains; i++) {
            const ints pair = splat_pair(x + column + 2 * (i / vectors));
            sum[i] = add_pairs(sum[i], bytes == 1 ? load_8(weight) : load_16(weight), pair);
            weight += 2 * RP_LANES * bytes;
        }
    }
    RP_UNROLL for (int i = 0; i < vectors; i++) {
        for (int chain = 1; chain < chains; chain++) sum[i] += sum[chain * vectors + i];
        const floats worth = load(scale + i * RP_LANES) * x_scale;
        store(y + i * RP_LANES, load(y + i * RP_LANES) + __builtin_convertvector(sum[i], floats) * worth);
    }
    return weight;
}

/* [any] */
RP_INLINE void product_integers(const rp_matrix *matrix, const int16_t *x, float x_scale, float *y, int bytes) {
    enum { TILE_CHAINS = PER_TILE < 8 ? 2 : 1, GROUP_CHAINS = 2 };
    const char *weight = matrix->weights;
    const float *scale = matrix->scale;
    uint32_t row = 0;
    for (; row + RP_TILE <= matrix->rows; row += RP_TILE)
        weight =
            block_integers(weight, x, matrix->columns, scale + row, x_scale, y + row, PER_TILE, TILE_CHAINS, bytes);
    for (; row < matrix->rows; row += RP_GROUP)
        weight =
            block_integers(weight, x, matrix->columns, scale + row, x_scale, y + row, PER_GROUP, GROUP_CHAINS, bytes);
}

/* [any] */
static void product_16(const rp_matrix *matrix, const void *x, float x_scale, float *y) {
    product_integers(matrix, x, x_scale, y, 2);
}

/* [any] */
static void product_8(const rp_matrix *matrix, const void *x, float x_scale, float *y) {
    product_integers(matrix, x, x_scale, y, 1);
}

/* ---- activations as integers ---- */

/* The largest |x|. Compared as integers, a NaN is larger than any number and is not lost. [any] */
RP_INLINE float magnitude(const float *x, uint32_t n) {
    ints largest = {0};
    for (uint32_t i = 0; i < n; i += RP_LANES) {
        const ints bits = (ints)load(x + i) & 0x7fffffff, larger = bits > largest;
        largest = (bits & larger) | (largest & ~larger);
    }
    int32_t all = 0;
    RP_UNROLL for (int i = 0; i < RP_LANES; i++) all = largest[i] > all ? largest[i] : all;
    float value;
    memcpy(&value, &all, sizeof value);
    return value;
}

/* Multiplied, rounded, and only then added to: the same integers as plain C gives. [any] */
static float quantise(const float *x, uint32_t n, uint32_t range, int16_t *q) {
    typedef int16_t shorts __attribute__((vector_size(2 * RP_LANES), may_alias));
    const float largest = magnitude(x, n), inverse = (float)range / largest;
    if (!(inverse > 0 && isfinite(inverse))) {
        memset(q, 0, n * sizeof *q);
        return isfinite(largest) ? 0.0f : NAN;
    }
    for (uint32_t i = 0; i < n; i += RP_LANES) {
        const ints bits = (ints)(load(x + i) * inverse + 12582912.0f); /* the integer, in the low bits */
        *(shorts *)(q + i) = __builtin_convertvector(bits, shorts);
    }
    return largest / (float)range;
}

/* ---- the cell ---- */

/* tanh as x P(x^2) / Q(x^2), fitted on [-9, 9] by least squares, reweighted until the largest relative error was
 * smallest: 2e-8, and 3e-7 with the rounding of floats. Beyond 9 a float's tanh is 1. [any] */
RP_INLINE floats hyperbolic_tangent(floats x) {
    const floats at = clamp(x, 9.0f), t = at * at;
    floats p = splat(1.33543553e-08f), q = splat(7.7764308e-07f);
    p = add_product(splat(2.06088548e-05f), p, t);
    q = add_product(splat(3.28561207e-04f), q, t);
    p = add_product(splat(3.49557419e-03f), p, t);
    q = add_product(splat(2.58769292e-02f), q, t);
    p = add_product(splat(0.133810139f), p, t);
    q = add_product(splat(0.467143295f), q, t);
    p = add_product(splat(1.0f), p, t);
    q = add_product(splat(1.0f), q, t);
    return at * p / q;
}

/* Right to 2e-7; not in its relative error where it is next to 0, which nothing here asks for. [any] */
RP_INLINE floats logistic(floats x) { return add_product(splat(0.5f), hyperbolic_tangent(x * 0.5f), splat(0.5f)); }

/* [any] */
static void cell(const float *gates, uint32_t units, float *c, float *h) {
    for (uint32_t unit = 0; unit < units; unit += RP_LANES) {
        const float *gate = gates + unit / RP_GROUP * RP_TILE + unit % RP_GROUP;
        const floats in = logistic(load(gate)), keep = logistic(load(gate + RP_GROUP));
        const floats fresh = hyperbolic_tangent(load(gate + 2 * RP_GROUP)), out = logistic(load(gate + 3 * RP_GROUP));
        const floats next = add_product(in * fresh, keep, load(c + unit));
        store(c + unit, next);
        store(h + unit, out * hyperbolic_tangent(next));
    }
}

/* ---- layer normalisation ---- */

/* [any] */
RP_INLINE float total(floats x) {
    float sum = 0;
    RP_UNROLL for (int i = 0; i < RP_LANES; i++) sum += x[i];
    return sum;
}

/* [any] */
RP_INLINE float mean_of(const float *x, uint32_t n) {
    const uint32_t whole = n / RP_LANES * RP_LANES;
    floats sums = splat(0);
    for (uint32_t i = 0; i < whole; i += RP_LANES) sums += load(x + i);
    float sum = total(sums);
    for (uint32_t i = whole; i < n; i++) sum += x[i];
    return sum / (float)n;
}

/* [any] */
RP_INLINE float variance_of(const float *x, uint32_t n, float mean) {
    const uint32_t whole = n / RP_LANES * RP_LANES;
    floats sums = splat(0);
    for (uint32_t i = 0; i < whole; i += RP_LANES) {
        const floats off = load(x + i) - mean;
        sums = add_product(sums, off, off);
    }
    float sum = total(sums);
    for (uint32_t i = whole; i < n; i++) sum += (x[i] - mean) * (x[i] - mean);
    return sum / (float)n;
}

/* [any] */
static void norm(const float *x, const float *weight, const float *bias, uint32_t n, float epsilon, float *y) {
    const float mean = mean_of(x, n), scale = 1.0f / sqrtf(variance_of(x, n, mean) + epsilon);
    for (uint32_t i = 0; i < n; i += RP_LANES)
        store(y + i, add_product(load(bias + i), (load(x + i) - mean) * scale, load(weight + i)));
}
