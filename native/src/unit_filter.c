/* unit_filter.c - what is below one frequency and above another is taken away, 12 dB an octave each.
 *
 * Two state-variable filters, integrated by the trapezoidal rule, so that they may be swept as they sound (Simper 2013,
 * Linear trapezoidal integrated state variable filter, Cytomic). */
#include <string.h>

#include "unit_builtin.h"
#include "unit_smooth.h"

enum { LOW_CUT, HIGH_CUT, RESONANCE, PARAMETERS, CUTS = 2, SWEEP = 5 };
static const rp_parameter parameters[PARAMETERS] = {
    {"low_cut", "Hz", "what is below is taken away; 20: next to nothing", 20, 20000, 20, 0},
    {"high_cut", "Hz", "what is above is taken away; 20000: next to nothing", 20, 20000, 20000, 0},
    {"resonance", "", "how much both ring where they cut; 0.7071: not at all", 0.5, 10, 0.7071, 0},
};
static const double HALF_TURN = 3.1415926535897932;

/* What the two integrators of a filter hold. */
typedef struct {
    double band, low;
} integrators;

typedef struct {
    rp_unit unit;
    double rate;
    rp_ramp cut[CUTS], damping; /* cut: its logarithm, so that a sweep is as fast everywhere */
    integrators held[CUTS][2];  /* of each cut, left and right */
} filter_unit;

/* [process] */
static void aim(filter_unit *it) {
    for (uint32_t i = 0; i < CUTS; i++) {
        const double hertz = fmin(rp_builtin_wanted(&it->unit, parameters, LOW_CUT + i), 0.49 * it->rate);
        rp_ramp_aim(&it->cut[i], (float)log(tan(HALF_TURN * hertz / it->rate)));
    }
    rp_ramp_aim(&it->damping, (float)(1 / rp_builtin_wanted(&it->unit, parameters, RESONANCE)));
}

/* A sample without what is below the cut or, `high`, above it. [process] */
static double pass(integrators *held, double sample, double cut, double damping, int high) {
    const double rise = sample - held->low, share = 1 / (1 + cut * (cut + damping));
    const double band = share * (held->band + cut * rise), low = held->low + cut * band;
    held->band = 2 * band - held->band;
    held->low = 2 * low - held->low;
    if (fabs(held->band) + fabs(held->low) < 1e-15) *held = (integrators){0}; /* it never becomes denormal */
    return high ? low : sample - damping * band - low;
}

/* [process] */
static void process(rp_unit *unit, const rp_unit_block *block) {
    filter_unit *it = (filter_unit *)unit;
    aim(it);
    for (uint32_t i = 0; i < block->frames; i++) {
        const double damping = (double)rp_ramp_next(&it->damping);
        const double cut[CUTS] = {exp((double)rp_ramp_next(&it->cut[0])), exp((double)rp_ramp_next(&it->cut[1]))};
        for (uint32_t c = 0; c < 2; c++) {
            double sample = (double)rp_sane(block->audio[c][i]);
            for (uint32_t k = 0; k < CUTS; k++) sample = pass(&it->held[k][c], sample, cut[k], damping, k == HIGH_CUT);
            block->audio[c][i] = (float)sample;
        }
    }
}

/* [process] */
static void reset(rp_unit *unit) {
    filter_unit *it = (filter_unit *)unit;
    memset(it->held, 0, sizeof it->held);
    for (uint32_t i = 0; i < CUTS; i++) rp_ramp_restart(&it->cut[i]);
    rp_ramp_restart(&it->damping);
}

/* [control] */
static void prepare(rp_unit *unit, uint32_t sample_rate) {
    filter_unit *it = (filter_unit *)unit;
    it->rate = sample_rate;
    it->damping.length = rp_ramp_length(sample_rate);
    it->cut[LOW_CUT].length = it->cut[HIGH_CUT].length = SWEEP * it->damping.length;
}

const rp_builtin_maker rp_filter = {
    .face = {"filter", "takes away what is too low or too high", RP_UNIT_EFFECT, PARAMETERS, parameters},
    .kind = {.process = process, .reset = reset, .free = rp_builtin_free},
    .size = sizeof(filter_unit),
    .prepare = prepare,
};
