#include "lstm.h"

#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "kernels.h"
#include "kernels_pack.h"

enum { WIDEST = 65536, DEEPEST = 64 }; /* beyond this a shape is taken for a mistake */

typedef struct {
    rp_matrix w_ih, w_hh;
    float *bias;                    /* [4 * units], as the packed rows */
    float *norm_weight, *norm_bias; /* [units] */
} layer_weights;

/* A plain layer: its rows see the last LSTM layer (or the head), and the input where the network skips. */
typedef struct {
    rp_matrix from_hidden, from_input;
    float *bias; /* [rows] */
} dense_weights;

struct rp_lstm {
    rp_lstm_config config;
    const rp_kernels *kernels;
    uint32_t precision, units; /* units: hidden, padded */
    layer_weights *layer;      /* [layers] */
    dense_weights head, output;
    void *memory;
};

struct rp_lstm_state {
    uint32_t layers, units;
    float *h, *c;                          /* [layers][units] */
    float *gates, *input, *x, *head, *out; /* scratch: [4 * units], [input], [units], [head], [output]; all padded */
    int16_t *integers;                     /* the vector being multiplied, quantised */
    void *memory;
};

/* ---- packing ---- */

/* [control] */
static int shape_is_good(const rp_lstm_config *config) {
    return config->input > 0 && config->input <= WIDEST && config->hidden > 0 && config->hidden <= WIDEST &&
           config->layers > 0 && config->layers <= DEEPEST && config->head <= WIDEST && config->output > 0 &&
           config->output <= WIDEST && config->norm <= 1 && config->skip <= 1;
}

/* [control] */
static int arrays_are_there(const rp_lstm_arrays *arrays) {
    const rp_lstm_config *config = &arrays->config;
    if (!arrays->layer || !arrays->output_weight || !arrays->output_bias) return 0;
    if (config->head && (!arrays->head_weight || !arrays->head_bias)) return 0;
    for (uint32_t i = 0; i < config->layers; i++) {
        const rp_lstm_layer *layer = &arrays->layer[i];
        if (!layer->w_ih || !layer->w_hh || !layer->b_ih || !layer->b_hh) return 0;
        if (config->norm && (!layer->norm_weight || !layer->norm_bias)) return 0;
    }
    return 1;
}

/* Reserve a matrix, and on the second pass (the arena is open) fill it. [control] */
static void lay_matrix(rp_arena *arena, const rp_plain_matrix *plain, uint32_t precision, rp_matrix *matrix) {
    rp_pack_reserve(arena, plain, precision, matrix);
    if (arena->base) rp_pack_matrix(plain, matrix);
}

/* A vector of n padded to `padded`, zero beyond. [control] */
static float *lay_vector(rp_arena *arena, const float *from, uint32_t n, uint32_t padded) {
    float *to = rp_arena_take(arena, padded, sizeof *to);
    if (to) memcpy(to, from, n * sizeof *to);
    return to;
}

/* The first layer sees the notes' own numbers, whose sizes differ most: there 8 bits would cost labels, and its weights
 * are few. [control] */
static uint32_t precision_of_input(uint32_t precision, uint32_t layer) {
    return layer == 0 && precision == RP_PRECISION_8 ? RP_PRECISION_16 : precision;
}

/* [control] */
static void lay_layer(rp_arena *arena, const rp_lstm_arrays *arrays, const rp_lstm *lstm, uint32_t index,
                      layer_weights *out) {
    const rp_lstm_config *config = &arrays->config;
    const rp_lstm_layer *in = &arrays->layer[index];
    const uint32_t hidden = config->hidden, columns = index ? hidden : config->input;
    const rp_plain_matrix w_ih = {in->w_ih, 4, hidden, columns, columns}, w_hh = {in->w_hh, 4, hidden, hidden, hidden};
    lay_matrix(arena, &w_ih, precision_of_input(lstm->precision, index), &out->w_ih);
    lay_matrix(arena, &w_hh, lstm->precision, &out->w_hh);
    out->bias = rp_arena_take(arena, 4 * (size_t)lstm->units, sizeof(float));
    for (uint32_t row = 0; out->bias && row < 4 * lstm->units; row++) {
        const uint32_t source = rp_pack_source(4, hidden, row);
        if (source != UINT32_MAX) out->bias[row] = in->b_ih[source] + in->b_hh[source];
    }
    if (!config->norm) return;
    out->norm_weight = lay_vector(arena, in->norm_weight, hidden, lstm->units);
    out->norm_bias = lay_vector(arena, in->norm_bias, hidden, lstm->units);
}

/* The last layers are small and decide: they stay in floats. inputs: columns that see the input beside. [control] */
static void lay_dense(rp_arena *arena, const float *weight, const float *bias, uint32_t rows, uint32_t columns,
                      uint32_t inputs, dense_weights *out) {
    const rp_plain_matrix hidden = {weight, 1, rows, columns, columns + inputs};
    lay_matrix(arena, &hidden, RP_PRECISION_FP32, &out->from_hidden);
    if (inputs) {
        const rp_plain_matrix input = {weight + columns, 1, rows, inputs, columns + inputs};
        lay_matrix(arena, &input, RP_PRECISION_FP32, &out->from_input);
    }
    out->bias = lay_vector(arena, bias, rows, rp_pad(rows, RP_GROUP));
}

/* Everything in its order; run once to measure and once to fill. [control] */
static rp_lstm *lay_out(rp_arena *arena, const rp_lstm_arrays *arrays, uint32_t precision) {
    const rp_lstm_config *config = &arrays->config;
    const uint32_t inputs = config->skip ? config->input : 0;
    rp_lstm measured, *taken = rp_arena_take(arena, 1, sizeof *taken), *lstm = taken ? taken : &measured;
    *lstm = (rp_lstm){*config, rp_kernels_get(), precision, rp_pad(config->hidden, RP_GROUP), .memory = arena->memory};
    lstm->layer = rp_arena_take(arena, config->layers, sizeof *lstm->layer);
    for (uint32_t i = 0; i < config->layers; i++) {
        layer_weights measured_layer = {0};
        lay_layer(arena, arrays, lstm, i, lstm->layer ? &lstm->layer[i] : &measured_layer);
    }
    if (config->head)
        lay_dense(arena, arrays->head_weight, arrays->head_bias, config->head, config->hidden, inputs, &lstm->head);
    lay_dense(arena, arrays->output_weight, arrays->output_bias, config->output,
              config->head ? config->head : config->hidden, config->head ? 0 : inputs, &lstm->output);
    return taken;
}

rp_lstm *rp_lstm_new(const rp_lstm_arrays *arrays, uint32_t precision) {
    if (precision > RP_PRECISION_8 || !shape_is_good(&arrays->config) || !arrays_are_there(arrays)) return NULL;
    rp_arena arena = {0};
    lay_out(&arena, arrays, precision);
    return rp_arena_open(&arena) == 0 ? lay_out(&arena, arrays, precision) : NULL;
}

void rp_lstm_free(rp_lstm *lstm) {
    if (lstm) free(lstm->memory);
}

const rp_lstm_config *rp_lstm_get_config(const rp_lstm *lstm) { return &lstm->config; }

/* ---- state ---- */

/* [control] */
static rp_lstm_state *lay_out_state(rp_arena *arena, const rp_lstm *lstm) {
    const rp_lstm_config *config = &lstm->config;
    const uint32_t units = lstm->units, input = rp_pad(config->input, RP_GROUP);
    rp_lstm_state measured, *taken = rp_arena_take(arena, 1, sizeof *taken), *state = taken ? taken : &measured;
    *state = (rp_lstm_state){.layers = config->layers, .units = units, .memory = arena->memory};
    state->h = rp_arena_take(arena, (size_t)config->layers * units, sizeof(float));
    state->c = rp_arena_take(arena, (size_t)config->layers * units, sizeof(float));
    state->gates = rp_arena_take(arena, 4 * (size_t)units, sizeof(float));
    state->input = rp_arena_take(arena, input, sizeof(float));
    state->x = rp_arena_take(arena, units, sizeof(float));
    state->head = rp_arena_take(arena, rp_pad(config->head, RP_GROUP), sizeof(float));
    state->out = rp_arena_take(arena, rp_pad(config->output, RP_GROUP), sizeof(float));
    state->integers = rp_arena_take(arena, input > units ? input : units, sizeof(int16_t));
    return taken;
}

rp_lstm_state *rp_lstm_state_new(const rp_lstm *lstm) {
    rp_arena arena = {0};
    lay_out_state(&arena, lstm);
    return rp_arena_open(&arena) == 0 ? lay_out_state(&arena, lstm) : NULL;
}

void rp_lstm_state_free(rp_lstm_state *state) {
    if (state) free(state->memory);
}

void rp_lstm_state_reset(rp_lstm_state *state) {
    const size_t size = (size_t)state->layers * state->units * sizeof(float);
    memset(state->h, 0, size);
    memset(state->c, 0, size);
}

void rp_lstm_state_copy(rp_lstm_state *to, const rp_lstm_state *from) {
    const size_t size = (size_t)to->layers * to->units * sizeof(float);
    memcpy(to->h, from->h, size);
    memcpy(to->c, from->c, size);
}

/* ---- one note ---- */

/* y += matrix times x, in the matrix's precision. x is zero beyond its columns, up to a multiple of 16; integers: room
 * for as many, where the matrix is not fp32. [any] */
static void multiply(const rp_kernels *kernels, const rp_matrix *matrix, const float *x, int16_t *integers, float *y) {
    const void *in = x;
    float x_scale = 1;
    if (matrix->precision != RP_PRECISION_FP32) {
        x_scale = kernels->quantise(x, rp_pad(matrix->columns, RP_GROUP), matrix->range, integers);
        in = integers;
    }
    kernels->product[matrix->precision](matrix, in, x_scale, y);
}

/* x -> h of the layer. [any] */
static void step_layer(const rp_lstm *lstm, const layer_weights *layer, rp_lstm_state *state, const float *x, float *h,
                       float *c) {
    memcpy(state->gates, layer->bias, 4 * (size_t)lstm->units * sizeof(float));
    multiply(lstm->kernels, &layer->w_ih, x, state->integers, state->gates);
    multiply(lstm->kernels, &layer->w_hh, h, state->integers, state->gates);
    lstm->kernels->cell(state->gates, lstm->units, c, h);
}

/* [any] */
static void step_dense(const rp_lstm *lstm, const dense_weights *dense, const float *hidden, const float *input,
                       float *y) {
    memcpy(y, dense->bias, dense->from_hidden.rows * sizeof(float));
    multiply(lstm->kernels, &dense->from_hidden, hidden, NULL, y);
    if (dense->from_input.weights) multiply(lstm->kernels, &dense->from_input, input, NULL, y);
}

/* Written so that a NaN stays one. [any] */
static void rectify(float *x, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) x[i] = x[i] < 0 ? 0 : x[i];
}

void rp_lstm_step(const rp_lstm *lstm, rp_lstm_state *state, const float *x, float *scores) {
    const rp_lstm_config *config = &lstm->config;
    memcpy(state->input, x, config->input * sizeof(float));
    const float *in = state->input;
    for (uint32_t i = 0; i < config->layers; i++) {
        const layer_weights *layer = &lstm->layer[i];
        float *h = state->h + (size_t)i * lstm->units, *c = state->c + (size_t)i * lstm->units;
        step_layer(lstm, layer, state, in, h, c);
        in = h;
        if (!config->norm) continue;
        lstm->kernels->norm(h, layer->norm_weight, layer->norm_bias, config->hidden, config->norm_epsilon, state->x);
        in = state->x;
    }
    if (config->head) {
        step_dense(lstm, &lstm->head, in, state->input, state->head);
        rectify(state->head, config->head);
        in = state->head;
    }
    step_dense(lstm, &lstm->output, in, state->input, state->out);
    memcpy(scores, state->out, config->output * sizeof(float));
}

void rp_lstm_run(const rp_lstm *lstm, rp_lstm_state *state, uint32_t n, const float *x, float *scores) {
    for (uint32_t i = 0; i < n; i++)
        rp_lstm_step(lstm, state, x + (size_t)i * lstm->config.input, scores + (size_t)i * lstm->config.output);
}
