/* singer_choice.c - the tokens of a block: what may be chosen, what the controls lean towards, and the choice. */
#include <math.h>
#include <string.h>

#include "draw.h"
#include "piano.h"
#include "singer_state.h"

/* Where the player rests: no note begins after so many seconds without a sound, and a breath later none is sung. */
static const double RESTS = 1.0, ENDS = 1.35;
static const double SILENCE_UNIT = 4.0; /* seconds, of the piano's row */
static const float ACTIVITY_GAIN = 3;   /* logits, of full activity: as models/singing/line.py has it */
static const uint32_t PATIENCE = 6;     /* strikes of the same two notes; then each next one costs them WEAR logits */
static const float WEAR = 1;

/* [worker] */
static rp_sampling sampling_of(const rp_singer *singer, const rp_singer_controls *set, uint32_t field) {
    rp_sampling sampling = singer->weights->sampling[field];
    sampling.temperature *= (float)set->value[RP_SING_TEMPERATURE];
    return sampling;
}

/* ---- the line, as the model likes it ---- */

/* 1: the sung note lies in the range that is set. [worker] */
static int in_range(const rp_singer_controls *set, uint32_t note) {
    const double pitch = RP_SUNG_LOWEST + (double)note;
    return pitch >= set->value[RP_SING_LOW] && pitch <= set->value[RP_SING_HIGH];
}

/* -infinity for each phonation that may not be. [worker] */
static void forbid(const rp_singer *singer, const float *row, const rp_singer_controls *set, float *scores) {
    const double silence = SILENCE_UNIT * (double)row[RP_PIANO_SILENCE];
    const int on = set->value[RP_SING_ON] > 0;
    const int may[RP_PHONATIONS] = {
        1,
        on && set->value[RP_SING_BREATH] > 0 && silence < ENDS,
        on && silence < RESTS,
        on && silence < ENDS && in_range(set, singer->history.column[RP_HISTORY_NOTE]),
    };
    for (uint32_t phonation = 0; phonation < RP_PHONATIONS; phonation++)
        if (!may[phonation] || !rp_history_may(&singer->history, phonation)) scores[phonation] = -INFINITY;
}

/* How much it sings: in silence breath and the beginning of a note gain, while a note is sung breath and silence lose.
 * [worker] */
static void lean(const rp_history *history, double activity, float *scores) {
    const float more = ACTIVITY_GAIN * (float)(2 * activity - 1);
    const int sings = rp_history_sings(history);
    scores[RP_REST] -= sings ? more : 0;
    scores[RP_BREATH] += sings ? -more : more;
    scores[RP_ONSET] += sings ? 0 : more;
}

/* Notes out of the range are not sung. [worker] */
static void keep_range(const rp_singer_controls *set, float *scores) {
    for (uint32_t note = 0; note < RP_SUNG_NOTES; note++)
        if (!in_range(set, note)) scores[note] = -INFINITY;
}

/* A note struck again and again, or two in turn, make way for others. [worker] */
static void tire(const rp_history *history, float *scores) {
    if (history->strikes <= PATIENCE) return;
    const float cost = WEAR * (float)(history->strikes - PATIENCE);
    for (uint32_t i = 0; i < 2; i++)
        if (history->pair[i] < RP_SUNG_NOTES) scores[history->pair[i]] -= cost;
}

/* A note of the line is there, or goes on, or ends: told to `out` and to the history. [worker] */
static void settle_line(rp_singer *singer, uint32_t phonation, uint32_t note, rp_sung *out) {
    const int sang = rp_history_sings(&singer->history);
    rp_history_add(&singer->history, phonation, note);
    out->phonation = (uint8_t)phonation;
    out->age = (uint8_t)singer->history.column[RP_HISTORY_AGE];
    out->note = (uint8_t)singer->history.column[RP_HISTORY_NOTE];
    out->flags |= phonation == RP_ONSET ? RP_SUNG_ONSET : 0;
    out->flags |= sang && phonation != RP_SUSTAIN ? RP_SUNG_ENDED : 0;
}

int rp_singer_choose_line(rp_singer *singer, const float *row, const rp_singer_controls *set, const double *at,
                          rp_sung *out) {
    const rp_line *line = &singer->weights->line;
    const float guidance = (float)set->value[RP_SING_FOLLOW];
    const rp_sampling how[2] = {sampling_of(singer, set, RP_VOICE_PHONATION), sampling_of(singer, set, RP_VOICE_NOTE)};
    float scores[RP_SUNG_NOTES];
    rp_line_phonation(line, &singer->line, row, &singer->history, guidance, scores);
    lean(&singer->history, set->value[RP_SING_ACTIVITY], scores);
    forbid(singer, row, set, scores);
    const int phonation = rp_draw_score(scores, RP_PHONATIONS, &how[0], at[0]);
    int note = 0;
    if (phonation == RP_ONSET) {
        rp_line_notes(line, &singer->line, row, &singer->history, guidance, scores);
        tire(&singer->history, scores);
        keep_range(set, scores);
        note = rp_draw_score(scores, RP_SUNG_NOTES, &how[1], at[1]);
    }
    if (phonation < 0 || note < 0) return 0;
    singer->rule = RP_SING_FREE;
    settle_line(singer, (uint32_t)phonation, (uint32_t)note, out);
    return 1;
}

/* ---- the line, by rule ---- */

/* What is sung with the top line's note. [worker] */
static uint32_t target_of(rp_singer *singer, const float *row, const rp_singer_controls *set) {
    const uint32_t low = (uint32_t)set->value[RP_SING_LOW], high = (uint32_t)set->value[RP_SING_HIGH];
    if (set->value[RP_SING_MODE] == RP_SING_DOUBLE)
        return rp_top_line_double(&singer->top, (int32_t)set->value[RP_SING_OCTAVE], low, high);
    return rp_top_line_harmony(&singer->top, row, (uint32_t)set->value[RP_SING_INTERVAL], low, high);
}

/* The note stays what it was chosen to be while the player's goes on, whatever the chords do. */
void rp_singer_follow_line(rp_singer *singer, const float *row, const rp_singer_controls *set, int begins,
                           rp_sung *out) {
    const uint32_t mode = (uint32_t)set->value[RP_SING_MODE];
    const int sings = rp_history_sings(&singer->history);
    if (begins || mode != singer->rule) singer->target = target_of(singer, row, set);
    singer->rule = mode;
    if (!singer->top.key || set->value[RP_SING_ON] <= 0) singer->target = 0;
    const uint32_t note = singer->target ? singer->target - RP_SUNG_LOWEST : 0;
    const int same = sings && !begins && note == singer->history.column[RP_HISTORY_NOTE];
    settle_line(singer, !singer->target ? RP_REST : same ? RP_SUSTAIN : RP_ONSET, note, out);
}

/* ---- the delivery ---- */

/* What a field of the delivery is called. [worker] */
static uint32_t field_of(const rp_delivery *delivery, uint32_t said) {
    if (said == 0) return RP_VOICE_LOUDNESS;
    return said + 1 < delivery->said ? RP_VOICE_CODE + said - 1 : RP_VOICE_DEVIATION;
}

/* In a rest it only becomes softer, by a step a block at least. [worker] */
static void hush(const rp_singer *singer, const rp_sung *out, float *scores) {
    if (out->phonation != RP_REST) return;
    const uint32_t before = singer->loudness;
    for (uint32_t loudness = before ? before : 1; loudness < RP_LOUDNESSES; loudness++) scores[loudness] = -INFINITY;
}

/* [worker] */
static void hear_line(rp_singer *singer, const float *row, const rp_singer_controls *set) {
    rp_delivery_input input = {.touch = {row[RP_PIANO_ONSET], 0}, .voice = (uint32_t)set->value[RP_SING_VOICE]};
    memcpy(input.line, singer->history.column, sizeof input.line);
    for (uint32_t key = 2 * RP_PIANO_KEYS; key < 3 * RP_PIANO_KEYS; key++)
        input.touch[1] = fmaxf(input.touch[1], row[key]);
    rp_delivery_hear(&singer->weights->delivery, &singer->delivery, &input);
}

int rp_singer_deliver(rp_singer *singer, const float *row, const rp_singer_controls *set, const double *at,
                      rp_sung *out) {
    const rp_delivery *delivery = &singer->weights->delivery;
    uint16_t said[RP_SAID_MAX] = {0};
    hear_line(singer, row, set);
    for (uint32_t i = 0; i < delivery->said; i++) {
        const rp_sampling how = sampling_of(singer, set, field_of(delivery, i));
        float *scores = rp_delivery_scores(delivery, &singer->delivery, i, said);
        if (i == 0) hush(singer, out, scores);
        const int value = rp_draw_score(scores, rp_delivery_values(delivery, i), &how, at[i]);
        if (value < 0) return 0;
        said[i] = (uint16_t)value;
    }
    rp_delivery_say(delivery, &singer->delivery, said);
    out->loudness = (uint8_t)said[0];
    memcpy(out->code, said + 1, delivery->stages * sizeof *said);
    out->deviation = (uint8_t)said[delivery->said - 1];
    return 1;
}
