/* clock_in.h - MIDI clock and song position, as they come in, to what a timeline hears (MIDI 1.0 Detailed Specification
 * 4.2, System Real Time Messages and Song Position Pointer). */
#ifndef RIPIENO_CLOCK_IN_H
#define RIPIENO_CLOCK_IN_H
#include <stdint.h>
#include "timeline.h"

enum { RP_CLOCK_TICKS = 24, RP_SONG_POSITION_TICKS = 6 }; /* a beat; a step of song position */

/* What one port has said so far. Zeroed is ready. */
typedef struct {
    int64_t ticks;    /* F8 so far, and those that must have been lost: its own beats are a 24th of that */
    int64_t position; /* of the song, in ticks, at the next F8 */
    uint64_t lost;    /* F8 that did not come, by the beat of those around them */
    uint32_t pending; /* 1: the next F8 is at `position`; 2: and the song starts there */
    uint32_t rolling;
    uint32_t behind, behind_for; /* so many F8 seem lost, for so many in a row */
} rp_clock_in;

/* A whole message came in at `frame`; any but F8, FA, FB, FC and F2 changes nothing. Where the timeline does not follow
 * RP_CLOCK_MIDI it is remembered all the same. [process] */
void rp_clock_in_hear(rp_clock_in *clock, rp_timeline *timeline, uint64_t frame, const uint8_t *data, uint32_t size);
#endif
