/* ask.c - a model's opinion of a note, and a copy of what it was asked for whoever trains it. */
#include <math.h>
#include <string.h>

#include "instrumenter_state.h"

/* [any] */
static int finite_scores(const float *scores, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (!isfinite(scores[i])) return 0;
    return 1;
}

/* [any] */
static void write_row(rp_instrumenter *it, uint32_t of_chord, uint32_t width, const rp_asked *note, uint32_t tag) {
    rp_trace *trace = it->trace;
    if (!trace || trace->of_chord != of_chord || trace->rows >= trace->rows_max) return;
    memcpy(trace->x + (size_t)trace->rows * width, it->x, width * sizeof *it->x);
    memcpy(trace->scores + (size_t)trace->rows * it->labels, it->scores, it->labels * sizeof *it->scores);
    trace->row_note[trace->rows] = tag;
    trace->row_labels[trace->rows] = note->allowed;
    trace->rows++;
}

/* [any] */
static rp_scene scene_of(const rp_instrumenter *it, const rp_voices *voices) {
    rp_scene scene = {voices, it->config.voice, it->config.voices, it->labels, it->frame_ms};
    return scene;
}

/* A state that once held a fault gives nothing but faults: forget it. [any] */
static int step(rp_instrumenter *it, const rp_lstm *lstm, rp_lstm_state *state, float *scores) {
    rp_lstm_step(lstm, state, it->x, scores);
    if (finite_scores(scores, it->labels)) return 1;
    rp_lstm_state_reset(state);
    return 0;
}

int rp_ask_solo(rp_instrumenter *it, const rp_asked *note, uint32_t tag) {
    rp_scene scene = scene_of(it, &it->voices);
    if (!it->solo) return 0;
    rp_features_solo(&scene, note, it->x);
    int fine = step(it, it->config.solo, it->solo, it->scores);
    write_row(it, 0, rp_features_solo_width(it->labels), note, tag);
    return fine;
}

int rp_ask_chord(rp_instrumenter *it, const uint8_t *order, const uint32_t *allowed, int trial, float *scores) {
    rp_lstm_state *state = trial ? it->trial : it->whole;
    rp_scene scene = scene_of(it, &it->before);
    const rp_chord *chord = &it->chord;
    rp_chord_pitches pitches = {.count = chord->count};
    int fine = state != NULL;
    if (trial && fine) rp_lstm_state_copy(state, it->whole);
    for (uint32_t i = 0; i < chord->count; i++) pitches.pitch[i] = chord->note[order[i]].held.pitch;
    for (uint32_t i = 0; i < chord->count && fine; i++) {
        const rp_held *held = &chord->note[order[i]].held;
        rp_asked note = {chord->start, rp_choose_labels(it, allowed[i]), held->pitch, held->velocity};
        rp_features_chord(&scene, &note, &pitches, i, it->x);
        fine = step(it, it->config.chord, state, it->scores);
        if (!trial) write_row(it, 1, rp_features_chord_width(it->labels), &note, held->tag);
        memcpy(scores + i * it->labels, it->scores, it->labels * sizeof *scores);
    }
    return fine;
}
