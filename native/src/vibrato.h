/* vibrato.h - the voice's vibrato, a rule: it sets in when a note has lasted, and neither its rate nor its depth is
 * ever quite the same (5 to 6.2 Hz and 25 to 60 cents, as trained singers' are: Sundberg 1994, Prame 1994). */
#ifndef RIPIENO_VIBRATO_H
#define RIPIENO_VIBRATO_H
#include "sampler.h"

typedef struct {
    rp_random random; /* its own, so that it does not change what is sung */
    double phase;     /* turns */
    double wander[2]; /* of rate and depth: -1..1, slowly */
    double share;     /* 0..1: how much of the depth is reached */
} rp_vibrato;

void rp_vibrato_clear(rp_vibrato *vibrato, uint64_t seed); /* [worker] */
/* The next frame of 8 ms, in cents. rate: Hz on average; depth: 1 is usual; sung: seconds since the note began, below
 * 0: none is. [worker] */
double rp_vibrato_next(rp_vibrato *vibrato, double rate, double depth, double sung);
#endif
