/* line.c - see line.h. */
#include "line.h"

#include <string.h>

#include "kernels_pack.h"
#include "piano.h"

/* What is told of a note, in its order: by pitch class from the note's own on, by key, its height, the piano as a
 * whole, guidance, whether its class sounds, whether anything does. */
enum {
    KINDS = (RP_PIANO_BASS + 12 - RP_PIANO_CHROMA) / 12, /* of pitch-class numbers in a row */
    BY_KEY = 12 * KINDS,
    HEIGHT = BY_KEY + 3 * RP_PIANO_TRACES,
    WHOLE = HEIGHT + 1,
    WHOLE_COUNT = 5, /* from RP_PIANO_ONSET on */
    GUIDED = WHOLE + WHOLE_COUNT,
    OWN_SOUNDS = GUIDED + 1,
    ANY_SOUNDS = OWN_SOUNDS + 1,
    SCORES = 64
};
static const float GUIDANCE_UNIT = 8;
static const uint32_t GRACE = 2; /* blocks of a note, before guidance moves it: a chord's keys come one by one */

/* ---- memory ---- */

/* A matrix and what is added to its product: prefix.weight, prefix.bias. [control] */
static const float *lay_linear(rp_store *store, rp_matrix *matrix, uint32_t rows, uint32_t columns, const char *name) {
    rp_store_matrix(store, matrix, rows, columns, "line.%s.weight", name);
    return rp_store_plain(store, rows, 0, "line.%s.bias", name);
}

/* [control] */
static void lay_heads(rp_store *store, rp_line *line) {
    const uint32_t dim = line->tower.dim, field = line->field;
    line->phonation_bias = lay_linear(store, &line->phonation_stream, field, dim, "phonation_stream");
    rp_store_matrix(store, &line->phonation_facts, field, RP_LINE_FACTS, "line.phonation_facts.weight");
    line->phonation_state = rp_store_plain(store, RP_PHONATIONS * RP_AGES, field, "line.phonation_state.weight");
    line->phonation_scores_bias = lay_linear(store, &line->phonation_scores, RP_PHONATIONS, field, "phonation_scores");
    line->note_bias = lay_linear(store, &line->note_stream, field, dim, "note_stream");
    rp_store_matrix(store, &line->note_facts, field, RP_LINE_FACTS, "line.note_facts.weight");
    line->note_score = rp_store_plain(store, 1, field, "line.note_score.weight");
    line->interval_bias = lay_linear(store, &line->interval, RP_INTERVALS, dim, "interval");
    line->at_pitch = rp_store_plain(store, RP_SUNG_NOTES, 0, "line.register");
}

void rp_line_lay(rp_store *store, const rp_tower_shape *shape, rp_line *line) {
    *line = (rp_line){0};
    rp_tower_lay(store, "line.tower", shape, &line->tower);
    line->field = rp_store_rows(store, "line.phonation_stream.weight");
    if (line->field == 0 || line->field > 1024 || line->field % RP_GROUP)
        rp_store_fault(store, "line: fields %u wide: a multiple of 16", (unsigned)line->field);
    if (store->faulty) return;
    for (uint32_t i = 0; i < RP_HISTORY; i++)
        line->embed[i] =
            rp_store_plain(store, rp_history_sizes[i], line->tower.dim, "line.embed.%u.weight", (unsigned)i);
    line->row_bias = lay_linear(store, &line->row, line->tower.dim, RP_PIANO_ROW, "row");
    lay_heads(store, line);
}

void rp_line_state_lay(rp_arena *arena, const rp_line *line, rp_line_state *state) {
    *state = (rp_line_state){0};
    rp_tower_state_lay(arena, &line->tower, &state->tower);
    state->x = rp_arena_take(arena, line->tower.dim, sizeof(float));
    state->facts = rp_arena_take(arena, (size_t)RP_SUNG_NOTES * RP_LINE_FACTS, sizeof(float));
    state->hidden = rp_arena_take(arena, (size_t)RP_SUNG_NOTES * line->field, sizeof(float));
    state->scores = rp_arena_take(arena, SCORES, sizeof(float));
}

void rp_line_clear(rp_line_state *state) { rp_tower_clear(&state->tower); }

/* ---- one block ---- */

/* y [n] += x [n]. [worker] */
static void add(float *y, const float *x, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) y[i] += x[i];
}

void rp_line_hear(const rp_line *line, rp_line_state *state, const float *row, const rp_history *history) {
    const uint32_t dim = line->tower.dim;
    memcpy(state->x, line->row_bias, dim * sizeof(float));
    line->tower.kernels->dense(&line->row, row, 1, state->x);
    for (uint32_t i = 0; i < RP_HISTORY; i++) add(state->x, line->embed[i] + (size_t)history->column[i] * dim, dim);
    state->stream = rp_tower_hear(&line->tower, &state->tower, state->x);
}

/* [worker] */
static int class_sounds(const float *row, uint32_t note) {
    return row[RP_PIANO_CHROMA + (RP_SUNG_LOWEST + note) % 12] > 0;
}

/* What the piano's row says of a note, RP_SUNG_NOTES: of none, in out [RP_LINE_FACTS]. [worker] */
static void find_facts(const float *row, uint32_t note, float guidance, float *out) {
    memset(out, 0, RP_LINE_FACTS * sizeof *out);
    memcpy(out + WHOLE, row + RP_PIANO_ONSET, WHOLE_COUNT * sizeof *out);
    out[GUIDED] = guidance / GUIDANCE_UNIT;
    out[ANY_SOUNDS] = row[RP_PIANO_COUNT] > 0 ? 1 : 0;
    if (note >= RP_SUNG_NOTES) return;
    const uint32_t pitch = RP_SUNG_LOWEST + note, key = pitch - RP_PIANO_LOW;
    for (uint32_t kind = 0; kind < KINDS; kind++)
        for (uint32_t i = 0; i < 12; i++) out[12 * kind + i] = row[RP_PIANO_CHROMA + 12 * kind + (pitch + i) % 12];
    for (uint32_t trace = 0; trace < RP_PIANO_TRACES; trace++)
        for (uint32_t i = 0; i < 3; i++) out[BY_KEY + 3 * trace + i] = row[RP_PIANO_KEYS * trace + key + 12 * i - 12];
    out[HEIGHT] = ((float)pitch - 60) / 24;
    out[OWN_SOUNDS] = class_sounds(row, note) ? 1 : 0;
}

void rp_line_phonation(const rp_line *line, rp_line_state *state, const float *row, const rp_history *history,
                       float guidance, float *out) {
    const rp_kernels *kernels = line->tower.kernels;
    const uint32_t field = line->field, *column = history->column, note = column[RP_HISTORY_NOTE];
    const uint32_t at = column[RP_HISTORY_PHONATION] * RP_AGES + column[RP_HISTORY_AGE];
    find_facts(row, note, guidance, state->facts);
    memcpy(state->hidden, line->phonation_bias, field * sizeof(float));
    kernels->dense(&line->phonation_stream, state->stream, 1, state->hidden);
    kernels->dense(&line->phonation_facts, state->facts, 1, state->hidden);
    add(state->hidden, line->phonation_state + (size_t)at * field, field);
    kernels->gelu(state->hidden, field);
    memcpy(state->scores, line->phonation_scores_bias, line->phonation_scores.rows * sizeof(float));
    kernels->dense(&line->phonation_scores, state->hidden, 1, state->scores);
    memcpy(out, state->scores, RP_PHONATIONS * sizeof *out);
    const int settled = rp_history_sings(history) && column[RP_HISTORY_AGE] >= GRACE;
    if (settled && row[RP_PIANO_COUNT] > 0 && !class_sounds(row, note)) out[RP_ONSET] += guidance;
}

/* How good each interval from the note before is, in scores [RP_INTERVALS]. [worker] */
static void find_intervals(const rp_line *line, rp_line_state *state) {
    memcpy(state->scores, line->interval_bias, line->interval.rows * sizeof(float));
    line->tower.kernels->dense(&line->interval, state->stream, 1, state->scores);
}

/* What each note's layer makes of its facts, in hidden [RP_SUNG_NOTES][field]. [worker] */
static void find_hidden(const rp_line *line, rp_line_state *state, const float *row, float guidance) {
    const uint32_t field = line->field;
    memcpy(state->hidden, line->note_bias, field * sizeof(float));
    line->tower.kernels->dense(&line->note_stream, state->stream, 1, state->hidden);
    for (uint32_t note = 0; note < RP_SUNG_NOTES; note++) {
        find_facts(row, note, guidance, state->facts + (size_t)note * RP_LINE_FACTS);
        if (note) memcpy(state->hidden + (size_t)note * field, state->hidden, field * sizeof(float));
    }
    line->tower.kernels->dense(&line->note_facts, state->facts, RP_SUNG_NOTES, state->hidden);
    line->tower.kernels->gelu(state->hidden, RP_SUNG_NOTES * field);
}

void rp_line_notes(const rp_line *line, rp_line_state *state, const float *row, const rp_history *history,
                   float guidance, float *out) {
    const uint32_t field = line->field, last = history->column[RP_HISTORY_NOTE];
    find_hidden(line, state, row, guidance);
    find_intervals(line, state);
    for (uint32_t note = 0; note < RP_SUNG_NOTES; note++) {
        const float *hidden = state->hidden + (size_t)note * field;
        int32_t steps = (int32_t)note - (int32_t)last, widest = RP_INTERVAL_WIDEST;
        steps = steps > widest ? widest : steps < -widest ? -widest : steps;
        out[note] = line->at_pitch[note] + (last < RP_SUNG_NOTES ? state->scores[steps + widest] : 0);
        for (uint32_t i = 0; i < field; i++) out[note] += line->note_score[i] * hidden[i];
        if (class_sounds(row, note)) out[note] += guidance / 2;
    }
}
