/* delay_line.h - stereo sound, later by whole frames. */
#ifndef RIPIENO_DELAY_LINE_H
#define RIPIENO_DELAY_LINE_H
#include <stdint.h>
#include "unit.h"

typedef struct {
    float (*ring)[2];  /* [RP_LATENCY_MAX]: what it heard last, in the first `length` places; NULL: it is closed */
    uint32_t length;   /* a power of two, no less than the longest delay so far */
    uint32_t at;       /* place of the next frame */
    uint32_t from, to; /* delays; one fades into the other after a change */
    uint32_t fade;     /* frames that takes */
    uint32_t left;     /* of them to go */
    int begun;         /* 0: it has no delay yet */
} rp_delay_line;

/* The places of usual delays are touched, so that none of their pages is missing later. 0: no memory. [control] */
int rp_delay_line_open(rp_delay_line *line, uint32_t fade);
void rp_delay_line_close(rp_delay_line *line); /* [control] */
/* Left and right [frames], in place: what was heard `delay` frames before, up to RP_LATENCY_MAX. Another delay than
 * before is faded in; one that comes during a fade waits for its end. [process] */
void rp_delay_line_process(rp_delay_line *line, float *const audio[2], uint32_t frames, uint32_t delay);
#endif
