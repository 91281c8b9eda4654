/* piano.h - what the piano is doing, told to the singer as one row of numbers a block.
 *
 * Keys are those of a piano, 21..108; others are not heard. Several inputs may be told one after another: a key is down
 * from its last stroke to its next release, by whomever. A key sounds while it is down or the pedal holds it. */
#ifndef RIPIENO_PIANO_H
#define RIPIENO_PIANO_H
#include <stdint.h>

enum {
    RP_PIANO_LOW = 21,
    RP_PIANO_KEYS = 88,
    RP_PIANO_TRACES = 3, /* of each key: sounding, struck a quarter of a second ago, struck a second ago */
    /* Where each part of a row begins. */
    RP_PIANO_CHROMA = RP_PIANO_TRACES * RP_PIANO_KEYS,
    RP_PIANO_SLOW = RP_PIANO_CHROMA + RP_PIANO_TRACES * 12,
    RP_PIANO_BASS = RP_PIANO_SLOW + 2 * 12,
    RP_PIANO_ONSET = RP_PIANO_BASS + 12, /* velocity of the strongest stroke since the row before, 0..1 */
    RP_PIANO_COUNT,                      /* keys that sound, a tenth of them; 1 at most */
    RP_PIANO_TOP,                        /* the highest that sounds, (p - 60) / 24; 0 where none does */
    RP_PIANO_SILENCE,                    /* seconds since anything sounded, a quarter of them; 1 at most */
    RP_PIANO_SINCE,                      /* seconds since a stroke, half of them; 1 at most */
    RP_PIANO_ROW = RP_PIANO_ONSET + 8    /* the last three are 0 */
};

enum { RP_PIANO_OFF, RP_PIANO_ON, RP_PIANO_PEDAL }; /* kinds of rp_piano_event */

/* What was played. value: velocity 1..127, or for the pedal 0 (up) or more (down). */
typedef struct {
    uint64_t frame;
    uint8_t kind, key, value, unused[5];
} rp_piano_event;

typedef struct {
    double sample_rate;
    uint64_t last_row, last_stroke, last_sound; /* frames; ~0: never */
    uint64_t struck[88];
    float velocity[88];         /* of the last stroke, 0..1; 0: never struck */
    float slow[2][12];          /* means of the sounding chroma that forget in 4 and 16 s */
    float strongest;            /* velocity since the row before */
    uint8_t down[88], held[88]; /* held: released, the pedal keeps it */
    uint8_t pedal;
} rp_piano;

/* Nothing has been played. [any] */
void rp_piano_clear(rp_piano *piano, double sample_rate);
/* A key is struck; velocity 1..127. Frames never go back. [any] */
void rp_piano_on(rp_piano *piano, uint64_t frame, uint32_t key, uint32_t velocity);
void rp_piano_off(rp_piano *piano, uint64_t frame, uint32_t key); /* [any] */
void rp_piano_pedal(rp_piano *piano, uint64_t frame, int down);   /* [any] */
void rp_piano_hear(rp_piano *piano, const rp_piano_event *event); /* one of these three [any] */
/* The row of the block that begins at `frame`: for each key sounding * v, v e^(-age / 0.25 s), v e^(-age / 1 s) (v: its
 * velocity 0..1, age: since its stroke; the last two are 0 after 2 s); the loudest of each over the octaves, by pitch
 * class from C; the slow means by pitch class; the lowest sounding key's pitch class; and what RP_PIANO_ONSET.. name.
 * Each row is told once, in order of frames. [any] */
void rp_piano_row(rp_piano *piano, uint64_t frame, float row[344]);
/* Rows of a piece: one at each of `first`, `first` + `step`, ..., each after all events before its frame: live, what is
 * struck just as a block begins is not known yet. Events in order of frames; count * RP_PIANO_ROW numbers. [any] */
void rp_piano_rows(double sample_rate, const rp_piano_event *events, uint32_t event_count, uint64_t first,
                   uint32_t step, uint32_t count, float *rows);
#endif
