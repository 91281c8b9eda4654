/* vocoder.c - see vocoder.h. Harmonics are rotated one from the other, some samples of each at a time, so that what is
 * costly (sine, logarithm, power) is asked once a sample or once a frame and harmonic. What is heard is computed in
 * chunks counted from a frame's beginning, however rendering is cut. */
#include "vocoder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vocoder_noise.h"

enum { CHUNK = RP_NOISE_SPAN, HARMONICS = 384, HOLD = 4, FADE = 25 }; /* HOLD and FADE: frames */

static const float HIGHEST = 11500, SHARE = 0.45f;    /* Hz and, if less, times the rate: no harmonic above */
static const float EDGE = 0.95f;                      /* from this part of it on harmonics become weaker */
static const float PITCH_LOW = 30, PITCH_HIGH = 2000; /* Hz */
static const float SILENT = -90, LOUDEST = 24;        /* dB, of the level */
static const float SHAPE_LOW = -120, SHAPE_HIGH = 60; /* dB, of the envelope */
static const float NOISE_LOW = -100;                  /* dB, of the aperiodicity */
static const float FULL = 0.22387211f; /* rms at level 0: CheapTrick (frames.py) finds 1 dB more than there is */
static const float WIDTH = 12000;      /* Hz, what the mean of the envelope's power is over */
static const float DECIBEL = 0.11512925f;
static const double HALF_TURN = 3.141592653589793, NEAREST = 0x1.8p52; /* NEAREST: added and taken off, it rounds */
static const float MIDDLES[RP_VOCAL_NOISES] = {500,  1500, 3000,
                                               5000, 7250, 10250}; /* Hz, of the aperiodicity's bands */

/* What is heard at one moment; a frame is the way from one to the next. */
typedef struct {
    int voiced, noisy;         /* 0: all of its harmonics, of its noise, are 0 */
    float pitch;               /* Hz */
    float harmonic[HARMONICS]; /* amplitudes; [0] is the first */
    float noise[RP_VOCAL_BANDS];
} moment;

struct rp_vocoder {
    uint32_t rate;
    float highest; /* Hz */
    rp_noise bands;

    uint64_t sample, frame, start, end; /* the next sample; the frame under way, from start to before end */
    struct {
        int there;
        uint64_t frame;
        rp_vocal_frame what;
    } coming[RP_VOCODER_AHEAD]; /* frame k at k % RP_VOCODER_AHEAD */
    rp_vocal_frame last;
    uint32_t missing; /* frames since the last one */
    uint64_t held;

    moment from, to;
    uint32_t harmonics;          /* of both, those that may be other than 0 */
    double phase;                /* of the first harmonic at `start`, turns */
    uint32_t at[RP_VOCAL_BANDS]; /* next sample of each band's noise */
    float gain, step;            /* a fade: what is left, and what goes with each sample */
    float chunk[CHUNK];
};

static const rp_vocal_frame NOTHING = {.level = -INFINITY};

/* ---- time ---- */

uint64_t rp_vocoder_start(uint32_t sample_rate, uint64_t k) { return (2 * k * sample_rate + 125) / 250; }

/* Between frames, where the next one begins, it counts as in the one before. [process] */
static void set_sample(rp_vocoder *v, uint64_t sample) {
    uint64_t k = sample / v->rate * 125 + sample % v->rate * 125 / v->rate;
    while (rp_vocoder_start(v->rate, k) < sample) k++;
    while (k > 0 && rp_vocoder_start(v->rate, k) >= sample) k--;
    if (rp_vocoder_start(v->rate, k) >= sample) k--; /* before frame 0 */
    v->sample = sample;
    v->frame = k;
    v->end = rp_vocoder_start(v->rate, k + 1);
    v->start = v->end;
}

/* ---- what a frame says ---- */

/* [process] */
static float between(float x, float low, float high) { return x < low ? low : x > high ? high : x; }

/* [process] */
static int is_silent(const rp_vocal_frame *frame) {
    float sum = frame->f0 + frame->level;
    for (uint32_t i = 0; i < RP_VOCAL_BANDS; i++) sum += frame->envelope[i];
    for (uint32_t i = 0; i < RP_VOCAL_NOISES; i++) sum += frame->aperiodicity[i];
    return !isfinite(sum) || frame->level <= SILENT;
}

/* With every number within its range. [process] */
static rp_vocal_frame tidy(const rp_vocal_frame *frame) {
    if (is_silent(frame)) return NOTHING;
    rp_vocal_frame out = *frame;
    out.f0 = frame->f0 > 0 ? between(frame->f0, PITCH_LOW, PITCH_HIGH) : 0;
    out.level = fminf(frame->level, LOUDEST);
    for (uint32_t i = 0; i < RP_VOCAL_BANDS; i++) out.envelope[i] = between(frame->envelope[i], SHAPE_LOW, SHAPE_HIGH);
    for (uint32_t i = 0; i < RP_VOCAL_NOISES; i++) out.aperiodicity[i] = between(frame->aperiodicity[i], NOISE_LOW, 0);
    return out;
}

/* The envelope at a place counted in bands, an amplitude. [process] */
static float envelope_at(const rp_vocal_frame *frame, float place) {
    place = between(place, 0, RP_VOCAL_BANDS - 1);
    const uint32_t band = place < RP_VOCAL_BANDS - 1 ? (uint32_t)place : RP_VOCAL_BANDS - 2;
    const float low = frame->envelope[band], high = frame->envelope[band + 1];
    return expf(DECIBEL * (low + (place - (float)band) * (high - low)));
}

/* The amplitude's share of noise. [process] */
static float noise_at(const rp_vocal_frame *frame, float hertz) {
    uint32_t band = 0;
    while (band < RP_VOCAL_NOISES - 2 && hertz > MIDDLES[band + 1]) band++;
    const float part = between((hertz - MIDDLES[band]) / (MIDDLES[band + 1] - MIDDLES[band]), 0, 1);
    const float low = frame->aperiodicity[band], high = frame->aperiodicity[band + 1];
    return expf(DECIBEL * (low + part * (high - low)));
}

/* Amplitudes of the harmonics: each carries the envelope's power over one f0, less the share of noise; those next to
 * the highest are weakened so that none comes or goes at once. [process] */
static void aim_harmonics(const rp_vocoder *v, const rp_vocal_frame *frame, float gain, moment *to) {
    const float scale = gain * sqrtf(to->pitch * 2 / WIDTH);
    for (uint32_t i = 0; i < HARMONICS; i++) {
        const float hertz = to->pitch * (float)(i + 1);
        if (hertz >= v->highest) break;
        const float noise = noise_at(frame, hertz), edge = (v->highest - hertz) / (v->highest * (1 - EDGE));
        const float size = envelope_at(frame, rp_band_of(hertz));
        to->harmonic[i] = scale * size * sqrtf(fmaxf(0, 1 - noise * noise)) * between(edge, 0, 1);
    }
}

/* [process] */
static void aim_noise(const rp_vocal_frame *frame, float gain, moment *to) {
    for (uint32_t band = 0; band < RP_VOCAL_BANDS; band++) {
        const float noise = to->voiced ? noise_at(frame, rp_band_centre(band)) : 1;
        to->noise[band] = gain * noise * envelope_at(frame, (float)band);
    }
}

/* What a tidy frame sounds like, times `gain`. [process] */
static void aim(const rp_vocoder *v, const rp_vocal_frame *frame, float gain, moment *to) {
    memset(to, 0, sizeof *to);
    if (gain <= 0 || frame->level <= SILENT) return;
    gain *= FULL * expf(DECIBEL * frame->level);
    to->voiced = frame->f0 > 0;
    to->noisy = 1;
    to->pitch = frame->f0;
    if (to->voiced) aim_harmonics(v, frame, gain, to);
    aim_noise(frame, gain, to);
}

/* ---- from frame to frame ---- */

/* [process] */
static int sounds(const rp_vocoder *v) { return v->from.noisy || v->to.noisy; }

/* Frame k, or what stands in for it: 1 is the gain of a frame that is there. [process] */
static float take(rp_vocoder *v, uint64_t k) {
    const int fading = v->step > 0, slot = (int)(k % RP_VOCODER_AHEAD);
    const int there = v->coming[slot].there && v->coming[slot].frame == k;
    v->coming[slot].there = 0;
    if (fading) return 1;
    if (there) {
        v->last = v->coming[slot].what;
        v->missing = 0;
        return 1;
    }
    if (v->to.noisy) v->held++;
    if (v->missing < HOLD + FADE) v->missing++;
    return v->missing > HOLD ? 1 - (float)(v->missing - HOLD) / FADE : 1;
}

/* A pitch that begins or ends does not glide. [process] */
static void join_pitches(rp_vocoder *v) {
    if (!v->from.voiced) v->from.pitch = v->to.pitch;
    if (!v->to.voiced) v->to.pitch = v->from.pitch;
    const float lower = fminf(v->from.pitch, v->to.pitch);
    const int voiced = v->from.voiced || v->to.voiced;
    v->harmonics = voiced ? (uint32_t)fminf(HARMONICS, v->highest / lower) : 0;
}

/* [process] */
static void next_frame(rp_vocoder *v) {
    const double length = (double)(v->end - v->start);
    v->phase += (double)(v->from.pitch + v->to.pitch) / 2 * length / v->rate;
    v->phase -= floor(v->phase);
    v->frame++;
    v->start = v->end;
    v->end = rp_vocoder_start(v->rate, v->frame + 1);
    const float gain = take(v, v->frame);
    v->from = v->to;
    aim(v, &v->last, gain, &v->to);
    join_pitches(v);
}

/* ---- sound ---- */

/* e^(2 pi i x), x within +-1/2: Taylor's series of half the angle, doubled. Within 1e-7. [process] */
static void turn_by(double x, float *real, float *imaginary) {
    const double a = HALF_TURN * x, b = a * a;
    const double s = a * (1 + b * (-1. / 6 + b * (1. / 120 + b * (-1. / 5040 + b * (1. / 362880 - b / 39916800)))));
    const double c = 1 + b * (-1. / 2 + b * (1. / 24 + b * (-1. / 720 + b * (1. / 40320 - b / 3628800))));
    *real = (float)(c * c - s * s);
    *imaginary = (float)(2 * s * c);
}

/* The first harmonic, as it turns: w [CHUNK] from sample `from` of the frame on. [process] */
static void turn_first(const rp_vocoder *v, uint32_t from, float *real, float *imaginary) {
    const double step = (double)v->from.pitch / v->rate, length = (double)(v->end - v->start);
    const double bend = ((double)v->to.pitch / v->rate - step) / (2 * length);
    for (uint32_t i = 0; i < CHUNK; i++) {
        const double n = from + i, turns = v->phase + n * (step + n * bend);
        turn_by(turns - ((turns + NEAREST) - NEAREST), &real[i], &imaginary[i]);
    }
}

/* Add all harmonics: each is the one below, turned once more by the first. [process] */
static void add_harmonics(rp_vocoder *v, uint32_t from, const float *way) {
    float first_r[CHUNK], first_i[CHUNK], r[CHUNK], im[CHUNK];
    float *restrict out = v->chunk;
    turn_first(v, from, first_r, first_i);
    memcpy(r, first_r, sizeof r);
    memcpy(im, first_i, sizeof im);
    for (uint32_t k = 0; k < v->harmonics; k++) {
        const float size = v->from.harmonic[k], more = v->to.harmonic[k] - size;
        for (uint32_t i = 0; i < CHUNK; i++) {
            const float turned = r[i] * first_r[i] - im[i] * first_i[i];
            out[i] += (size + more * way[i]) * im[i];
            im[i] = r[i] * first_i[i] + im[i] * first_r[i];
            r[i] = turned;
        }
    }
}

/* `used` of the samples will be heard. [process] */
static void add_noise(rp_vocoder *v, uint32_t used, const float *way) {
    float *restrict out = v->chunk;
    for (uint32_t band = 0; band < RP_VOCAL_BANDS; band++) {
        const rp_noise_band *noise = &v->bands.band[band];
        const float *x = noise->samples + v->at[band];
        const float size = v->from.noise[band], more = v->to.noise[band] - size;
        for (uint32_t i = 0; i < CHUNK; i++) out[i] += (size + more * way[i]) * x[i];
        v->at[band] = (v->at[band] + used) % noise->length;
    }
}

/* [process] */
static void make_chunk(rp_vocoder *v, uint32_t from) {
    const uint32_t length = (uint32_t)(v->end - v->start), left = length - from;
    float way[CHUNK];
    for (uint32_t i = 0; i < CHUNK; i++) way[i] = (float)(from + i) / (float)length;
    memset(v->chunk, 0, sizeof v->chunk);
    if (v->harmonics > 0) add_harmonics(v, from, way);
    add_noise(v, left < CHUNK ? left : CHUNK, way);
}

/* [process] */
static void fall_silent(rp_vocoder *v) {
    memset(&v->from, 0, sizeof v->from);
    memset(&v->to, 0, sizeof v->to);
    v->last = NOTHING;
    v->gain = 1;
    v->step = 0;
}

/* Returns how many were added: fewer where a fade ends. [process] */
static uint32_t add_chunk(rp_vocoder *v, float *out, uint32_t from, uint32_t samples) {
    for (uint32_t i = 0; i < samples; i++) {
        out[i] += v->gain * v->chunk[from + i];
        v->gain -= v->step;
        if (v->gain > 0) continue;
        fall_silent(v);
        return i + 1;
    }
    return samples;
}

/* Up to `samples`, but not beyond a chunk or the frame. Returns how many. [process] */
static uint32_t render_some(rp_vocoder *v, float *out, uint32_t samples) {
    const uint32_t left = (uint32_t)(v->end - v->sample);
    if (samples > left) samples = left;
    if (!sounds(v)) return samples;
    const uint32_t place = (uint32_t)(v->sample - v->start), from = place % CHUNK;
    if (from == 0) make_chunk(v, place);
    return add_chunk(v, out, from, samples < CHUNK - from ? samples : CHUNK - from);
}

void rp_vocoder_render(rp_vocoder *v, float *out, uint32_t samples) {
    while (samples > 0) {
        if (v->sample == v->end) next_frame(v);
        const uint32_t done = render_some(v, out, samples);
        v->sample += done;
        out += done;
        samples -= done;
    }
}

/* ---- the rest of its life ---- */

rp_vocoder *rp_vocoder_new(uint32_t sample_rate) {
    if (sample_rate < 8000 || sample_rate > 384000) return NULL;
    rp_vocoder *v = calloc(1, sizeof *v);
    if (!v) return NULL;
    v->rate = sample_rate;
    v->highest = fminf(HIGHEST, SHARE * (float)sample_rate);
    if (rp_noise_make(&v->bands, sample_rate, fmin(WIDTH, SHARE * sample_rate))) {
        rp_vocoder_clear(v, 0);
        return v;
    }
    free(v);
    return NULL;
}

void rp_vocoder_free(rp_vocoder *vocoder) {
    if (!vocoder) return;
    rp_noise_free(&vocoder->bands);
    free(vocoder);
}

void rp_vocoder_clear(rp_vocoder *v, uint64_t sample) {
    set_sample(v, sample);
    memset(v->coming, 0, sizeof v->coming);
    memset(v->at, 0, sizeof v->at);
    v->phase = 0;
    v->held = 0;
    v->missing = 0;
    fall_silent(v);
}

int rp_vocoder_push(rp_vocoder *v, uint64_t k, const rp_vocal_frame *frame) {
    if (k - v->frame - 1 >= RP_VOCODER_AHEAD) return 0;
    const uint32_t slot = (uint32_t)(k % RP_VOCODER_AHEAD);
    v->coming[slot].there = 1;
    v->coming[slot].frame = k;
    v->coming[slot].what = tidy(frame);
    return 1;
}

void rp_vocoder_fade(rp_vocoder *v, double seconds) {
    memset(v->coming, 0, sizeof v->coming);
    v->last = sounds(v) ? v->last : NOTHING;
    if (!sounds(v)) return;
    v->step = fmaxf(v->step, (float)(1 / fmax(1, seconds * v->rate)));
}

void rp_vocoder_get_state(const rp_vocoder *v, rp_vocoder_state *out) {
    *out = (rp_vocoder_state){v->sample, v->frame + (v->sample == v->end), v->held, (uint32_t)sounds(v)};
}
