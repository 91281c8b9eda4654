/* unit_reverb.c - a room: a feedback delay network (Jot & Chaigne 1991, Digital delay networks for designing artificial
 * reverberators, AES preprint 3030) behind allpasses that smear (Schroeder 1962, Natural sounding artificial
 * reverberation).
 *
 * Sixteen lines feed each other through a Hadamard matrix, which loses nothing; each has a low-pass of one pole behind
 * it, which loses just what a line of its length must for the wanted decay. A change fades from one such set of lines
 * to the next, so that it does not click. */
#include <string.h>

#include "unit_builtin.h"
#include "unit_smooth.h"

enum { LINES = 16, DIFFUSERS = 4, TAPS = LINES + 2 * DIFFUSERS };
enum { SIZE, DECAY, DAMPING, MIX, PARAMETERS, SHAPING = MIX };
static const rp_parameter parameters[PARAMETERS] = {
    {"size", "", "of the room: 0 a closet, 0.5 a hall, 1 a cathedral", 0, 1, 0.5, 0},
    {"decay", "s", "until it is 60 dB softer", 0.1, 20, 1.8, 0},
    {"damping", "", "how much sooner the treble is gone; 0: with all the rest", 0, 1, 0.4, 0},
    {"mix", "", "0: no reverberation; 1: nothing else", 0, 1, 0.25, 0},
};
/* How long the lines are at the usual size: spread evenly by their ratios, so that few echoes coincide. */
static const double LINE_MS[LINES] = {23.3, 25.7, 27.9, 30.7, 33.5, 36.7, 40.1, 43.9,
                                      47.7, 52.3, 57.1, 62.3, 68.3, 74.3, 81.7, 89.3};
static const double DIFFUSER_MS[DIFFUSERS] = {11.9, 8.3, 5.3, 3.1};
static const float DIFFUSION = 0.6F;

typedef struct {
    uint32_t length[LINES];         /* frames */
    float gain[LINES], pole[LINES]; /* of the low-passes: at 0 Hz, and how dull */
    float level;                    /* of what is heard: a long decay is not louder than a short one */
} room_shape;

typedef struct {
    rp_unit unit;
    double rate;
    double wanted[SHAPING], told[SHAPING]; /* parameters: as set, and as the newest shape has them */
    rp_ramp mix;
    room_shape shape, next;            /* what is heard, and what is being faded in */
    uint32_t begun, fade, fade_length; /* frames that the fade goes on */
    uint32_t diffuser[DIFFUSERS];      /* frames */
    uint32_t at, mask, age;            /* where the lines are written, and how many frames of them count */
    float low[LINES];                  /* what the low-passes hold */
    float line[];                      /* [mask + 1][TAPS] */
} reverb_unit;

/* [any] */
static double stretch(double size) { return 0.25 + 1.5 * size; }

/* Frames that are kept of each line: a power of two. [control] */
static uint32_t room(uint32_t sample_rate) {
    uint32_t frames = 1;
    while (frames < LINE_MS[LINES - 1] / 1000 * stretch(parameters[SIZE].high) * sample_rate + 1) frames *= 2;
    return frames;
}

/* [control] */
static uint32_t lines(uint32_t sample_rate) { return TAPS * room(sample_rate) * (uint32_t)sizeof(float); }

/* ---- shapes ---- */

/* A line of `seconds` loses its share of 60 dB, at 0 Hz and, sooner, at half the sample rate. [process] */
static void absorb(room_shape *shape, uint32_t i, double seconds, const double *wanted) {
    const double dull = 1 - 0.9 * wanted[DAMPING];
    const double low = rp_from_decibels(-60 * seconds / wanted[DECAY]);
    const double high = rp_from_decibels(-60 * seconds / (wanted[DECAY] * dull));
    shape->gain[i] = (float)low;
    shape->pole[i] = (float)((low - high) / (low + high));
}

/* [process] */
static void make_shape(reverb_unit *it, room_shape *shape) {
    double kept = 0;
    for (uint32_t i = 0; i < LINES; i++) {
        const double seconds = LINE_MS[i] / 1000 * stretch(it->wanted[SIZE]);
        shape->length[i] = (uint32_t)lrint(seconds * it->rate);
        absorb(shape, i, shape->length[i] / it->rate, it->wanted);
        kept += (double)shape->gain[i] * (double)shape->gain[i] / LINES;
    }
    shape->level = (float)sqrt((1 - kept) / kept); /* what goes round loses its gain before it is heard, too */
    memcpy(it->told, it->wanted, sizeof it->told);
}

/* Begins to fade to what is wanted, unless a fade goes on. [process] */
static void follow(reverb_unit *it) {
    if (!it->begun) {
        it->begun = 1;
        make_shape(it, &it->shape);
    } else if (!it->fade && memcmp(it->told, it->wanted, sizeof it->told) != 0) {
        make_shape(it, &it->next);
        it->fade = it->fade_length;
    }
}

/* [process] */
static void aim(reverb_unit *it) {
    for (uint32_t p = 0; p < SHAPING; p++) it->wanted[p] = rp_builtin_wanted(&it->unit, parameters, p);
    rp_ramp_aim(&it->mix, (float)rp_builtin_wanted(&it->unit, parameters, MIX));
    follow(it);
}

/* ---- one frame ---- */

/* What went into a line so many frames ago. [process] */
static float heard(const reverb_unit *it, uint32_t line, uint32_t frames) {
    return frames <= it->age ? it->line[((it->at - frames) & it->mask) * TAPS + line] : 0;
}

/* [process] */
static void say(reverb_unit *it, uint32_t line, float sample) { it->line[(it->at & it->mask) * TAPS + line] = sample; }

/* One sample smeared over some ten milliseconds, all frequencies alike. [process] */
static float diffuse(reverb_unit *it, uint32_t channel, float sample) {
    for (uint32_t d = 0; d < DIFFUSERS; d++) {
        const uint32_t line = LINES + 2 * d + channel;
        const float old = heard(it, line, it->diffuser[d]);
        const float new = rp_sane(sample + DIFFUSION * old);
        say(it, line, new);
        sample = old - DIFFUSION * new;
    }
    return sample;
}

/* What comes out of a line, behind its low-pass. [process] */
static float leave(reverb_unit *it, uint32_t i, float share) {
    float sample = heard(it, i, it->shape.length[i]) * it->shape.gain[i], pole = it->shape.pole[i];
    if (it->fade) {
        sample += (heard(it, i, it->next.length[i]) * it->next.gain[i] - sample) * share;
        pole += (it->next.pole[i] - pole) * share;
    }
    it->low[i] = rp_sane(sample + (it->low[i] - sample) * pole);
    return it->low[i];
}

/* The lines through a Hadamard matrix, which keeps their energy. [process] */
static void exchange(float x[LINES]) {
    for (uint32_t step = 1; step < LINES; step *= 2)
        for (uint32_t i = 0; i < LINES; i++) {
            if (i & step) continue;
            const float a = x[i], b = x[i + step];
            x[i] = a + b;
            x[i + step] = a - b;
        }
    for (uint32_t i = 0; i < LINES; i++) x[i] *= 0.25F; /* 1 / sqrt(LINES) */
}

/* dry: in; wet: out. Left goes into even lines, right into odd ones; both hear all, by other signs. [process] */
static void frame(reverb_unit *it, const float dry[2], float wet[2]) {
    const float share = it->fade ? 1 - (float)it->fade / (float)it->fade_length : 0;
    const float level = it->shape.level + (it->next.level - it->shape.level) * share;
    const float in[2] = {0.35355339F * diffuse(it, 0, dry[0]), 0.35355339F * diffuse(it, 1, dry[1])}; /* sqrt(1 / 8) */
    float x[LINES];
    wet[0] = wet[1] = 0;
    for (uint32_t i = 0; i < LINES; i++) {
        x[i] = leave(it, i, share);
        wet[0] += i & 4 ? -x[i] : x[i];
        wet[1] += i & 8 ? -x[i] : x[i];
    }
    exchange(x);
    for (uint32_t i = 0; i < LINES; i++) say(it, i, x[i] + (i & 2 ? -in[i & 1] : in[i & 1]));
    for (uint32_t c = 0; c < 2; c++) wet[c] *= level * 0.70710678F;
}

/* [process] */
static void go_on(reverb_unit *it) {
    it->at++;
    if (it->age <= it->mask) it->age++;
    if (!it->fade) return;
    it->fade--;
    if (it->fade) return;
    it->shape = it->next;
    follow(it);
}

/* [process] */
static void process(rp_unit *unit, const rp_unit_block *block) {
    reverb_unit *it = (reverb_unit *)unit;
    aim(it);
    for (uint32_t i = 0; i < block->frames; i++) {
        const float dry[2] = {rp_sane(block->audio[0][i]), rp_sane(block->audio[1][i])}, mix = rp_ramp_next(&it->mix);
        float wet[2];
        frame(it, dry, wet);
        for (uint32_t c = 0; c < 2; c++) block->audio[c][i] = dry[c] * (1 - mix) + wet[c] * mix;
        go_on(it);
    }
}

/* [process] */
static void reset(rp_unit *unit) {
    reverb_unit *it = (reverb_unit *)unit;
    rp_ramp_restart(&it->mix);
    memset(it->low, 0, sizeof it->low);
    it->begun = it->fade = it->age = 0; /* what is in the lines does not count any more */
}

/* [control] */
static void prepare(rp_unit *unit, uint32_t sample_rate) {
    reverb_unit *it = (reverb_unit *)unit;
    it->rate = sample_rate;
    it->mix.length = rp_ramp_length(sample_rate);
    it->fade_length = sample_rate / 20;
    it->mask = room(sample_rate) - 1;
    for (uint32_t d = 0; d < DIFFUSERS; d++) it->diffuser[d] = (uint32_t)lrint(DIFFUSER_MS[d] / 1000 * it->rate);
    memset(it->line, 0, lines(sample_rate)); /* so that the system gives the memory now, not while it plays */
}

const rp_builtin_maker rp_reverb = {
    .face = {"reverb", "a room", RP_UNIT_EFFECT, PARAMETERS, parameters},
    .kind = {.process = process, .reset = reset, .free = rp_builtin_free},
    .size = sizeof(reverb_unit),
    .lines = lines,
    .prepare = prepare,
};
