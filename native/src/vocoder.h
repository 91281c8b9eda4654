/* vocoder.h - the voice's sound, made of frames of 8 ms: harmonics and noise, shaped by an envelope. */
#ifndef RIPIENO_VOCODER_H
#define RIPIENO_VOCODER_H
#include <stdint.h>

enum { RP_VOCAL_BANDS = 40, RP_VOCAL_NOISES = 6, RP_VOCODER_AHEAD = 16 };

/* One frame of the voice, as models/singing/frames.py measures it. A frame with a number that is none is silence. */
typedef struct {
    float f0;              /* Hz; 0: unvoiced; taken as within 30..2000 */
    float level;           /* dB, all gains in it; 0: an rms of -13 dB of full scale; at most -90: silent */
    float envelope[40];    /* dB of each band above the level; the centres lie mel-spaced over 60..12000 Hz */
    float aperiodicity[6]; /* dB, -60..0: the share that is noise, 0-1, 1-2, 2-4, 4-6, 6-8.5, 8.5-12 kHz */
} rp_vocal_frame;

/* Frame k begins at sample round(k * sample_rate * 0.008), and by its end the sound is what the frame says: pitch,
 * harmonics and noise move there in a straight line. Where a frame is missing the sound is held for 4 frames, then
 * fades over 200 ms; a frame that comes takes it up again. No edge clicks. The sound does not depend on how calls are
 * cut. */
typedef struct rp_vocoder rp_vocoder;
typedef struct {
    uint64_t sample;   /* the next that is rendered */
    uint64_t frame;    /* the number of the frame it lies in */
    uint64_t held;     /* frames that were missing while it sounded */
    uint32_t sounding; /* 0: all it renders is zero until a frame comes */
} rp_vocoder_state;

/* Silent, at sample 0. NULL: no memory, or a rate beyond 8000..384000. [control] */
rp_vocoder *rp_vocoder_new(uint32_t sample_rate);
void rp_vocoder_free(rp_vocoder *vocoder); /* [control] */
/* The first sample of frame k. [any] */
uint64_t rp_vocoder_start(uint32_t sample_rate, uint64_t k);
/* Silent at once, nothing to come; the next sample rendered is `sample`. From there on as a new one. [process] */
void rp_vocoder_clear(rp_vocoder *vocoder, uint64_t sample);
/* Frame k, to be there before its first sample is rendered, and at most RP_VOCODER_AHEAD - 1 frames before it: a second
 * one for the same k replaces the first. 1: taken; 0: too late, or too early. [process] */
int rp_vocoder_push(rp_vocoder *vocoder, uint64_t k, const rp_vocal_frame *frame);
/* Add the next samples to `out`. [process] */
void rp_vocoder_render(rp_vocoder *vocoder, float *out, uint32_t samples);
/* Silent within `seconds` from the next sample on, as for a panic. What was pushed is forgotten, and frames that are
 * due before it is silent are passed over; those after it sound. [process] */
void rp_vocoder_fade(rp_vocoder *vocoder, double seconds);
void rp_vocoder_get_state(const rp_vocoder *vocoder, rp_vocoder_state *out); /* [process] */
#endif
