/* unit_smooth.h - what units are made of: values that move without a click, decibels, samples fit to be kept. */
#ifndef RIPIENO_UNIT_SMOOTH_H
#define RIPIENO_UNIT_SMOOTH_H
#include <math.h>
#include <stdint.h>

/* A value on its straight way to where it is wanted, which takes `length` samples; it ends exactly there. All zero but
 * its length it has not begun: it starts where it is wanted first. */
typedef struct {
    float now, goal, step;
    uint32_t left, length, begun;
} rp_ramp;

/* How long a ramp takes: a hundredth of a second is soft, and still at once to the hand. [any] */
static inline uint32_t rp_ramp_length(uint32_t sample_rate) { return sample_rate / 100 + 1; }

/* [process] */
static inline void rp_ramp_aim(rp_ramp *ramp, float goal) {
    if (!ramp->begun) {
        ramp->now = ramp->goal = goal;
        ramp->begun = 1;
    } else if (ramp->goal != goal) {
        ramp->goal = goal;
        ramp->left = ramp->length;
        ramp->step = (goal - ramp->now) / (float)ramp->length;
    }
}

/* The value at the next sample. [process] */
static inline float rp_ramp_next(rp_ramp *ramp) {
    if (!ramp->left) return ramp->now;
    ramp->now = --ramp->left ? ramp->now + ramp->step : ramp->goal;
    return ramp->now;
}

/* Where it is wanted, at once, next time. [process] */
static inline void rp_ramp_restart(rp_ramp *ramp) { *ramp = (rp_ramp){.length = ramp->length}; }

/* [any] */
static inline double rp_from_decibels(double decibels) { return exp(decibels * 0.11512925464970229); /* ln(10) / 20 */ }

/* What may go round in a feedback: neither what is no number or absurdly loud, which would stay for ever, nor what is
 * too small to be heard, which would become denormal and slow. [any] */
static inline float rp_sane(float sample) {
    const float size = fabsf(sample);
    return size > 1e-15F && size < 1e6F ? sample : 0;
}
#endif
