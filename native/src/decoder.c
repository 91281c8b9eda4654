/* decoder.c - what one thread has heard: keys and values of every event, and the pass that adds more of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "kernels_pack.h"
#include "transformer.h"
#include "transformer_state.h"

enum { BLOCK = 16, CONTEXT_MAX = 65536 };
#define NORM_EPSILON 1e-5f
/* Wavelengths of the rotations, in events and in ticks: from the shortest to the longest, evenly in their logarithm. */
#define WAVE_SHORTEST 4.0
#define WAVE_LONGEST 8192.0
#define TURN 6.283185307179586

/* What one head of one layer has kept. Keys and values are float, or int8_t worth their event's scale. */
typedef struct {
    void *keys;                     /* [groups][width][16], of 8 bits [groups][width / 2][16][2] */
    void *values;                   /* [context][width], of 8 bits [context / 2][width][2] */
    float *key_scale, *value_scale; /* [context]; NULL in fp32 */
} head_cache;

struct rp_decoder {
    const rp_transformer *transformer;
    uint32_t context, length;
    uint32_t wanted_of; /* the length that `wanted` is of; 0: none */
    int64_t origin;     /* tick of the first event */
    double *waves;      /* [width / 4] radians a step */
    head_cache *cache;  /* [layers][heads] */
    float *streams;     /* [context][dim] what was made of each event: after a rewind nothing is computed again */
    float *wanted;      /* [7][field] */
    rp_recall recall;   /* the events themselves */
    /* Scratch of a block. */
    float *x, *normed, *heard; /* [BLOCK][dim] */
    float *qkv;                /* [BLOCK][3 * dim] */
    float *grown;              /* [BLOCK][hidden] */
    float *cosine, *sine;      /* [BLOCK][width / 2] */
    int8_t *bytes;             /* [BLOCK][the widest] */
    float *share;              /* [context, padded] */
    int16_t *integers;         /* [context, padded, or width] */
    float *hidden, *scores;    /* [field], [RP_VALUES_MAX, padded] */
    void *memory;
};

/* ---- memory ---- */

/* [control] */
static void lay_cache(rp_arena *arena, const rp_transformer *transformer, uint32_t padded, head_cache *cache) {
    const int bytes = transformer->config.precision == RP_INT8;
    const size_t size = (bytes ? sizeof(int8_t) : sizeof(float)) * transformer->width;
    cache->keys = rp_arena_take(arena, padded, size);
    cache->values = rp_arena_take(arena, padded, size);
    cache->key_scale = bytes ? rp_arena_take(arena, padded, sizeof(float)) : NULL;
    cache->value_scale = bytes ? rp_arena_take(arena, padded, sizeof(float)) : NULL;
}

/* [control] */
static void lay_scratch(rp_arena *arena, const rp_transformer_config *config, uint32_t padded, uint32_t width,
                        rp_decoder *decoder) {
    const uint32_t widest = config->hidden > config->dim ? config->hidden : config->dim;
    decoder->x = rp_arena_take(arena, BLOCK * (size_t)config->dim, sizeof(float));
    decoder->normed = rp_arena_take(arena, BLOCK * (size_t)config->dim, sizeof(float));
    decoder->heard = rp_arena_take(arena, BLOCK * (size_t)config->dim, sizeof(float));
    decoder->qkv = rp_arena_take(arena, BLOCK * 3 * (size_t)config->dim, sizeof(float));
    decoder->grown = rp_arena_take(arena, BLOCK * (size_t)config->hidden, sizeof(float));
    decoder->cosine = rp_arena_take(arena, BLOCK * (size_t)width / 2, sizeof(float));
    decoder->sine = rp_arena_take(arena, BLOCK * (size_t)width / 2, sizeof(float));
    decoder->bytes = rp_arena_take(arena, BLOCK * (size_t)widest, sizeof(int8_t));
    decoder->share = rp_arena_take(arena, padded, sizeof(float));
    decoder->integers = rp_arena_take(arena, padded > width ? padded : width, sizeof(int16_t));
    decoder->hidden = rp_arena_take(arena, config->field, sizeof(float));
    decoder->scores = rp_arena_take(arena, rp_pad(RP_VALUES_MAX, RP_GROUP), sizeof(float));
}

/* [control] */
static rp_decoder *lay_out(rp_arena *arena, const rp_transformer *transformer, uint32_t context) {
    const rp_transformer_config *config = &transformer->config;
    const uint32_t padded = rp_pad(context, RP_GROUP), width = transformer->width;
    rp_decoder measured, *taken = rp_arena_take(arena, 1, sizeof *taken), *decoder = taken ? taken : &measured;
    *decoder = (rp_decoder){.transformer = transformer, .context = context, .memory = arena->memory};
    decoder->waves = rp_arena_take(arena, width / 4, sizeof(double));
    decoder->cache = rp_arena_take(arena, config->layers * (size_t)config->heads, sizeof(head_cache));
    for (uint32_t i = 0; i < config->layers * config->heads; i++) {
        head_cache unplaced;
        lay_cache(arena, transformer, padded, decoder->cache ? &decoder->cache[i] : &unplaced);
    }
    decoder->streams = rp_arena_take(arena, (size_t)context * config->dim, sizeof(float));
    decoder->recall.event = rp_arena_take(arena, context, sizeof *decoder->recall.event);
    decoder->recall.end = rp_arena_take(arena, context, sizeof *decoder->recall.end);
    decoder->recall.before = rp_arena_take(arena, context, sizeof *decoder->recall.before);
    decoder->wanted = rp_arena_take(arena, RP_FIELDS * (size_t)config->field, sizeof(float));
    lay_scratch(arena, config, padded, width, decoder);
    return taken;
}

rp_decoder *rp_decoder_new(const rp_transformer *transformer, uint32_t context) {
    if (context == 0 || context > CONTEXT_MAX) return NULL;
    rp_arena arena = {0};
    lay_out(&arena, transformer, context);
    if (rp_arena_open(&arena) != 0) return NULL;
    rp_decoder *decoder = lay_out(&arena, transformer, context);
    const uint32_t waves = transformer->width / 4;
    rp_recall_clear(&decoder->recall);
    for (uint32_t i = 0; i < waves; i++) {
        const double step = waves > 1 ? (double)i / (waves - 1) : 0;
        decoder->waves[i] = TURN / (WAVE_SHORTEST * pow(WAVE_LONGEST / WAVE_SHORTEST, step));
    }
    return decoder;
}

void rp_decoder_free(rp_decoder *decoder) {
    if (decoder) free(decoder->memory);
}

uint32_t rp_decoder_context(const rp_decoder *decoder) { return decoder->context; }

uint32_t rp_decoder_length(const rp_decoder *decoder) { return decoder->length; }

void rp_decoder_rewind(rp_decoder *decoder, uint32_t length) {
    if (length >= decoder->length) return;
    rp_recall_rewind(&decoder->recall, length);
    decoder->length = length;
    decoder->wanted_of = 0;
}

void rp_decoder_classes(const rp_decoder *decoder, double weight[12]) { rp_recall_classes(&decoder->recall, weight); }

const float *rp_decoder_stream(const rp_decoder *decoder) {
    const uint32_t last = decoder->length - 1;
    return decoder->length ? decoder->streams + (size_t)last * decoder->transformer->config.dim : NULL;
}

/* ---- one pass ---- */

/* y [n][rows] += matrix times x [n][columns]. [worker] */
static void multiply(rp_decoder *decoder, const rp_matrix *matrix, const float *x, uint32_t n, float *y) {
    const rp_kernels *kernels = decoder->transformer->kernels;
    if (matrix->precision == RP_PRECISION_BYTES) {
        const uint32_t columns = matrix->columns;
        float scale[BLOCK];
        for (uint32_t i = 0; i < n; i++)
            scale[i] = kernels->quantise_bytes(x + (size_t)i * columns, columns, decoder->bytes + (size_t)i * columns);
        kernels->dense_bytes(matrix, decoder->bytes, scale, n, y);
        return;
    }
    kernels->dense(matrix, x, n, y);
}

/* x [n][dim] = the sums of the tables' rows. [worker] */
static void embed(rp_decoder *decoder, const rp_event *events, uint32_t n) {
    const rp_transformer *transformer = decoder->transformer;
    const uint32_t dim = transformer->config.dim;
    for (uint32_t i = 0; i < n; i++) {
        float *x = decoder->x + (size_t)i * dim;
        memset(x, 0, dim * sizeof *x);
        for (uint32_t column = 0; column < RP_COLUMNS; column++) {
            const float *row = transformer->embed[column] + (size_t)events[i].column[column] * dim;
            for (uint32_t j = 0; j < dim; j++) x[j] += row[j];
        }
    }
}

/* Of each event, the angles that its queries and keys turn by: half of the pairs by its number, half by its tick. In
 * doubles, and from the first event's tick, so that nothing is lost however long it goes on. [worker] */
static void find_angles(rp_decoder *decoder, const rp_event *events, uint32_t n) {
    const uint32_t waves = decoder->transformer->width / 4;
    for (uint32_t i = 0; i < n; i++) {
        const double step[2] = {decoder->length + i, (double)(events[i].tick - decoder->origin)};
        for (uint32_t j = 0; j < 2 * waves; j++) {
            const double angle = step[j / waves] * decoder->waves[j % waves];
            decoder->cosine[i * 2 * waves + j] = (float)cos(angle);
            decoder->sine[i * 2 * waves + j] = (float)sin(angle);
        }
    }
}

/* x [width]: pair j is (x[j], x[j + width / 2]); times `size`. [worker] */
static void turn(float *x, const float *cosine, const float *sine, uint32_t pairs, float size) {
    for (uint32_t j = 0; j < pairs; j++) {
        const float first = x[j], second = x[j + pairs];
        x[j] = (first * cosine[j] - second * sine[j]) * size;
        x[j + pairs] = (second * cosine[j] + first * sine[j]) * size;
    }
}

/* Put one event's key and value where the kernels read them. [worker] */
static void keep(const rp_kernels *kernels, head_cache *cache, uint32_t event, const float *key, const float *value,
                 uint32_t width) {
    float *keys = (float *)cache->keys + (size_t)(event / RP_GROUP) * width * RP_GROUP + event % RP_GROUP;
    for (uint32_t i = 0; i < width; i++) keys[(size_t)i * RP_GROUP] = key[i];
    memcpy((float *)cache->values + (size_t)event * width, value, width * sizeof *value);
    (void)kernels;
}

/* The same as bytes, two numbers of a key and two events' values side by side. [worker] */
static void keep_bytes(const rp_kernels *kernels, head_cache *cache, uint32_t event, const float *key,
                       const float *value, uint32_t width) {
    _Alignas(RP_ALIGN) int8_t bytes[512];
    int8_t *keys = (int8_t *)cache->keys + (size_t)(event / RP_GROUP) * width * RP_GROUP + event % RP_GROUP * 2;
    cache->key_scale[event] = kernels->quantise_bytes(key, width, bytes);
    for (uint32_t i = 0; i < width; i++) keys[(size_t)(i / 2) * 2 * RP_GROUP + i % 2] = bytes[i];
    int8_t *values = (int8_t *)cache->values + (size_t)(event / 2) * 2 * width + event % 2;
    cache->value_scale[event] = kernels->quantise_bytes(value, width, bytes);
    for (uint32_t i = 0; i < width; i++) values[(size_t)2 * i] = bytes[i];
}

/* What one query hears of the first `events` events, in out [width]. [worker] */
static void attend(rp_decoder *decoder, const head_cache *cache, const float *q, uint32_t events, float *out) {
    const rp_kernels *kernels = decoder->transformer->kernels;
    const uint32_t width = decoder->transformer->width, padded = rp_pad(events, RP_GROUP);
    kernels->match(cache->keys, q, width, padded / RP_GROUP, decoder->share);
    for (uint32_t i = events; i < padded; i++) decoder->share[i] = -INFINITY;
    const float all = kernels->exponents(decoder->share, padded);
    kernels->gather(cache->values, decoder->share, width, events, out);
    for (uint32_t i = 0; i < width; i++) out[i] /= all;
}

/* With 8 bits. The query and the shares are taken as 16 bits: what is lost is the cache's own rounding. [worker] */
static void attend_bytes(rp_decoder *decoder, const head_cache *cache, const float *q, uint32_t events, float *out) {
    const rp_kernels *kernels = decoder->transformer->kernels;
    const uint32_t width = decoder->transformer->width, padded = rp_pad(events, RP_GROUP);
    const float q_scale = kernels->quantise(q, width, INT16_MAX, decoder->integers);
    kernels->match_bytes(cache->keys, cache->key_scale, decoder->integers, q_scale, width, padded / RP_GROUP,
                         decoder->share);
    for (uint32_t i = events; i < padded; i++) decoder->share[i] = -INFINITY;
    const float all = kernels->exponents(decoder->share, padded);
    for (uint32_t i = 0; i < events; i++) decoder->share[i] *= cache->value_scale[i];
    for (uint32_t i = events; i < padded; i++) decoder->share[i] = 0;
    const float share_scale = kernels->quantise(decoder->share, padded, INT16_MAX, decoder->integers);
    kernels->gather_bytes(cache->values, decoder->integers, share_scale / all, width, rp_pad(events, 2), out);
}

/* Queries, keys and values of a block turned and kept, then each event hears those up to itself. [worker] */
static void attend_all(rp_decoder *decoder, uint32_t layer, uint32_t n) {
    const rp_transformer *transformer = decoder->transformer;
    const uint32_t dim = transformer->config.dim, width = transformer->width, pairs = width / 2;
    const int bytes = transformer->config.precision == RP_INT8;
    const float size = 1.0f / sqrtf((float)width);
    for (uint32_t head = 0; head < transformer->config.heads; head++) {
        head_cache *cache = &decoder->cache[layer * transformer->config.heads + head];
        for (uint32_t i = 0; i < n; i++) {
            float *q = decoder->qkv + (size_t)i * 3 * dim + head * width, *key = q + dim;
            const float *cosine = decoder->cosine + i * pairs, *sine = decoder->sine + i * pairs;
            turn(q, cosine, sine, pairs, size);
            turn(key, cosine, sine, pairs, 1);
            (bytes ? keep_bytes : keep)(transformer->kernels, cache, decoder->length + i, key, key + dim, width);
            (bytes ? attend_bytes : attend)(decoder, cache, q, decoder->length + i + 1,
                                            decoder->heard + (size_t)i * dim + head * width);
        }
    }
}

/* y [n][dim] = x, normalised. [worker] */
static void normalise(const rp_transformer *transformer, const float *x, const float *weight, uint32_t n, float *y) {
    const uint32_t dim = transformer->config.dim;
    for (uint32_t i = 0; i < n; i++)
        transformer->kernels->rms_norm(x + (size_t)i * dim, weight, dim, NORM_EPSILON, y + (size_t)i * dim);
}

/* [worker] */
static void pass_layer(rp_decoder *decoder, uint32_t index, uint32_t n) {
    const rp_transformer *transformer = decoder->transformer;
    const rp_layer *layer = &transformer->layer[index];
    const uint32_t dim = transformer->config.dim, hidden = transformer->config.hidden;
    normalise(transformer, decoder->x, layer->norm_attend, n, decoder->normed);
    memset(decoder->qkv, 0, n * 3 * (size_t)dim * sizeof(float));
    multiply(decoder, &layer->qkv, decoder->normed, n, decoder->qkv);
    attend_all(decoder, index, n);
    multiply(decoder, &layer->merge, decoder->heard, n, decoder->x);
    normalise(transformer, decoder->x, layer->norm_expand, n, decoder->normed);
    memset(decoder->grown, 0, n * (size_t)hidden * sizeof(float));
    multiply(decoder, &layer->expand, decoder->normed, n, decoder->grown);
    transformer->kernels->gelu(decoder->grown, n * hidden);
    multiply(decoder, &layer->contract, decoder->grown, n, decoder->x);
}

/* [worker] */
static void absorb_block(rp_decoder *decoder, const rp_event *events, uint32_t n) {
    const rp_transformer *transformer = decoder->transformer;
    if (decoder->length == 0) decoder->origin = events[0].tick;
    embed(decoder, events, n);
    find_angles(decoder, events, n);
    for (uint32_t layer = 0; layer < transformer->config.layers; layer++) pass_layer(decoder, layer, n);
    normalise(transformer, decoder->x, transformer->norm, n,
              decoder->streams + (size_t)decoder->length * transformer->config.dim);
    for (uint32_t i = 0; i < n; i++) rp_recall_add(&decoder->recall, &events[i]);
    decoder->length += n;
    decoder->wanted_of = 0;
}

/* [worker] */
static int event_is_good(const rp_event *event) {
    if (event->tick < -RP_TICK_MAX || event->tick > RP_TICK_MAX) return 0;
    for (uint32_t column = 0; column < RP_COLUMNS; column++)
        if (event->column[column] < 0 || (uint32_t)event->column[column] >= rp_column_values(column)) return 0;
    return 1;
}

uint32_t rp_decoder_absorb(rp_decoder *decoder, const rp_event *events, uint32_t count) {
    const uint32_t room = decoder->context - decoder->length;
    uint32_t good = 0;
    while (good < count && good < room && event_is_good(&events[good])) good++;
    for (uint32_t done = 0; done < good; done += BLOCK)
        absorb_block(decoder, events + done, good - done < BLOCK ? good - done : BLOCK);
    return good;
}

/* ---- what comes next ---- */

/* What each field's layer hears of the stream, once for all seven. [worker] */
static const float *find_wanted(rp_decoder *decoder) {
    const rp_transformer *transformer = decoder->transformer;
    if (decoder->wanted_of != decoder->length) {
        memcpy(decoder->wanted, transformer->fields_bias,
               RP_FIELDS * (size_t)transformer->config.field * sizeof(float));
        multiply(decoder, &transformer->fields, rp_decoder_stream(decoder), 1, decoder->wanted);
        decoder->wanted_of = decoder->length;
    }
    return decoder->wanted;
}

/* y [field] += a row of a table. [worker] */
static void add_row(const float *table, uint32_t row, uint32_t width, float *y) {
    const float *from = table + (size_t)row * width;
    for (uint32_t i = 0; i < width; i++) y[i] += from[i];
}

/* hidden [field] of a field: what it hears of the stream, of the fields before, and of what was played. [worker] */
static void find_hidden(rp_decoder *decoder, uint32_t field, const rp_event *next, float *hidden) {
    const rp_transformer *transformer = decoder->transformer;
    const uint32_t width = transformer->config.field;
    rp_hint hints[RP_HINTS_MAX];
    memcpy(hidden, find_wanted(decoder) + (size_t)field * width, width * sizeof *hidden);
    for (uint32_t before = 0; before < field; before++)
        add_row(transformer->known[field][before], (uint32_t)next->column[before], width, hidden);
    const uint32_t count = rp_recall_hints(&decoder->recall, field, next, hints);
    for (uint32_t i = 0; i < count; i++) add_row(transformer->hint[hints[i].table], hints[i].row, width, hidden);
    transformer->kernels->gelu(hidden, width);
}

uint32_t rp_decoder_scores(rp_decoder *decoder, uint32_t field, const rp_event *next, float *out) {
    const rp_transformer *transformer = decoder->transformer;
    if (decoder->length == 0 || field >= RP_FIELDS) return 0;
    for (uint32_t before = 0; before < field; before++)
        if (next->column[before] < 0 || (uint32_t)next->column[before] >= rp_column_values(before)) return 0;
    find_hidden(decoder, field, next, decoder->hidden);
    const rp_matrix *scores = &transformer->scores[field];
    memcpy(decoder->scores, transformer->scores_bias[field], scores->rows * sizeof(float));
    transformer->kernels->product[scores->precision](scores, decoder->hidden, 1, decoder->scores);
    memcpy(out, decoder->scores, rp_column_values(field) * sizeof(float));
    return rp_column_values(field);
}
