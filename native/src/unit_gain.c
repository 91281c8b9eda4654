/* unit_gain.c - louder or softer. */
#include "unit_builtin.h"
#include "unit_smooth.h"

static const rp_parameter parameters[] = {
    {"gain", "dB", "how much louder; -90: silence", -90, 24, 0, 0},
};

typedef struct {
    rp_unit unit;
    rp_ramp gain;
} gain_unit;

/* [process] */
static void process(rp_unit *unit, const rp_unit_block *block) {
    gain_unit *it = (gain_unit *)unit;
    const double wanted = rp_builtin_wanted(unit, parameters, 0);
    rp_ramp_aim(&it->gain, wanted > parameters[0].low ? (float)rp_from_decibels(wanted) : 0);
    for (uint32_t i = 0; i < block->frames; i++) {
        const float gain = rp_ramp_next(&it->gain);
        block->audio[0][i] *= gain;
        block->audio[1][i] *= gain;
    }
}

/* [process] */
static void reset(rp_unit *unit) { rp_ramp_restart(&((gain_unit *)unit)->gain); }

/* [control] */
static void prepare(rp_unit *unit, uint32_t sample_rate) {
    ((gain_unit *)unit)->gain.length = rp_ramp_length(sample_rate);
}

const rp_builtin_maker rp_gain = {
    .face = {"gain", "louder or softer", RP_UNIT_EFFECT, 1, parameters},
    .kind = {.process = process, .reset = reset, .free = rp_builtin_free},
    .size = sizeof(gain_unit),
    .prepare = prepare,
};
