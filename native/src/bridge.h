/* bridge.h - where the process thread and a worker, the continuation's or the singer's, meet: two rings and a few
 * counts. */
#ifndef RIPIENO_BRIDGE_H
#define RIPIENO_BRIDGE_H
#include <stdatomic.h>
#include <stdint.h>

#include "continuation.h"
#include "ring.h"

/* What the process thread tells. */
enum { RP_HEARD_ON, RP_HEARD_OFF, RP_HEARD_CONTROL, RP_HEARD_CLOCK };
typedef struct {
    uint64_t frame;
    uint32_t note;  /* ON, OFF: the ledger's serial number of it */
    uint32_t epoch; /* of the bridge, when it was told */
    uint8_t channel;
    uint8_t first, second; /* the message's data */
} rp_heard;

/* CLOCK: the beats from `frame` on, a straight line until the next one is told. */
typedef struct {
    uint64_t frame;
    uint64_t since;   /* the place: from this frame on nothing committed under another number sounds */
    double beat, bpm; /* at `frame`, and how fast they go on */
    uint32_t place;   /* another number than before: the beats begin elsewhere, start, stop, or there is a clock since,
                       * or (0) none */
    uint8_t on;       /* 0: there is no clock; the rest means nothing */
    uint8_t rolling;
} rp_heard_clock;

/* What the continuation's worker sends. CANCEL takes back every note of that order or a later one that
 * does not sound yet. */
enum { RP_COMMIT_NOTE, RP_COMMIT_CANCEL };
typedef struct {
    uint64_t on, off; /* frames */
    uint32_t order;   /* counts up from note to note */
    uint32_t epoch;
    uint32_t place;     /* of the clock, see rp_heard_clock */
    uint8_t instrument; /* of the rig */
    uint8_t pitch, velocity;
} rp_commit;

typedef struct {
    rp_ring *heard, *committed;
    /* Moves with every panic, stop and change of rig: nothing committed under an earlier number sounds. No message, so
     * that it cannot be lost. */
    _Atomic uint32_t epoch;
    _Atomic uint64_t frame; /* of the next cycle, as of the last one: nothing can sound before */
    _Atomic uint32_t cycle; /* frames */
    _Atomic uint64_t sounded, late, refused, unheard;
} rp_bridge;

rp_bridge *rp_continuation_bridge(rp_continuation *band); /* [any] */
int rp_bridge_open(rp_bridge *bridge);                    /* zeroed before; 0: no memory [control] */
void rp_bridge_close(rp_bridge *bridge);                  /* [control] */
/* Tell the worker; counted when the ring is full. [process] */
void rp_bridge_tell(rp_bridge *bridge, uint32_t type, rp_heard heard);
int rp_bridge_tell_clock(rp_bridge *bridge, const rp_heard_clock *clock); /* 0: the ring is full [process] */
void rp_bridge_count(_Atomic uint64_t *count);                            /* one more [any] */
#endif
