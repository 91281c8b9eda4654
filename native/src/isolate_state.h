/* isolate_state.h - what lies in the memory that a unit shares with its plugin's process.
 *
 * Two processes write here, each to its own lines; which is whose stands at the fields. A frame of the unit's stream
 * has a position, and lies in the audio rings at that position's place; a block is known by its number, counted from
 * 0. */
#ifndef RIPIENO_ISOLATE_STATE_H
#define RIPIENO_ISOLATE_STATE_H
#include <stdatomic.h>
#include <stdint.h>

#include "isolate.h"
#include "unit.h"

enum { RP_ISOLATE_FRAMES = 32768, RP_ISOLATE_BLOCKS = 64 }; /* powers of two, as RP_ISOLATE_EVENTS */
enum { RP_ISOLATE_ORDER = 0x52504931, RP_ISOLATE_LINE = 64 };

typedef struct {
    int32_t offset; /* frames from the block's first */
    uint8_t byte[4];
} rp_isolate_event;

/* A block that is given: written by the unit before `given` says so. */
typedef struct {
    uint64_t position; /* of the first frame */
    uint64_t event;    /* number of the first event */
    uint32_t frames, events, resets;
    float value[RP_UNIT_PARAMETERS_MAX]; /* what the parameters are in this block */
} rp_isolate_slot;

typedef struct {
    /* The unit's. */
    _Atomic uint32_t order;  /* RP_ISOLATE_ORDER: this memory is what we take it for */
    _Atomic uint32_t closed; /* 1: the unit is gone */
    _Atomic uint64_t given;  /* blocks */
    _Atomic uint32_t bell;   /* changes with each block: what the process waits on */
    /* The process's. */
    _Alignas(RP_ISOLATE_LINE) _Atomic uint64_t done; /* blocks that are rendered or left out */
    _Atomic uint64_t taken;                          /* the block it renders now, or the next */
    _Atomic uint32_t begun;                          /* processes that have taken over so far */
    _Atomic uint32_t answer;                         /* changes with each block that is done: what `settle` waits on */
    /* Set by who is about to sleep, cleared by who wakes it: without a sleeper there is no system call. */
    _Alignas(RP_ISOLATE_LINE) _Atomic uint32_t sleeping; /* on bell */
    _Atomic uint32_t awaited;                            /* on answer */

    _Alignas(RP_ISOLATE_LINE) rp_isolate_slot slot[RP_ISOLATE_BLOCKS];
    rp_isolate_event event[RP_ISOLATE_EVENTS];
    float in[2][RP_ISOLATE_FRAMES];
    float out[2][RP_ISOLATE_FRAMES]; /* the process's */
} rp_isolate_shared;

int rp_isolate_in_order(const rp_isolate_shared *shared); /* aligned, and begun by rp_isolate_init [any] */
void rp_isolate_ring(_Atomic uint32_t *bell, _Atomic uint32_t *sleeping); /* changes it, and wakes who sleeps [any] */
/* Copies into a ring [RP_ISOLATE_FRAMES] at a position, and out of it. [any] */
void rp_isolate_put(float *ring, uint64_t position, const float *from, uint32_t frames);
void rp_isolate_get(const float *ring, uint64_t position, float *to, uint32_t frames);
#endif
