/* delay_line.c - see delay_line.h. */
#include "delay_line.h"

#include <stdlib.h>

enum { MASK = RP_LATENCY_MAX - 1, PAGE = 4096 };
_Static_assert((RP_LATENCY_MAX & MASK) == 0, "a power of two");

int rp_delay_line_open(rp_delay_line *line, uint32_t fade) {
    *line = (rp_delay_line){.ring = calloc(RP_LATENCY_MAX, sizeof *line->ring), .fade = fade ? fade : 1};
    volatile char *page = (volatile char *)line->ring;
    for (uint32_t i = 0; page && i < RP_LATENCY_MAX * sizeof *line->ring; i += PAGE) page[i] = 0;
    return line->ring != NULL;
}

void rp_delay_line_close(rp_delay_line *line) {
    free(line->ring);
    line->ring = NULL;
}

/* The sample of `delay` frames before `now`, which has no place yet. [process] */
static float tap(const rp_delay_line *line, uint32_t delay, uint32_t channel, float now) {
    return delay ? line->ring[(line->at - delay) & MASK][channel] : now;
}

/* [process] */
static void keep(rp_delay_line *line, float left, float right) {
    line->ring[line->at & MASK][0] = left;
    line->ring[line->at & MASK][1] = right;
    line->at++;
}

/* [process] */
static void aim(rp_delay_line *line, uint32_t delay) {
    if (delay > RP_LATENCY_MAX) delay = RP_LATENCY_MAX;
    if (line->left || (line->begun && delay == line->to)) return;
    line->from = line->to;
    line->to = delay;
    line->left = line->begun ? line->fade : 0;
    line->begun = 1;
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
