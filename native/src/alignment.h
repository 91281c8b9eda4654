/* alignment.h - an engine's audio outputs, later by whole frames: for devices that are quicker than others. */
#ifndef RIPIENO_ALIGNMENT_H
#define RIPIENO_ALIGNMENT_H
#include <stdint.h>
#include "delay_line.h"

typedef struct rp_alignment rp_alignment;

/* For so many outputs. fade: frames in which one delay goes over into another. NULL: no memory. [control] */
rp_alignment *rp_alignment_new(uint32_t audios, uint32_t fade);
void rp_alignment_free(rp_alignment *alignment);
/* From the next cycle on all of them are so many frames late, up to RP_LATENCY_MAX. [any] */
void rp_alignment_set(rp_alignment *alignment, uint32_t frames);
uint32_t rp_alignment_get(const rp_alignment *alignment); /* that number [any] */
int rp_alignment_silent(const rp_alignment *alignment);   /* nothing is on its way [process] */
/* A cycle's sound, [audios][frames], in place. [process] */
void rp_alignment_process(rp_alignment *alignment, float *const *audio, uint32_t audios, uint32_t frames);
#endif
