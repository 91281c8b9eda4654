/* clock_out.h - a timeline as MIDI clock: which bytes leave at which frames.
 *
 * F8 leaves at the first frame that is not before its 24th of a beat, always, whether the transport rolls or not: who
 * listens keeps the tempo. Before the first F8 of a song that rolls comes FA at its beginning, or F2 and FB elsewhere:
 * with the F8 before it where there is one, which is a tick's warning. Song position counts sixteenth notes: a start
 * between two of them is told at the next. When the place changes while it rolls, FC comes first. */
#ifndef RIPIENO_CLOCK_OUT_H
#define RIPIENO_CLOCK_OUT_H
#include <stdint.h>
#include "timeline.h"

typedef struct {
    uint32_t offset; /* frames from the beginning of the cycle */
    uint8_t size, byte[3];
} rp_clock_byte;

/* What was told so far. Zeroed is ready. */
typedef struct {
    int64_t next;  /* the F8 that leaves next, counted from beat 0 of the timeline */
    int64_t start; /* where it was told, or will be, that the song rolls */
    uint64_t sent; /* F8 so far */
    uint32_t jumps;
    uint32_t begun, rolling, told; /* told: those who listen believe that it rolls */
} rp_clock_out;

/* The messages of the cycle that the timeline was advanced to, by their offsets; those for which `capacity` has no room
 * leave with the next cycle. Returns their number. [process] */
uint32_t rp_clock_out_cycle(rp_clock_out *clock, const rp_timeline *timeline, uint64_t frame, uint32_t frames,
                            rp_clock_byte *out, uint32_t capacity);
#endif
