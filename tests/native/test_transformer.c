/* test_transformer.c - every instruction set against plain C and the formulas, the network against one written out by
 * the formulas in doubles, and what must not break it. */
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "arena.h"
#include "check.h"
#include "kernels.h"
#include "kernels_pack.h"
#include "lstm.h"
#include "networks.h"
#include "recall.h"

static const char *const NAMES[] = {"generic", "avx2", "avx512", "neon"};
enum { SETS = 4, PIECE = 75, ROWS_MAX = 256, COLUMNS_MAX = 256, BLOCK_MAX = 9 };
static const rp_transformer_config SHAPES[] = {
    {.dim = 32, .layers = 2, .heads = 2, .hidden = 48, .field = 16, .precision = RP_F32},
    {.dim = 64, .layers = 1, .heads = 1, .hidden = 128, .field = 80, .precision = RP_F32},
    {.dim = 96, .layers = 3, .heads = 3, .hidden = 64, .field = 32, .precision = RP_F32},
};
enum { SHAPE_COUNT = sizeof SHAPES / sizeof *SHAPES };

/* ---- the kernels ---- */

typedef struct {
    rp_arena arena;
    rp_matrix floats, bytes;
} matrices;

static matrices make_matrices(uint32_t rows, uint32_t columns) {
    static float weights[ROWS_MAX * COLUMNS_MAX];
    matrices it = {.arena = {0}};
    for (uint32_t i = 0; i < rows * columns; i++) weights[i] = uniform();
    const rp_plain_matrix plain = {weights, 1, rows, columns, columns};
    for (int pass = 0; pass < 2; pass++) {
        rp_pack_reserve(&it.arena, &plain, RP_PRECISION_FP32, &it.floats);
        rp_pack_reserve(&it.arena, &plain, RP_PRECISION_BYTES, &it.bytes);
        if (pass == 0) CHECK(rp_arena_open(&it.arena) == 0);
    }
    rp_pack_matrix(&plain, &it.floats);
    rp_pack_matrix(&plain, &it.bytes);
    return it;
}

static _Alignas(64) float in[BLOCK_MAX * COLUMNS_MAX], got[BLOCK_MAX * ROWS_MAX], wanted[BLOCK_MAX * ROWS_MAX];
static _Alignas(64) int8_t q[BLOCK_MAX * COLUMNS_MAX], q_wanted[BLOCK_MAX * COLUMNS_MAX];

static void fill(float *x, uint32_t n, float size) {
    for (uint32_t i = 0; i < n; i++) x[i] = size * uniform();
}

/* Any block gives each of its vectors what it gives it alone: bit for bit, and as plain C to the rounding of floats. */
static void check_dense(const rp_kernels *kernels, const rp_matrix *matrix, uint32_t n) {
    const uint32_t rows = matrix->rows, columns = matrix->columns;
    fill(in, n * columns, 1);
    fill(got, n * rows, 1);
    memcpy(wanted, got, sizeof got);
    rp_kernels_generic.dense(matrix, in, n, wanted);
    static _Alignas(64) float alone[ROWS_MAX];
    memcpy(alone, got + (n - 1) * rows, rows * sizeof *alone);
    kernels->dense(matrix, in, n, got);
    for (uint32_t i = 0; i < n * rows; i++) CHECK(fabsf(got[i] - wanted[i]) < 3e-5f);
    kernels->dense(matrix, in + (n - 1) * columns, 1, alone);
    CHECK(memcmp(alone, got + (n - 1) * rows, rows * sizeof *alone) == 0);
}

/* Integers: every instruction set has the same bits. */
static void check_dense_bytes(const rp_kernels *kernels, const rp_matrix *matrix, uint32_t n) {
    const uint32_t rows = matrix->rows, columns = matrix->columns;
    float scale[BLOCK_MAX];
    fill(in, n * columns, 2);
    in[3] = 2.5f;
    in[4] = -2.5f;
    for (uint32_t i = 0; i < n; i++) {
        scale[i] = kernels->quantise_bytes(in + i * columns, columns, q + i * columns);
        CHECK(scale[i] == rp_kernels_generic.quantise_bytes(in + i * columns, columns, q_wanted + i * columns));
    }
    CHECK(memcmp(q, q_wanted, n * columns) == 0 && q[3] == 127 && q[4] == -127);
    fill(got, n * rows, 1);
    memcpy(wanted, got, sizeof got);
    kernels->dense_bytes(matrix, q, scale, n, got);
    rp_kernels_generic.dense_bytes(matrix, q, scale, n, wanted);
    CHECK(memcmp(got, wanted, n * rows * sizeof *got) == 0);
}

static void test_dense(const rp_kernels *kernels) {
    static const uint32_t rows[] = {5, 16, 64, 66, 80, 129, 192, 256}, columns[] = {16, 48, 64, 256};
    for (uint32_t r = 0; r < 8; r++)
        for (uint32_t c = 0; c < 4; c++) {
            matrices it = make_matrices(rows[r], columns[c]);
            for (uint32_t n = 1; n <= BLOCK_MAX; n++) {
                if (it.floats.rows > ROWS_MAX) continue;
                check_dense(kernels, &it.floats, n);
                check_dense_bytes(kernels, &it.bytes, n);
            }
            free(it.arena.memory);
        }
}

/* The largest weights against the largest vectors, in the widest matrix: against a product in doubles. */
static void test_dense_extremes(const rp_kernels *kernels) {
    enum { WIDE = 8192, SOME = 16 };
    static float weights[SOME * WIDE];
    static _Alignas(64) int8_t x[WIDE];
    _Alignas(64) float y[SOME] = {0};
    for (uint32_t i = 0; i < SOME * WIDE; i++) weights[i] = i % 3 ? 1 : -1;
    for (uint32_t i = 0; i < WIDE; i++) x[i] = i % 5 ? 127 : -127;
    const rp_plain_matrix plain = {weights, 1, SOME, WIDE, WIDE};
    rp_arena arena = {0};
    rp_matrix matrix;
    rp_pack_reserve(&arena, &plain, RP_PRECISION_BYTES, &matrix);
    CHECK(rp_arena_open(&arena) == 0);
    rp_pack_reserve(&arena, &plain, RP_PRECISION_BYTES, &matrix);
    rp_pack_matrix(&plain, &matrix);
    const float one = 1;
    kernels->dense_bytes(&matrix, x, &one, 1, y);
    for (uint32_t row = 0; row < SOME; row++) {
        double expected = 0;
        for (uint32_t i = 0; i < WIDE; i++) expected += (double)weights[row * WIDE + i] * x[i];
        CHECK(fabs((double)y[row] - expected) <= 1e-5 * fabs(expected));
    }
    free(arena.memory);
}

enum { POINTS = 4096 };
static _Alignas(64) float points[POINTS], kept[POINTS], ones[POINTS];

static double gelu_of(double x) {
    return 0.5 * x * (1 + tanh(sqrt(2 / 3.14159265358979) * (x + 0.044715 * x * x * x)));
}

static void test_curves(const rp_kernels *kernels) {
    for (uint32_t i = 0; i < POINTS; i++) kept[i] = points[i] = ((float)i / POINTS - 0.5f) * 30;
    kernels->gelu(points, POINTS);
    for (uint32_t i = 0; i < POINTS; i++)
        CHECK(fabs((double)points[i] - gelu_of((double)kept[i])) < 2e-6 * fmax(1, fabs((double)kept[i])));
    double sum = 0;
    for (uint32_t i = 0; i < POINTS; i++) kept[i] = points[i] = 3 + uniform() * 20;
    points[7] = kept[7] = 25;
    points[9] = -INFINITY;
    const float all = kernels->exponents(points, POINTS);
    for (uint32_t i = 0; i < POINTS; i++) {
        const double expected = i == 9 ? 0 : exp((double)(kept[i] - 25)); /* the difference as a float has it */
        CHECK(fabs((double)points[i] - expected) < 5e-7 * expected + 1e-30);
        sum += expected;
    }
    CHECK(points[7] == 1 && fabs((double)all - sum) < 1e-5 * sum);
    points[100] = NAN;
    CHECK(isnan(kernels->exponents(points, POINTS)));
}

static void test_norms(const rp_kernels *kernels) {
    fill(ones, POINTS, 2);
    for (uint32_t n = 16; n <= 512; n += 80) {
        double squares = 0;
        fill(kept, n, 3);
        for (uint32_t i = 0; i < n; i++) squares += (double)kept[i] * (double)kept[i];
        kernels->rms_norm(kept, ones, n, 1e-5f, points);
        const double scale = 1 / sqrt(squares / n + 1e-5);
        for (uint32_t i = 0; i < n; i++)
            CHECK(fabs((double)points[i] - (double)kept[i] * scale * (double)ones[i]) < 2e-6);
    }
}

enum { EVENTS_MAX = 1104, WIDTH_MAX = 128 };
static _Alignas(64) float keys[EVENTS_MAX * WIDTH_MAX], shares[EVENTS_MAX], scales[EVENTS_MAX], here[EVENTS_MAX],
    there[EVENTS_MAX];
static _Alignas(64) int8_t byte_keys[EVENTS_MAX * WIDTH_MAX];
static _Alignas(64) int16_t shorts[EVENTS_MAX];

static void fill_bytes(int extreme) {
    for (uint32_t i = 0; i < EVENTS_MAX * WIDTH_MAX; i++)
        byte_keys[i] = extreme ? (int8_t)127 : (int8_t)lrintf(127 * uniform());
    for (uint32_t i = 0; i < EVENTS_MAX; i++) {
        shorts[i] = extreme ? INT16_MAX : (int16_t)lrintf(32767 * uniform());
        scales[i] = 0.5f + 0.1f * uniform();
    }
}

static void test_attention(const rp_kernels *kernels) {
    fill(keys, EVENTS_MAX * WIDTH_MAX, 1);
    fill(shares, EVENTS_MAX, 1);
    for (uint32_t width = 16; width <= WIDTH_MAX; width += 16)
        for (uint32_t events = 1; events < EVENTS_MAX; events += 121) {
            const uint32_t groups = (events + 15) / 16;
            kernels->match(keys, shares, width, groups, here);
            rp_kernels_generic.match(keys, shares, width, groups, there);
            for (uint32_t i = 0; i < 16 * groups; i++) CHECK(fabsf(here[i] - there[i]) < 1e-4f);
            kernels->gather(keys, shares, width, events, here);
            rp_kernels_generic.gather(keys, shares, width, events, there);
            for (uint32_t i = 0; i < width; i++) CHECK(fabsf(here[i] - there[i]) < 2e-4f);
            for (int extreme = 0; extreme < 2; extreme++) {
                fill_bytes(extreme);
                kernels->match_bytes(byte_keys, scales, shorts, 0.3f, width, groups, here);
                rp_kernels_generic.match_bytes(byte_keys, scales, shorts, 0.3f, width, groups, there);
                CHECK(memcmp(here, there, 16 * groups * sizeof *here) == 0);
                kernels->gather_bytes(byte_keys, shorts, 0.3f, width, (events + 1) / 2 * 2, here);
                rp_kernels_generic.gather_bytes(byte_keys, shorts, 0.3f, width, (events + 1) / 2 * 2, there);
                CHECK(memcmp(here, there, width * sizeof *here) == 0);
                if (extreme) CHECK(here[0] > 0.99f * 0.3f * 127 * 32767 * (float)events);
            }
        }
}

/* ---- the network by its formulas, in doubles and in PyTorch's own layout; what is recalled is left out ---- */

enum { DIM_MAX = 96, HIDDEN_MAX = 128 };

typedef struct {
    const rp_transformer_config *config;
    float **weights;
    double x[PIECE][DIM_MAX];
} formulas;

static const float *array_named(const formulas *it, const char *name) {
    rp_array array;
    for (uint32_t i = 0; rp_transformer_array(it->config, i, &array); i++)
        if (strcmp(array.name, name) == 0) return it->weights[i];
    CHECK(!"there is such an array");
    return NULL;
}

static const float *of_layer(const formulas *it, uint32_t layer, const char *part) {
    char name[48];
    snprintf(name, sizeof name, "blocks.%u.%s.weight", layer, part);
    return array_named(it, name);
}

static void formula_product(const float *matrix, const double *x, uint32_t rows, uint32_t columns, double *y) {
    for (uint32_t row = 0; row < rows; row++)
        for (uint32_t column = 0; column < columns; column++)
            y[row] += (double)matrix[row * columns + column] * x[column];
}

static void formula_norm(const float *weight, const double *x, uint32_t n, double *y) {
    double squares = 0;
    for (uint32_t i = 0; i < n; i++) squares += x[i] * x[i];
    for (uint32_t i = 0; i < n; i++) y[i] = x[i] / sqrt(squares / n + 1e-5) * (double)weight[i];
}

static void formula_turn(double *x, uint32_t width, double index, double ticks) {
    for (uint32_t j = 0; j < width / 2; j++) {
        const uint32_t waves = width / 4, wave = j % waves;
        const double length = 4 * pow(2048, waves > 1 ? (double)wave / (waves - 1) : 0);
        const double angle = (j < waves ? index : ticks) * 2 * 3.14159265358979324 / length;
        const double first = x[j], second = x[j + width / 2];
        x[j] = first * cos(angle) - second * sin(angle);
        x[j + width / 2] = second * cos(angle) + first * sin(angle);
    }
}

static void formula_attend(const formulas *it, double qkv[PIECE][3 * DIM_MAX], uint32_t event, double *heard) {
    const uint32_t dim = it->config->dim, width = dim / it->config->heads;
    for (uint32_t head = 0; head < it->config->heads; head++) {
        double share[PIECE], all = 0;
        for (uint32_t e = 0; e <= event; e++) {
            double score = 0;
            for (uint32_t i = 0; i < width; i++) score += qkv[event][head * width + i] * qkv[e][dim + head * width + i];
            all += share[e] = exp(score / sqrt(width));
        }
        for (uint32_t e = 0; e <= event; e++)
            for (uint32_t i = 0; i < width; i++)
                heard[head * width + i] += share[e] / all * qkv[e][2 * dim + head * width + i];
    }
}

static void formula_layer(formulas *it, const rp_event *events, uint32_t count, uint32_t layer) {
    static double qkv[PIECE][3 * DIM_MAX];
    const uint32_t dim = it->config->dim, hidden = it->config->hidden, width = dim / it->config->heads;
    memset(qkv, 0, sizeof qkv);
    for (uint32_t e = 0; e < count; e++) {
        double normed[DIM_MAX];
        formula_norm(of_layer(it, layer, "norm_attend"), it->x[e], dim, normed);
        formula_product(of_layer(it, layer, "qkv"), normed, 3 * dim, dim, qkv[e]);
        for (uint32_t head = 0; head < 2 * it->config->heads; head++)
            formula_turn(qkv[e] + head * width, width, e, (double)(events[e].tick - events[0].tick));
    }
    for (uint32_t e = 0; e < count; e++) {
        double heard[DIM_MAX] = {0}, normed[DIM_MAX], grown[HIDDEN_MAX] = {0};
        formula_attend(it, qkv, e, heard);
        formula_product(of_layer(it, layer, "merge"), heard, dim, dim, it->x[e]);
        formula_norm(of_layer(it, layer, "norm_expand"), it->x[e], dim, normed);
        formula_product(of_layer(it, layer, "expand"), normed, hidden, dim, grown);
        for (uint32_t i = 0; i < hidden; i++) grown[i] = gelu_of(grown[i]);
        formula_product(of_layer(it, layer, "contract"), grown, dim, hidden, it->x[e]);
    }
}

/* x becomes the stream of each event. */
static void formula_stream(formulas *it, const rp_event *events, uint32_t count) {
    const uint32_t dim = it->config->dim;
    memset(it->x, 0, sizeof it->x);
    for (uint32_t e = 0; e < count; e++)
        for (uint32_t column = 0; column < RP_COLUMNS; column++)
            for (uint32_t i = 0; i < dim; i++)
                it->x[e][i] += (double)it->weights[column][(uint32_t)events[e].column[column] * dim + i];
    for (uint32_t layer = 0; layer < it->config->layers; layer++) formula_layer(it, events, count, layer);
    for (uint32_t e = 0; e < count; e++) formula_norm(array_named(it, "norm.weight"), it->x[e], dim, it->x[e]);
}

static void test_stream(void) {
    static formulas it;
    static const double allowed[] = {2e-5, 0.12};
    for (uint32_t shape = 0; shape < SHAPE_COUNT; shape++)
        for (uint32_t precision = RP_F32; precision <= RP_INT8; precision++) {
            rp_transformer_config config = SHAPES[shape];
            rp_event events[PIECE];
            config.precision = precision;
            it.config = &config;
            it.weights = random_weights(&config, 0.25f);
            random_piece(events, PIECE, 4);
            for (uint32_t i = 0; i < PIECE; i++) events[i].tick += 100000;
            formula_stream(&it, events, PIECE);
            rp_transformer *transformer = rp_transformer_new(&config, (const float *const *)it.weights);
            rp_decoder *decoder = rp_decoder_new(transformer, PIECE);
            double off = 0;
            for (uint32_t e = 0; e < PIECE; e++) {
                CHECK(rp_decoder_absorb(decoder, &events[e], 1) == 1);
                for (uint32_t i = 0; i < config.dim; i++)
                    off = fmax(off, fabs((double)rp_decoder_stream(decoder)[i] - it.x[e][i]));
            }
            printf("  shape %u, precision %u: %.2g\n", shape, precision, off);
            CHECK(off < allowed[precision]);
            rp_decoder_free(decoder);
            rp_transformer_free(transformer);
            free_weights(&config, it.weights);
        }
}

/* ---- what was heard, and what follows from it ---- */

static void scores_of(rp_decoder *decoder, const rp_event *next, float out[RP_FIELDS][RP_VALUES_MAX]) {
    memset(out, 0, RP_FIELDS * sizeof *out);
    for (uint32_t field = 0; field < RP_FIELDS; field++)
        CHECK(rp_decoder_scores(decoder, field, next, out[field]) == rp_column_values(field));
}

/* One by one, in blocks of any size, after any rewind: the same bits. */
static void test_blocks_and_rewinds(uint32_t precision) {
    rp_transformer_config config = SHAPES[2];
    rp_event events[PIECE], other[PIECE];
    float expected[RP_FIELDS][RP_VALUES_MAX], found[RP_FIELDS][RP_VALUES_MAX];
    config.precision = precision;
    rp_transformer *transformer = random_transformer(&config, 0.3f);
    rp_decoder *plain = rp_decoder_new(transformer, PIECE), *tried = rp_decoder_new(transformer, PIECE);
    random_piece(events, PIECE, 4);
    random_piece(other, PIECE, 7);
    for (uint32_t i = 0; i + 1 < PIECE; i++) CHECK(rp_decoder_absorb(plain, &events[i], 1) == 1);
    scores_of(plain, &events[PIECE - 1], expected);
    for (uint32_t keep = 0; keep < PIECE - 1; keep += 7) {
        CHECK(rp_decoder_absorb(tried, other + rp_decoder_length(tried), 20) <= 20);
        rp_decoder_rewind(tried, 0);
        CHECK(rp_decoder_absorb(tried, events, keep) == keep);
        CHECK(rp_decoder_absorb(tried, other + keep, PIECE - keep) == PIECE - keep);
        rp_decoder_rewind(tried, keep);
        rp_decoder_rewind(tried, keep + 5);
        CHECK(rp_decoder_length(tried) == keep);
        CHECK(rp_decoder_absorb(tried, events + keep, PIECE - 1 - keep) == PIECE - 1 - keep);
        scores_of(tried, &events[PIECE - 1], found);
        CHECK(memcmp(found, expected, sizeof found) == 0);
        CHECK(memcmp(rp_decoder_stream(tried), rp_decoder_stream(plain), config.dim * sizeof(float)) == 0);
    }
    rp_decoder_rewind(plain, 30);
    rp_decoder_rewind(tried, 0);
    rp_decoder_absorb(tried, events, 30);
    scores_of(plain, &events[30], expected);
    scores_of(tried, &events[30], found);
    CHECK(memcmp(found, expected, sizeof found) == 0);
    rp_decoder_free(plain);
    rp_decoder_free(tried);
    rp_transformer_free(transformer);
}

static void test_bounds(void) {
    rp_transformer *transformer = random_transformer(&SHAPES[0], 0.3f);
    rp_decoder *decoder = rp_decoder_new(transformer, 20);
    rp_event events[PIECE], bad;
    float out[RP_VALUES_MAX];
    random_piece(events, PIECE, 4);
    CHECK(rp_decoder_context(decoder) == 20 && rp_decoder_length(decoder) == 0 && !rp_decoder_stream(decoder));
    CHECK(rp_decoder_scores(decoder, 0, &events[0], out) == 0);
    CHECK(rp_decoder_absorb(decoder, events, 0) == 0);
    bad = events[9];
    bad.column[RP_FIELD_PITCH] = RP_VALUES_MAX;
    CHECK(rp_decoder_absorb(decoder, &bad, 1) == 0);
    bad.column[RP_FIELD_PITCH] = -1;
    CHECK(rp_decoder_absorb(decoder, &bad, 1) == 0);
    bad = events[9];
    bad.tick = INT64_MAX;
    CHECK(rp_decoder_absorb(decoder, &bad, 1) == 0);
    bad.tick = INT64_MIN;
    CHECK(rp_decoder_absorb(decoder, &bad, 1) == 0);
    bad.column[RP_FIELD_PITCH] = -1;
    CHECK(rp_decoder_absorb(decoder, events, PIECE) == 20);
    CHECK(rp_decoder_absorb(decoder, events, 1) == 0);
    CHECK(rp_decoder_scores(decoder, RP_FIELDS, &events[1], out) == 0);
    CHECK(rp_decoder_scores(decoder, RP_FIELD_VELOCITY, &bad, out) == 0);
    CHECK(rp_decoder_scores(decoder, RP_FIELD_PITCH, &bad, out) == RP_VALUES_MAX);
    CHECK(rp_column_values(RP_COLUMNS) == 0 && rp_duration_ticks(33) == 0 && rp_duration_ticks(32) == 384);
    CHECK(rp_beat_of(-1) == -1 && rp_beat_of(-12) == -1 && rp_beat_of(11) == 0 && rp_beat_of(12) == 1);
    CHECK(!rp_decoder_new(transformer, 0) && !rp_decoder_new(transformer, 65537));
    rp_decoder_free(decoder);
    rp_decoder_free(NULL);
    rp_transformer_free(transformer);
    rp_transformer_free(NULL);
}

static void test_bad_shapes(void) {
    rp_array array;
    rp_transformer_config bad[] = {SHAPES[0], SHAPES[0], SHAPES[0], SHAPES[0], SHAPES[0],
                                   SHAPES[0], SHAPES[0], SHAPES[0], SHAPES[0]};
    float **weights = random_weights(&SHAPES[0], 0.1f);
    bad[0].dim = 0;
    bad[1].dim = 24;
    bad[2].heads = 4;
    bad[3].heads = 0;
    bad[4].layers = 1000;
    bad[5].hidden = 1 << 20;
    bad[6].field = 5;
    bad[7].precision = 2;
    bad[8].dim = 1024, bad[8].heads = 1;
    for (uint32_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(rp_transformer_arrays(&bad[i]) == 0 && !rp_transformer_array(&bad[i], 0, &array));
        CHECK(!rp_transformer_new(&bad[i], (const float *const *)weights));
    }
    CHECK(!rp_transformer_array(&SHAPES[0], rp_transformer_arrays(&SHAPES[0]), &array));
    float *last = weights[5];
    weights[5] = NULL;
    CHECK(!rp_transformer_new(&SHAPES[0], (const float *const *)weights));
    weights[5] = last;
    free_weights(&SHAPES[0], weights);
}

/* A weight or a sum that is no number reaches the scores, and a rewind forgets what came of it. */
static void test_nan(uint32_t precision) {
    rp_transformer_config config = SHAPES[0];
    rp_event events[PIECE];
    float out[RP_VALUES_MAX];
    config.precision = precision;
    float **weights = random_weights(&config, 0.3f);
    random_piece(events, PIECE, 4);
    events[40].column[RP_FIELD_VELOCITY] = 13;
    for (uint32_t i = 0; i < 40; i++) events[i].column[RP_FIELD_VELOCITY] %= 12;
    weights[RP_FIELD_VELOCITY][13 * config.dim + 3] = NAN;
    rp_transformer *transformer = rp_transformer_new(&config, (const float *const *)weights);
    rp_decoder *decoder = rp_decoder_new(transformer, PIECE);
    CHECK(rp_decoder_absorb(decoder, events, 40) == 40);
    CHECK(rp_decoder_scores(decoder, 0, &events[1], out) == 5 && isfinite(out[0]));
    CHECK(rp_decoder_absorb(decoder, events + 40, 1) == 1);
    CHECK(rp_decoder_scores(decoder, 0, &events[1], out) == 5 && isnan(out[0]));
    CHECK(rp_decoder_absorb(decoder, events, 3) == 3);
    CHECK(rp_decoder_scores(decoder, 0, &events[1], out) == 5 && isnan(out[0]));
    rp_decoder_rewind(decoder, 40);
    CHECK(rp_decoder_scores(decoder, 0, &events[1], out) == 5 && isfinite(out[0]));
    CHECK(rp_decoder_absorb(decoder, events, 3) == 3);
    CHECK(rp_decoder_scores(decoder, 0, &events[1], out) == 5 && isfinite(out[0]));
    rp_decoder_free(decoder);
    rp_transformer_free(transformer);
    free_weights(&config, weights);
}

static void test_nothing_waits(void) {
    rp_transformer *transformer = random_transformer(&SHAPES[2], 0.3f);
    rp_decoder *decoder = rp_decoder_new(transformer, PIECE);
    rp_event events[PIECE];
    float out[RP_VALUES_MAX];
    random_piece(events, PIECE, 4);
    forbid_waiting(1);
    rp_decoder_absorb(decoder, events, 50);
    rp_decoder_rewind(decoder, 20);
    rp_decoder_absorb(decoder, events, 9);
    rp_decoder_scores(decoder, RP_FIELD_VELOCITY, &events[50], out);
    forbid_waiting(0);
    rp_decoder_free(decoder);
    rp_transformer_free(transformer);
}

typedef struct {
    const rp_transformer *transformer;
    float stream[DIM_MAX];
} listener;

static void *listen(void *argument) {
    listener *it = argument;
    rp_event events[PIECE];
    rp_decoder *decoder = rp_decoder_new(it->transformer, PIECE);
    memset(events, 0, sizeof events);
    CHECK(decoder && rp_decoder_absorb(decoder, events, PIECE) == PIECE);
    memcpy(it->stream, rp_decoder_stream(decoder), sizeof it->stream);
    rp_decoder_free(decoder);
    return NULL;
}

/* One network, a decoder for each thread. */
static void test_threads(void) {
    rp_transformer_config config = SHAPES[2];
    config.precision = RP_INT8;
    rp_transformer *transformer = random_transformer(&config, 0.3f);
    static listener listeners[4];
    pthread_t threads[4];
    for (uint32_t i = 0; i < 4; i++) {
        listeners[i].transformer = transformer;
        CHECK(pthread_create(&threads[i], NULL, listen, &listeners[i]) == 0);
    }
    for (uint32_t i = 0; i < 4; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    for (uint32_t i = 1; i < 4; i++)
        CHECK(memcmp(listeners[i].stream, listeners[0].stream, sizeof listeners[0].stream) == 0);
    rp_transformer_free(transformer);
}

/* Make a network and a decoder while allocation `failing` fails; 1: both were made. */
static int make_all(const float *const *weights, long failing) {
    const long before = allocations_held();
    fail_allocation(failing);
    rp_transformer *transformer = rp_transformer_new(&SHAPES[0], weights);
    rp_decoder *decoder = transformer ? rp_decoder_new(transformer, 100) : NULL;
    const int made = transformer && decoder, failed = allocation_failed();
    fail_allocation(-1);
    rp_decoder_free(decoder);
    rp_transformer_free(transformer);
    CHECK(made != failed);
    CHECK(allocations_held() == before);
    return made;
}

static void test_failing_allocations(void) {
    if (!fail_allocation(-1)) {
        printf("  failing allocations: not tested, this linker cannot wrap malloc\n");
        return;
    }
    float **weights = random_weights(&SHAPES[0], 0.3f);
    long failing = 0;
    while (!make_all((const float *const *)weights, failing)) failing++;
    CHECK(failing == 2); /* one for the weights, one for the decoder */
    free_weights(&SHAPES[0], weights);
}

int main(void) {
    for (uint32_t i = 0; i < SETS; i++) {
        if (rp_kernels_use(NAMES[i]) != 0) continue;
        const rp_kernels *kernels = rp_kernels_get();
        printf("%s\n", kernels->name);
        test_dense(kernels);
        test_dense_extremes(kernels);
        test_curves(kernels);
        test_norms(kernels);
        test_attention(kernels);
        test_stream();
        for (uint32_t precision = RP_F32; precision <= RP_INT8; precision++) {
            test_blocks_and_rewinds(precision);
            test_nan(precision);
        }
    }
    test_bounds();
    test_bad_shapes();
    test_nothing_waits();
    test_threads();
    test_failing_allocations();
    return 0;
}
