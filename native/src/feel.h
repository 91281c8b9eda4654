/* feel.h - how loud and how exactly in time: near the player's own, never a machine's. */
#ifndef RIPIENO_FEEL_H
#define RIPIENO_FEEL_H
#include <stdint.h>

#include "sampler.h"

typedef struct {
    double sample_rate;
    double player_velocity, model_velocity; /* recent means; 0: nothing heard yet */
    double lateness, spread;                /* of the player's onsets against the grid, seconds */
    uint32_t onsets;
    double walk[16]; /* each member's own way round the beat, standard deviations */
    double breath;   /* the same for loudness where the model says none */
    rp_random random;
} rp_feel;

void rp_feel_begin(rp_feel *feel, double sample_rate, uint64_t seed);     /* [worker] */
void rp_feel_heard(rp_feel *feel, uint8_t velocity, double late_seconds); /* a note of the player's [worker] */
/* A velocity, 1 to 127: the model's (0: it says none), moved by `follow` (0..1) of the difference between the player's
 * recent mean and its own. [worker] */
uint8_t rp_feel_velocity(rp_feel *feel, uint8_t velocity, double follow, int on_beat);
/* Frames by which a member is after the grid (before: negative); `amount` 0: exact, 1: as the player. [worker] */
int64_t rp_feel_delay(rp_feel *feel, uint32_t member, double amount);
int64_t rp_feel_bound(const rp_feel *feel); /* its largest absolute value [worker] */
#endif
