/* tap_cycle.h - a cycle of the engine, tapped: what a driver brings and what goes back to it. */
#ifndef RIPIENO_TAP_CYCLE_H
#define RIPIENO_TAP_CYCLE_H
#include "process.h"
#include "tap.h"
#include "timeline.h"

/* Zeroed is ready, and copies nothing. */
typedef struct {
    rp_sink sink; /* the engine's, for this cycle */
    rp_sink *to;  /* the driver's */
    rp_tap *tap;  /* NULL: none */
    rp_cycle cycle;
} rp_tapped;

/* A cycle begins: the one that the engine is to play, all of whose output is heard; with no tap the very same.
 * [process] */
const rp_cycle *rp_tapped_begin(rp_tapped *tapped, const rp_cycle *cycle);
/* Where the beats of this cycle are. [process] */
void rp_tapped_clock(rp_tapped *tapped, const rp_timeline *timeline);
/* It ends, its sound is made. [process] */
void rp_tapped_end(rp_tapped *tapped);
#endif
