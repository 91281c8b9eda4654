/* piano.c - see piano.h. */
#include "piano.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

static const uint64_t NEVER = UINT64_MAX;
static const double QUICK = 0.25, LONG = 1.0, FORGOTTEN = 2.0;  /* seconds: two decays, and where they end */
static const double SLOW[2] = {4.0, 16.0};                      /* seconds in which the means forget */
static const double SILENCE_LONGEST = 4.0, SINCE_LONGEST = 2.0; /* seconds; more is told as this */
static const float COUNT_MOST = 10.0F, TOP_MIDDLE = 60.0F, TOP_SPAN = 24.0F;

void rp_piano_clear(rp_piano *piano, double sample_rate) {
    memset(piano, 0, sizeof *piano);
    piano->sample_rate = sample_rate;
    piano->last_row = piano->last_stroke = piano->last_sound = NEVER;
}

/* A key's index, or RP_PIANO_KEYS for one that a piano has not. [any] */
static uint32_t index_of(uint32_t key) {
    uint32_t index = key - RP_PIANO_LOW;
    return index < RP_PIANO_KEYS ? index : RP_PIANO_KEYS;
}

void rp_piano_on(rp_piano *piano, uint64_t frame, uint32_t key, uint32_t velocity) {
    uint32_t i = index_of(key);
    if (i == RP_PIANO_KEYS) return;
    piano->velocity[i] = (float)velocity / 127.0F;
    piano->struck[i] = piano->last_stroke = frame;
    piano->down[i] = 1;
    piano->held[i] = 0;
    if (piano->velocity[i] > piano->strongest) piano->strongest = piano->velocity[i];
}

void rp_piano_off(rp_piano *piano, uint64_t frame, uint32_t key) {
    uint32_t i = index_of(key);
    if (i == RP_PIANO_KEYS || !piano->down[i]) return;
    piano->down[i] = 0;
    piano->held[i] = piano->pedal;
    piano->last_sound = frame;
}

void rp_piano_pedal(rp_piano *piano, uint64_t frame, int down) {
    piano->pedal = down != 0;
    for (uint32_t i = 0; i < RP_PIANO_KEYS && !down; i++) {
        if (piano->held[i]) piano->last_sound = frame;
        piano->held[i] = 0;
    }
}

void rp_piano_hear(rp_piano *piano, const rp_piano_event *event) {
    if (event->kind == RP_PIANO_ON) rp_piano_on(piano, event->frame, event->key, event->value);
    if (event->kind == RP_PIANO_OFF) rp_piano_off(piano, event->frame, event->key);
    if (event->kind == RP_PIANO_PEDAL) rp_piano_pedal(piano, event->frame, event->value != 0);
}

/* Seconds from a frame that may be NEVER until now, `most` at most. [any] */
static double seconds_since(const rp_piano *piano, uint64_t then, uint64_t now, double most) {
    if (then == NEVER) return most;
    double seconds = now > then ? (double)(now - then) / piano->sample_rate : 0.0;
    return seconds < most ? seconds : most;
}

/* The three traces of every key. [any] */
static void trace_keys(const rp_piano *piano, uint64_t now, float *row) {
    for (uint32_t i = 0; i < RP_PIANO_KEYS; i++) {
        float v = piano->velocity[i];
        if (v <= 0.0F) continue;
        double age = seconds_since(piano, piano->struck[i], now, FORGOTTEN);
        if (piano->down[i] || piano->held[i]) row[i] = v;
        if (age >= FORGOTTEN) continue;
        row[RP_PIANO_KEYS + i] = v * (float)exp(-age / QUICK);
        row[2 * RP_PIANO_KEYS + i] = v * (float)exp(-age / LONG);
    }
}

/* The traces folded into one octave. [any] */
static void fold(float *row) {
    for (uint32_t trace = 0; trace < RP_PIANO_TRACES; trace++)
        for (uint32_t i = 0; i < RP_PIANO_KEYS; i++) {
            float *chroma = &row[RP_PIANO_CHROMA + trace * 12 + (i + RP_PIANO_LOW) % 12];
            float value = row[trace * RP_PIANO_KEYS + i];
            if (value > *chroma) *chroma = value;
        }
}

/* Both means take in the sounding chroma, for the time since the row before. [any] */
static void follow_slowly(rp_piano *piano, uint64_t now, float *row) {
    double passed = piano->last_row == NEVER ? 0.0 : seconds_since(piano, piano->last_row, now, INFINITY);
    for (uint32_t speed = 0; speed < 2; speed++) {
        float share = (float)(1.0 - exp(-passed / SLOW[speed]));
        for (uint32_t pc = 0; pc < 12; pc++) {
            float *mean = &piano->slow[speed][pc];
            *mean += share * (row[RP_PIANO_CHROMA + pc] - *mean);
            row[RP_PIANO_SLOW + speed * 12 + pc] = *mean;
        }
    }
}

/* Bass, top and how many sound. [any] */
static void summarise(rp_piano *piano, uint64_t now, float *row) {
    uint32_t lowest = RP_PIANO_KEYS, highest = 0, count = 0;
    for (uint32_t i = 0; i < RP_PIANO_KEYS; i++) {
        if (row[i] <= 0.0F) continue;
        if (!count++) lowest = i;
        highest = i;
    }
    if (count) {
        piano->last_sound = now;
        row[RP_PIANO_BASS + (lowest + RP_PIANO_LOW) % 12] = 1.0F;
        row[RP_PIANO_TOP] = ((float)(highest + RP_PIANO_LOW) - TOP_MIDDLE) / TOP_SPAN;
    }
    row[RP_PIANO_COUNT] = (float)count < COUNT_MOST ? (float)count / COUNT_MOST : 1.0F;
}

void rp_piano_row(rp_piano *piano, uint64_t frame, float row[344]) {
    memset(row, 0, RP_PIANO_ROW * sizeof *row);
    trace_keys(piano, frame, row);
    fold(row);
    follow_slowly(piano, frame, row);
    summarise(piano, frame, row);
    row[RP_PIANO_ONSET] = piano->strongest;
    row[RP_PIANO_SILENCE] = (float)(seconds_since(piano, piano->last_sound, frame, SILENCE_LONGEST) / SILENCE_LONGEST);
    row[RP_PIANO_SINCE] = (float)(seconds_since(piano, piano->last_stroke, frame, SINCE_LONGEST) / SINCE_LONGEST);
    piano->strongest = 0.0F;
    piano->last_row = frame;
}

void rp_piano_rows(double sample_rate, const rp_piano_event *events, uint32_t event_count, uint64_t first,
                   uint32_t step, uint32_t count, float *rows) {
    rp_piano piano;
    uint32_t next = 0;
    rp_piano_clear(&piano, sample_rate);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t frame = first + (uint64_t)i * step;
        while (next < event_count && events[next].frame < frame) rp_piano_hear(&piano, &events[next++]);
        rp_piano_row(&piano, frame, rows + (size_t)i * RP_PIANO_ROW);
    }
}
