/* kernels.h - the arithmetic of inference, once for each instruction set.
 *
 * A matrix is packed for a product by columns: rows go in groups of 16, four groups make a tile, and a tile holds, for
 * one column (or a pair of columns when the weights are integers), its 64 rows side by side. The weights are then read
 * once, in order, and nothing is summed across a vector. Every instruction set reads this one layout. */
#ifndef RIPIENO_KERNELS_H
#define RIPIENO_KERNELS_H
#include <stddef.h>
#include <stdint.h>

#define RP_GROUP 16u      /* rows of a group; a layer of units is padded to a multiple of this */
#define RP_TILE 64u       /* rows of a tile: the four gates of 16 units, or 64 plain rows */
#define RP_COLUMN_STEP 4u /* columns are padded to a multiple of this */
#define RP_ALIGN 64u      /* bytes; every packed array starts at a multiple of this */

/* A packed matrix. What is left of the rows after whole tiles lies in single groups. */
typedef struct {
    uint32_t rows, columns; /* padded */
    uint32_t precision;     /* RP_PRECISION_... of lstm.h */
    uint32_t range;         /* integers: the largest |x| that no sum can overflow with; 0 for fp32 */
    const void *weights;    /* [rows * columns] float, int16_t or int8_t */
    const float *scale;     /* [rows] what an integer weight of 1 is worth; NULL for fp32 */
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
} rp_kernels;

extern const rp_kernels rp_kernels_generic; /* plain C: the judge of the others */
extern const rp_kernels rp_kernels_avx2;
extern const rp_kernels rp_kernels_avx512; /* with VNNI */
extern const rp_kernels rp_kernels_neon;

/* The table in use. [any] */
const rp_kernels *rp_kernels_get(void);
#endif
