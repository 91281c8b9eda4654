/* lstm.h - a stack of LSTM layers for one note at a time. */
#ifndef RIPIENO_LSTM_H
#define RIPIENO_LSTM_H
#include <stdint.h>

enum { RP_PRECISION_FP32 = 0, RP_PRECISION_16 = 1, RP_PRECISION_8 = 2 };

typedef struct {
    uint32_t input;  /* width of the input vector */
    uint32_t hidden; /* width of every layer */
    uint32_t layers;
    uint32_t norm;   /* 1: layer normalisation after each layer */
    uint32_t head;   /* width of a ReLU layer between the last layer and the scores, 0: none */
    uint32_t skip;   /* 1: the head (or the scores) sees the input beside the last layer's output */
    uint32_t output; /* number of scores */
    float norm_epsilon;
} rp_lstm_config;

/* The weights as PyTorch lays them out, row-major, gates in its order (i, f, g, o). */
typedef struct {
    const float *w_ih;        /* [4 hidden][input of the layer] */
    const float *w_hh;        /* [4 hidden][hidden] */
    const float *b_ih;        /* [4 hidden] */
    const float *b_hh;        /* [4 hidden] */
    const float *norm_weight; /* [hidden], NULL without norm */
    const float *norm_bias;   /* [hidden] */
} rp_lstm_layer;

typedef struct {
    rp_lstm_config config;
    const rp_lstm_layer *layer;               /* [layers] */
    const float *head_weight, *head_bias;     /* [head][hidden + skip * input], [head] */
    const float *output_weight, *output_bias; /* [output][head or hidden + skip * input], [output] */
} rp_lstm_arrays;

typedef struct rp_lstm rp_lstm;             /* packed weights, read only */
typedef struct rp_lstm_state rp_lstm_state; /* h and c of every layer, and scratch */

rp_lstm *rp_lstm_new(const rp_lstm_arrays *arrays, uint32_t precision); /* NULL: no memory or a bad shape [control] */
void rp_lstm_free(rp_lstm *lstm);                                       /* [control] */
const rp_lstm_config *rp_lstm_get_config(const rp_lstm *lstm);          /* [any] */
rp_lstm_state *rp_lstm_state_new(const rp_lstm *lstm);                  /* zeroed; NULL: no memory [control] */
void rp_lstm_state_free(rp_lstm_state *state);                          /* [control] */
void rp_lstm_state_reset(rp_lstm_state *state);                         /* [any] */
void rp_lstm_state_copy(rp_lstm_state *to, const rp_lstm_state *from);  /* same lstm; h and c [any] */
/* One note: x [input] in, scores [output] (logits) out. Allocates nothing. [any] */
void rp_lstm_step(const rp_lstm *lstm, rp_lstm_state *state, const float *x, float *scores);
/* n notes in a row: x [n][input], scores [n][output]. Allocates nothing. [any] */
void rp_lstm_run(const rp_lstm *lstm, rp_lstm_state *state, uint32_t n, const float *x, float *scores);
/* The same, and what each step took. [control] */
void rp_lstm_time(const rp_lstm *lstm, rp_lstm_state *state, uint32_t n, const float *x, float *scores,
                  uint32_t *nanoseconds);
/* The instruction set in use: "generic", "avx2", "avx512" or "neon". [any] */
const char *rp_kernels_name(void);
/* Choose one by name, to test and measure; 0: this machine has it, -1: it has not. Before rp_lstm_new. [control] */
int rp_kernels_use(const char *name);
#endif
