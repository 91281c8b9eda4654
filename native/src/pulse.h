/* pulse.h - a line through what a source said: at which frame it was, or will be, which beat of its own.
 *
 * The beats are exact and the frames are not, so frames are fitted to beats, by least squares on orthogonal polynomials
 * (Forsythe, J. SIAM 5(2), 1957): straight lines through the last 4, 48 and 96 observations and parabolas through the
 * last 12, 24 and 48. The longest that agrees with all shorter ones is believed, by the intersection of confidence
 * intervals (Goldenshluger and Nemirovski, Math. Methods of Statistics 6, 1997), for the place and for the slope apart:
 * four beats of MIDI clock while the tempo is steady, down to four ticks when it is not. How much the source shakes is
 * learnt from it. */
#ifndef RIPIENO_PULSE_H
#define RIPIENO_PULSE_H
#include <stdint.h>

enum { RP_PULSES = 96, RP_PULSES_SURE = 4 }; /* observations remembered; with so many a line is worth something */

typedef struct {
    double frame, beat;
} rp_pulse;

typedef struct {
    rp_pulse pulse[RP_PULSES]; /* oldest first */
    uint32_t count;
    uint32_t doubted;           /* the last of them, which are far off the line: not believed yet */
    uint32_t patience;          /* so many in a row are believed, and all before them forgotten */
    double frame, beat, period; /* the line: `beat` at `frame`, then one each `period` frames */
    double noise, least;        /* variance of an observation, frames squared, and what it is at least */
    double slack;               /* frames: nearer to the line than this nothing is far off */
    double shortest, longest;   /* periods */
} rp_pulses;

/* Nothing heard; noise: standard deviation to begin with, seconds. [process] */
void rp_pulses_begin(rp_pulses *pulses, double sample_rate, double bpm, double noise, uint32_t patience);
/* 1: taken; 0: less than a 25th of a beat after the last one, left out. [process] */
int rp_pulses_hear(rp_pulses *pulses, double frame, double beat);
/* All that was heard is forgotten; the line is known: `beat` at `frame`, then one each `period` frames. [process] */
void rp_pulses_know(rp_pulses *pulses, double frame, double beat, double period);
/* It surely was that beat at that frame: where the line is far off, all that was heard is forgotten. [process] */
void rp_pulses_insist(rp_pulses *pulses, double frame, double beat);
double rp_pulses_beat(const rp_pulses *pulses, double frame); /* by the line [process] */
int rp_pulses_ready(const rp_pulses *pulses);                 /* heard for two beats: the tempo is known [process] */
/* 1: it is not overdue by more than one and a half of its own intervals and a quarter of a second. [process] */
int rp_pulses_fresh(const rp_pulses *pulses, double frame, double sample_rate);
#endif
