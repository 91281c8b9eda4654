/* follow.c - see follow.h. A phase-locked loop whose corrections take effect a beat later, since the next beat is
 * committed already; the gains are small enough for that delay. */
#include "follow.h"

#include <math.h>
#include <string.h>

#include "transformer.h"

static const double CHORD_SECONDS = 0.04; /* onsets this near are one */
static const double GRID = 6.0;           /* ticks: eighth notes */
static const double REACH = 2.5;          /* ticks from the grid beyond which an onset says nothing of the beat */
static const double PERIOD_GAIN = 0.12, PHASE_GAIN = 0.25, PERIOD_STEP = 0.04, BEAT_STEP = 0.10;
static const double OFF_BEAT_WEIGHT = 0.5;
static const double SLOWEST = 30.0, FASTEST = 300.0, PAUSE_SECONDS = 2.1;

/* [worker] */
static double within(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

void rp_follow_onset(rp_follow *follow, uint64_t frame, double tick, double sample_rate) {
    double grid = round(tick / GRID), error = tick - grid * GRID;
    int chord = follow->last_onset && (double)(frame - follow->last_onset) < CHORD_SECONDS * sample_rate;
    follow->last_onset = frame;
    if (chord || fabs(error) > REACH) return;
    double weight = fmod(grid, 2.0) == 0.0 ? 1.0 : OFF_BEAT_WEIGHT;
    follow->error += weight * error;
    follow->weight += weight;
}

double rp_follow_correct(rp_follow *follow, double *bpm) {
    double late = follow->weight > 0.0 ? follow->error / follow->weight / RP_TICKS_A_BEAT : 0.0; /* beats */
    follow->error = follow->weight = 0.0;
    *bpm = within(*bpm * (1.0 - within(PERIOD_GAIN * late, -PERIOD_STEP, PERIOD_STEP)), SLOWEST, FASTEST);
    return within(*bpm * (1.0 - within(PHASE_GAIN * late, -BEAT_STEP, BEAT_STEP)), SLOWEST, FASTEST);
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
