/* tower.h - a Transformer over blocks that never ends: a ring of keys and values is all it remembers.
 *
 * As models/singing/tower.py: normalisation before attention and before the two matrices, RoPE by the block's number.
 * The weights may be shared; a state is one thread's. */
#ifndef RIPIENO_TOWER_H
#define RIPIENO_TOWER_H
#include "store.h"

typedef struct {
    const float *norm_attend, *norm_expand; /* [dim] */
    rp_matrix qkv;                          /* [3 * dim][dim]: queries, keys, values; each head by head */
    rp_matrix merge;                        /* [dim][dim] */
    rp_matrix expand, contract;             /* [hidden][dim], [dim][hidden] */
} rp_tower_layer;

typedef struct {
    const rp_kernels *kernels;
    uint32_t dim, layers, heads, hidden, window;
    uint32_t width;        /* of a head */
    rp_tower_layer *layer; /* [layers] */
    const float *norm;     /* [dim] */
    double *waves;         /* [width / 2] radians a block */
} rp_tower;

typedef struct {
    uint64_t count; /* blocks heard so far: this one's number. Its slot in the ring is count % window */
    float *keys;    /* [layers][heads][window / 16][width][16] */
    float *values;  /* [layers][heads][window][width] */
    /* Scratch. */
    float *x, *normed, *heard; /* [dim] */
    float *qkv;                /* [3 * dim] */
    float *grown;              /* [hidden] */
    float *cosine, *sine;      /* [width / 2] */
    float *share;              /* [window, padded] */
} rp_tower_state;

/* Lay the weights named prefix.blocks.0.qkv.weight ... out. [control] */
void rp_tower_lay(rp_store *store, const char *prefix, const rp_tower_shape *shape, rp_tower *tower);
/* Lay a state out: once to measure, once to fill. [control] */
void rp_tower_state_lay(rp_arena *arena, const rp_tower *tower, rp_tower_state *state);
void rp_tower_clear(rp_tower_state *state); /* nothing heard [worker] */
/* Hear one more block, x [dim]; the stream [dim] after it, until the next. Allocates nothing. [worker] */
const float *rp_tower_hear(const rp_tower *tower, rp_tower_state *state, const float *x);
#endif
