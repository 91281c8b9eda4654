/* vocoder.h - the voice's sound, made of frames of 8 ms: harmonics and noise through an envelope. */
#ifndef RIPIENO_VOCODER_H
#define RIPIENO_VOCODER_H
#include <stdint.h>

enum { RP_VOCAL_BANDS = 40, RP_VOCAL_NOISES = 6 };

/* One frame of the voice, as models/singing/frames.py measures it. */
typedef struct {
    float f0;             /* Hz; 0: unvoiced */
    float level;          /* dB, all gains in it; at most -90: silent */
    float envelope[40];   /* dB of each band above the level; the centres lie mel-spaced over 60..12000 Hz */
    float aperiodicity[6]; /* dB, -60..0: the share that is noise, 0-1, 1-2, 2-4, 4-6, 6-8.5, 8.5-12 kHz */
} rp_vocal_frame;
#endif
