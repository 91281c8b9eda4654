/* beats.c - see beats.h. A bar pointer of one beat (Whiteley et al. 2006) in the state space of Krebs et al. (2015):
 * a comb for each period, a cell for each step of its phase. Time turns every comb by a cell; where a beat ends the
 * period may bend. Each cell keeps the log likelihood of the best path that leads to it (Viterbi, forward only), which
 * fades, so that the last seconds and what tempi people prefer decide (Parncutt 1994: moderate ones). Each
 * period has two combs: beats of halves and quarters, and beats of thirds. */
#include "beats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SHORTEST = 27, /* steps to a beat: 222 beats a minute */
    LONGEST = 133, /* 45 */
    KINDS = 2,     /* halves, thirds */
    COMBS = (LONGEST - SHORTEST + 1) * KINDS,
    CELLS = (SHORTEST + LONGEST) * COMBS / 2,
    SLOTS = 12,  /* of a beat, in which notes may begin */
    CHORD = 5,   /* steps: notes this near the first are one onset */
    ENOUGH = 4,  /* onsets before a beat is said */
    PAUSE = 800, /* steps without a note, after which nothing is known */
    LANES = 8    /* maxima searched side by side */
};
static const double STEP = 0.01; /* seconds */

/* How many notes begin in each slot of a beat. */
static const double RATE[KINDS][SLOTS] = {
    {0.9, 0, 0, 0.17, 0.014, 0, 0.82, 0, 0.014, 0.14, 0, 0},
    {0.9, 0, 0.04, 0, 0.35, 0, 0.05, 0, 0.5, 0, 0.06, 0},
};
static const double STRAY = 0.039;                        /* a note anywhere, against the rates */
static const double SPREAD = 0.013, SPREAD_SHARE = 0.013; /* seconds, and of the period: how unevenly people play */
static const double TRUST = 0.54;                  /* of the likelihood: notes are not independent of each other */
static const double EXPECTED = 0.93;               /* score lost a beat without a note */
static const double THIRDS = 2.7;                  /* score that beats of thirds lack at first */
static const double USUAL_BPM = 91.0, USUAL = 3.8; /* score lost an octave from it, squared */
static const double BEND = 36.0;                   /* score lost for a tempo e times another; in proportion for less */
static const double MEMORY = 12.0;                 /* seconds */
static const double LOUD = 0.4, LOW = 0.84, MANY = 0.6, LONG = 0.67; /* what an accent is made of */
static const double ACCENT_MOST = 2.0, ACCENT_MEMORY = 1.0 / 16.0;
static const double HOLD = 2.0;                              /* score by which another reading must win */
static const double NEAR_PERIOD = 0.06, NEAR_PHASE = 0.1;    /* shares of the period within which readings are one */
static const double SURE = 2.0;                              /* score ahead that makes a confidence of 1 - 1/e */
static const double GAP_MOST = 1.0, QUIET = 2.0, FADE = 2.0; /* seconds */
static const double LATE_MOST = 0.05;                        /* seconds: a beat missed by so little is said at once */

typedef struct {
    uint32_t period, first; /* steps; index of its cells */
    uint32_t head;          /* the cell, from the first, whose phase is 0 */
    float usual, bend;      /* score to which it falls back; lost in coming from the next shorter */
    float best;             /* score of its best cell */
} comb;

typedef struct {
    uint64_t step;
    uint32_t notes, low, loud; /* how many, the lowest pitch, the highest velocity */
} onset;

typedef struct {
    double loud, low, many, gap;
} manner; /* the player's, on average */

struct rp_beats {
    comb comb[COMBS];                              /* [period][kind] */
    float score[CELLS], fit[CELLS], strong[CELLS]; /* by cell; by phase: of a note, and of an accent */
    uint64_t frame, step;                          /* the last told, and the one the combs stand at */
    onset open, last;                              /* the one being gathered (0 notes: none), and the one before */
    manner manner;
    float top;                 /* the best score when last looked at */
    uint64_t onsets;           /* heard */
    double frames;             /* a step */
    double said, next, period; /* frames: the last beat, the next, between beats */
    double count, confidence;  /* the next one's number */
    uint32_t tracking;
};

/* Not fmaxf, which asks whether they are numbers. [process] */
static float most(float a, float b) { return a > b ? a : b; }

/* ---- set up ---- */

/* Steps from a phase to the nearest beat `slot` of 12 into it. [control] */
static double distance(uint32_t phase, uint32_t period, double slot) {
    double way = fabs(phase - slot / SLOTS * period);
    return fmin(way, period - way);
}

/* [control] */
static double bump(double steps, uint32_t period) {
    double spread = SPREAD / STEP + SPREAD_SHARE * period;
    return exp(-0.5 * steps * steps / (spread * spread));
}

/* [control] */
static void fill(rp_beats *beats, const comb *c, uint32_t kind) {
    for (uint32_t phase = 0; phase < c->period; phase++) {
        double rate = STRAY;
        for (uint32_t slot = 0; slot < SLOTS; slot++)
            rate += RATE[kind][slot] * bump(distance(phase, c->period, slot), c->period);
        beats->fit[c->first + phase] = (float)(TRUST * log(rate));
        beats->strong[c->first + phase] = (float)bump(distance(phase, c->period, 0), c->period);
    }
}

/* [control] */
static void lay(rp_beats *beats) {
    uint32_t first = 0;
    for (uint32_t i = 0; i < COMBS; i++) {
        comb *c = &beats->comb[i];
        uint32_t kind = i % KINDS;
        c->period = SHORTEST + i / KINDS, c->first = first;
        double octaves = log2(60.0 / (c->period * STEP) / USUAL_BPM);
        c->usual = (float)(-USUAL * octaves * octaves - THIRDS * kind);
        c->bend = (float)(BEND * log((double)c->period / (c->period - 1)));
        fill(beats, c, kind);
        first += c->period;
    }
}

rp_beats *rp_beats_new(uint32_t sample_rate) {
    rp_beats *beats = sample_rate >= 8000 && sample_rate <= 384000 ? calloc(1, sizeof *beats) : NULL;
    if (!beats) return NULL;
    beats->frames = sample_rate * STEP;
    lay(beats);
    rp_beats_clear(beats);
    return beats;
}

void rp_beats_free(rp_beats *beats) { free(beats); }

/* Every phase of a period alike. [process] */
static void forget(rp_beats *beats) {
    for (uint32_t i = 0; i < COMBS; i++) {
        comb *c = &beats->comb[i];
        c->head = 0;
        for (uint32_t cell = 0; cell < c->period; cell++) beats->score[c->first + cell] = c->usual;
    }
    beats->onsets = beats->tracking = 0;
    beats->confidence = 0.0;
    beats->top = 0.0F;
}

void rp_beats_clear(rp_beats *beats) {
    forget(beats);
    beats->frame = beats->step = 0;
    beats->open = beats->last = (onset){0};
    beats->manner = (manner){64.0, 55.0, 1.0, 3.5};
    beats->said = beats->next = -INFINITY;
    beats->count = 0.0;
}

/* ---- time passes ---- */

/* What ends a beat begins the next, with the period that it had or another. [process] */
static void turn(rp_beats *beats) {
    float last[COMBS];
    for (uint32_t i = 0; i < COMBS; i++) {
        comb *c = &beats->comb[i];
        c->head = (c->head ? c->head : c->period) - 1;
        last[i] = beats->score[c->first + c->head];
    }
    for (uint32_t i = KINDS; i < COMBS; i++) last[i] = most(last[i], last[i - KINDS] - beats->comb[i].bend);
    for (uint32_t i = COMBS - KINDS; i-- > 0;) last[i] = most(last[i], last[i + KINDS] - beats->comb[i + KINDS].bend);
    for (uint32_t i = 0; i < COMBS; i++) beats->score[beats->comb[i].first + beats->comb[i].head] = last[i];
}

/* [process] */
static void turn_to(rp_beats *beats, uint64_t step) {
    if (!beats->onsets || step - beats->step > PAUSE) {
        forget(beats);
        beats->step = step;
    }
    while (beats->step < step) {
        turn(beats);
        beats->step++;
    }
}

/* ---- a note is heard ---- */

/* [process] */
static double within(double x, double most) { return x < -most ? -most : x > most ? most : x; }

/* How far `x` is above its mean, which learns. [process] */
static double above(double *mean, double x) {
    double way = x - *mean;
    *mean += ACCENT_MEMORY * way;
    return way;
}

/* [process] */
static double accent(manner *usual, const onset *heard) {
    double loud = above(&usual->loud, heard->loud) / 16.0, low = -above(&usual->low, heard->low) / 12.0;
    double many = above(&usual->many, log2(1.0 + heard->notes));
    return within(LOUD * loud + LOW * low + MANY * many, ACCENT_MOST);
}

/* [process] */
static void add_run(float *restrict score, const float *restrict table, float weight, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) score[i] += weight * table[i];
}

/* Adds a table over the phases to the scores of where the phases were `lag` steps ago. [process] */
static void add(rp_beats *beats, const comb *c, uint64_t lag, const float *table, double weight) {
    uint32_t start = (uint32_t)((c->head + lag) % c->period), first = c->period - start;
    add_run(beats->score + c->first + start, table + c->first, (float)weight, first);
    add_run(beats->score + c->first, table + c->first + first, (float)weight, start);
}

/* [process] */
static void fade_run(float *score, float keep, float change, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) score[i] = keep * score[i] + change;
}

/* All scores fade towards what is usual; the best lay at `top`. [process] */
static void fade(rp_beats *beats, double seconds, float top) {
    float keep = expf((float)(-seconds / MEMORY));
    for (uint32_t i = 0; i < COMBS; i++) {
        const comb *c = &beats->comb[i];
        float change = (1 - keep) * c->usual - keep * top - (float)(EXPECTED * seconds / STEP / c->period);
        fade_run(beats->score + c->first, keep, change, c->period);
    }
}

/* [process] */
static float best_of(const float *score, uint32_t count) {
    float lane[LANES], best = score[0];
    for (uint32_t j = 0; j < LANES; j++) lane[j] = score[j];
    uint32_t i = LANES;
    for (; i + LANES <= count; i += LANES)
        for (uint32_t j = 0; j < LANES; j++) lane[j] = score[i + j] > lane[j] ? score[i + j] : lane[j];
    for (; i < count; i++) best = most(best, score[i]);
    for (uint32_t j = 0; j < LANES; j++) best = most(best, lane[j]);
    return best;
}

/* The comb with the best cell. [process] */
static const comb *search(rp_beats *beats) {
    const comb *top = beats->comb;
    for (uint32_t i = 0; i < COMBS; i++) {
        comb *c = &beats->comb[i];
        c->best = best_of(beats->score + c->first, c->period);
        if (c->best > top->best) top = c;
    }
    return top;
}

/* An onset, its accent, and that of the one before, of which it is only known now how long it was alone. [process] */
static void hear(rp_beats *beats, const onset *heard) {
    uint64_t gap = heard->step - beats->last.step;
    int follows = beats->onsets > 0 && gap < PAUSE;
    double seconds = follows ? fmin((double)gap * STEP, GAP_MOST) : 0.0, strong = accent(&beats->manner, heard);
    double length = follows ? within(LONG * above(&beats->manner.gap, log2(1.0 + (double)gap)), ACCENT_MOST) : 0.0;
    fade(beats, seconds, beats->top);
    for (uint32_t i = 0; i < COMBS; i++) {
        const comb *c = &beats->comb[i];
        add(beats, c, 0, beats->fit, 1.0);
        add(beats, c, 0, beats->strong, strong);
        if (follows) add(beats, c, gap, beats->strong, length);
    }
    beats->onsets++;
    beats->last = *heard;
}

/* ---- what it means ---- */

typedef struct {
    double period, left; /* steps: from beat to beat, and to the next */
    float score;
} reading;

/* [process] */
static int alike(double a, double b, double share) { return fabs(a - b) <= share * b; }

/* The cell `steps` before a beat of a comb, wherever the next beat is. [process] */
static uint32_t cell_before(const comb *c, int32_t steps) {
    int32_t phase = -steps % (int32_t)c->period;
    return c->first + (c->head + (uint32_t)(phase + (int32_t)c->period)) % c->period;
}

/* The best reading near another. [process] */
static reading best_near(const rp_beats *beats, const reading *about) {
    reading best = {about->period, about->left, -INFINITY};
    int32_t middle = (int32_t)lround(about->left), reach = (int32_t)(NEAR_PHASE * about->period);
    for (uint32_t i = 0; i < COMBS; i++) {
        const comb *c = &beats->comb[i];
        if (!alike(c->period, about->period, NEAR_PERIOD)) continue;
        for (int32_t left = middle - reach; left <= middle + reach; left++) {
            float score = beats->score[cell_before(c, left)];
            if (score > best.score) best = (reading){c->period, left, score};
        }
    }
    return best;
}

/* The mean of the readings near another, by their likelihoods: finer than the steps. [process] */
static reading mean_near(const rp_beats *beats, const reading *about) {
    double weight = 0.0, period = 0.0, lefts = 0.0;
    int32_t middle = (int32_t)lround(about->left), reach = (int32_t)(NEAR_PHASE * about->period);
    for (uint32_t i = 0; i < COMBS; i++) {
        const comb *c = &beats->comb[i];
        if (!alike(c->period, about->period, NEAR_PERIOD)) continue;
        for (int32_t left = middle - reach; left <= middle + reach; left++) {
            double share = exp(fmin(0.0, beats->score[cell_before(c, left)] - about->score));
            weight += share, period += share * c->period, lefts += share * left;
        }
    }
    return (reading){period / weight, lefts / weight, about->score};
}

/* The best reading of all. [process] */
static reading best_of_all(rp_beats *beats) {
    const comb *c = search(beats);
    uint32_t cell = 0;
    while (beats->score[c->first + cell] < c->best) cell++;
    uint32_t phase = (cell + c->period - c->head) % c->period;
    return (reading){c->period, c->period - phase, c->best};
}

/* The best score that means other beats: another period, or another phase of this one. [process] */
static float best_rival(const rp_beats *beats, const reading *ours) {
    float best = -INFINITY;
    for (uint32_t i = 0; i < COMBS; i++) {
        const comb *c = &beats->comb[i];
        if (!alike(c->period, ours->period, 2.0 * NEAR_PERIOD)) best = most(best, c->best);
        if (!alike(c->period, ours->period, NEAR_PERIOD)) continue;
        int32_t reach = (int32_t)(2.0 * NEAR_PHASE * c->period), from = (int32_t)lround(ours->left) + reach;
        for (int32_t left = from; left < from + (int32_t)c->period - 2 * reach; left++)
            best = most(best, beats->score[cell_before(c, left)]);
    }
    return best;
}

/* The next beat by a reading, no nearer than half a beat to the last, and not past. [process] */
static void expect(rp_beats *beats, const reading *found) {
    double now = (double)beats->frame, next = ((double)beats->step + 0.5 + found->left) * beats->frames;
    beats->period = found->period * beats->frames;
    while (next - beats->period > beats->said + 0.5 * beats->period && next - beats->period > now)
        next -= beats->period;
    while (next < beats->said + 0.5 * beats->period || next < now - LATE_MOST / STEP * beats->frames)
        next += beats->period;
    beats->next = next;
}

/* The reading so far is kept unless another is clearly better. [process] */
static void decide(rp_beats *beats) {
    reading found = best_of_all(beats);
    beats->top = found.score;
    if (beats->tracking) {
        double left = beats->next / beats->frames - (double)beats->step - 0.5;
        reading ours = {beats->period / beats->frames, left, 0};
        ours = best_near(beats, &ours);
        if (found.score < ours.score + (float)HOLD) found = ours;
    }
    double ahead = found.score - best_rival(beats, &found);
    beats->confidence = ahead > 0.0 ? 1.0 - exp(-ahead / SURE) : 0.0;
    found = mean_near(beats, &found);
    beats->tracking = beats->onsets >= ENOUGH;
    expect(beats, &found);
}

/* The onset that was gathered is over. [process] */
static void close_onset(rp_beats *beats) {
    turn_to(beats, beats->open.step);
    hear(beats, &beats->open);
    decide(beats);
    beats->open.notes = 0;
}

/* [process] */
static uint64_t come_to(rp_beats *beats, uint64_t frame) {
    if (frame > beats->frame) beats->frame = frame;
    uint64_t step = (uint64_t)((double)beats->frame / beats->frames);
    if (beats->open.notes && step > beats->open.step + CHORD) close_onset(beats);
    return step;
}

void rp_beats_note(rp_beats *beats, uint64_t frame, uint32_t pitch, uint32_t velocity) {
    uint64_t step = come_to(beats, frame);
    onset *open = &beats->open;
    if (!open->notes) *open = (onset){step, 0, pitch, velocity};
    open->notes++;
    if (pitch < open->low) open->low = pitch;
    if (velocity > open->loud) open->loud = velocity;
}

/* Beats that went by while nobody asked are counted, and not said. [process] */
static void pass_by(rp_beats *beats) {
    while (beats->next < (double)beats->frame - LATE_MOST / STEP * beats->frames) {
        beats->said = beats->next;
        beats->next += beats->period;
        beats->count++;
    }
}

/* Silence takes it away. [process] */
static double sure(const rp_beats *beats, uint64_t step) {
    double quiet = (double)(step - beats->step) * STEP - QUIET;
    return beats->confidence * (quiet > 0.0 ? exp(-quiet / FADE) : 1.0);
}

int rp_beats_next(rp_beats *beats, uint64_t frame, rp_beat *beat) {
    uint64_t step = come_to(beats, frame);
    if (!beats->tracking || step - beats->step > PAUSE) return 0;
    pass_by(beats);
    double now = (double)beats->frame, lead = RP_BEATS_LEAD / 1000.0 / STEP * beats->frames;
    if (beats->next > now + lead) return 0;
    beats->said = fmax(beats->next, now);
    *beat = (rp_beat){beats->said, beats->count++, 60.0 / STEP * beats->frames / beats->period, sure(beats, step)};
    beats->next += beats->period;
    return 1;
}
