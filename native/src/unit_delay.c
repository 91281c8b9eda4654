/* unit_delay.c - echoes. A new time is faded in, so that it neither clicks nor bends the pitch. */
#include <string.h>

#include "unit_builtin.h"
#include "unit_smooth.h"

enum { TIME, FEEDBACK, MIX, HIGH_CUT, PARAMETERS };
static const rp_parameter parameters[PARAMETERS] = {
    {"time", "ms", "from a sound to its echo", 1, 2000, 375, 0},
    {"feedback", "", "how loud each echo is beside the one before", 0, 0.95, 0.35, 0},
    {"mix", "", "0: no echoes; 1: nothing else", 0, 1, 0.3, 0},
    {"high_cut", "Hz", "what each echo keeps of the one before, up to here; 20000: all", 200, 20000, 6000, 0},
};
static const double TURN = 6.2831853071795865;

typedef struct {
    rp_unit unit;
    double rate;
    rp_ramp feedback, mix, cut;
    uint32_t wanted, echo, next; /* frames: the time as set, as heard, and as it is being faded in */
    uint32_t fade, fade_length;  /* frames that the fade goes on */
    uint32_t at, mask, age;      /* where the line is written, and how many frames of it count */
    float dull[2];               /* the high cut's memory */
    float line[][2];             /* [mask + 1] */
} delay_unit;

/* Frames of the line: a power of two. [control] */
static uint32_t room(uint32_t sample_rate) {
    uint32_t frames = 1;
    while (frames < parameters[TIME].high / 1000 * sample_rate + 1) frames *= 2;
    return frames;
}

/* [control] */
static uint32_t lines(uint32_t sample_rate) { return room(sample_rate) * 2 * (uint32_t)sizeof(float); }

/* The share of a change that passes a high cut at each sample: one pole. [process] */
static float openness(double cut, double rate) {
    return cut < parameters[HIGH_CUT].high ? (float)(1 - exp(-TURN * cut / rate)) : 1;
}

/* Begins to fade to the time that is wanted, unless a fade goes on. [process] */
static void follow(delay_unit *it) {
    if (!it->echo) it->echo = it->wanted;
    if (it->fade || it->wanted == it->echo) return;
    it->next = it->wanted;
    it->fade = it->fade_length;
}

/* [process] */
static void aim(delay_unit *it) {
    const rp_unit *unit = &it->unit;
    rp_ramp_aim(&it->feedback, (float)rp_builtin_wanted(unit, parameters, FEEDBACK));
    rp_ramp_aim(&it->mix, (float)rp_builtin_wanted(unit, parameters, MIX));
    rp_ramp_aim(&it->cut, openness(rp_builtin_wanted(unit, parameters, HIGH_CUT), it->rate));
    it->wanted = (uint32_t)lrint(rp_builtin_wanted(unit, parameters, TIME) / 1000 * it->rate);
    follow(it);
}

/* What was played so many frames ago on a channel. [process] */
static float heard(const delay_unit *it, uint32_t frames, uint32_t channel) {
    return frames <= it->age ? it->line[(it->at - frames) & it->mask][channel] : 0;
}

/* [process] */
static float echo_of(const delay_unit *it, uint32_t channel) {
    const float old = heard(it, it->echo, channel);
    if (!it->fade) return old;
    const float new = heard(it, it->next, channel);
    return new + (old - new) * ((float)it->fade / (float)it->fade_length);
}

/* [process] */
static void go_on(delay_unit *it) {
    it->at++;
    if (it->age <= it->mask) it->age++;
    if (!it->fade) return;
    it->fade--;
    if (it->fade) return;
    it->echo = it->next;
    follow(it);
}

/* [process] */
static void process(rp_unit *unit, const rp_unit_block *block) {
    delay_unit *it = (delay_unit *)unit;
    aim(it);
    for (uint32_t i = 0; i < block->frames; i++) {
        const float feedback = rp_ramp_next(&it->feedback), mix = rp_ramp_next(&it->mix), cut = rp_ramp_next(&it->cut);
        for (uint32_t c = 0; c < 2; c++) {
            float *sample = &block->audio[c][i];
            const float dry = rp_sane(*sample), echo = echo_of(it, c);
            it->dull[c] = rp_sane(it->dull[c] + (echo - it->dull[c]) * cut);
            it->line[it->at & it->mask][c] = rp_sane(dry + it->dull[c] * feedback);
            *sample = dry * (1 - mix) + echo * mix;
        }
        go_on(it);
    }
}

/* [process] */
static void reset(rp_unit *unit) {
    delay_unit *it = (delay_unit *)unit;
    rp_ramp_restart(&it->feedback);
    rp_ramp_restart(&it->mix);
    rp_ramp_restart(&it->cut);
    it->dull[0] = it->dull[1] = 0;
    it->echo = it->fade = it->age = 0; /* what is in the line does not count any more */
}

/* [control] */
static void prepare(rp_unit *unit, uint32_t sample_rate) {
    delay_unit *it = (delay_unit *)unit;
    it->rate = sample_rate;
    it->feedback.length = it->mix.length = it->cut.length = rp_ramp_length(sample_rate);
    it->fade_length = sample_rate / 20;
    it->mask = room(sample_rate) - 1;
    memset(it->line, 0, lines(sample_rate)); /* so that the system gives the memory now, not while it plays */
}

const rp_builtin_maker rp_delay = {
    .face = {"delay", "echoes", RP_UNIT_EFFECT, PARAMETERS, parameters},
    .kind = {.process = process, .reset = reset, .free = rp_builtin_free},
    .size = sizeof(delay_unit),
    .lines = lines,
    .prepare = prepare,
};
