/* unit_state.h - a unit from within: what each kind of plugin implements. */
#ifndef RIPIENO_UNIT_STATE_H
#define RIPIENO_UNIT_STATE_H
#include <stdatomic.h>

#include "unit.h"

/* A short MIDI message, at a frame of the block. */
typedef struct {
    uint32_t offset;
    uint8_t size, byte[3];
} rp_unit_event;

typedef struct {
    uint64_t frame;             /* of the first sample */
    uint32_t frames;            /* 1 to RP_BLOCK_MAX, and never more than the period */
    float *audio[2];            /* [frames]: in, and out in its place; zeros go into an instrument */
    const rp_unit_event *event; /* sorted by offset */
    uint32_t events;
} rp_unit_block;

typedef struct {
    void (*process)(rp_unit *unit, const rp_unit_block *block); /* [process] */
    void (*reset)(rp_unit *unit);                   /* nothing sounds any more; NULL: needs none [process] */
    void (*resize)(rp_unit *unit, uint32_t period); /* frames of the longest block to come; NULL [process] */
    void (*settle)(rp_unit *unit);                  /* off line: waits for what was given; NULL [control] */
    void (*free)(rp_unit *unit);                    /* what it holds, and itself [control] */
} rp_unit_kind;

/* The first member of every kind's own struct. */
struct rp_unit {
    const rp_unit_kind *kind;
    uint32_t role, parameters;
    _Atomic uint32_t latency;                    /* frames; the process thread's to change */
    _Atomic float value[RP_UNIT_PARAMETERS_MAX]; /* wanted; a unit smooths what would click */
    _Atomic uint32_t bypassed;
    _Atomic float gain;
    _Atomic uint32_t fault;
    _Atomic uint64_t blocks, missed;
    _Atomic float peak[2];
};

/* size: of the kind's own struct, zeroed. gain 1, all parameters 0. NULL: no memory, too many parameters. [control] */
rp_unit *rp_unit_new(const rp_unit_kind *kind, uint32_t size, uint32_t role, uint32_t parameters);
#endif
