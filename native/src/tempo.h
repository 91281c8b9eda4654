/* tempo.h - frames to ticks and back: straight pieces, added at the end only, so that what was said stays true. */
#ifndef RIPIENO_TEMPO_H
#define RIPIENO_TEMPO_H
#include <stdint.h>

enum { RP_TEMPO_PIECES = 256 }; /* remembered; the oldest is forgotten */

typedef struct {
    double frame, tick; /* where it begins */
    double frames;      /* a tick */
} rp_tempo_piece;

typedef struct {
    rp_tempo_piece piece[RP_TEMPO_PIECES];
    uint32_t count;
    double sample_rate;
} rp_tempo;

/* Tick 0 at `frame`, `bpm` beats a minute from there on. [worker] */
void rp_tempo_begin(rp_tempo *tempo, double sample_rate, uint64_t frame, double bpm);
uint64_t rp_tempo_frame(const rp_tempo *tempo, int64_t tick); /* 0 for what lies before frame 0 [worker] */
double rp_tempo_exact(const rp_tempo *tempo, int64_t tick);   /* the same with its fraction, below 0 too [worker] */
double rp_tempo_tick(const rp_tempo *tempo, uint64_t frame);  /* [worker] */
double rp_tempo_bpm(const rp_tempo *tempo);                   /* of the last piece [worker] */
int64_t rp_tempo_last(const rp_tempo *tempo); /* the last piece begins here; no new one before [worker] */
/* From `tick` on, not before the last piece, `bpm` beats a minute. [worker] */
void rp_tempo_bend(rp_tempo *tempo, int64_t tick, double bpm);
void rp_tempo_unbend(rp_tempo *tempo, int64_t tick); /* what was bent after `tick` is forgotten [worker] */
/* `frame` becomes `tick`, where it would have been less: silence is passed over. 0: it would not, or a piece begins
 * later. [worker] */
int rp_tempo_jump(rp_tempo *tempo, uint64_t frame, int64_t tick);
/* `frame` becomes `tick`, which should not be less than it was, and what was bent to come later is forgotten: `bpm`
 * beats a minute from there on. [worker] */
void rp_tempo_restart(rp_tempo *tempo, uint64_t frame, double tick, double bpm);
#endif
