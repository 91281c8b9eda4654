/* sampler.h - the next event, chosen field by field among what is allowed. */
#ifndef RIPIENO_SAMPLER_H
#define RIPIENO_SAMPLER_H
#include <stdint.h>

#include "transformer.h"

/* How one field is drawn. All zero: the likeliest. */
typedef struct {
    float temperature; /* the scores are divided by it; 0: the likeliest */
    float top_p;       /* the likeliest values that together have this much; 0, or 1 and more: all */
    uint32_t top_k;    /* no more than this many of the likeliest; 0: all */
} rp_sampling;

/* What the next event may be. Values are counted as the event's columns are; 66 instruments' codes from 0, none. */
typedef struct {
    rp_sampling sampling[7];
    uint8_t types;            /* bit 3: a note; bit 4: the end of the song. No other is chosen */
    int64_t earliest, latest; /* a note's tick, both included */
    int64_t last_tick;      /* of the event before: its beat is what beats are counted from, and nothing is before it */
    int16_t last[8];        /* its columns: within a tick, notes rise by (instrument, pitch) */
    uint8_t instrument[66]; /* 1: may play */
    uint8_t low[66], high[66]; /* the MIDI range of each, both included */
    uint8_t pitch_class[12];   /* 1: allowed; not asked of drums */
    uint8_t taken[128];        /* 1: this pitch is not to be doubled; not asked of drums */
    /* Added to the scores; finite. */
    float beat_bias[17], position_bias[13], instrument_bias[66], pitch_bias[129], duration_bias[33];
    /* How strongly the key of what was heard lately draws a pitch, without forbidding any: what that key makes likely
     * counts to this power; 0: not at all. Not asked of drums. */
    float pull;
    uint32_t bar_beats; /* for the mark: beats of a bar; 0: not known */
    int64_t bar_tick;   /* where a bar begins */
} rp_choice;

typedef struct {
    uint64_t state; /* the seed at first; the same seed gives the same numbers on every machine */
} rp_random;

double rp_random_next(rp_random *random); /* in [0, 1) [any] */
/* Everything allowed, temperature 1, nothing biased, notes only; to be changed where that is too much. [any] */
void rp_choice_init(rp_choice *choice);
/* `event` was the last. [any] */
void rp_choice_follow(rp_choice *choice, const rp_event *event);
/* 1: chosen; 0: nothing is allowed, or nothing was heard yet; -1: a score is no number. A value that would leave
 * nothing for a later field is not offered. A note that cannot come within 16 beats comes as soon as it may, with beat
 * 16. The decoder does not hear it yet. Allocates nothing. [worker] */
int rp_sample_event(rp_decoder *decoder, const rp_choice *choice, rp_random *random, rp_event *out);

enum {
    RP_STOP_ROOM = 0,    /* `out` is full */
    RP_STOP_UNTIL = 1,   /* the next event would come at `until` or later: it is not there */
    RP_STOP_END = 2,     /* the song has ended: that event is the last */
    RP_STOP_NOTHING = 3, /* nothing is allowed */
    RP_STOP_FAULT = 4,   /* a score is no number */
    RP_STOP_CONTEXT = 5  /* the decoder is full; the last event was not heard by it */
};
/* Events, each heard before the next is chosen; `choice` follows. Returns how many. [worker] */
uint32_t rp_generate(rp_decoder *decoder, rp_choice *choice, rp_random *random, int64_t until, rp_event *out,
                     uint32_t room, uint32_t *why);
/* How likely a piece was: each event's fields before it is heard, natural logarithms, out [count][RP_FIELDS]; 0 where
 * nothing was heard before, and for the fields of what is no note. Returns how many were heard. [worker] */
uint32_t rp_judge(rp_decoder *decoder, const rp_event *events, uint32_t count, float *out);
#endif
