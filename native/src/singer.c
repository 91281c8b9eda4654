/* singer.c - see singer.h: making, resetting and one block of the singer. */
#include "singer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "singer_state.h"

/* ---- weights ---- */

/* Everything in its order; run once to measure and to find faults, once to fill. [control] */
static rp_singer_weights *lay_weights(rp_store *store, const rp_singer_shape *shape) {
    rp_singer_weights measured, *taken = rp_arena_take(&store->arena, 1, sizeof *taken),
                                *weights = taken ? taken : &measured;
    *weights = (rp_singer_weights){.memory = store->arena.memory};
    memcpy(weights->sampling, shape->sampling, sizeof weights->sampling);
    rp_line_lay(store, &shape->line, &weights->line);
    rp_delivery_lay(store, &shape->delivery, &weights->delivery);
    if (store->faulty) return NULL;
    rp_codec_lay(store, weights->delivery.stages, weights->delivery.codes, &weights->codec);
    rp_singer_tables(weights);
    return taken;
}

/* A singer that left some of its arrays out would be another one. Only the codec's encoder is of no use here.
 * [control] */
static void check_all_taken(rp_store *store) {
    static const char ENCODER[] = "codec.encoder.";
    uint32_t known = store->taken;
    for (uint32_t i = 0; i < store->count; i++)
        known += strncmp(store->array[i].name, ENCODER, sizeof ENCODER - 1) == 0;
    if (known != store->count)
        rp_store_fault(store, "%u arrays, of which %u are a singer's", (unsigned)store->count, (unsigned)known);
}

rp_singer_weights *rp_singer_weights_new(const rp_singer_shape *shape, const rp_stored *arrays, uint32_t count,
                                         char *why, uint32_t room) {
    rp_store store = {.array = arrays, .count = count, .why = why, .room = room};
    if (why && room) why[0] = 0;
    lay_weights(&store, shape);
    check_all_taken(&store);
    if (store.faulty) return NULL;
    if (rp_arena_open(&store.arena) == 0) return lay_weights(&store, shape);
    rp_store_fault(&store, "no memory for the singer");
    return NULL;
}

void rp_singer_weights_free(rp_singer_weights *weights) {
    if (weights) free(weights->memory);
}

uint32_t rp_singer_voices(const rp_singer_weights *weights) { return weights->delivery.voices; }

uint32_t rp_singer_codes(const rp_singer_weights *weights) { return weights->delivery.stages; }

/* ---- the singer ---- */

/* [control] */
static rp_singer *lay_singer(rp_arena *arena, const rp_singer_weights *weights) {
    rp_singer measured, *taken = rp_arena_take(arena, 1, sizeof *taken), *singer = taken ? taken : &measured;
    *singer = (rp_singer){.weights = weights, .memory = arena->memory};
    rp_line_state_lay(arena, &weights->line, &singer->line);
    rp_delivery_state_lay(arena, &weights->delivery, &singer->delivery);
    rp_codec_state_lay(arena, &weights->codec, &singer->codec);
    return taken;
}

rp_singer *rp_singer_new(const rp_singer_weights *weights) {
    rp_arena arena = {0};
    lay_singer(&arena, weights);
    if (rp_arena_open(&arena) != 0) return NULL;
    rp_singer *singer = lay_singer(&arena, weights);
    rp_singer_reset(singer);
    return singer;
}

void rp_singer_free(rp_singer *singer) {
    if (singer) free(singer->memory);
}

void rp_singer_reset(rp_singer *singer) {
    rp_line_clear(&singer->line);
    rp_delivery_clear(&singer->weights->delivery, &singer->delivery);
    rp_codec_clear(&singer->weights->codec, &singer->codec);
    rp_history_clear(&singer->history);
    rp_top_line_clear(&singer->top);
    singer->seeded = singer->pitched = 0;
    singer->target = singer->rule = singer->loudness = 0;
    singer->cents = 0;
}

/* The controls, each within its range. [worker] */
static rp_singer_controls sane(const rp_singer_controls *controls) {
    rp_singer_controls set;
    for (uint32_t i = 0; i < RP_SING_COUNT; i++) {
        const rp_parameter *one = &rp_singer_parameters()[i];
        const double value = isnan(controls->value[i]) ? one->usual : controls->value[i];
        set.value[i] = fmax(one->low, fmin(one->high, one->whole ? rint(value) : value));
    }
    set.value[RP_SING_HIGH] = fmax(set.value[RP_SING_HIGH], set.value[RP_SING_LOW]);
    return set;
}

/* [worker] */
static void begin_seed(rp_singer *singer, double seed) {
    if (singer->seeded && singer->seed == seed) return;
    singer->seed = seed;
    singer->seeded = 1;
    singer->random.state = (uint64_t)seed;
    rp_vibrato_clear(&singer->vibrato, ~(uint64_t)seed);
}

/* Scores that are no numbers: everything anew, and a rest. What the rings hold may be spoilt. [worker] */
static void recover(rp_singer *singer, rp_sung *out) {
    const int sang = rp_history_sings(&singer->history) || out->flags & RP_SUNG_ENDED;
    rp_singer_reset(singer);
    *out = (rp_sung){.note = RP_SUNG_NOTES, .flags = RP_SUNG_FAULT, .deviation = RP_DEVIATIONS / 2};
    if (sang) out->flags |= RP_SUNG_ENDED;
    for (uint32_t i = 0; i < RP_BLOCK_FRAMES; i++) out->frame[i].level = -90;
}

/* Every part hears the block whatever the mode, so that each is at home when its turn comes. 0: a fault. [worker] */
static int decide(rp_singer *singer, const float *row, const rp_singer_controls *set, rp_sung *out) {
    double at[RP_VOICE_FIELDS]; /* as many random numbers a block whatever is chosen */
    for (uint32_t i = 0; i < RP_VOICE_FIELDS; i++) at[i] = rp_random_next(&singer->random);
    const int begins = rp_top_line_hear(&singer->top, row), free = set->value[RP_SING_MODE] == RP_SING_FREE;
    rp_line_hear(&singer->weights->line, &singer->line, row, &singer->history);
    if (free && !rp_singer_choose_line(singer, row, set, at, out)) return 0;
    if (!free) rp_singer_follow_line(singer, row, set, begins, out);
    return rp_singer_deliver(singer, row, set, at + RP_VOICE_LOUDNESS, out);
}

void rp_singer_step(rp_singer *singer, const float *row, const rp_singer_controls *controls, rp_sung *out) {
    const rp_singer_controls set = sane(controls);
    *out = (rp_sung){0};
    begin_seed(singer, set.value[RP_SING_SEED]);
    if (decide(singer, row, &set, out)) rp_singer_sound(singer, &set, out);
    else recover(singer, out);
}
