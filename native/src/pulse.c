/* pulse.c - see pulse.h. */
#include "pulse.h"

#include <math.h>
#include <string.h>

#include "timeline.h"

static const double CLOSE = 1.0 / 25.0; /* beats */
static const double GAP = 64.0;         /* beats: no source is silent for so long and then goes on counting */
static const double SURE = 1.6;         /* standard deviations of an interval of confidence: of a place */
static const double SURER = 4.5;        /* and of a slope, which is to be steady */
static const double FAR = 6.0;          /* standard deviations: an observation to be doubted */
static const double SLACK = 0.002;      /* s: and never one nearer than this */
static const double LEAST = 2e-5;       /* s: nobody is surer */
static const double LEARN = 1.0 / 32.0, BURST = 9.0; /* how quickly the noise is learnt; how much of one surprise */

/* What stands for a line that is known: so many observations, so many beats back. */
enum { KNOWN = 12 };
static const double KNOWN_BEATS = 3.0;

/* A fit's place and slope at the newest observation, in frames from it and frames a beat. */
typedef struct {
    double at, slope;
    double spread, tilt; /* variances of both, for noise of 1 */
    double rest;         /* squares left over */
} fit;

void rp_pulses_begin(rp_pulses *pulses, double sample_rate, double bpm, double noise, uint32_t patience) {
    double minute = sample_rate * 60.0, one = noise * sample_rate, least = LEAST * sample_rate;
    *pulses = (rp_pulses){
        .patience = patience,
        .period = minute / bpm,
        .noise = one * one,
        .least = least * least,
        .slack = SLACK * sample_rate,
        .shortest = minute / RP_BPM_MAX,
        .longest = minute / RP_BPM_MIN,
    };
}

double rp_pulses_beat(const rp_pulses *pulses, double frame) {
    return pulses->beat + (frame - pulses->frame) / pulses->period;
}

/* The parabola that is best where the straight line was: the third orthogonal polynomial added to the first two, which
 * are 1 and u - mean; `square` is the second one's. [process] */
static void bend(const rp_pulse *first, uint32_t n, double mean, double square, fit *line) {
    const rp_pulse *last = &first[n - 1];
    double turn = 0.0, own = 0.0, shared = 0.0;
    for (uint32_t i = 0; i < n; i++) {
        double u = first[i].beat - last->beat;
        turn += u * (u - mean) * (u - mean) / square;
    }
    for (uint32_t i = 0; i < n; i++) {
        double u = first[i].beat - last->beat, p = (u - turn) * (u - mean) - square / n;
        own += p * p;
        shared += p * (first[i].frame - last->frame);
    }
    double here = turn * mean - square / n;
    line->at += shared / own * here;
    line->slope -= shared / own * (mean + turn);
    line->spread += here * here / own;
    line->tilt += (mean + turn) * (mean + turn) / own;
    line->rest -= shared * shared / own;
}

/* Through n observations, at least two; degree 1 or 2. [process] */
static fit through(const rp_pulse *first, uint32_t n, uint32_t degree) {
    const rp_pulse *last = &first[n - 1];
    double mean = 0.0, middle = 0.0, square = 0.0, shared = 0.0, rest = 0.0;
    for (uint32_t i = 0; i < n; i++) {
        mean += (first[i].beat - last->beat) / n;
        middle += (first[i].frame - last->frame) / n;
    }
    for (uint32_t i = 0; i < n; i++) {
        double u = first[i].beat - last->beat - mean, y = first[i].frame - last->frame - middle;
        square += u * u;
        shared += u * y;
        rest += y * y;
    }
    double slope = shared / square;
    fit line = {middle - slope * mean, slope, 1.0 / n + mean * mean / square, 1.0 / square, rest - slope * shared};
    if (degree > 1) bend(first, n, mean, square, &line);
    return line;
}

/* What four observations leave over above their line is the source's noise, whatever the tempo does. [process] */
static void learn(rp_pulses *pulses, double rest) {
    pulses->noise += LEARN * (fmin(rest / 2.0, BURST * pulses->noise) - pulses->noise);
    pulses->noise = fmax(pulses->noise, pulses->least);
}

/* Where all intervals of confidence so far meet. */
typedef struct {
    double low, high;
} span;

/* 1: this one meets them, too. [process] */
static int meets(span *all, double value, double margin) {
    all->low = fmax(all->low, value - margin);
    all->high = fmin(all->high, value + margin);
    return all->low <= all->high;
}

/* Place and slope are each from the longest window that agrees with the shorter ones. [process] */
static fit best(rp_pulses *pulses) {
    static const struct {
        uint32_t size, degree;
    } window[] = {{4, 1}, {12, 2}, {24, 2}, {48, 2}, {48, 1}, {RP_PULSES, 1}};
    span place = {-INFINITY, INFINITY}, slope = place;
    fit found = {.slope = pulses->period};
    for (uint32_t i = 0, at = 1, tilt = 1; i < sizeof window / sizeof *window && (at || tilt); i++) {
        uint32_t n = window[i].size < pulses->count ? window[i].size : pulses->count;
        if (n < window[i].size && window[i].degree > 1) continue;
        fit one = through(&pulses->pulse[pulses->count - n], n, window[i].degree);
        if (i == 0 && n == window[i].size) learn(pulses, one.rest);
        at = at && meets(&place, one.at, SURE * sqrt(pulses->noise * one.spread));
        if (at) found.at = one.at;
        if (i == 0 && pulses->count >= window[1].size) continue; /* four say too little of a slope */
        tilt = tilt && meets(&slope, one.slope, SURER * sqrt(pulses->noise * one.tilt));
        if (tilt) found.slope = one.slope;
        if (n < window[i].size) break; /* there are no more */
    }
    return found;
}

/* [process] */
static void draw_line(rp_pulses *pulses) {
    const rp_pulse *last = &pulses->pulse[pulses->count - 1];
    fit line = pulses->count > 1 ? best(pulses) : (fit){.slope = pulses->period};
    pulses->frame = last->frame + line.at;
    pulses->beat = last->beat;
    pulses->period = fmin(fmax(line.slope, pulses->shortest), pulses->longest);
}

/* [process] */
static int is_far(const rp_pulses *pulses, double frame, double beat) {
    double due = pulses->frame + (beat - pulses->beat) * pulses->period;
    return fabs(frame - due) > FAR * sqrt(pulses->noise) + pulses->slack;
}

/* [process] */
static void append(rp_pulses *pulses, double frame, double beat) {
    if (pulses->count == RP_PULSES) {
        pulses->count--;
        memmove(pulses->pulse, pulses->pulse + 1, pulses->count * sizeof *pulses->pulse);
    }
    pulses->pulse[pulses->count++] = (rp_pulse){frame, beat};
}

/* The newest is on the line: those doubted before it were strays. [process] */
static void drop_strays(rp_pulses *pulses) {
    pulses->pulse[pulses->count - 1 - pulses->doubted] = pulses->pulse[pulses->count - 1];
    pulses->count -= pulses->doubted;
}

/* They are too many to be strays: the line was another. [process] */
static void keep_strays(rp_pulses *pulses) {
    memmove(pulses->pulse, &pulses->pulse[pulses->count - pulses->doubted], pulses->doubted * sizeof *pulses->pulse);
    pulses->count = pulses->doubted;
}

int rp_pulses_hear(rp_pulses *pulses, double frame, double beat) {
    if (pulses->count) {
        const rp_pulse *last = &pulses->pulse[pulses->count - 1];
        double step = beat - last->beat;
        if (step <= 0.0 || step > GAP || frame < last->frame) pulses->count = pulses->doubted = 0;
        else if (step < CLOSE) return 0;
    }
    int far = pulses->count - pulses->doubted >= RP_PULSES_SURE && is_far(pulses, frame, beat);
    append(pulses, frame, beat);
    if (far && ++pulses->doubted < pulses->patience) return 1;
    if (far) keep_strays(pulses);
    else drop_strays(pulses);
    pulses->doubted = 0;
    draw_line(pulses);
    return 1;
}

void rp_pulses_know(rp_pulses *pulses, double frame, double beat, double period) {
    pulses->count = pulses->doubted = 0;
    for (uint32_t i = KNOWN; i > 0; i--) {
        double before = i * KNOWN_BEATS / KNOWN;
        append(pulses, frame - before * period, beat - before);
    }
    pulses->frame = frame;
    pulses->beat = beat;
    pulses->period = fmin(fmax(period, pulses->shortest), pulses->longest);
}

void rp_pulses_insist(rp_pulses *pulses, double frame, double beat) {
    if (pulses->count && !is_far(pulses, frame, beat)) return;
    pulses->count = pulses->doubted = 0;
    rp_pulses_hear(pulses, frame, beat);
}

int rp_pulses_ready(const rp_pulses *pulses) {
    if (pulses->count - pulses->doubted < RP_PULSES_SURE) return 0;
    return pulses->pulse[pulses->count - 1].beat - pulses->pulse[0].beat > 2.0 - CLOSE;
}

int rp_pulses_fresh(const rp_pulses *pulses, double frame, double sample_rate) {
    if (pulses->count < 2) return pulses->count > 0;
    const rp_pulse *last = &pulses->pulse[pulses->count - 1];
    return frame - last->frame < 0.25 * sample_rate + 2.5 * (last->beat - last[-1].beat) * pulses->period;
}
