/* unit_foreign.c - see foreign.h. What comes out is looked at before it goes on: where samples are no numbers, or far
 * louder than they may be, that block is not heard and the function begins anew. Until it has been well for a while an
 * effect lets through what comes in, and an instrument is silent; both without a click. */
#include "foreign.h"

#include <stdlib.h>
#include <string.h>

#include "unit_state.h"

enum { EVENTS_MAX = 4096 /* what a strip holds */, NO_NUMBER = 0x7F800000 /* infinity as an integer */ };
static const float LOUDEST = 15.85F; /* 24 dB above full scale, and above what comes in */
static const double FADE_SECONDS = 0.005, WAIT_SECONDS = 0.05, LONGEST_WAIT_SECONDS = 5;

typedef struct {
    rp_unit unit; /* first */
    rp_foreign call;
    void *state;
    uint32_t sample_rate, fade; /* fade: in frames */
    uint32_t wait, well;        /* frames it must be well before it is heard again; those that it has been */
    float heard;                /* its share of what goes out; 1: cut off it is not */
    float last[2], step[2];     /* the last samples sent, and the step after them, which fades */
    uint32_t stepped;           /* frames of the fade that are still to come */
    float value[RP_UNIT_PARAMETERS_MAX];
    int32_t event[EVENTS_MAX][4];
    float dry[2][RP_BLOCK_MAX];
} foreign;

/* The highest sample. As integers the sizes of floats keep their order, and what is no number stands above all.
 * [process] */
static float peak_of(const float *left, const float *right, uint32_t frames) {
    const float *channel[2] = {left, right};
    int32_t highest = 0;
    for (uint32_t c = 0; c < 2; c++)
        for (uint32_t i = 0; i < frames; i++) {
            int32_t bits;
            memcpy(&bits, &channel[c][i], sizeof bits);
            bits &= 0x7FFFFFFF;
            highest = bits > highest ? bits : highest;
        }
    float peak;
    memcpy(&peak, &highest, sizeof peak);
    return highest < NO_NUMBER ? peak : -1;
}

/* Keeps what comes in; nothing of it where it is no sound. Returns its peak. [process] */
static float take_in(foreign *one, const rp_unit_block *block) {
    float peak = peak_of(block->audio[0], block->audio[1], block->frames);
    for (uint32_t c = 0; c < 2; c++) {
        if (peak < 0) memset(block->audio[c], 0, block->frames * sizeof *block->audio[c]);
        memcpy(one->dry[c], block->audio[c], block->frames * sizeof *block->audio[c]);
    }
    return peak < 0 ? 0 : peak;
}

/* An event as the function has it, within the block's frames. [process] */
static void translate(const rp_unit_event *event, uint32_t frames, int32_t *out) {
    out[0] = (int32_t)(event->offset < frames ? event->offset : frames - 1);
    for (uint32_t i = 0; i < 3; i++) out[i + 1] = i < event->size ? event->byte[i] : 0;
}

/* [process] */
static void play(foreign *one, const rp_unit_block *block) {
    uint32_t events = block->events < EVENTS_MAX ? block->events : EVENTS_MAX;
    for (uint32_t i = 0; i < events; i++) translate(&block->event[i], block->frames, one->event[i]);
    one->call(block->audio[0], block->audio[1], block->frames, &one->event[0][0], events, one->value, one->state,
              one->sample_rate);
}

/* [process] */
static void begin_anew(foreign *one) {
    one->call(one->dry[0], one->dry[1], 0, &one->event[0][0], 0, one->value, one->state, one->sample_rate);
}

/* What it gave is not heard. It must be well for longer each time. [process] */
static void cut(foreign *one, const rp_unit_block *block, uint32_t fault) {
    atomic_store_explicit(&one->unit.fault, fault, memory_order_relaxed);
    atomic_fetch_add_explicit(&one->unit.missed, 1, memory_order_relaxed);
    if (one->heard > 0) {
        for (uint32_t c = 0; c < 2; c++) one->step[c] = one->last[c] - one->dry[c][0];
        one->stepped = one->fade;
    }
    if (one->well && 2 * one->wait < LONGEST_WAIT_SECONDS * one->sample_rate) one->wait *= 2;
    one->heard = 0;
    one->well = 0;
    begin_anew(one);
    for (uint32_t c = 0; c < 2; c++) memcpy(block->audio[c], one->dry[c], block->frames * sizeof *one->dry[c]);
}

/* After a cut: what came in, and once it has been well for long enough, itself again. [process] */
static void come_back(foreign *one, const rp_unit_block *block) {
    int waits = one->well < one->wait;
    if (waits) one->well += block->frames;
    for (uint32_t i = 0; i < block->frames; i++) {
        if (!waits) one->heard += 1.0F / (float)one->fade;
        if (one->heard > 1) one->heard = 1;
        for (uint32_t c = 0; c < 2; c++) {
            float dry = one->dry[c][i];
            block->audio[c][i] = dry + one->heard * (block->audio[c][i] - dry);
        }
    }
    if (one->heard >= 1) atomic_store_explicit(&one->unit.fault, RP_UNIT_FINE, memory_order_relaxed);
}

/* The step that a cut makes is not there at first, and grows. [process] */
static void soften(foreign *one, const rp_unit_block *block) {
    for (uint32_t i = 0; i < block->frames && one->stepped; i++, one->stepped--) {
        float share = (float)one->stepped / (float)one->fade;
        for (uint32_t c = 0; c < 2; c++) block->audio[c][i] += one->step[c] * share;
    }
}

/* [process] */
static void process(rp_unit *unit, const rp_unit_block *block) {
    foreign *one = (foreign *)unit;
    for (uint32_t i = 0; i < unit->parameters; i++)
        one->value[i] = atomic_load_explicit(&unit->value[i], memory_order_relaxed);
    float in = take_in(one, block);
    play(one, block);
    float out = peak_of(block->audio[0], block->audio[1], block->frames);
    if (out < 0) cut(one, block, RP_UNIT_WILD);
    else if (out > LOUDEST * (in > 1 ? in : 1)) cut(one, block, RP_UNIT_LOUD);
    else if (one->heard < 1) come_back(one, block);
    soften(one, block);
    for (uint32_t c = 0; c < 2; c++) one->last[c] = block->audio[c][block->frames - 1];
}

/* [process] */
static void reset(rp_unit *unit) {
    foreign *one = (foreign *)unit;
    begin_anew(one);
    one->stepped = 0;
    one->last[0] = one->last[1] = 0;
}

/* [control] */
static void release(rp_unit *unit) { free(unit); }

static const rp_unit_kind KIND = {.process = process, .reset = reset, .free = release};

rp_unit *rp_unit_foreign(rp_foreign call, void *state, uint32_t role, uint32_t parameters, const float *value,
                         uint32_t latency, uint32_t sample_rate) {
    if (!call || !sample_rate || latency > RP_LATENCY_MAX) return NULL;
    foreign *one = (foreign *)rp_unit_new(&KIND, sizeof *one, role, parameters);
    if (!one) return NULL;
    one->call = call;
    one->state = state;
    one->sample_rate = sample_rate;
    one->fade = (uint32_t)(FADE_SECONDS * sample_rate) + 1;
    one->wait = (uint32_t)(WAIT_SECONDS * sample_rate);
    one->heard = 1;
    for (uint32_t i = 0; i < parameters; i++) {
        one->value[i] = value[i];
        rp_unit_set(&one->unit, i, (double)value[i]);
    }
    atomic_store(&one->unit.latency, latency);
    return &one->unit;
}
