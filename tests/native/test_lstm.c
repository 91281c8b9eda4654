/* test_lstm.c - every instruction set against plain C, the LSTM against one written out by the formulas, and what must
 * not break it: failing allocations, bad shapes, numbers that are none. */
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "arena.h"
#include "check.h"
#include "kernels.h"
#include "kernels_pack.h"
#include "lstm.h"

static const char *const NAMES[] = {"generic", "avx2", "avx512", "neon"};
enum { SETS = 4, PRECISIONS = 3, NUMBERS = 1 << 16, NOTES = 40 };

/* ---- random numbers and networks ---- */

static uint32_t seed = 1;
static float numbers[NUMBERS]; /* what all weights and inputs are taken from */

static float uniform(void) {
    seed = seed * 1664525u + 1013904223u;
    return (float)(seed >> 8) / 8388608.0f - 1.0f;
}

static void fill_numbers(float size) {
    for (uint32_t i = 0; i < NUMBERS; i++) numbers[i] = size * uniform();
}

static rp_lstm_layer layers[4];

/* A network whose weights are slices of `numbers`. */
static rp_lstm_arrays network(rp_lstm_config config) {
    const float *at = numbers;
    rp_lstm_arrays arrays = {.config = config, .layer = layers};
    uint32_t columns = config.input;
    for (uint32_t i = 0; i < config.layers; i++, columns = config.hidden) {
        layers[i].w_ih = at, at += 4 * config.hidden * columns;
        layers[i].w_hh = at, at += 4 * config.hidden * config.hidden;
        layers[i].b_ih = at, at += 4 * config.hidden;
        layers[i].b_hh = at, at += 4 * config.hidden;
        layers[i].norm_weight = at, at += config.hidden;
        layers[i].norm_bias = at, at += config.hidden;
    }
    columns = config.hidden + config.skip * config.input;
    arrays.head_weight = at, at += config.head * columns;
    arrays.head_bias = at, at += config.head;
    arrays.output_weight = at, at += config.output * (config.head ? config.head : columns);
    arrays.output_bias = at, at += config.output;
    CHECK(at <= numbers + NUMBERS);
    return arrays;
}

static const rp_lstm_config SHAPES[] = {
    {.input = 49, .hidden = 32, .layers = 3, .norm = 1, .output = 5, .norm_epsilon = 1e-3f},
    {.input = 1, .hidden = 1, .layers = 1, .output = 1},
    {.input = 7, .hidden = 20, .layers = 2, .norm = 1, .head = 70, .skip = 1, .output = 17, .norm_epsilon = 1e-5f},
    {.input = 3, .hidden = 33, .layers = 1, .skip = 1, .output = 64},
    {.input = 130, .hidden = 16, .layers = 4, .head = 9, .output = 2},
};
enum { SHAPE_COUNT = sizeof SHAPES / sizeof *SHAPES };

/* ---- the formulas, in doubles and in PyTorch's own layout ---- */

static double dot(const float *row, const double *x, uint32_t n) {
    double sum = 0;
    for (uint32_t i = 0; i < n; i++) sum += row[i] * x[i];
    return sum;
}

static double logistic(double x) { return 1 / (1 + exp(-x)); }

static void formula_layer(const rp_lstm_config *config, const rp_lstm_layer *layer, const double *x, uint32_t columns,
                          double *h, double *c) {
    const uint32_t n = config->hidden;
    double gate[4][64] = {{0}};
    for (uint32_t row = 0; row < 4 * n; row++)
        gate[row / n][row % n] = layer->b_ih[row] + layer->b_hh[row] + dot(layer->w_ih + row * columns, x, columns) +
                                 dot(layer->w_hh + row * n, h, n);
    for (uint32_t i = 0; i < n; i++) {
        c[i] = logistic(gate[1][i]) * c[i] + logistic(gate[0][i]) * tanh(gate[2][i]);
        h[i] = logistic(gate[3][i]) * tanh(c[i]);
    }
}

static void formula_norm(const rp_lstm_config *config, const rp_lstm_layer *layer, const double *h, double *y) {
    double mean = 0, variance = 0;
    for (uint32_t i = 0; i < config->hidden; i++) mean += h[i] / config->hidden;
    for (uint32_t i = 0; i < config->hidden; i++) variance += (h[i] - mean) * (h[i] - mean) / config->hidden;
    for (uint32_t i = 0; i < config->hidden; i++)
        y[i] = (h[i] - mean) / sqrt(variance + config->norm_epsilon) * layer->norm_weight[i] + layer->norm_bias[i];
}

static void formula_step(const rp_lstm_arrays *arrays, double h[4][64], double c[4][64], const float *note,
                         double *scores) {
    const rp_lstm_config *config = &arrays->config;
    double x[256], wide[256];
    uint32_t columns = config->input;
    for (uint32_t i = 0; i < columns; i++) x[i] = note[i];
    for (uint32_t i = 0; i < config->layers; i++, columns = config->hidden) {
        formula_layer(config, &arrays->layer[i], x, columns, h[i], c[i]);
        memcpy(x, h[i], config->hidden * sizeof *x);
        if (config->norm) formula_norm(config, &arrays->layer[i], h[i], x);
    }
    for (uint32_t i = 0; i < config->skip * config->input; i++) x[columns + i] = note[i];
    columns += config->skip * config->input;
    for (uint32_t i = 0; i < config->head; i++)
        wide[i] = fmax(0, arrays->head_bias[i] + dot(arrays->head_weight + i * columns, x, columns));
    if (config->head) columns = config->head;
    for (uint32_t i = 0; i < config->output; i++)
        scores[i] = arrays->output_bias[i] + dot(arrays->output_weight + i * columns, config->head ? wide : x, columns);
}

/* The largest difference from the formulas over some notes. */
static double distance(const rp_lstm_arrays *arrays, uint32_t precision) {
    double h[4][64] = {{0}}, c[4][64] = {{0}}, expected[64], largest = 0;
    rp_lstm *lstm = rp_lstm_new(arrays, precision);
    rp_lstm_state *state = rp_lstm_state_new(lstm);
    CHECK(lstm && state);
    for (uint32_t note = 0; note < NOTES; note++) {
        const float *x = numbers + note * 131;
        float scores[64];
        formula_step(arrays, h, c, x, expected);
        rp_lstm_step(lstm, state, x, scores);
        for (uint32_t i = 0; i < arrays->config.output; i++) largest = fmax(largest, fabs(scores[i] - expected[i]));
    }
    rp_lstm_state_free(state);
    rp_lstm_free(lstm);
    return largest;
}

static void test_formulas(void) {
    static const double allowed[PRECISIONS] = {1e-5, 2e-3, 3e-2};
    fill_numbers(0.4f);
    for (uint32_t shape = 0; shape < SHAPE_COUNT; shape++) {
        const rp_lstm_arrays arrays = network(SHAPES[shape]);
        for (uint32_t precision = 0; precision < PRECISIONS; precision++) {
            const double off = distance(&arrays, precision);
            printf("  %s, shape %u, precision %u: %.2g\n", rp_kernels_name(), shape, precision, off);
            CHECK(off < allowed[precision]);
        }
    }
}

/* ---- one instruction set against the generic one ---- */

typedef struct {
    rp_arena arena;
    rp_matrix matrix;
    float *x, *y;
    int16_t *integers;
} product_case;

static void lay_product(product_case *it, const rp_plain_matrix *plain, uint32_t precision) {
    rp_pack_reserve(&it->arena, plain, precision, &it->matrix);
    it->x = rp_arena_take(&it->arena, rp_pad(it->matrix.columns, RP_GROUP), sizeof(float));
    it->y = rp_arena_take(&it->arena, it->matrix.rows, sizeof(float));
    it->integers = rp_arena_take(&it->arena, rp_pad(it->matrix.columns, RP_GROUP), sizeof(int16_t));
}

/* x as integers, the same from every instruction set. */
static float quantise_alike(const rp_kernels *kernels, const float *x, uint32_t n, uint32_t range, int16_t *q) {
    int16_t expected[4096];
    CHECK(n <= 4096);
    const float scale = rp_kernels_generic.quantise(x, n, range, expected);
    CHECK(kernels->quantise(x, n, range, q) == scale && memcmp(q, expected, n * sizeof *q) == 0);
    return scale;
}

static product_case make_product(const rp_plain_matrix *plain, uint32_t precision) {
    product_case it = {.x = NULL};
    lay_product(&it, plain, precision);
    CHECK(rp_arena_open(&it.arena) == 0);
    lay_product(&it, plain, precision);
    rp_pack_matrix(plain, &it.matrix);
    memcpy(it.x, numbers + 1000, plain->columns * sizeof(float));
    return it;
}

/* The integer sums themselves: every scale is 1, and a sum below 2^24 is exact in a float. */
static void check_sums_are_equal(const rp_kernels *kernels, product_case *it, uint32_t precision) {
    float expected[512] = {0}, *scale = (float *)it->matrix.scale;
    CHECK(it->matrix.rows <= 512);
    for (uint32_t row = 0; row < it->matrix.rows; row++) scale[row] = 1;
    const uint32_t range = precision == RP_PRECISION_8 ? 500 : 10;
    quantise_alike(kernels, it->x, rp_pad(it->matrix.columns, RP_GROUP),
                   range < it->matrix.range ? range : it->matrix.range, it->integers);
    memset(it->y, 0, it->matrix.rows * sizeof(float));
    rp_kernels_generic.product[precision](&it->matrix, it->integers, 1, expected);
    kernels->product[precision](&it->matrix, it->integers, 1, it->y);
    int some = 0;
    for (uint32_t row = 0; row < it->matrix.rows; row++) {
        CHECK(fabsf(expected[row]) < 16777216.0f);
        CHECK(it->y[row] == expected[row]);
        some |= expected[row] != 0;
    }
    CHECK(some);
}

static void check_product_is_close(const rp_kernels *kernels, product_case *it) {
    float expected[512] = {0};
    CHECK(it->matrix.rows <= 512);
    rp_kernels_generic.product[RP_PRECISION_FP32](&it->matrix, it->x, 1, expected);
    kernels->product[RP_PRECISION_FP32](&it->matrix, it->x, 1, it->y);
    for (uint32_t row = 0; row < it->matrix.rows; row++) CHECK(fabsf(it->y[row] - expected[row]) < 1e-5f);
}

static void test_products(const rp_kernels *kernels) {
    fill_numbers(0.5f);
    for (uint32_t rows = 1; rows <= 200; rows += 13)
        for (uint32_t columns = 1; columns <= 130; columns += 43) {
            const uint32_t gate_count = rows % 2 ? 1 : 2;
            const rp_plain_matrix plain = {numbers, gate_count, rows, columns, columns + 1};
            for (uint32_t precision = 0; precision < PRECISIONS; precision++) {
                product_case it = make_product(&plain, precision);
                if (precision == RP_PRECISION_FP32) check_product_is_close(kernels, &it);
                else check_sums_are_equal(kernels, &it, precision);
                free(it.arena.memory);
            }
        }
}

/* The largest weights against the largest inputs: no sum overflows (and the sanitizer would say so). */
static void test_extremes(const rp_kernels *kernels) {
    for (uint32_t i = 0; i < NUMBERS; i++) numbers[i] = i % 700 ? 1.0f : -1.0f;
    const rp_plain_matrix plain = {numbers, 1, 20, 3000, 3000};
    for (uint32_t precision = RP_PRECISION_16; precision < PRECISIONS; precision++) {
        product_case it = make_product(&plain, precision);
        const float x_scale =
            quantise_alike(kernels, it.x, rp_pad(it.matrix.columns, RP_GROUP), it.matrix.range, it.integers);
        kernels->product[precision](&it.matrix, it.integers, x_scale, it.y);
        for (uint32_t row = 0; row < 20; row++) {
            double expected = 0;
            for (uint32_t column = 0; column < 3000; column++) expected += numbers[row * 3000 + column] * it.x[column];
            CHECK(fabs(it.y[row] - expected) < 1e-3 * fabs(expected));
        }
        free(it.arena.memory);
    }
}

enum { POINTS = 1 << 14 };
static _Alignas(64) float gates[4 * POINTS], cells[POINTS], outputs[POINTS], ones[POINTS];

/* One gate takes every value of a fine grid while the others are held; against the formulas in doubles. */
static void test_cell(const rp_kernels *kernels) {
    double largest = 0;
    for (uint32_t swept = 0; swept < 4; swept++) {
        for (uint32_t i = 0; i < POINTS; i++) {
            const float grid = ((float)i / POINTS - 0.5f) * (i % 3 ? 40.0f : 2e-3f);
            for (uint32_t gate = 0; gate < 4; gate++)
                gates[i / 16 * 64 + gate * 16 + i % 16] = gate == swept ? grid : 0.7f;
            cells[i] = 0.8f;
        }
        kernels->cell(gates, POINTS, cells, outputs);
        for (uint32_t i = 0; i < POINTS; i++) {
            const float *gate = gates + i / 16 * 64 + i % 16;
            const double c = logistic(gate[16]) * 0.8f + logistic(gate[0]) * tanh(gate[32]);
            largest = fmax(largest, fabs(cells[i] - c));
            largest = fmax(largest, fabs(outputs[i] - logistic(gate[48]) * tanh(c)));
        }
    }
    CHECK(largest < 5e-7);
    for (uint32_t i = 0; i < 64; i++) gates[i] = i < 16 ? 1e30f : i < 32 ? -1e30f : i < 48 ? 1e-6f : 200.0f;
    kernels->cell(gates, 16, cells, outputs);
    for (uint32_t i = 0; i < 16; i++)
        CHECK(fabsf(cells[i] / 1e-6f - 1) < 1e-5f && fabsf(outputs[i] / 1e-6f - 1) < 1e-5f);
}

static void test_norm(const rp_kernels *kernels) {
    _Alignas(64) float x[256], expected[256], y[256] = {0};
    for (uint32_t n = 1; n <= 200; n += 7) {
        for (uint32_t i = 0; i < 256; i++) x[i] = i < n ? 3 + uniform() : 0, ones[i] = i < n ? 1.5f : 0;
        rp_kernels_generic.norm(x, ones, x, n, 1e-3f, expected);
        kernels->norm(x, ones, x, n, 1e-3f, y);
        for (uint32_t i = 0; i < n; i++) CHECK(fabsf(y[i] - expected[i]) < 1e-5f);
        for (uint32_t i = n; i < rp_pad(n, RP_GROUP); i++) CHECK(y[i] == 0);
    }
}

static void test_quantise(const rp_kernels *kernels) {
    static _Alignas(64) float x[4096];
    static _Alignas(64) int16_t q[4096];
    for (uint32_t range = 3; range <= 32767; range += 1489) {
        for (uint32_t i = 0; i < 4096; i++) x[i] = i % 5 ? uniform() : (float)(i % (range + 1)) / (float)range;
        x[99] = -1.5f;
        const float scale = quantise_alike(kernels, x, 4096, range, q);
        for (uint32_t i = 0; i < 4096; i++) CHECK(fabsf((float)q[i] * scale - x[i]) <= 0.51f * scale);
        CHECK(q[99] == -(int16_t)range);
    }
    memset(x, 0, sizeof x);
    CHECK(kernels->quantise(x, 64, 100, q) == 0 && q[5] == 0);
    x[7] = 1e-44f;
    CHECK(kernels->quantise(x, 64, 100, q) == 0 && q[7] == 0);
    x[3] = NAN;
    CHECK(isnan(kernels->quantise(x, 64, 100, q)) && q[3] == 0);
    x[3] = -INFINITY;
    CHECK(isnan(kernels->quantise(x, 64, 100, q)) && q[3] == 0);
}

/* ---- faults ---- */

static uint32_t count_nan(const float *x, uint32_t n) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++) count += isnan(x[i]) != 0;
    return count;
}

/* A NaN among the inputs or the weights reaches every score, in every precision, and a reset forgets it. */
static void test_nan(void) {
    fill_numbers(0.3f);
    rp_lstm_arrays arrays = network(SHAPES[2]);
    for (uint32_t precision = 0; precision < PRECISIONS; precision++) {
        rp_lstm *lstm = rp_lstm_new(&arrays, precision);
        rp_lstm_state *state = rp_lstm_state_new(lstm);
        float x[7] = {0.1f, 0.2f, NAN, 0.4f}, scores[17], before[17];
        rp_lstm_step(lstm, state, x, scores);
        CHECK(count_nan(scores, 17) == 17);
        x[2] = 0.3f;
        rp_lstm_step(lstm, state, x, scores);
        CHECK(count_nan(scores, 17) == 17);
        rp_lstm_state_reset(state);
        rp_lstm_step(lstm, state, x, scores);
        CHECK(count_nan(scores, 17) == 0);
        memcpy(before, scores, sizeof before);
        rp_lstm_free(lstm);
        float *weight = numbers + 5, kept = *weight; /* a weight of the first layer */
        *weight = NAN;
        lstm = rp_lstm_new(&arrays, precision);
        *weight = kept;
        rp_lstm_state_reset(state);
        rp_lstm_step(lstm, state, x, scores);
        CHECK(count_nan(scores, 17) == 17);
        rp_lstm_state_free(state);
        rp_lstm_free(lstm);
    }
}

static void test_state(void) {
    fill_numbers(0.3f);
    const rp_lstm_arrays arrays = network(SHAPES[0]);
    rp_lstm *lstm = rp_lstm_new(&arrays, RP_PRECISION_FP32);
    rp_lstm_state *one = rp_lstm_state_new(lstm), *two = rp_lstm_state_new(lstm);
    float first[5 * 5], again[5 * 5];
    CHECK(rp_lstm_get_config(lstm)->input == 49);
    rp_lstm_run(lstm, one, 3, numbers, first);
    rp_lstm_state_copy(two, one);
    rp_lstm_run(lstm, one, 5, numbers + 300, first);
    rp_lstm_run(lstm, two, 5, numbers + 300, again);
    CHECK(memcmp(first, again, sizeof first) == 0);
    rp_lstm_state_reset(one);
    rp_lstm_run(lstm, one, 5, numbers + 300, again);
    CHECK(memcmp(first, again, sizeof first) != 0);
    uint32_t nanoseconds[5] = {0};
    rp_lstm_state_reset(two);
    rp_lstm_time(lstm, two, 5, numbers + 300, first, nanoseconds);
    CHECK(memcmp(first, again, sizeof first) == 0 && nanoseconds[0] + nanoseconds[4] > 0);
    rp_lstm_state_free(one);
    rp_lstm_state_free(two);
    rp_lstm_free(lstm);
}

typedef struct {
    const rp_lstm *lstm;
    float scores[5 * NOTES];
} player;

static void *play(void *argument) {
    player *it = argument;
    rp_lstm_state *state = rp_lstm_state_new(it->lstm);
    CHECK(state && strlen(rp_kernels_name()) > 0);
    rp_lstm_run(it->lstm, state, NOTES, numbers, it->scores);
    rp_lstm_state_free(state);
    return NULL;
}

/* One network, a state for each thread. */
static void test_threads(void) {
    fill_numbers(0.3f);
    const rp_lstm_arrays arrays = network(SHAPES[0]);
    rp_lstm *lstm = rp_lstm_new(&arrays, RP_PRECISION_8);
    static player players[4];
    pthread_t threads[4];
    for (uint32_t i = 0; i < 4; i++) {
        players[i].lstm = lstm;
        CHECK(pthread_create(&threads[i], NULL, play, &players[i]) == 0);
    }
    for (uint32_t i = 0; i < 4; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    for (uint32_t i = 1; i < 4; i++) CHECK(memcmp(players[i].scores, players[0].scores, sizeof players[0].scores) == 0);
    rp_lstm_free(lstm);
}

static void test_bad_shapes(void) {
    fill_numbers(0.3f);
    const rp_lstm_arrays good = network(SHAPES[2]);
    rp_lstm_arrays bad[] = {good, good, good, good, good, good, good, good, good, good};
    bad[0].config.input = 0;
    bad[1].config.hidden = 0;
    bad[2].config.layers = 0;
    bad[3].config.output = 0;
    bad[4].config.hidden = UINT32_MAX;
    bad[5].config.layers = 1u << 31;
    bad[6].config.skip = 2;
    bad[7].layer = NULL;
    bad[8].head_bias = NULL;
    bad[9].output_weight = NULL;
    for (uint32_t i = 0; i < 10; i++) CHECK(!rp_lstm_new(&bad[i], RP_PRECISION_FP32));
    CHECK(!rp_lstm_new(&good, 3));
    layers[1].norm_bias = NULL;
    CHECK(!rp_lstm_new(&good, RP_PRECISION_FP32));
    rp_lstm_free(NULL);
    rp_lstm_state_free(NULL);
}

static void test_arena_overflow(void) {
    rp_arena arena = {0};
    CHECK(!rp_arena_take(&arena, SIZE_MAX / 8, 16) && arena.overflow && rp_arena_open(&arena) == -1);
    arena = (rp_arena){0};
    rp_arena_take(&arena, SIZE_MAX / 4, 1);
    rp_arena_take(&arena, SIZE_MAX / 4, 1);
    rp_arena_take(&arena, SIZE_MAX / 4, 1);
    CHECK(arena.overflow);
}

/* Make a network and a state while allocation `failing` fails; 1: both were made. */
static int make_all(const rp_lstm_arrays *arrays, long failing) {
    const long before = allocations_held();
    fail_allocation(failing);
    rp_lstm *lstm = rp_lstm_new(arrays, RP_PRECISION_8);
    rp_lstm_state *state = lstm ? rp_lstm_state_new(lstm) : NULL;
    const int made = lstm && state, failed = allocation_failed();
    fail_allocation(-1);
    rp_lstm_state_free(state);
    rp_lstm_free(lstm);
    CHECK(made != failed);
    CHECK(allocations_held() == before);
    return made;
}

static void test_failing_allocations(void) {
    fill_numbers(0.3f);
    const rp_lstm_arrays arrays = network(SHAPES[2]);
    if (!fail_allocation(-1)) {
        printf("  failing allocations: not tested, this linker cannot wrap malloc\n");
        return;
    }
    long failing = 0;
    while (!make_all(&arrays, failing)) failing++;
    CHECK(failing == 2); /* one for the weights, one for the state */
}

int main(void) {
    uint32_t found = 0;
    CHECK(rp_kernels_use("abacus") == -1);
    for (uint32_t i = 0; i < SETS; i++) {
        if (rp_kernels_use(NAMES[i]) != 0) continue;
        CHECK(strcmp(rp_kernels_name(), NAMES[i]) == 0);
        const rp_kernels *kernels = rp_kernels_get();
        printf("%s\n", kernels->name);
        test_products(kernels);
        test_extremes(kernels);
        test_quantise(kernels);
        test_cell(kernels);
        test_norm(kernels);
        test_formulas();
        test_nan();
        found++;
    }
    CHECK(found > 0);
    test_state();
    test_threads();
    test_bad_shapes();
    test_arena_overflow();
    test_failing_allocations();
    return 0;
}
