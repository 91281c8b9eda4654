/* beats.h - where a player's beats are, from the notes of live play alone; each is said before it comes. */
#ifndef RIPIENO_BEATS_H
#define RIPIENO_BEATS_H
#include <stdint.h>

enum { RP_BEATS_LEAD = 20 }; /* milliseconds before a beat at which it is said */

typedef struct rp_beats rp_beats;
typedef struct {
    double frame;      /* at which it falls */
    double beat;       /* its number: 0, 1, 2, ... */
    double bpm;        /* beats a minute at that moment */
    double confidence; /* 0..1: how far ahead of any other reading of the notes this one is */
} rp_beat;

/* Nothing heard. NULL: no memory, or a rate beyond 8000..384000. [control] */
rp_beats *rp_beats_new(uint32_t sample_rate);
void rp_beats_free(rp_beats *beats); /* [control] */
/* Forget everything; beats are counted from 0 again. [process] */
void rp_beats_clear(rp_beats *beats);
/* A key goes down; frames never fall (one that does counts as the last). pitch, velocity: 0..127. [process] */
void rp_beats_note(rp_beats *beats, uint64_t frame, uint32_t pitch, uint32_t velocity);
/* Time has come to `frame`. 1: the next beat is due and said in `beat`; it lies at `frame` or up to RP_BEATS_LEAD after
 * it, later than every beat before. 0: none is due; or none is known: too few notes, or none for long. [process] */
int rp_beats_next(rp_beats *beats, uint64_t frame, rp_beat *beat);
#endif
