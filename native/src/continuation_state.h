/* continuation_state.h - the continuation's own struct. The worker owns all of it but the rings and atomics. */
#ifndef RIPIENO_CONTINUATION_STATE_H
#define RIPIENO_CONTINUATION_STATE_H
#include <stdatomic.h>

#include "bridge.h"
#include "context.h"
#include "continuation.h"
#include "feel.h"
#include "follow.h"
#include "key.h"
#include "platform.h"
#include "sampler.h"
#include "tempo.h"

enum {
    RP_BAND_WORDS = sizeof(rp_band_stats) / sizeof(uint64_t),
    RP_HELD_MAX = 128,    /* keys down at once */
    RP_RESERVE_MAX = 512, /* notes of an older plan */
    RP_NO_MEMBER = 255
};

/* Commands from control. */
enum { RP_ASK_SET, RP_ASK_ENABLE, RP_ASK_TAP, RP_ASK_HAND_OVER, RP_ASK_YIELD };
typedef struct {
    uint64_t frame;
    double value;
    uint32_t which;
} rp_asked;

/* A key that is down. serial: of its entry; two keys may be one entry. */
typedef struct {
    uint64_t frame;
    uint32_t note, serial;
    uint8_t pitch;
} rp_held;

/* What the player does now. */
typedef struct {
    rp_held held[RP_HELD_MAX];
    uint32_t keys;              /* held */
    uint64_t last_on, last_off; /* frames */
    uint64_t unheard;           /* as the bridge had counted at the last look */
    uint32_t since_rest;        /* notes since the band began to listen */
    uint32_t notes;             /* all; 0: never played */
    int64_t first_tick;         /* of the notes since the band began to listen */
    int struck;                 /* a key went down in this look */
    int pedal, pedal_struck;    /* the hand-over pedal */
    double length;              /* recent mean of his notes' lengths, in ticks */
} rp_playing;

/* The plan. Its notes are the context's entries from `settled` on. */
typedef struct {
    int64_t from;                     /* nothing new may come before this tick */
    int64_t covered;                  /* the plan is known before this tick */
    int64_t resume;                   /* after a fault: no new try before this tick is due */
    int64_t begin;                    /* tick at which the state began */
    int64_t counted;                  /* the last tick counted as due */
    int fresh;                        /* the first note of an answer has not been committed yet */
    rp_entry reserve[RP_RESERVE_MAX]; /* the older plan, by tick */
    uint32_t reserves;
    int64_t reserve_until;  /* it is known before this tick */
    uint32_t order, serial; /* of the last note committed, planned or heard */
    uint32_t cancel;        /* the order from which on notes are taken back */
    int cancelling;         /* the process thread does not know of it yet */
    uint64_t hurry;         /* until this frame what is due at `begin` may still be played, late: the clock started */
} rp_plan;

struct rp_continuation {
    rp_continuation_config config;
    rp_bridge bridge;
    rp_ring *asked, *reports;
    rp_thread *thread;
    _Atomic uint32_t running, stalled;

    double set[RP_SET_COUNT];
    uint8_t enabled[RP_BAND_MAX];
    uint8_t players[RP_CODES]; /* 1: a code of the player's */
    rp_context context;
    rp_tempo tempo;
    int anchored;         /* the tempo map has begun */
    double bpm;           /* wanted; the map may bend around it to meet the player's beat */
    rp_heard_clock clock; /* as it was told last */
    int64_t shift, first; /* the tick of the clock's beat 0, and of its place's beginning */
    double steady_bpm;    /* the clock's, a beat ago or less */
    uint64_t steady;      /* the frame of that */
    uint64_t wary;        /* until this frame its tempo is thought to be on the move */
    uint32_t resume;      /* while the clock stands: the RP_STATE_... that goes on when it starts */
    double told_bpm;      /* reported last */
    rp_follow follow;
    rp_feel feel;
    rp_key key;
    rp_playing player;
    rp_plan plan;
    rp_random random;
    uint32_t state; /* RP_STATE_... */
    uint32_t epoch;
    uint64_t now;                /* frame before which nothing can sound */
    uint64_t cycle;              /* frames */
    uint64_t hearing, answering; /* rp_now when it was begun; 0: not under way */
    rp_band_stats stats;
    _Atomic uint64_t published[RP_BAND_WORDS]; /* a copy of stats, for the others */
};

/* Tell control; counted when the ring is full. [worker] */
void rp_band_report_to(rp_continuation *band, rp_band_report report);
/* The same of a note. [worker] */
void rp_band_report_note(rp_continuation *band, uint32_t kind, const rp_entry *entry);
uint32_t rp_band_member_of(const rp_continuation *band, uint8_t code, uint8_t pitch); /* 255: nobody [worker] */
double rp_band_tick(const rp_continuation *band, uint64_t frame);                     /* [worker] */
uint64_t rp_band_soonest(const rp_continuation *band); /* the first frame that can be met in time [worker] */
int64_t rp_band_near(const rp_continuation *band);     /* the first tick that can still be met in time [worker] */
int64_t rp_band_open(const rp_continuation *band);     /* likewise, and nothing there or later is committed [worker] */
int rp_band_hurries(const rp_continuation *band);      /* see `hurry` [worker] */
#endif
