/* follow.h - the tempo a player takes, in a simple form: his onsets pull a grid of eighth notes, gently. */
#ifndef RIPIENO_FOLLOW_H
#define RIPIENO_FOLLOW_H
#include <stdint.h>

enum { RP_TAPS = 4 };

typedef struct {
    double error; /* of the onsets since the last correction, in ticks, summed with their weights */
    double weight;
    uint64_t last_onset;   /* frame */
    uint64_t tap[RP_TAPS]; /* the last ones, oldest first */
    uint32_t taps;
} rp_follow;

/* The player strikes a note at `frame`, which is the exact `tick` of the tempo map. Notes of one chord count once.
 * [worker] */
void rp_follow_onset(rp_follow *follow, uint64_t frame, double tick, double sample_rate);
/* Once a beat: `*bpm` becomes the tempo from now on; returns the tempo of the next beat alone, which brings the phase
 * nearer as well. [worker] */
double rp_follow_correct(rp_follow *follow, double *bpm);
/* A tap; 1: `*bpm` is the tempo of the last ones. [worker] */
int rp_follow_tap(rp_follow *follow, uint64_t frame, double sample_rate, double *bpm);
#endif
