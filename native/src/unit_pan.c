/* unit_pan.c - from left to right, with equal power: the sine law. */
#include "unit_builtin.h"
#include "unit_smooth.h"

static const rp_parameter parameters[] = {
    {"pan", "", "-1 left, 0 the middle, where each side is 3 dB softer, 1 right", -1, 1, 0, 0},
};
static const double QUARTER = 0.78539816339744831; /* of pi */

typedef struct {
    rp_unit unit;
    rp_ramp side[2];
} pan_unit;

/* [process] */
static void process(rp_unit *unit, const rp_unit_block *block) {
    pan_unit *it = (pan_unit *)unit;
    const double pan = rp_builtin_wanted(unit, parameters, 0);
    for (uint32_t c = 0; c < 2; c++) {
        /* Both as sines, so that hard left is exactly 1 and 0, and hard right 0 and 1. */
        rp_ramp_aim(&it->side[c], (float)sin((1 + (c ? pan : -pan)) * QUARTER));
        for (uint32_t i = 0; i < block->frames; i++) block->audio[c][i] *= rp_ramp_next(&it->side[c]);
    }
}

/* [process] */
static void reset(rp_unit *unit) {
    for (uint32_t c = 0; c < 2; c++) rp_ramp_restart(&((pan_unit *)unit)->side[c]);
}

/* [control] */
static void prepare(rp_unit *unit, uint32_t sample_rate) {
    for (uint32_t c = 0; c < 2; c++) ((pan_unit *)unit)->side[c].length = rp_ramp_length(sample_rate);
}

const rp_builtin_maker rp_pan = {
    .face = {"pan", "from left to right, with equal power", RP_UNIT_EFFECT, 1, parameters},
    .kind = {.process = process, .reset = reset, .free = rp_builtin_free},
    .size = sizeof(pan_unit),
    .prepare = prepare,
};
