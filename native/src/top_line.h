/* top_line.h - the player's top line, and what is sung with it by rule: the same an octave off, or a third or sixth. */
#ifndef RIPIENO_TOP_LINE_H
#define RIPIENO_TOP_LINE_H
#include <stdint.h>

typedef struct {
    uint32_t key;          /* MIDI pitch of the line's note; 0: it rests */
    uint32_t last;         /* the note before the rest; 0: none yet */
    uint32_t waiting;      /* the key that comes when `held` is over; 0: none */
    uint32_t held, rested; /* blocks since the note began, since it ended */
    uint32_t scale;        /* of the harmony: the major scale heard, by its tonic's pitch class */
    uint32_t sixth;        /* of the harmony: 1: the last was a sixth */
} rp_top_line;

void rp_top_line_clear(rp_top_line *line); /* [worker] */
/* A block begins: the piano's row. 1: a note of the line begins in it. [worker] */
int rp_top_line_hear(rp_top_line *line, const float *row);
/* The MIDI pitch `octaves` above the line's note, moved by octaves into low..high; 0: there is none. [worker] */
uint32_t rp_top_line_double(const rp_top_line *line, int32_t octaves, uint32_t low, uint32_t high);
/* The MIDI pitch below the line's note in the scale heard so far, moved likewise. interval: 3 a third, 6 a sixth, 0
 * whichever sounds in the piano, and rather the last kind. 0: there is none. [worker] */
uint32_t rp_top_line_harmony(rp_top_line *line, const float *row, uint32_t interval, uint32_t low, uint32_t high);
#endif
