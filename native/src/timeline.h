/* timeline.h - the one clock: which beat it is at which frame, whoever says so.
 *
 * Sources say that at a frame it was a beat of theirs: 24 times a beat from MIDI clock, once from taps, each cycle from
 * JACK's transport. A line is fitted to what each of them said (pulse.h). The timeline is a phase-locked loop of the
 * second order (Gardner, Phaselock Techniques, 3rd ed., 2005, chapter 2) that follows the line of the chosen one: the
 * line's tempo at once, its phase by playing a little faster or slower, settled in 30 ms. What it says is straight from
 * cycle to cycle, and never stands still, goes back or jumps, unless it is told to begin elsewhere (rp_timeline_start,
 * rp_timeline_locate).
 *
 * A beat is a quarter note, a frame one of the driver's. In each cycle: first what came in (observe, start, stop), then
 * rp_timeline_advance, then ask. One thread calls all that is marked [process]. */
#ifndef RIPIENO_TIMELINE_H
#define RIPIENO_TIMELINE_H
#include <stdint.h>

enum {
    RP_CLOCK_INTERNAL = 0, /* a tempo that is set */
    RP_CLOCK_TAP = 1,      /* tapped, a beat each */
    RP_CLOCK_MIDI = 2,     /* MIDI clock: clock_in.h */
    RP_CLOCK_LINK = 3,     /* Ableton Link */
    RP_CLOCK_JACK = 4,     /* JACK's transport */
    RP_CLOCK_PLAYER = 5,   /* the player's own beats */
    RP_CLOCKS = 6
};
enum { RP_BPM_MIN = 20, RP_BPM_MAX = 400 };
/* Straight pieces of one cycle: as many starts, stops and places as it remembers; of more only the last is. */
enum { RP_TIMELINE_PIECES = 8 };

typedef struct {
    double bpm;
    double beat;     /* at `frame`; where it stopped, while it does not roll */
    double residual; /* ms: how far what the chosen source says is from what was played, root mean square, lately */
    double away;     /* ms: how far its line is ahead of the timeline now */
    uint64_t frame;  /* of the cycle that all this is about */
    uint64_t heard;  /* observations of the chosen source */
    uint32_t source; /* RP_CLOCK_... */
    uint32_t rolling;
    uint32_t locked;   /* 1: the source is heard, followed, and not just taken over from another */
    uint32_t slewing;  /* 1: taken over from another, the phase still on its way */
    uint32_t jumps;    /* times that it was told to begin elsewhere */
    uint32_t reserved; /* 0 */
} rp_timeline_state;

/* From `frame` on, until the next piece's; it goes on while the transport stands, for the clock ticks on. */
typedef struct {
    double frame, beat; /* where it begins */
    double rate;        /* beats a frame, above 0 */
    uint32_t rolling;
    uint32_t jumps; /* another number than the piece's before: its beat was set */
} rp_timeline_piece;

typedef struct rp_timeline rp_timeline;
rp_timeline *rp_timeline_new(void);           /* begun at frame 0, 48 kHz, 120 BPM; NULL: no memory [control] */
void rp_timeline_free(rp_timeline *timeline); /* [control] */

/* All is forgotten. Beat 0 at `frame`, at `bpm`; it does not roll, its source is the internal one. [process] */
void rp_timeline_begin(rp_timeline *timeline, double sample_rate, uint64_t frame, double bpm);
void rp_timeline_set_tempo(rp_timeline *timeline, double bpm); /* unless it follows a source that is heard [process] */
/* The source's own beat, whatever it counts from, was `beat` at `frame`. Its beats and frames rise; where they do not,
 * it is forgotten and begins anew. Sources that are not chosen may speak too: it makes taking over swift. [process] */
void rp_timeline_observe(rp_timeline *timeline, uint32_t source, uint64_t frame, double beat);
/* The source's tempo is known, not heard: its own beat is `beat` at `frame`. [process] */
void rp_timeline_know(rp_timeline *timeline, uint32_t source, uint64_t frame, double beat, double bpm);
/* Follow this source from now on: its tempo once it has been heard for two beats, its phase at no more than 1 ms a
 * beat; the tempo is held until then. While the transport stands it is taken over at once, place and all; and so is the
 * phase where nobody was followed since rp_timeline_begin, not even the internal clock for a cycle. [process] */
void rp_timeline_choose(rp_timeline *timeline, uint32_t source);
/* The transport starts at `frame`, there the source's own beat `own` is the timeline's `beat`; locate: the same,
 * rolling or not as it was. Sources that are not chosen are remembered, and move nothing. `own` of the internal clock
 * is not looked at. [process] */
void rp_timeline_start(rp_timeline *timeline, uint32_t source, uint64_t frame, double own, double beat);
void rp_timeline_locate(rp_timeline *timeline, uint32_t source, uint64_t frame, double own, double beat);
void rp_timeline_stop(rp_timeline *timeline, uint32_t source, uint64_t frame); /* likewise [process] */
void rp_timeline_advance(rp_timeline *timeline, uint64_t frame);               /* a cycle begins there [process] */

/* The beat at a frame of this cycle, and back: the frame, with its fraction, of a beat. [process] */
double rp_timeline_beat(const rp_timeline *timeline, uint64_t frame);
double rp_timeline_frame(const rp_timeline *timeline, double beat);
/* The beat that a source's own count should be at by what it said so far; below 0: it has not said enough. [process] */
double rp_timeline_expect(const rp_timeline *timeline, uint32_t source, uint64_t frame);
/* The pieces of this cycle, in order, at least one. [process] */
const rp_timeline_piece *rp_timeline_pieces(const rp_timeline *timeline, uint32_t *count);
void rp_timeline_get(const rp_timeline *timeline, rp_timeline_state *out); /* as of the last advance [any] */
#endif
