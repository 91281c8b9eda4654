/* vocoder_noise.h - bands of noise, made once and read round and round: what breath and consonants are shaped from. */
#ifndef RIPIENO_VOCODER_NOISE_H
#define RIPIENO_VOCODER_NOISE_H
#include <stdint.h>
#include "vocoder.h"

enum { RP_NOISE_SPAN = 64 }; /* samples that may be read at once */

/* Lengths differ from band to band and are prime: together they do not come round for ages. */
typedef struct {
    uint32_t length;
    const float *samples; /* [length + RP_NOISE_SPAN]: after the last the first come again */
} rp_noise_band;

/* The bands of one sample rate, by the fixed seeds 0..39: noise of the power in its band that an envelope of 1 has. */
typedef struct {
    float *memory;
    rp_noise_band band[RP_VOCAL_BANDS];
} rp_noise;

int rp_noise_make(rp_noise *noise, uint32_t sample_rate, double highest); /* Hz; 0: no memory [control] */
void rp_noise_free(rp_noise *noise);                                      /* [control] */
/* Which band a frequency lies in, 0..39 at the centres and between; beyond them it is less or more. [any] */
float rp_band_of(float hertz);
float rp_band_centre(uint32_t band); /* Hz [any] */
#endif
