/* singing_state.h - the singing object's own struct. The worker owns all of it but the rings and atomics. */
#ifndef RIPIENO_SINGING_STATE_H
#define RIPIENO_SINGING_STATE_H
#include <stdatomic.h>

#include "piano.h"
#include "platform.h"
#include "singing_bridge.h"

enum { RP_SINGING_WORDS = sizeof(rp_singing_stats) / sizeof(uint64_t) };

/* A command from control. */
typedef struct {
    double value;
    uint32_t parameter;
} rp_singing_asked;

struct rp_singing {
    rp_singing_config config;
    rp_singing_link link;
    rp_ring *asked, *reports;
    rp_thread *thread;
    _Atomic uint32_t running, stalled, realtime;

    rp_singer *singer;
    rp_singer_controls controls;
    rp_piano piano;
    float row[RP_PIANO_ROW];
    rp_heard ahead; /* read from the ring, but it belongs to a later block */
    uint32_t ahead_kind;
    int waits;      /* 1: there is such */
    uint32_t epoch; /* 0: no engine has it */
    uint64_t next;  /* number of the block to be decided next */
    uint32_t still; /* looks since the clock of the player moved */
    uint64_t now;   /* frame */
    rp_singing_stats stats;
    _Atomic uint64_t published[RP_SINGING_WORDS]; /* a copy of stats, for the others */
};

/* The frame at which a block begins, and the number of the first that begins at a frame or later. [any] */
uint64_t rp_singing_start_of(const rp_singing *singing, uint64_t block);
uint64_t rp_singing_first_from(const rp_singing *singing, uint64_t frame);
#endif
