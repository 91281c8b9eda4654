/* tower.c - see tower.h. */
#include "tower.h"

#include <math.h>
#include <string.h>

#include "kernels_pack.h"

enum { WIDEST = 4096, DEEPEST = 32, LONGEST = 8192, WIDEST_HEAD = 512 }; /* beyond, a shape is taken for a mistake */
#define NORM_EPSILON 1e-5f
/* Wavelengths of the rotations, in blocks: from the shortest to the longest, evenly in their logarithm. */
#define WAVE_SHORTEST 4.0
#define WAVE_LONGEST 8192.0
#define TURN 6.283185307179586

/* ---- memory ---- */

/* [control] */
static int width_is_good(uint32_t width) { return width > 0 && width <= WIDEST && width % RP_GROUP == 0; }

/* [control] */
static int shape_is_good(const rp_tower *it) {
    if (!width_is_good(it->dim) || !width_is_good(it->hidden) || it->layers == 0) return 0;
    if (it->heads == 0 || it->dim % it->heads || it->window == 0 || it->window > LONGEST) return 0;
    return it->dim / it->heads % RP_GROUP == 0 && it->dim / it->heads <= WIDEST_HEAD;
}

/* [control] */
static void find_shape(rp_store *store, const char *prefix, const rp_tower_shape *shape, rp_tower *tower) {
    *tower = (rp_tower){.kernels = rp_kernels_get(), .heads = shape->heads, .window = shape->window};
    tower->dim = rp_store_rows(store, "%s.norm.weight", prefix);
    tower->hidden = rp_store_rows(store, "%s.blocks.0.expand.weight", prefix);
    while (tower->layers < DEEPEST && rp_store_find(store, "%s.blocks.%u.qkv.weight", prefix, (unsigned)tower->layers))
        tower->layers++;
    if (!shape_is_good(tower))
        rp_store_fault(store,
                       "%s: %u wide, %u between, %u heads, window %u: widths are multiples of 16, the heads' too, and "
                       "a window is 1 to %u",
                       prefix, (unsigned)tower->dim, (unsigned)tower->hidden, (unsigned)tower->heads,
                       (unsigned)tower->window, (unsigned)LONGEST);
    else tower->width = tower->dim / tower->heads;
}

/* [control] */
static void lay_layer(rp_store *store, const char *prefix, uint32_t index, const rp_tower *tower,
                      rp_tower_layer *layer) {
    const uint32_t dim = tower->dim, hidden = tower->hidden, i = index;
    layer->norm_attend = rp_store_plain(store, dim, 0, "%s.blocks.%u.norm_attend.weight", prefix, (unsigned)i);
    layer->norm_expand = rp_store_plain(store, dim, 0, "%s.blocks.%u.norm_expand.weight", prefix, (unsigned)i);
    rp_store_matrix(store, &layer->qkv, 3 * dim, dim, "%s.blocks.%u.qkv.weight", prefix, (unsigned)i);
    rp_store_matrix(store, &layer->merge, dim, dim, "%s.blocks.%u.merge.weight", prefix, (unsigned)i);
    rp_store_matrix(store, &layer->expand, hidden, dim, "%s.blocks.%u.expand.weight", prefix, (unsigned)i);
    rp_store_matrix(store, &layer->contract, dim, hidden, "%s.blocks.%u.contract.weight", prefix, (unsigned)i);
}

void rp_tower_lay(rp_store *store, const char *prefix, const rp_tower_shape *shape, rp_tower *tower) {
    find_shape(store, prefix, shape, tower);
    if (store->faulty) return;
    tower->layer = rp_arena_take(&store->arena, tower->layers, sizeof *tower->layer);
    for (uint32_t i = 0; i < tower->layers; i++) {
        rp_tower_layer measured;
        lay_layer(store, prefix, i, tower, tower->layer ? &tower->layer[i] : &measured);
    }
    tower->norm = rp_store_plain(store, tower->dim, 0, "%s.norm.weight", prefix);
    const uint32_t waves = tower->width / 2;
    tower->waves = rp_arena_take(&store->arena, waves, sizeof *tower->waves);
    for (uint32_t i = 0; i < waves && tower->waves; i++) {
        const double step = waves > 1 ? (double)i / (waves - 1) : 0;
        tower->waves[i] = TURN / (WAVE_SHORTEST * pow(WAVE_LONGEST / WAVE_SHORTEST, step));
    }
}

void rp_tower_state_lay(rp_arena *arena, const rp_tower *tower, rp_tower_state *state) {
    const size_t heads = (size_t)tower->layers * tower->heads, padded = rp_pad(tower->window, RP_GROUP);
    *state = (rp_tower_state){0};
    state->keys = rp_arena_take(arena, heads * padded * tower->width, sizeof(float));
    state->values = rp_arena_take(arena, heads * padded * tower->width, sizeof(float));
    state->x = rp_arena_take(arena, tower->dim, sizeof(float));
    state->normed = rp_arena_take(arena, tower->dim, sizeof(float));
    state->heard = rp_arena_take(arena, tower->dim, sizeof(float));
    state->qkv = rp_arena_take(arena, 3 * (size_t)tower->dim, sizeof(float));
    state->grown = rp_arena_take(arena, tower->hidden, sizeof(float));
    state->cosine = rp_arena_take(arena, tower->width / 2, sizeof(float));
    state->sine = rp_arena_take(arena, tower->width / 2, sizeof(float));
    state->share = rp_arena_take(arena, padded, sizeof(float));
}

/* Slots that were never filled are not listened to, so nothing else need be forgotten. */
void rp_tower_clear(rp_tower_state *state) { state->count = 0; }

/* ---- one block ---- */

/* The angles that this block's queries and keys turn by, in doubles: nothing is lost however long it sings. [worker] */
static void find_angles(const rp_tower *tower, rp_tower_state *state) {
    for (uint32_t j = 0; j < tower->width / 2; j++) {
        const double angle = (double)state->count * tower->waves[j];
        state->cosine[j] = (float)cos(angle);
        state->sine[j] = (float)sin(angle);
    }
}

/* x [width]: pair j is (x[j], x[j + width / 2]); times `size`. [worker] */
static void turn(const rp_tower_state *state, float *x, uint32_t pairs, float size) {
    for (uint32_t j = 0; j < pairs; j++) {
        const float first = x[j], second = x[j + pairs];
        x[j] = (first * state->cosine[j] - second * state->sine[j]) * size;
        x[j + pairs] = (second * state->cosine[j] + first * state->sine[j]) * size;
    }
}

/* One head: the block's key and value take their slot, then its query hears what the ring holds. The order of the ring
 * is nothing to attention. [worker] */
static void attend(const rp_tower *tower, rp_tower_state *state, uint32_t head, const float *q, const float *key,
                   const float *value, float *out) {
    const uint32_t width = tower->width, slot = (uint32_t)(state->count % tower->window);
    const uint32_t full = state->count < tower->window ? slot + 1 : tower->window, padded = rp_pad(full, RP_GROUP);
    const size_t ring = (size_t)head * rp_pad(tower->window, RP_GROUP) * width;
    float *keys = state->keys + ring, *values = state->values + ring;
    float *place = keys + (size_t)(slot / RP_GROUP) * width * RP_GROUP + slot % RP_GROUP;
    for (uint32_t i = 0; i < width; i++) place[(size_t)i * RP_GROUP] = key[i];
    memcpy(values + (size_t)slot * width, value, width * sizeof *value);
    tower->kernels->match(keys, q, width, padded / RP_GROUP, state->share);
    for (uint32_t i = full; i < padded; i++) state->share[i] = -INFINITY;
    const float all = tower->kernels->exponents(state->share, padded);
    tower->kernels->gather(values, state->share, width, full, out);
    for (uint32_t i = 0; i < width; i++) out[i] /= all;
}

/* y [rows] += matrix times the normalised stream. [worker] */
static void hear_normed(const rp_tower *tower, rp_tower_state *state, const float *norm, const rp_matrix *matrix,
                        float *y) {
    tower->kernels->rms_norm(state->x, norm, tower->dim, NORM_EPSILON, state->normed);
    memset(y, 0, matrix->rows * sizeof *y);
    tower->kernels->dense(matrix, state->normed, 1, y);
}

/* [worker] */
static void pass_layer(const rp_tower *tower, rp_tower_state *state, uint32_t index) {
    const rp_tower_layer *layer = &tower->layer[index];
    const uint32_t dim = tower->dim, width = tower->width;
    const float size = 1.0f / sqrtf((float)width);
    hear_normed(tower, state, layer->norm_attend, &layer->qkv, state->qkv);
    for (uint32_t head = 0; head < tower->heads; head++) {
        float *q = state->qkv + head * width, *key = q + dim;
        turn(state, q, width / 2, size);
        turn(state, key, width / 2, 1);
        attend(tower, state, index * tower->heads + head, q, key, key + dim, state->heard + head * width);
    }
    tower->kernels->dense(&layer->merge, state->heard, 1, state->x);
    hear_normed(tower, state, layer->norm_expand, &layer->expand, state->grown);
    tower->kernels->gelu(state->grown, tower->hidden);
    tower->kernels->dense(&layer->contract, state->grown, 1, state->x);
}

const float *rp_tower_hear(const rp_tower *tower, rp_tower_state *state, const float *x) {
    memcpy(state->x, x, tower->dim * sizeof *x);
    find_angles(tower, state);
    for (uint32_t layer = 0; layer < tower->layers; layer++) pass_layer(tower, state, layer);
    tower->kernels->rms_norm(state->x, tower->norm, tower->dim, NORM_EPSILON, state->normed);
    state->count++;
    return state->normed;
}
