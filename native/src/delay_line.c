/* delay_line.c - see delay_line.h. */
#include "delay_line.h"

#include <stdlib.h>
#include <string.h>

enum { USUAL = 2 * RP_BLOCK_MAX }; /* frames */
_Static_assert((RP_LATENCY_MAX & (RP_LATENCY_MAX - 1)) == 0, "a power of two, as USUAL is");

int rp_delay_line_open(rp_delay_line *line, uint32_t fade) {
    *line = (rp_delay_line){.ring = calloc(RP_LATENCY_MAX, sizeof *line->ring), .length = USUAL};
    line->fade = fade ? fade : 1;
    volatile float *place = (volatile float *)line->ring;
    for (uint32_t i = 0; place && i < USUAL * 2; i++) place[i] = 0;
    return line->ring != NULL;
}

void rp_delay_line_close(rp_delay_line *line) {
    free(line->ring);
    line->ring = NULL;
}

/* Where a frame lies. [process] */
static float *place_of(const rp_delay_line *line, uint32_t frame) { return line->ring[frame & (line->length - 1)]; }

/* Room for a longer delay: what is still known goes to where it is looked for from now on; before it there was silence.
 * [process] */
static void lengthen(rp_delay_line *line, uint32_t delay) {
    uint32_t before = line->length;
    while (line->length < delay) line->length *= 2;
    for (uint32_t frame = line->at - before; frame != line->at; frame++) {
        float *old = line->ring[frame & (before - 1)], *place = place_of(line, frame);
        if (old == place) continue;
        memcpy(place, old, sizeof *line->ring);
        memset(old, 0, sizeof *line->ring);
    }
}

/* The sample of `delay` frames before `now`, which has no place yet. [process] */
static float tap(const rp_delay_line *line, uint32_t delay, uint32_t channel, float now) {
    return delay ? place_of(line, line->at - delay)[channel] : now;
}

/* [process] */
static void keep(rp_delay_line *line, float left, float right) {
    float *place = place_of(line, line->at++);
    place[0] = left;
    place[1] = right;
}

/* [process] */
static void aim(rp_delay_line *line, uint32_t delay) {
    if (delay > RP_LATENCY_MAX) delay = RP_LATENCY_MAX;
    if (line->left || (line->begun && delay == line->to)) return;
    line->from = line->to;
    line->to = delay;
    line->left = line->begun ? line->fade : 0;
    line->begun = 1;
    if (delay > line->length) lengthen(line, delay);
}

void rp_delay_line_process(rp_delay_line *line, float *const audio[2], uint32_t frames, uint32_t delay) {
    float *left = audio[0], *right = audio[1];
    for (uint32_t i = 0; i < frames; i++) {
        aim(line, delay);
        float l = left[i], r = right[i], old = (float)line->left / (float)line->fade;
        left[i] = tap(line, line->to, 0, l);
        right[i] = tap(line, line->to, 1, r);
        if (line->left) {
            left[i] += (tap(line, line->from, 0, l) - left[i]) * old;
            right[i] += (tap(line, line->from, 1, r) - right[i]) * old;
            line->left--;
        }
        keep(line, l, r);
    }
}
