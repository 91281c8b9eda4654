/* kernels.h - the arithmetic of inference, once for each instruction set.
 *
 * A matrix is packed for a product by columns: rows go in groups of 16, four groups make a tile, and a tile holds, for
 * one column (or two or four columns when the weights are integers), its 64 rows side by side. The weights are then
 * read once, in order, and nothing is summed across a vector. Every instruction set reads this one layout. */
#ifndef RIPIENO_KERNELS_H
#define RIPIENO_KERNELS_H
#include <stddef.h>
#include <stdint.h>

#define RP_GROUP 16u      /* rows of a group; a layer of units is padded to a multiple of this */
#define RP_TILE 64u       /* rows of a tile: the four gates of 16 units, or 64 plain rows */
#define RP_COLUMN_STEP 4u /* columns are padded to a multiple of this */
#define RP_ALIGN 64u      /* bytes; every packed array starts at a multiple of this */

/* Beside those of lstm.h: weights of 8 bits, four columns together, for a vector of 8 bits too. */
enum { RP_PRECISION_BYTES = 3 };

/* A packed matrix. What is left of the rows after whole tiles lies in single groups. */
typedef struct {
    uint32_t rows, columns; /* padded */
    uint32_t precision;     /* RP_PRECISION_... */
    uint32_t range;         /* integers: the largest |x| that no sum can overflow with; 0 for fp32 */
    const void *weights;    /* [rows * columns] float, int16_t or int8_t */
    const float *scale;     /* [rows] what an integer weight of 1 is worth; NULL for fp32 */
    const int32_t *sums;    /* [rows] of the weights, RP_PRECISION_BYTES only */
} rp_matrix;

typedef struct {
    const char *name;
    /* y [rows] += matrix times x [columns], by precision. x: float (x_scale unused), or int16_t worth x_scale each. */
    void (*product[3])(const rp_matrix *matrix, const void *x, float x_scale, float *y);
    /* x [n] as integers of at most range in q [n]; returns what 1 is worth: NaN where an x is not finite, and 0 where
     * all are next to 0. n is a multiple of 16. Every instruction set gives the same. */
    float (*quantise)(const float *x, uint32_t n, uint32_t range, int16_t *q);
    /* gates [units / 16][i, f, g, o][16], c and h [units]; units is a multiple of 16. */
    void (*cell)(const float *gates, uint32_t units, float *c, float *h);
    /* y [n] = x [n] shifted and scaled to mean 0 and variance 1, times weight, plus bias. Rows padded to 16, pad 0. */
    void (*norm)(const float *x, const float *weight, const float *bias, uint32_t n, float epsilon, float *y);

    /* For transformers. Every width here is a multiple of 16, and columns are not padded.
     * y [n][rows] += matrix times x [n][columns], the weights being read once: fp32, and RP_PRECISION_BYTES. */
    void (*dense)(const rp_matrix *matrix, const float *x, uint32_t n, float *y);
    void (*dense_bytes)(const rp_matrix *matrix, const int8_t *x, const float *x_scale, uint32_t n, float *y);
    /* As quantise, to +-127. */
    float (*quantise_bytes)(const float *x, uint32_t n, int8_t *q);
    void (*rms_norm)(const float *x, const float *weight, uint32_t n, float epsilon, float *y);
    void (*gelu)(float *x, uint32_t n); /* by tanh */
    /* x [n] becomes exp(x - the largest x), at most 1; returns their sum. */
    float (*exponents)(float *x, uint32_t n);
    /* Keys lie in groups of 16 events: [groups][width][16], and of 8 bits [groups][width / 2][16][2].
     * scores [16 * groups] = keys times q [width]. width is at most 512. */
    void (*match)(const float *keys, const float *q, uint32_t width, uint32_t groups, float *scores);
    void (*match_bytes)(const int8_t *keys, const float *scale, const int16_t *q, float q_scale, uint32_t width,
                        uint32_t groups, float *scores);
    /* out [width] = the values [events][width] (of 8 bits [events / 2][width][2]) in the shares given. For the bytes
     * events is even. */
    void (*gather)(const float *values, const float *share, uint32_t width, uint32_t events, float *out);
    void (*gather_bytes)(const int8_t *values, const int16_t *share, float share_scale, uint32_t width, uint32_t events,
                         float *out);
} rp_kernels;

/* The table of a file that has them all, by these names. */
#define RP_KERNELS_OF(set)                                \
    {                                                     \
        .name = (set),                                    \
        .product = {product_fp32, product_16, product_8}, \
        .quantise = quantise,                             \
        .cell = cell,                                     \
        .norm = norm,                                     \
        .dense = dense,                                   \
        .dense_bytes = dense_bytes,                       \
        .quantise_bytes = quantise_bytes,                 \
        .rms_norm = rms_norm,                             \
        .gelu = gelu,                                     \
        .exponents = exponents,                           \
        .match = match,                                   \
        .match_bytes = match_bytes,                       \
        .gather = gather,                                 \
        .gather_bytes = gather_bytes,                     \
    }

extern const rp_kernels rp_kernels_generic; /* plain C: the judge of the others */
extern const rp_kernels rp_kernels_avx2;
extern const rp_kernels rp_kernels_avx512; /* with VNNI */
extern const rp_kernels rp_kernels_neon;

/* The table in use. [any] */
const rp_kernels *rp_kernels_get(void);
#endif
