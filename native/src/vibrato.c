/* vibrato.c - see vibrato.h. */
#include "vibrato.h"

#include <math.h>

#define TURN 6.283185307179586
static const double FRAME = 0.008, STARTS = 0.22, GROWS = 0.3, FADES = 0.1; /* seconds */
static const double USUAL = 40.0;                                           /* cents either way, at a depth of 1 */
static const double SPREAD[2] = {0.1, 0.4};                                 /* of rate and depth, as shares of them */
static const double PULL = 0.01, SHAKE = 0.12; /* of the wandering, a frame: half is forgotten in half a second */

void rp_vibrato_clear(rp_vibrato *vibrato, uint64_t seed) { *vibrato = (rp_vibrato){.random = {seed}}; }

/* One step of a walk that stays about 0. [worker] */
static double wander(rp_vibrato *vibrato, double at) {
    at += SHAKE * (2 * rp_random_next(&vibrato->random) - 1) - PULL * at;
    return fmax(-1, fmin(1, at));
}

double rp_vibrato_next(rp_vibrato *vibrato, double rate, double depth, double sung) {
    for (uint32_t i = 0; i < 2; i++) vibrato->wander[i] = wander(vibrato, vibrato->wander[i]);
    if (sung >= STARTS) vibrato->share = fmin(1, vibrato->share + FRAME / GROWS);
    else vibrato->share = fmax(0, vibrato->share - FRAME / FADES);
    if (vibrato->share <= 0) vibrato->phase = 0; /* it begins from the note, upwards */
    vibrato->phase += FRAME * rate * (1 + SPREAD[0] * vibrato->wander[0]);
    vibrato->phase -= floor(vibrato->phase);
    const double size = USUAL * depth * (1 + SPREAD[1] * vibrato->wander[1]);
    return vibrato->share * size * sin(TURN * vibrato->phase);
}
