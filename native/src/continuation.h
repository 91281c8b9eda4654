/* continuation.h - the band that answers: what control hands to it and hears from it.
 *
 * One object. A rig that has it (rp_rig_set_continuation) tells it every note of the player's and plays what it
 * commits; a thread of its own, or the off-line driver after each cycle, does the thinking. */
#ifndef RIPIENO_CONTINUATION_H
#define RIPIENO_CONTINUATION_H
#include <stdint.h>
#include "parameter.h"
#include "sampler.h"

enum { RP_BAND_MAX = 16, RP_CODES = 66 }; /* instruments of a band; codes: 0 none, 1..64 instruments, 65 drums */
enum { RP_MODE_DUET = 0, RP_MODE_BAND = 1 };
enum { RP_ORIGIN_FIRST = 0, RP_ORIGIN_ZERO = 1 }; /* beat 0 lies at: the player's first note; frame 0 */
enum { RP_TEMPO_FIXED = 0, RP_TEMPO_TAP = 1, RP_TEMPO_FOLLOW = 2 };
enum { RP_WHILE_YIELD = 0, RP_WHILE_COMP = 1 };
enum { RP_KEY_OFF = 0, RP_KEY_MAJOR = 1, RP_KEY_MINOR = 2, RP_KEY_AUTO = 3 };

/* One instrument of the band. */
typedef struct {
    uint8_t code;       /* the model's, 1..65 */
    uint8_t instrument; /* its place in the rig: where its notes leave */
    uint8_t low, high;  /* MIDI pitches */
    uint8_t enabled;
} rp_band_member;

typedef struct {
    uint32_t sample_rate;
    uint32_t mode;      /* RP_MODE_... */
    uint32_t origin;    /* RP_ORIGIN_... */
    uint32_t meter;     /* beats a bar, 1..15; 0: not known */
    uint32_t style;     /* 0: not told; else 1 + its place in the representation's STYLES */
    uint32_t context;   /* events that the model remembers, 64..8192 */
    uint32_t band;      /* how many members */
    uint8_t player[16]; /* the code that each input channel's notes are told as; 0: not heard */
    rp_band_member member[16];
    rp_sampling sampling[7]; /* how each field is best drawn from this network; temperature 0: 1, and top_p 0.95 */
    uint32_t synchronous;    /* 1: never a thread; rp_continuation_settle does the work (off line) */
} rp_continuation_config;

/* Parameters that may be set while it plays, each a number; rp_continuation_parameters tells their names, units,
 * ranges and meanings. */
enum {
    RP_SET_TEMPO = 0,
    RP_SET_TEMPO_SOURCE = 1,
    RP_SET_WHILE_PLAYING = 2,
    RP_SET_HANDOVER_BEATS = 3,
    RP_SET_HANDOVER_PEDAL = 4,
    RP_SET_ANSWER_BARS = 5,
    RP_SET_REST_BARS = 6,
    RP_SET_START_NOTES = 7,
    RP_SET_AT_ONCE = 8,
    RP_SET_DENSITY = 9,
    RP_SET_TEMPERATURE = 10,
    RP_SET_TOP_P = 11,
    RP_SET_REGISTER = 12,
    RP_SET_FOLLOW_VELOCITY = 13,
    RP_SET_HUMANIZE = 14,
    RP_SET_COMMIT_BEATS = 15,
    RP_SET_PLAN_BEATS = 16,
    RP_SET_KEY_ROOT = 17,
    RP_SET_KEY_MODE = 18,
    RP_SET_SEED = 19,
    RP_SET_KEY_PULL = 20,
    RP_SET_COUNT = 21
};
const rp_parameter *rp_continuation_parameters(void); /* [RP_SET_COUNT] [any] */

enum {
    RP_BAND_COMMITTED = 0, /* a note that will sound: all fields */
    RP_BAND_PLANNED = 1,   /* a note that may change still; one with instrument 255 is the player's, as the model
                              imagines it, and never sounds */
    RP_BAND_DROPPED = 2,   /* a planned or committed note that will not sound, by its serial */
    RP_BAND_STATE = 3,     /* value: RP_STATE_...; frame: from when on */
    RP_BAND_TEMPO = 4,     /* value: beats a minute times 1000, from `frame` on, whose tick is `tick` */
    RP_BAND_MISSED = 5,    /* the plan was not there in time: a rest from `frame` on; value: ticks */
    RP_BAND_FAULT = 6,     /* the model's scores are no numbers: it rests; value: how many so far */
    RP_BAND_PARAMETER = 7, /* value: which was set; number: to what */
    RP_BAND_HEARD = 8,     /* a note of the player's in the context: tick, code, pitch, velocity; serial */
    RP_BAND_LOST = 9       /* value: reports that found the ring full since the last one */
};
enum { RP_STATE_LISTENING = 0, RP_STATE_ANSWERING = 1, RP_STATE_COMPING = 2 };

typedef struct {
    uint64_t frame, until; /* it sounds from, to; frames of the driver. Planned: as the tempo is now */
    int64_t tick;          /* 12 a beat */
    double number;
    uint32_t serial; /* of the note: the same when it is planned, committed, dropped */
    uint32_t value;
    uint8_t kind; /* RP_BAND_... */
    uint8_t code, instrument, pitch, velocity;
    uint8_t stale; /* 1: from a plan older than what the player did last */
} rp_band_report;

/* Counts since it began. Every field is 64 bits wide. */
typedef struct {
    uint64_t heard;       /* notes of the player's that came into the context */
    uint64_t merged;      /* that were there already: the same pitch at the same tick */
    uint64_t thinned;     /* beyond ten at one tick: not in the context */
    uint64_t unheard;     /* messages that found the ring full */
    uint64_t uncorrected; /* durations not corrected at once, since too much had followed */
    uint64_t planned;     /* events decided by the model */
    uint64_t committed;   /* notes sent to the process thread */
    uint64_t dropped;     /* planned notes that were redone */
    uint64_t cancelled;   /* committed notes that were taken back before they sounded */
    uint64_t doubled;     /* planned notes left out at commit: the player holds that pitch */
    uint64_t sounded;     /* notes that the process thread let sound */
    uint64_t late;        /* notes that came after their frame: not sounded */
    uint64_t refused;     /* notes for which there was no room */
    uint64_t due;         /* ticks with something due */
    uint64_t missed;      /* of these, ticks at which it was not there */
    uint64_t stale;       /* ticks served from an older plan */
    uint64_t faults;      /* scores that were no numbers */
    uint64_t rows;        /* events absorbed by the model */
    uint64_t rolled_back; /* events absorbed again since something before them changed */
    uint64_t handovers;
    uint64_t moves;                   /* times the full context was changed for its newer half */
    uint64_t late_worker;             /* looks that came later than the commit needs them */
    uint64_t busy;                    /* nanoseconds that its thread spent looking */
    uint64_t absorbed;                /* times that what was heard, notes and their ends, came into the context */
    uint64_t absorb_last, absorb_max; /* nanoseconds to bring what was heard into the context: the last, the longest */
    uint64_t answers;                 /* hand-overs whose first note is committed */
    uint64_t answer_last, answer_max; /* nanoseconds from a hand-over decided to its first note committed */
    uint64_t length;                  /* now: events in the context */
    uint64_t state;                   /* now: RP_STATE_... */
    uint64_t millibpm;                /* now */
    uint64_t tick;                    /* now, as the worker saw it last; 0 before the first note */
    uint64_t clock;                   /* now: 1: the engine's clock leads, whatever the tempo parameters say */
    uint64_t reports_lost;
} rp_band_stats;

typedef struct rp_continuation rp_continuation;
/* The transformer is borrowed and must live longer. NULL: no memory, or a config out of range. [control] */
rp_continuation *rp_continuation_new(const rp_continuation_config *config, const rp_transformer *transformer);
void rp_continuation_free(rp_continuation *band); /* no rig of an engine may have it; stops it first [control] */
int rp_continuation_start(rp_continuation *band); /* its thread; 0: no thread, or synchronous [control] */
void rp_continuation_stop(rp_continuation *band); /* ends it; may be started again [control] */
/* Commands: 1 taken, 0 the ring is full, or out of range. [control] */
int rp_continuation_set(rp_continuation *band, uint32_t parameter, double value);
int rp_continuation_enable(rp_continuation *band, uint32_t member, uint32_t on);
int rp_continuation_tap(rp_continuation *band, uint64_t frame); /* 0: the frame of the last cycle */
int rp_continuation_hand_over(rp_continuation *band);           /* the band plays from the next beat on */
int rp_continuation_yield(rp_continuation *band);               /* and listens from the next beat on */
int rp_continuation_stall(rp_continuation *band, uint32_t on);  /* for tests: the worker does nothing while on */
uint32_t rp_continuation_poll(rp_continuation *band, rp_band_report *out, uint32_t capacity); /* [control] */
void rp_continuation_get_stats(const rp_continuation *band, rp_band_stats *out);              /* [any] */
/* One look of the worker: hear, commit, decide at most one note. 1: there is more to do now. Called by its thread, or
 * where there is none by whoever drives it. [worker] */
int rp_continuation_look(rp_continuation *band);
/* Look until there is nothing to do; not while its thread runs. [worker] */
void rp_continuation_settle(rp_continuation *band);
#endif
