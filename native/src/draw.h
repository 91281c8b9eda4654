/* draw.h - one of several values, by their weights. */
#ifndef RIPIENO_DRAW_H
#define RIPIENO_DRAW_H
#include "sampler.h"

enum { RP_DRAW_MAX = 1024 }; /* values, at most */

/* The likeliest, and the first of equals. [worker] */
int rp_likeliest(const double *weight, uint32_t values);
/* Leave the likeliest alone, as top_k and top_p ask: the others' weights become 0. [worker] */
void rp_truncate(double *weight, uint32_t values, const rp_sampling *sampling);
/* The value at `at`, 0..1, of all weights one after another; -1: none weighs anything. [worker] */
int rp_draw(const double *weight, uint32_t values, double at);
/* The same by scores [values], the logarithms of weights: -infinity is never drawn. sampling: temperature 0 takes the
 * likeliest. -1: a score is no number. [worker] */
int rp_draw_score(const float *scores, uint32_t values, const rp_sampling *sampling, double at);
#endif
