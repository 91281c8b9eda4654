/* timeline.c - see timeline.h. */
#include "timeline.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "pulse.h"

static const double SETTLE = 0.03;   /* s: time constant of the phase's correction */
static const double CATCH_UP = 0.25; /* of the tempo: the fastest that it is corrected by */
static const double SLEW = 0.0004;   /* s a beat, when one source takes over from another: 1 ms, less what tempo adds */
static const double ARRIVED = 0.0001;    /* s: there it follows freely again */
static const double NEAR = 0.05;         /* beats: a start that is so near to the line is on it */
static const double FORGET = 1.0 / 24.0; /* of the residual, each observation */

/* What is known of each kind of source: the noise of its observations in s, and how many of them in a row must be far
 * off before they are believed. A stray tick is no news; a tap is. */
static const struct {
    double noise;
    uint32_t patience;
} KIND[RP_CLOCKS] = {
    [RP_CLOCK_INTERNAL] = {0.0, 1}, [RP_CLOCK_TAP] = {0.012, 2},   [RP_CLOCK_MIDI] = {0.0006, 4},
    [RP_CLOCK_LINK] = {0.0005, 2},  [RP_CLOCK_JACK] = {0.0001, 1}, [RP_CLOCK_PLAYER] = {0.01, 2},
};

typedef struct {
    rp_pulses pulses;
    double origin;    /* the timeline's beat at its own beat 0, as far as `grid` tells */
    double grid;      /* beats: origin is known but for a multiple of this */
    uint64_t heard;   /* observations */
    uint32_t rolling; /* as it said last */
} voice;

enum { WORDS = sizeof(rp_timeline_state) / sizeof(uint64_t) };
_Static_assert(sizeof(rp_timeline_state) % sizeof(uint64_t) == 0, "the state is published in whole words");

struct rp_timeline {
    voice voice[RP_CLOCKS];
    rp_timeline_piece piece[RP_TIMELINE_PIECES];
    uint32_t count; /* pieces */
    uint32_t source;
    uint32_t joined;  /* the source is followed: `offset` is known */
    uint32_t slewing; /* and was taken over from another */
    uint32_t alone;   /* nobody was followed yet, and the internal clock was not chosen: nothing has to go on */
    uint32_t jumps;
    double sample_rate, period; /* period: frames a beat, by the source or held */
    double offset;              /* the timeline's beat at the source's own beat 0 */
    double rest;                /* the beat at which it stopped */
    double off, away;           /* residual, s squared; s */
    uint64_t frame;             /* of the cycle */
    _Atomic uint64_t published[WORDS];
};

rp_timeline *rp_timeline_new(void) {
    rp_timeline *timeline = calloc(1, sizeof *timeline);
    if (timeline) rp_timeline_begin(timeline, 48000.0, 0, 120.0);
    return timeline;
}

void rp_timeline_free(rp_timeline *timeline) { free(timeline); }

/* [process] */
static void publish(rp_timeline *timeline) {
    const rp_timeline_piece *now = timeline->piece;
    const voice *source = &timeline->voice[timeline->source];
    int heard = rp_pulses_fresh(&source->pulses, (double)timeline->frame, timeline->sample_rate);
    rp_timeline_state state = {
        .bpm = timeline->sample_rate * 60.0 / timeline->period,
        .beat = now->rolling ? rp_timeline_beat(timeline, timeline->frame) : timeline->rest,
        .residual = 1000.0 * sqrt(timeline->off),
        .away = 1000.0 * timeline->away,
        .frame = timeline->frame,
        .heard = source->heard,
        .source = timeline->source,
        .rolling = now->rolling,
        .locked = timeline->source == RP_CLOCK_INTERNAL || (timeline->joined && !timeline->slewing && heard),
        .slewing = timeline->slewing,
        .jumps = timeline->jumps,
    };
    uint64_t words[WORDS];
    memcpy(words, &state, sizeof words);
    for (uint32_t i = 0; i < WORDS; i++) atomic_store_explicit(&timeline->published[i], words[i], memory_order_relaxed);
}

void rp_timeline_get(const rp_timeline *timeline, rp_timeline_state *out) {
    uint64_t words[WORDS];
    for (uint32_t i = 0; i < WORDS; i++) words[i] = atomic_load_explicit(&timeline->published[i], memory_order_relaxed);
    memcpy(out, words, sizeof words);
}

/* [process] */
static double period_of(const rp_timeline *timeline, double bpm) {
    return timeline->sample_rate * 60.0 / fmin(fmax(bpm, RP_BPM_MIN), RP_BPM_MAX);
}

void rp_timeline_begin(rp_timeline *timeline, double sample_rate, uint64_t frame, double bpm) {
    timeline->sample_rate = sample_rate;
    timeline->period = period_of(timeline, bpm);
    for (uint32_t i = 0; i < RP_CLOCKS; i++) {
        timeline->voice[i] = (voice){.grid = i == RP_CLOCK_MIDI ? 1.0 / 24.0 : 1.0};
        rp_pulses_begin(&timeline->voice[i].pulses, sample_rate, bpm, KIND[i].noise, KIND[i].patience);
    }
    timeline->piece[0] = (rp_timeline_piece){.frame = (double)frame, .rate = 1.0 / timeline->period};
    timeline->count = 1;
    timeline->source = RP_CLOCK_INTERNAL;
    timeline->joined = timeline->slewing = timeline->jumps = 0;
    timeline->alone = 1;
    timeline->offset = timeline->rest = timeline->off = timeline->away = 0.0;
    timeline->frame = frame;
    publish(timeline);
}

/* ---- the pieces ---- */

/* [process] */
static double beat_on(const rp_timeline_piece *piece, double frame) {
    return piece->beat + (frame - piece->frame) * piece->rate;
}

/* [process] */
static rp_timeline_piece *last_piece(rp_timeline *timeline) { return &timeline->piece[timeline->count - 1]; }

/* The piece that a frame is on. [process] */
static uint32_t piece_at(const rp_timeline *timeline, double frame) {
    uint32_t i = timeline->count - 1;
    while (i > 0 && timeline->piece[i].frame > frame) i--;
    return i;
}

/* A new piece from `frame` on, or from the last one's beginning where that is later; the beat goes on. [process] */
static rp_timeline_piece *cut(rp_timeline *timeline, double frame) {
    rp_timeline_piece *last = last_piece(timeline), piece = *last;
    piece.frame = fmax(frame, last->frame);
    piece.beat = beat_on(last, piece.frame);
    if (piece.frame > last->frame && timeline->count < RP_TIMELINE_PIECES) timeline->count++;
    last = last_piece(timeline);
    *last = piece;
    return last;
}

/* What is past is left behind. [process] */
static void drop(rp_timeline *timeline, double frame) {
    uint32_t past = piece_at(timeline, frame);
    timeline->count -= past;
    memmove(timeline->piece, &timeline->piece[past], timeline->count * sizeof *timeline->piece);
}

/* From `frame` on at this rate; where nothing changes nothing is touched, so that no rounding adds up. [process] */
static void turn(rp_timeline *timeline, double frame, double rate) {
    rp_timeline_piece *piece = timeline->piece;
    if (piece->rate == rate && last_piece(timeline)->rate == rate) return;
    if (piece->frame < frame) {
        piece->beat = beat_on(piece, frame);
        piece->frame = frame;
    }
    piece->rate = rate;
    for (uint32_t i = 1; i < timeline->count; i++) {
        if (piece[i].jumps == piece[i - 1].jumps) piece[i].beat = beat_on(&piece[i - 1], piece[i].frame);
        piece[i].rate = rate;
    }
}

double rp_timeline_beat(const rp_timeline *timeline, uint64_t frame) {
    return beat_on(&timeline->piece[piece_at(timeline, (double)frame)], (double)frame);
}

double rp_timeline_frame(const rp_timeline *timeline, double beat) {
    uint32_t i = timeline->count - 1;
    while (i > 0 && timeline->piece[i].beat > beat) i--;
    return timeline->piece[i].frame + (beat - timeline->piece[i].beat) / timeline->piece[i].rate;
}

const rp_timeline_piece *rp_timeline_pieces(const rp_timeline *timeline, uint32_t *count) {
    *count = timeline->count;
    return timeline->piece;
}

/* ---- the sources ---- */

double rp_timeline_expect(const rp_timeline *timeline, uint32_t source, uint64_t frame) {
    if (source >= RP_CLOCKS || timeline->voice[source].pulses.count < RP_PULSES_SURE) return -1.0;
    return rp_pulses_beat(&timeline->voice[source].pulses, (double)frame);
}

/* The timeline's beat by the source that is followed. [process] */
static double aim(const rp_timeline *timeline, double frame) {
    return rp_pulses_beat(&timeline->voice[timeline->source].pulses, frame) + timeline->offset;
}

/* Follow the source from here on. While it rolls the nearest of its beats are ours, and the phase is slewed, unless
 * nobody was followed before; while it stands its place is ours. [process] */
static void join(rp_timeline *timeline, double frame) {
    const voice *source = &timeline->voice[timeline->source];
    const rp_timeline_piece *last = last_piece(timeline);
    timeline->offset = source->origin;
    timeline->joined = 1;
    frame = fmax(frame, last->frame);
    double apart = beat_on(last, frame) - aim(timeline, frame);
    if (last->rolling) timeline->offset += source->grid * floor(apart / source->grid + 0.5);
    timeline->slewing = last->rolling && !timeline->alone;
    timeline->alone = 0;
    if (timeline->slewing) return;
    rp_timeline_piece *piece = cut(timeline, frame);
    if (!piece->rolling) piece->rolling = source->rolling;
    piece->beat = timeline->rest = aim(timeline, piece->frame);
    piece->jumps = ++timeline->jumps;
}

/* How far an observation is from what was played, s; more than a beat: it counts from elsewhere now. [process] */
static void measure(rp_timeline *timeline, double frame, double beat) {
    double apart = beat + timeline->offset - beat_on(&timeline->piece[piece_at(timeline, frame)], frame);
    double off = apart * timeline->period / timeline->sample_rate;
    timeline->off += FORGET * (off * off - timeline->off);
    if (fabs(aim(timeline, frame) - beat_on(last_piece(timeline), frame)) > 1.0) timeline->joined = 0;
}

void rp_timeline_observe(rp_timeline *timeline, uint32_t source, uint64_t frame, double beat) {
    if (source >= RP_CLOCKS || source == RP_CLOCK_INTERNAL) return;
    voice *from = &timeline->voice[source];
    if (!rp_pulses_hear(&from->pulses, (double)frame, beat)) return;
    from->heard++;
    if (source != timeline->source) return;
    if (timeline->joined) measure(timeline, (double)frame, beat);
    if (!timeline->joined && rp_pulses_ready(&from->pulses)) join(timeline, (double)frame);
}

void rp_timeline_know(rp_timeline *timeline, uint32_t source, uint64_t frame, double beat, double bpm) {
    if (source >= RP_CLOCKS || source == RP_CLOCK_INTERNAL) return;
    rp_pulses_know(&timeline->voice[source].pulses, (double)frame, beat, period_of(timeline, bpm));
}

void rp_timeline_choose(rp_timeline *timeline, uint32_t source) {
    if (source >= RP_CLOCKS || source == timeline->source) return;
    const rp_pulses *pulses = &timeline->voice[source].pulses;
    double frame = (double)timeline->frame;
    timeline->source = source;
    timeline->joined = timeline->slewing = 0;
    timeline->off = timeline->away = 0.0;
    if (rp_pulses_ready(pulses) && rp_pulses_fresh(pulses, frame, timeline->sample_rate)) join(timeline, frame);
}

void rp_timeline_set_tempo(rp_timeline *timeline, double bpm) {
    if (!timeline->joined) timeline->period = period_of(timeline, bpm);
}

/* ---- the transport ---- */

/* The beat of a place that was named: on the source's line, where it has one, but never beyond the place. [process] */
static double place(const rp_timeline *timeline, double frame, double beat) {
    if (timeline->source == RP_CLOCK_INTERNAL) return beat;
    if (timeline->voice[timeline->source].pulses.count < RP_PULSES_SURE) return beat;
    double line = aim(timeline, frame);
    return fabs(line - beat) < NEAR ? fmin(line, beat) : beat;
}

void rp_timeline_locate(rp_timeline *timeline, uint32_t source, uint64_t frame, double own, double beat) {
    if (source >= RP_CLOCKS) return;
    timeline->voice[source].origin = beat - own;
    timeline->voice[source].grid = 1.0;
    rp_pulses_insist(&timeline->voice[source].pulses, (double)frame, own);
    if (source != timeline->source) return;
    timeline->offset = beat - own;
    timeline->joined = source != RP_CLOCK_INTERNAL;
    timeline->slewing = 0;
    if (timeline->joined) timeline->alone = 0;
    rp_timeline_piece *piece = cut(timeline, (double)frame);
    piece->beat = place(timeline, (double)frame, beat) + (piece->frame - (double)frame) * piece->rate;
    piece->jumps = ++timeline->jumps;
    timeline->rest = beat;
}

void rp_timeline_start(rp_timeline *timeline, uint32_t source, uint64_t frame, double own, double beat) {
    if (source >= RP_CLOCKS) return;
    timeline->voice[source].rolling = 1;
    rp_timeline_locate(timeline, source, frame, own, beat);
    if (source == timeline->source) last_piece(timeline)->rolling = 1;
}

void rp_timeline_stop(rp_timeline *timeline, uint32_t source, uint64_t frame) {
    if (source >= RP_CLOCKS) return;
    timeline->voice[source].rolling = 0;
    if (source != timeline->source || !last_piece(timeline)->rolling) return;
    rp_timeline_piece *piece = cut(timeline, (double)frame);
    timeline->rest = piece->beat;
    piece->rolling = 0;
}

/* ---- the loop ---- */

/* How much faster than its tempo the timeline plays, to meet the source's line; `span`: frames until it is asked again.
 * [process] */
static double correction(rp_timeline *timeline, double frame, double span) {
    const rp_timeline_piece *last = last_piece(timeline);
    double at = fmax(frame, last->frame), beat = timeline->period / timeline->sample_rate;
    timeline->away = (aim(timeline, at) - beat_on(last, at)) * beat;
    if (fabs(timeline->away) < ARRIVED) timeline->slewing = 0;
    double most = timeline->slewing ? SLEW / beat : CATCH_UP;
    double wanted = timeline->away / fmax(SETTLE, span / timeline->sample_rate);
    return fmin(fmax(wanted, -most), most);
}

void rp_timeline_advance(rp_timeline *timeline, uint64_t frame) {
    double faster = 0.0, now = (double)frame;
    if (timeline->source == RP_CLOCK_INTERNAL) timeline->alone = 0;
    drop(timeline, now);
    if (timeline->joined) {
        timeline->period = timeline->voice[timeline->source].pulses.period;
        faster = correction(timeline, now, now - (double)timeline->frame);
    }
    turn(timeline, now, (1.0 + faster) / timeline->period);
    timeline->frame = frame;
    publish(timeline);
}
