/* transformer.c - the network's arrays: which there are, and how they are packed. */
#include "transformer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "kernels_pack.h"
#include "lstm.h"
#include "transformer_state.h"

/* Beyond these a shape is taken for a mistake. What a head's width may be is what a 32-bit sum holds. */
enum { WIDEST = 8192, DEEPEST = 64, WIDEST_HEAD = 512, WIDTH_STEP = RP_GROUP };

static const uint16_t VALUES[RP_COLUMNS] = {5, 17, 13, 66, RP_VALUES_MAX, 33, 33, 32};

uint32_t rp_column_values(uint32_t column) { return column < RP_COLUMNS ? VALUES[column] : 0; }

const rp_transformer_config *rp_transformer_get_config(const rp_transformer *transformer) {
    return &transformer->config;
}

/* ---- which arrays there are ---- */

/* The kinds of arrays, in order; those of a layer come together, layer by layer. */
typedef enum {
    EMBED,
    NORM_ATTEND,
    QKV,
    MERGE,
    NORM_EXPAND,
    EXPAND,
    CONTRACT,
    NORM,
    FIELDS,
    FIELDS_BIAS,
    KNOWN,
    HINT,
    SCORES,
    SCORES_BIAS,
    KINDS
} kind;

enum { LAYER_KINDS = CONTRACT - NORM_ATTEND + 1, PAIRS = RP_FIELDS * (RP_FIELDS - 1) / 2 };

/* Where an array stands: a, b are the column; the layer; the fields f, g; the table. */
typedef struct {
    kind kind;
    uint32_t a, b;
} place;

/* [any] */
static int width_is_good(uint32_t width) { return width > 0 && width <= WIDEST && width % WIDTH_STEP == 0; }

/* [any] */
static int shape_is_good(const rp_transformer_config *config) {
    if (!width_is_good(config->dim) || !width_is_good(config->hidden) || !width_is_good(config->field)) return 0;
    if (config->layers == 0 || config->layers > DEEPEST || config->heads == 0 || config->precision > RP_INT8) return 0;
    const uint32_t width = config->dim / config->heads;
    return width * config->heads == config->dim && width % WIDTH_STEP == 0 && width <= WIDEST_HEAD;
}

uint32_t rp_transformer_arrays(const rp_transformer_config *config) {
    if (!shape_is_good(config)) return 0;
    return RP_COLUMNS + config->layers * LAYER_KINDS + 3 + PAIRS + RP_HINT_TABLES + 2 * RP_FIELDS;
}

/* [control] */
static place place_of(const rp_transformer_config *config, uint32_t index) {
    if (index < RP_COLUMNS) return (place){EMBED, index, 0};
    index -= RP_COLUMNS;
    if (index < config->layers * LAYER_KINDS) {
        return (place){(kind)(NORM_ATTEND + index % LAYER_KINDS), index / LAYER_KINDS, 0};
    }
    index -= config->layers * LAYER_KINDS;
    if (index < 3) return (place){(kind)(NORM + index), 0, 0};
    index -= 3;
    for (uint32_t field = 0; field < RP_FIELDS; index -= field, field++)
        if (index < field) return (place){KNOWN, field, index};
    if (index < RP_HINT_TABLES) return (place){HINT, index, 0};
    index -= RP_HINT_TABLES;
    if (index < 2 * RP_FIELDS) return (place){(kind)(SCORES + index % 2), index / 2, 0};
    return (place){KINDS, 0, 0};
}

/* An array's name: its numbers stand in the middle. [control] */
static void name_array(char *name, size_t size, const char *before, const char *after, uint32_t numbers, place at) {
    if (numbers == 0) snprintf(name, size, "%s.%s", before, after);
    if (numbers == 1) snprintf(name, size, "%s.%u.%s", before, (unsigned)at.a, after);
    if (numbers == 2) snprintf(name, size, "%s.%u.%u.%s", before, (unsigned)at.a, (unsigned)at.b, after);
}

int rp_transformer_array(const rp_transformer_config *config, uint32_t index, rp_array *out) {
    if (index >= rp_transformer_arrays(config)) return 0;
    place at = place_of(config, index);
    const uint32_t dim = config->dim, field = config->field, values = rp_column_values(at.a);
    const rp_hint_table *table = &rp_hint_tables[at.kind == HINT ? at.a : 0];
    const struct {
        const char *before, *after;
        uint32_t numbers, rows, columns;
    } arrays[KINDS] = {
        [EMBED] = {"embed", "weight", 1, values, dim},
        [NORM_ATTEND] = {"blocks", "norm_attend.weight", 1, dim, 0},
        [QKV] = {"blocks", "qkv.weight", 1, 3 * dim, dim},
        [MERGE] = {"blocks", "merge.weight", 1, dim, dim},
        [NORM_EXPAND] = {"blocks", "norm_expand.weight", 1, dim, 0},
        [EXPAND] = {"blocks", "expand.weight", 1, config->hidden, dim},
        [CONTRACT] = {"blocks", "contract.weight", 1, dim, config->hidden},
        [NORM] = {"norm", "weight", 0, dim, 0},
        [FIELDS] = {"fields", "weight", 0, RP_FIELDS * field, dim},
        [FIELDS_BIAS] = {"fields", "bias", 0, RP_FIELDS * field, 0},
        [KNOWN] = {"known", "weight", 2, rp_column_values(at.b), field},
        [HINT] = {table->name, "weight", 1, table->rows, field},
        [SCORES] = {"scores", "weight", 1, values, field},
        [SCORES_BIAS] = {"scores", "bias", 1, values, 0},
    };
    *out = (rp_array){.rows = arrays[at.kind].rows, .columns = arrays[at.kind].columns};
    if (at.kind == HINT) at.a = table->index;
    name_array(out->name, sizeof out->name, arrays[at.kind].before, arrays[at.kind].after, arrays[at.kind].numbers, at);
    return 1;
}

/* ---- packing ---- */

/* What is laid out, and the arrays in their order. */
typedef struct {
    rp_arena arena;
    const rp_transformer_config *config;
    const float *const *weights;
} packing;

/* The next array's numbers as they are, padded with zeros; NULL while measuring. [control] */
static const float *lay_plain(packing *it, uint32_t count) {
    float *to = rp_arena_take(&it->arena, rp_pad(count, RP_GROUP), sizeof *to);
    const float *from = *it->weights++;
    if (to) memcpy(to, from, count * sizeof *to);
    return to;
}

/* [control] */
static void lay_matrix(packing *it, uint32_t rows, uint32_t columns, uint32_t precision, rp_matrix *matrix) {
    const rp_plain_matrix plain = {*it->weights++, 1, rows, columns, columns};
    rp_pack_reserve(&it->arena, &plain, precision, matrix);
    if (it->arena.base) rp_pack_matrix(&plain, matrix);
}

/* [control] */
static void lay_layer(packing *it, uint32_t precision, rp_layer *layer) {
    const uint32_t dim = it->config->dim, hidden = it->config->hidden;
    layer->norm_attend = lay_plain(it, dim);
    lay_matrix(it, 3 * dim, dim, precision, &layer->qkv);
    lay_matrix(it, dim, dim, precision, &layer->merge);
    layer->norm_expand = lay_plain(it, dim);
    lay_matrix(it, hidden, dim, precision, &layer->expand);
    lay_matrix(it, dim, hidden, precision, &layer->contract);
}

/* [control] */
static void lay_fields(packing *it, uint32_t precision, rp_transformer *transformer) {
    const uint32_t field = it->config->field;
    lay_matrix(it, RP_FIELDS * field, it->config->dim, precision, &transformer->fields);
    transformer->fields_bias = lay_plain(it, RP_FIELDS * field);
    for (uint32_t f = 0; f < RP_FIELDS; f++)
        for (uint32_t g = 0; g < f; g++) transformer->known[f][g] = lay_plain(it, VALUES[g] * field);
    for (uint32_t table = 0; table < RP_HINT_TABLES; table++)
        transformer->hint[table] = lay_plain(it, rp_hint_tables[table].rows * field);
    for (uint32_t f = 0; f < RP_FIELDS; f++) {
        lay_matrix(it, VALUES[f], field, RP_PRECISION_FP32, &transformer->scores[f]);
        transformer->scores_bias[f] = lay_plain(it, VALUES[f]);
    }
}

/* Everything in its order; run once to measure and once to fill. [control] */
static rp_transformer *lay_out(packing *it, const float *const *weights) {
    const rp_transformer_config *config = it->config;
    const uint32_t precision = config->precision == RP_INT8 ? RP_PRECISION_BYTES : RP_PRECISION_FP32;
    it->weights = weights;
    rp_transformer measured, *taken = rp_arena_take(&it->arena, 1, sizeof *taken),
                             *transformer = taken ? taken : &measured;
    *transformer = (rp_transformer){.config = *config,
                                    .kernels = rp_kernels_get(),
                                    .width = config->dim / config->heads,
                                    .memory = it->arena.memory};
    transformer->layer = rp_arena_take(&it->arena, config->layers, sizeof *transformer->layer);
    for (uint32_t column = 0; column < RP_COLUMNS; column++)
        transformer->embed[column] = lay_plain(it, VALUES[column] * config->dim);
    for (uint32_t i = 0; i < config->layers; i++) {
        rp_layer measured_layer = {0};
        lay_layer(it, precision, transformer->layer ? &transformer->layer[i] : &measured_layer);
    }
    transformer->norm = lay_plain(it, config->dim);
    lay_fields(it, precision, transformer);
    return taken;
}

rp_transformer *rp_transformer_new(const rp_transformer_config *config, const float *const *weights) {
    const uint32_t count = rp_transformer_arrays(config);
    if (count == 0) return NULL;
    for (uint32_t i = 0; i < count; i++)
        if (!weights[i]) return NULL;
    packing it = {.config = config};
    lay_out(&it, weights);
    return rp_arena_open(&it.arena) == 0 ? lay_out(&it, weights) : NULL;
}

void rp_transformer_free(rp_transformer *transformer) {
    if (transformer) free(transformer->memory);
}
