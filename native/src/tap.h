/* tap.h - what comes in and what leaves, copied cycle by cycle for a thread that writes it to disk.
 *
 * The process thread opens a cycle, adds its MIDI and closes it with its sound. Then all of it is in the ring; or,
 * where that is full, nothing: the cycle is dropped and counted, never cut. One control thread reads. */
#ifndef RIPIENO_TAP_H
#define RIPIENO_TAP_H
#include <stdint.h>

enum {
    RP_TAP_AUDIOS_MAX = 16,
    RP_TAP_MIDI_MAX = 262144 /* bytes of MIDI in one cycle, its events' heads among them; with more it is dropped */
};

typedef struct {
    uint32_t audios;  /* outputs whose sound is copied, 0 to 16 */
    uint32_t longest; /* frames of the longest cycle, 1 to 8192; a longer one is dropped */
    uint32_t room;    /* frames that find room in the ring, in cycles of 16 and more */
} rp_tap_config;

enum { RP_TAP_IN = 0, RP_TAP_OUT = 1, RP_TAP_CLOCK = 2 };
/* One piece of MIDI, or of the clock. Its bytes follow it, then zeros up to a multiple of 8. */
typedef struct {
    uint64_t frame;
    uint32_t size;
    uint16_t port;
    uint16_t out; /* IN: it came in, at that input port; OUT: it left, at that output port; CLOCK: where the beats are
                   * from there on, an rp_timeline_piece */
} rp_tap_event;

/* Cycles that followed one another without a gap. */
typedef struct {
    float *audio;       /* yours: [audios][room] */
    uint8_t *midi;      /* yours: so many bytes, for the cycles' rp_tap_events; at least RP_TAP_MIDI_MAX */
    uint32_t room;      /* frames, at least the longest cycle */
    uint32_t midi_room; /* bytes */
    uint64_t frame;     /* of the first sample */
    uint64_t dropped;   /* cycles that were dropped before the last of these */
    uint32_t frames;
    uint32_t midi_size; /* bytes */
} rp_tap_block;

typedef struct rp_tap rp_tap;
rp_tap *rp_tap_new(const rp_tap_config *config); /* NULL: no memory or a bad config [control] */
void rp_tap_free(rp_tap *tap);                   /* no engine may have it [control] */

void rp_tap_open(rp_tap *tap, uint64_t frame, uint32_t frames); /* a cycle begins [process] */
/* A piece of MIDI, `offset` frames from the cycle's beginning. [process] */
void rp_tap_midi(rp_tap *tap, uint32_t out, uint32_t port, uint32_t offset, const uint8_t *data, uint32_t size);
/* It ends. audio: [audios][frames]; a tap's outputs beyond these are silent. 1: all of it is in the ring; 0: it was
 * dropped, and counted. [process] */
int rp_tap_close(rp_tap *tap, const float *const *audio, uint32_t audios);

/* As many cycles as follow one another and find room. 0: there are none. [control] */
int rp_tap_read(rp_tap *tap, rp_tap_block *block);
uint64_t rp_tap_dropped(const rp_tap *tap); /* cycles so far [any] */
#endif
