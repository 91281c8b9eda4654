/* delivery.c - see delivery.h. */
#include "delivery.h"

#include <string.h>

#include "kernels_pack.h"

enum { VOICES_MOST = 64, CENTRE = RP_DEVIATIONS / 2 };

/* ---- memory ---- */

uint32_t rp_delivery_values(const rp_delivery *delivery, uint32_t field) {
    if (field == 0) return RP_LOUDNESSES;
    return field <= delivery->stages ? delivery->codes : RP_DEVIATIONS;
}

/* [control] */
static void find_shape(rp_store *store, rp_delivery *it) {
    while (it->said <= RP_SAID_MAX && rp_store_find(store, "delivery.said.%u.weight", (unsigned)it->said)) it->said++;
    it->stages = it->said - 2;
    it->codes = rp_store_rows(store, "delivery.said.1.weight");
    it->voices = rp_store_rows(store, "delivery.voice.weight");
    it->field = rp_store_columns(store, "delivery.scores.0.weight");
    if (it->said < 3 || it->said > RP_SAID_MAX)
        rp_store_fault(store, "delivery: %u fields: a loudness, 1 to %u codes, a deviation", (unsigned)it->said,
                       (unsigned)RP_CODES_MAX);
    else if (it->field == 0 || it->field > 1024 || it->field % RP_GROUP)
        rp_store_fault(store, "delivery: fields %u wide: a multiple of 16", (unsigned)it->field);
    else if (it->codes == 0 || it->codes > RP_DELIVERY_VALUES_MAX || it->voices == 0 || it->voices > VOICES_MOST)
        rp_store_fault(store, "delivery: %u codes, %u voices: there are at most %u and %u", (unsigned)it->codes,
                       (unsigned)it->voices, (unsigned)RP_DELIVERY_VALUES_MAX, (unsigned)VOICES_MOST);
}

/* [control] */
static void lay_heard(rp_store *store, rp_delivery *it) {
    const uint32_t dim = it->tower.dim;
    for (uint32_t i = 0; i < RP_HISTORY; i++)
        it->line[i] = rp_store_plain(store, rp_history_sizes[i], dim, "delivery.line.%u.weight", (unsigned)i);
    for (uint32_t f = 0; f < it->said; f++)
        it->heard[f] = rp_store_plain(store, rp_delivery_values(it, f), dim, "delivery.said.%u.weight", (unsigned)f);
    it->voice = rp_store_plain(store, it->voices, dim, "delivery.voice.weight");
    it->touch = rp_store_plain(store, dim, 2, "delivery.touch.weight");
    it->keep = rp_store_plain(store, 1, 0, "delivery.keep");
}

/* [control] */
static void lay_field(rp_store *store, rp_delivery *it, uint32_t f) {
    const uint32_t values = rp_delivery_values(it, f);
    it->before[f] = rp_store_plain(store, values, it->field, "delivery.before.%u.weight", (unsigned)f);
    for (uint32_t g = 0; g < f; g++)
        it->known[f][g] = rp_store_plain(store, rp_delivery_values(it, g), it->field, "delivery.known.%u.%u.weight",
                                         (unsigned)f, (unsigned)g);
    rp_store_matrix(store, &it->scores[f], values, it->field, "delivery.scores.%u.weight", (unsigned)f);
    it->scores_bias[f] = rp_store_plain(store, values, 0, "delivery.scores.%u.bias", (unsigned)f);
}

void rp_delivery_lay(rp_store *store, const rp_tower_shape *shape, rp_delivery *delivery) {
    *delivery = (rp_delivery){0};
    rp_tower_lay(store, "delivery.tower", shape, &delivery->tower);
    if (!store->faulty) find_shape(store, delivery);
    if (store->faulty) return;
    const uint32_t all = delivery->said * delivery->field;
    lay_heard(store, delivery);
    rp_store_matrix(store, &delivery->wanted, all, delivery->tower.dim, "delivery.fields.weight");
    delivery->wanted_bias = rp_store_plain(store, all, 0, "delivery.fields.bias");
    for (uint32_t f = 0; f < delivery->said; f++) lay_field(store, delivery, f);
}

void rp_delivery_state_lay(rp_arena *arena, const rp_delivery *delivery, rp_delivery_state *state) {
    *state = (rp_delivery_state){0};
    rp_tower_state_lay(arena, &delivery->tower, &state->tower);
    state->x = rp_arena_take(arena, delivery->tower.dim, sizeof(float));
    state->echo = rp_arena_take(arena, delivery->tower.dim, sizeof(float));
    state->wanted = rp_arena_take(arena, (size_t)delivery->said * delivery->field, sizeof(float));
    state->hidden = rp_arena_take(arena, delivery->field, sizeof(float));
    state->scores = rp_arena_take(arena, RP_DELIVERY_VALUES_MAX, sizeof(float));
}

void rp_delivery_clear(const rp_delivery *delivery, rp_delivery_state *state) {
    rp_tower_clear(&state->tower);
    memset(state->before, 0, sizeof state->before);
    memset(state->echo, 0, delivery->tower.dim * sizeof(float));
    state->before[delivery->said - 1] = CENTRE;
}

/* ---- one block ---- */

/* y [width] += a row of a table. [worker] */
static void add_row(const float *table, uint32_t row, uint32_t width, float *y) {
    const float *from = table + (size_t)row * width;
    for (uint32_t i = 0; i < width; i++) y[i] += from[i];
}

void rp_delivery_hear(const rp_delivery *delivery, rp_delivery_state *state, const rp_delivery_input *input) {
    const uint32_t dim = delivery->tower.dim;
    for (uint32_t i = 0; i < dim; i++)
        state->x[i] = delivery->touch[2 * i] * input->touch[0] + delivery->touch[2 * i + 1] * input->touch[1];
    add_row(delivery->voice, input->voice < delivery->voices ? input->voice : 0, dim, state->x);
    for (uint32_t i = 0; i < RP_HISTORY; i++)
        add_row(delivery->line[i], input->line[i] < rp_history_sizes[i] ? input->line[i] : 0, dim, state->x);
    add_row(delivery->heard[0], state->before[0], dim, state->x);
    add_row(delivery->heard[delivery->said - 1], state->before[delivery->said - 1], dim, state->x);
    for (uint32_t i = 0; i < dim; i++) state->echo[i] *= delivery->keep[0];
    for (uint32_t f = 1; f + 1 < delivery->said; f++) add_row(delivery->heard[f], state->before[f], dim, state->echo);
    for (uint32_t i = 0; i < dim; i++) state->x[i] += state->echo[i];
    const float *stream = rp_tower_hear(&delivery->tower, &state->tower, state->x);
    memcpy(state->wanted, delivery->wanted_bias, delivery->wanted.rows * sizeof(float));
    delivery->tower.kernels->dense(&delivery->wanted, stream, 1, state->wanted);
}

float *rp_delivery_scores(const rp_delivery *delivery, rp_delivery_state *state, uint32_t field, const uint16_t *said) {
    const uint32_t width = delivery->field;
    const rp_matrix *scores = &delivery->scores[field];
    memcpy(state->hidden, state->wanted + (size_t)field * width, width * sizeof(float));
    add_row(delivery->before[field], state->before[field], width, state->hidden);
    for (uint32_t g = 0; g < field; g++) add_row(delivery->known[field][g], said[g], width, state->hidden);
    delivery->tower.kernels->gelu(state->hidden, width);
    memcpy(state->scores, delivery->scores_bias[field], scores->rows * sizeof(float));
    delivery->tower.kernels->dense(scores, state->hidden, 1, state->scores);
    return state->scores;
}

void rp_delivery_say(const rp_delivery *delivery, rp_delivery_state *state, const uint16_t *said) {
    memcpy(state->before, said, delivery->said * sizeof *said);
}
