/* codec.c - see codec.h. */
#include "codec.h"

#include <string.h>

#include "kernels_pack.h"

enum { WIDEST = 1024, MADE = 96 }; /* MADE: RP_BLOCK_SHAPE, padded to rows of a matrix */

/* How wide what a layer hears is. [any] */
static uint32_t inputs_of(const rp_codec *codec, uint32_t layer) { return layer ? codec->width : codec->dim; }

/* [control] */
static void find_shape(rp_store *store, uint32_t stages, uint32_t codes, rp_codec *codec) {
    *codec = (rp_codec){.kernels = rp_kernels_get(), .stages = stages, .codes = codes};
    codec->dim = rp_store_columns(store, "codec.codebooks.entries");
    codec->width = rp_store_rows(store, "codec.decoder.first.weight");
    while (codec->layers < RP_CODEC_DEEPEST &&
           rp_store_find(store, "codec.decoder.middle.%u.weight", (unsigned)codec->layers))
        codec->layers++;
    const uint32_t dim = codec->dim, width = codec->width;
    if (dim == 0 || dim > WIDEST || dim % RP_COLUMN_STEP || width == 0 || width > WIDEST || width % RP_GROUP)
        rp_store_fault(store, "codec: entries %u wide and layers %u: multiples of %u and %u, at most %u", (unsigned)dim,
                       (unsigned)width, RP_COLUMN_STEP, RP_GROUP, (unsigned)WIDEST);
    if (codec->layers >= RP_CODEC_DEEPEST) rp_store_fault(store, "codec: more than %u layers", RP_CODEC_DEEPEST - 1u);
}

void rp_codec_lay(rp_store *store, uint32_t stages, uint32_t codes, rp_codec *codec) {
    find_shape(store, stages, codes, codec);
    if (store->faulty) return;
    const uint32_t width = codec->width;
    codec->entries = rp_store_plain(store, stages * codes, codec->dim, "codec.codebooks.entries");
    codec->keep = rp_store_plain(store, codec->dim, 0, "codec.codebooks.keep");
    rp_store_matrix(store, &codec->layer[0], width, RP_CODEC_REACH * codec->dim, "codec.decoder.first.weight");
    codec->bias[0] = rp_store_plain(store, width, 0, "codec.decoder.first.bias");
    for (uint32_t i = 0; i < codec->layers; i++) {
        rp_store_matrix(store, &codec->layer[i + 1], width, RP_CODEC_REACH * width, "codec.decoder.middle.%u.weight",
                        (unsigned)i);
        codec->bias[i + 1] = rp_store_plain(store, width, 0, "codec.decoder.middle.%u.bias", (unsigned)i);
    }
    rp_store_matrix(store, &codec->last, RP_BLOCK_SHAPE, width, "codec.decoder.last.weight");
    rp_store_matrix(store, &codec->direct, RP_BLOCK_SHAPE, codec->dim, "codec.decoder.direct.weight");
    codec->last_bias = rp_store_plain(store, RP_BLOCK_SHAPE, 0, "codec.decoder.last.bias");
    codec->mean = rp_store_plain(store, RP_BLOCK_SHAPE, 0, "codec.mean");
    codec->scale = rp_store_plain(store, RP_BLOCK_SHAPE, 0, "codec.scale");
}

void rp_codec_state_lay(rp_arena *arena, const rp_codec *codec, rp_codec_state *state) {
    *state = (rp_codec_state){0};
    for (uint32_t i = 0; i <= codec->layers; i++)
        state->past[i] = rp_arena_take(arena, RP_CODEC_REACH * (size_t)inputs_of(codec, i), sizeof(float));
    state->y = rp_arena_take(arena, 2 * (size_t)codec->width, sizeof(float));
    state->made = rp_arena_take(arena, MADE, sizeof(float));
}

void rp_codec_clear(const rp_codec *codec, rp_codec_state *state) {
    for (uint32_t i = 0; i <= codec->layers; i++)
        memset(state->past[i], 0, RP_CODEC_REACH * (size_t)inputs_of(codec, i) * sizeof(float));
}

/* Make room for one more block in what a layer heard; where it goes. [worker] */
static float *next_of(const rp_codec *codec, rp_codec_state *state, uint32_t layer) {
    const uint32_t inputs = inputs_of(codec, layer), before = (RP_CODEC_REACH - 1) * inputs;
    memmove(state->past[layer], state->past[layer] + inputs, before * sizeof(float));
    return state->past[layer] + before;
}

/* out [width] = gelu of a layer's matrix times what it heard. [worker] */
static void pass(const rp_codec *codec, rp_codec_state *state, uint32_t layer, float *out) {
    memcpy(out, codec->bias[layer], codec->width * sizeof *out);
    codec->kernels->dense(&codec->layer[layer], state->past[layer], 1, out);
    codec->kernels->gelu(out, codec->width);
}

/* z, beside which stands the block before's: what is kept of that, and one entry of each stage. [worker] */
static void look_up(const rp_codec *codec, const uint16_t *code, float *z) {
    const float *before = z - codec->dim;
    for (uint32_t i = 0; i < codec->dim; i++) z[i] = codec->keep[i] * before[i];
    for (uint32_t stage = 0; stage < codec->stages; stage++) {
        const float *entry = codec->entries + ((size_t)stage * codec->codes + code[stage]) * codec->dim;
        for (uint32_t i = 0; i < codec->dim; i++) z[i] += entry[i];
    }
}

const float *rp_codec_decode(const rp_codec *codec, rp_codec_state *state, const uint16_t *code) {
    float *y = state->y, *more = y + codec->width, *z = next_of(codec, state, 0);
    look_up(codec, code, z);
    pass(codec, state, 0, y);
    for (uint32_t layer = 1; layer <= codec->layers; layer++) {
        memcpy(next_of(codec, state, layer), y, codec->width * sizeof *y);
        pass(codec, state, layer, more);
        for (uint32_t i = 0; i < codec->width; i++) y[i] += more[i];
    }
    memcpy(state->made, codec->last_bias, RP_BLOCK_SHAPE * sizeof(float));
    codec->kernels->dense(&codec->last, y, 1, state->made);
    codec->kernels->dense(&codec->direct, z, 1, state->made);
    for (uint32_t i = 0; i < RP_BLOCK_SHAPE; i++) state->made[i] = state->made[i] * codec->scale[i] + codec->mean[i];
    return state->made;
}
