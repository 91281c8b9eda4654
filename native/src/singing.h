/* singing.h - the voice that sings along, on a thread of its own: what control hands to it and hears from it.
 *
 * One object. A rig that has it (rp_rig_set_singing) tells it what the player does; each time the player's clock passes
 * a block's beginning, a thread, or the off-line driver, decides the block. It sounds `lead` frames later: as audio,
 * made in the process thread, and as MIDI (note, bend within 2 semitones either way, expression). What is decided too
 * late is left out: the voice is held, then fades. */
#ifndef RIPIENO_SINGING_H
#define RIPIENO_SINGING_H
#include <stdint.h>
#include "singer.h"

typedef struct {
    uint32_t sample_rate;
    uint32_t in_channels; /* bit n: the player's channel n is heard */
    uint32_t lead;        /* frames from a block's beginning to its sound; 0: 9 ms */
    uint32_t
        synchronous; /* 1: never a thread; rp_singing_settle does the work (off line). 0: lead is two cycles or more */
} rp_singing_config;

enum {
    RP_SINGING_BLOCK = 0,     /* a block was decided: all fields but number */
    RP_SINGING_PARAMETER = 1, /* value: which was set; number: to what */
    RP_SINGING_FAULT = 2      /* the model's scores are no numbers: it rests; value: blocks so far */
};

typedef struct {
    uint64_t frame; /* at which it sounds */
    uint64_t block; /* number `block` is heard up to round(block * rate * 0.016) */
    double number;
    float cents[2]; /* of its two frames, from the pitch */
    float level[2]; /* dB */
    uint32_t value;
    uint8_t kind;      /* RP_SINGING_... */
    uint8_t phonation; /* RP_REST ... */
    uint8_t pitch;     /* MIDI, of what is sung, or was last; 0: nothing yet */
    uint8_t flags;     /* RP_SUNG_... */
} rp_singing_report;

/* Counts since it began. Every field is 64 bits wide. */
typedef struct {
    uint64_t blocks;   /* decided */
    uint64_t late;     /* that did not reach the process thread before they were due, whole or in part */
    uint64_t held;     /* frames of 8 ms for which the voice was held, or faded, since the next one was not there */
    uint64_t notes;    /* begun */
    uint64_t refused;  /* notes and blocks that there was no room for */
    uint64_t heard;    /* keys struck */
    uint64_t unheard;  /* messages of the player's that found the ring full */
    uint64_t faults;   /* blocks whose scores were no numbers */
    uint64_t busy;     /* nanoseconds that blocks took */
    uint64_t longest;  /* of these, the longest block */
    uint64_t lead;     /* now: frames from a block's beginning to its sound */
    uint64_t sounding; /* now: 1 while there is sound */
    uint64_t realtime; /* now: 1 when its thread has real-time priority */
    uint64_t reports_lost;
} rp_singing_stats;

typedef struct rp_singing rp_singing;
/* The weights are borrowed and must live longer. NULL: no memory, or a rate beyond 8000..384000. [control] */
rp_singing *rp_singing_new(const rp_singing_config *config, const rp_singer_weights *weights);
void rp_singing_free(rp_singing *singing); /* no rig of an engine may have it; stops it first [control] */
int rp_singing_start(rp_singing *singing); /* its thread; 0: no thread, or synchronous [control] */
void rp_singing_stop(rp_singing *singing); /* ends it; may be started again [control] */
/* 1: taken, from the next block on; 0: the ring is full, or out of range. [control] */
int rp_singing_set(rp_singing *singing, uint32_t parameter, double value);
void rp_singing_stall(rp_singing *singing, uint32_t on); /* for tests: the worker does nothing while on [control] */
uint32_t rp_singing_poll(rp_singing *singing, rp_singing_report *out, uint32_t capacity); /* [control] */
void rp_singing_get_stats(const rp_singing *singing, rp_singing_stats *out);              /* [any] */
/* One look of the worker: at most one block. 1: there is more to do now. Called by its thread, or where there is none
 * by whoever drives it. [worker] */
int rp_singing_look(rp_singing *singing);
void rp_singing_settle(rp_singing *singing); /* look until nothing is to be done; not while its thread runs [worker] */
/* The frame at which the first block after `frame` begins. [any] */
uint64_t rp_singing_next(const rp_singing *singing, uint64_t frame);
#endif
