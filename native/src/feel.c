/* feel.c - see feel.h. */
#include "feel.h"

#include <math.h>
#include <string.h>

static const double MEAN_RATE = 0.08;     /* of the running means: about the last dozen notes */
static const uint32_t KNOWN = 12;         /* onsets after which the player's own timing counts in full */
static const double USUAL_SPREAD = 0.005; /* seconds, until he has played */
static const double LATE_MOST = 0.015, SPREAD_LEAST = 0.002, SPREAD_MOST = 0.010;
static const double MOST = 0.025;  /* seconds, of any note */
static const double MEMORY = 0.85; /* of the walk, from a note to the next of the same member */
static const double USUAL_VELOCITY = 72.0, BREATH = 7.0, ACCENT = 6.0;

/* A number around 0 with variance 1: the sum of four even ones. [worker] */
static double around(rp_feel *feel) {
    double sum = 0.0;
    for (int i = 0; i < 4; i++) sum += rp_random_next(&feel->random) - 0.5;
    return sum * 1.7320508075688772;
}

/* [worker] */
static double step(rp_feel *feel, double from) { return MEMORY * from + sqrt(1.0 - MEMORY * MEMORY) * around(feel); }

/* [worker] */
static double within(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

void rp_feel_begin(rp_feel *feel, double sample_rate, uint64_t seed) {
    memset(feel, 0, sizeof *feel);
    feel->sample_rate = sample_rate;
    feel->spread = USUAL_SPREAD;
    feel->random.state = seed ^ 0xD1B54A32D192ED03u; /* another row of numbers than the notes' */
}

/* [worker] */
static double nearer(double mean, double value) { return mean > 0.0 ? mean + MEAN_RATE * (value - mean) : value; }

void rp_feel_heard(rp_feel *feel, uint8_t velocity, double late_seconds) {
    double late = within(late_seconds, -MOST, MOST);
    feel->player_velocity = nearer(feel->player_velocity, velocity);
    feel->lateness += MEAN_RATE * (late - feel->lateness);
    feel->spread += MEAN_RATE * (fabs(late - feel->lateness) - feel->spread);
    if (feel->onsets < KNOWN) feel->onsets++;
}

uint8_t rp_feel_velocity(rp_feel *feel, uint8_t velocity, double follow, int on_beat) {
    double level = feel->player_velocity > 0.0 ? feel->player_velocity : USUAL_VELOCITY;
    if (velocity == 0) { /* music whose loudness nobody wrote down: the player's own, breathing */
        feel->breath = step(feel, feel->breath);
        return (uint8_t)within(round(level + BREATH * feel->breath + (on_beat ? ACCENT : 0.0)), 1.0, 127.0);
    }
    feel->model_velocity = nearer(feel->model_velocity, velocity);
    double shift = feel->player_velocity > 0.0 ? follow * (level - feel->model_velocity) : 0.0;
    return (uint8_t)within(round(velocity + shift), 1.0, 127.0);
}

int64_t rp_feel_delay(rp_feel *feel, uint32_t member, double amount) {
    double known = (double)feel->onsets / KNOWN;
    double spread = USUAL_SPREAD + known * (within(feel->spread, SPREAD_LEAST, SPREAD_MOST) - USUAL_SPREAD);
    double late = known * within(feel->lateness, -LATE_MOST, LATE_MOST);
    feel->walk[member] = step(feel, feel->walk[member]);
    return llround(within(amount * (late + spread * feel->walk[member]), -MOST, MOST) * feel->sample_rate);
}

int64_t rp_feel_bound(const rp_feel *feel) { return llround(MOST * feel->sample_rate); }
