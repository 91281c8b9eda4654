/* kernels_pack.h - lay a matrix out, and quantise it, as the products of kernels.h read it. */
#ifndef RIPIENO_KERNELS_PACK_H
#define RIPIENO_KERNELS_PACK_H
#include "arena.h"
#include "kernels.h"

/* A matrix as PyTorch has it: gates * units rows, all rows of a gate together; gates is 1 for a plain matrix. */
typedef struct {
    const float *weights; /* [gates * units][stride], of which columns are used */
    uint32_t gates, units, columns, stride;
} rp_plain_matrix;

/* n up to a multiple of step. [any] */
uint32_t rp_pad(uint32_t n, uint32_t step);
/* Where row `packed` of a packed matrix comes from; UINT32_MAX: padding. [any] */
uint32_t rp_pack_source(uint32_t gates, uint32_t units, uint32_t packed);
/* Reserve a matrix of that shape and precision in the arena. [control] */
void rp_pack_reserve(rp_arena *arena, const rp_plain_matrix *plain, uint32_t precision, rp_matrix *matrix);
/* Fill it. Weights that are not finite make their row's scale a NaN, so that the products are NaN too. [control] */
void rp_pack_matrix(const rp_plain_matrix *plain, rp_matrix *matrix);
#endif
