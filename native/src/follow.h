/* follow.h - the tempo a player takes, in a simple form: from onset to onset, and against a grid of eighth notes. */
#ifndef RIPIENO_FOLLOW_H
#define RIPIENO_FOLLOW_H
#include <stdint.h>

enum { RP_TAPS = 4 };

typedef struct {
    double error, weight;  /* of the onsets since the last correction: ticks from the grid, summed with their weights */
    double since;          /* onsets before this tick do not show that correction yet */
    uint64_t last_onset;   /* frame; 0: none */
    uint64_t tap[RP_TAPS]; /* the last ones, oldest first */
    uint32_t taps;
} rp_follow;

/* The player strikes a note at `frame`, which is the exact `tick` of the tempo map; `*bpm` comes nearer to his tempo.
 * Notes of one chord count once. [worker] */
void rp_follow_onset(rp_follow *follow, uint64_t frame, double tick, double sample_rate, double *bpm);
/* There is something to correct: onsets enough. [worker] */
int rp_follow_ready(const rp_follow *follow);
/* The tempo of the beat that begins at `tick`, a little off `bpm` so that the grid meets the player. [worker] */
double rp_follow_correct(rp_follow *follow, double tick, double bpm);
/* A tap; 1: `*bpm` is the tempo of the last ones. [worker] */
int rp_follow_tap(rp_follow *follow, uint64_t frame, double sample_rate, double *bpm);
#endif
