/* follow.c - see follow.h. The period comes from the time between two onsets, which is some number of eighths, or a
 * sixteenth; the phase from where they lie in the map. A correction of the phase takes effect a beat later, since that
 * beat is committed already: until then nothing more is corrected. */
#include "follow.h"

#include <math.h>
#include <string.h>

#include "transformer.h"

static const double CHORD_SECONDS = 0.04;   /* onsets this near are one */
static const double GRID = 6.0, STEP = 3.0; /* ticks: eighth and sixteenth notes */
static const double REACH = 2.5;            /* ticks from the grid beyond which an onset says nothing of it */
static const double SHORT = 7.5;            /* ticks: up to here a sixteenth tells, beyond it eighths do */
static const double STRANGE = 0.17;         /* an interval further off than this share is no such number */
static const double PERIOD_GAIN = 0.3;      /* of an interval of a beat or more */
static const double PHASE_GAIN = 0.6, BEAT_STEP = 0.12;
static const double OFF_BEAT_WEIGHT = 0.5, ENOUGH = 1.0;
static const double SLOWEST = 30.0, FASTEST = 300.0, PAUSE_SECONDS = 2.1, PAUSE_TICKS = 48.0;

/* [worker] */
static double within(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

/* [worker] */
static void learn_period(double ticks, double *bpm) {
    double step = ticks < SHORT ? STEP : GRID, steps = round(ticks / step) * step, ratio = steps / ticks;
    if (steps < STEP || ticks > PAUSE_TICKS || fabs(ratio - 1.0) > STRANGE) return;
    double share = steps < RP_TICKS_A_BEAT ? steps / RP_TICKS_A_BEAT : 1.0;
    *bpm = within(*bpm * (1.0 + PERIOD_GAIN * share * (ratio - 1.0)), SLOWEST, FASTEST);
}

void rp_follow_onset(rp_follow *follow, uint64_t frame, double tick, double sample_rate, double *bpm) {
    double grid = round(tick / GRID), error = tick - grid * GRID;
    double seconds = follow->last_onset ? (double)(frame - follow->last_onset) / sample_rate : (double)INFINITY;
    if (seconds < CHORD_SECONDS) return;
    follow->last_onset = frame;
    learn_period(seconds * *bpm * RP_TICKS_A_BEAT / 60.0, bpm);
    if (tick < follow->since || fabs(error) > REACH) return;
    double weight = fmod(grid, 2.0) == 0.0 ? 1.0 : OFF_BEAT_WEIGHT;
    follow->error += weight * error;
    follow->weight += weight;
}

int rp_follow_ready(const rp_follow *follow) { return follow->weight >= ENOUGH; }

double rp_follow_correct(rp_follow *follow, double tick, double bpm) {
    double late = follow->weight > 0.0 ? follow->error / follow->weight / RP_TICKS_A_BEAT : 0.0; /* beats */
    follow->error = follow->weight = 0.0;
    follow->since = tick + RP_TICKS_A_BEAT;
    return within(bpm * (1.0 - within(PHASE_GAIN * late, -BEAT_STEP, BEAT_STEP)), SLOWEST, FASTEST);
}

int rp_follow_tap(rp_follow *follow, uint64_t frame, double sample_rate, double *bpm) {
    uint32_t last = follow->taps - 1;
    if (follow->taps &&
        (frame <= follow->tap[last] || (double)(frame - follow->tap[last]) > PAUSE_SECONDS * sample_rate))
        follow->taps = 0;
    if (follow->taps == RP_TAPS) {
        follow->taps--;
        memmove(follow->tap, follow->tap + 1, follow->taps * sizeof *follow->tap);
    }
    follow->tap[follow->taps++] = frame;
    if (follow->taps < 2) return 0;
    double span = (double)(frame - follow->tap[0]) / (follow->taps - 1);
    *bpm = within(60.0 * sample_rate / span, SLOWEST, FASTEST);
    return 1;
}
