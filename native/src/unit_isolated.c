/* unit_isolated.c - see isolated.h: a plugin in a process of its own, as the process thread has it.
 *
 * Nothing that lies in the shared memory is believed: positions and counts are kept here, what is read there is checked
 * before it is used, and sound is copied before it is judged, so that the plugin's process may write anything anywhere
 * at any time. Each cycle gives its block, and hears what was given a period ago; where that is not there, or not fit
 * to be heard, the input as it was (of an effect) or silence (of an instrument) stands in. Whenever what is heard
 * changes, the sound just heard is turned round in time and faded into the new one: no jump, whatever comes next. */
#include "isolated.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "isolate_state.h"
#include "platform.h"
#include "unit_state.h"

enum { FADE_OUT = 480, FADE_IN = 240, HISTORY = 512 }; /* frames: 10 and 5 ms at 48 kHz */
enum { RECOVERED = 8 };                                /* blocks in time before it is heard again */
enum { SETTLE_SECONDS = 2, SECOND = 1000000000 };
static const float LOUDEST = 16.0F; /* 24 dB over full scale */
static const uint64_t FIRST =
    RP_LATENCY_MAX * 2; /* position of the first frame: what is before it can be counted, too */

typedef struct {
    uint64_t position, event; /* behind the last of them */
} mark;

typedef struct {
    rp_unit unit;
    rp_isolate_shared *shared;
    uint32_t own_latency, period;

    uint64_t position; /* of the next frame to be given */
    uint64_t event;    /* number of the next event */
    uint64_t given, done;
    mark behind[RP_ISOLATE_BLOCKS]; /* each block that was given */
    mark rendered;                  /* the last that is done */
    uint32_t resets;
    int left_out; /* a block was not given: there was no room */

    _Atomic uint32_t renewals;
    uint32_t renewed, begun; /* as seen last */
    uint64_t fresh;          /* from this position on sound is the present process's, with nothing left out */
    uint32_t in_time;        /* blocks one after the other, up to RECOVERED */
    uint32_t latched;        /* RP_UNIT_WILD and its like, until it is renewed */

    int heard;             /* 1: the plugin, 0: what stands in */
    uint64_t silent_until; /* after a reset, sound from before is silence */
    float *dry[2];         /* [mask + 1] what went into an effect, by position; NULL for an instrument */
    uint32_t mask;
    float past[2][HISTORY]; /* what was heard last, by position */
    float turned[2][FADE_OUT];
    uint32_t fade, faded; /* frames of the fade that runs now, and of them those that are over */

    uint64_t stuck_done; /* control: when settling was given up */
    uint32_t stuck_begun;
    int stuck;
} isolated;

/* From the next frame on something else is heard: the sound just heard is turned round, to be faded into it.
 * [process] */
static void turn(isolated *it, uint32_t frames) {
    if (it->position == FIRST) return; /* nothing was heard yet */
    for (uint32_t i = 0; i < frames; i++)
        for (uint32_t c = 0; c < 2; c++) it->turned[c][i] = it->past[c][(it->position - 1 - i) % HISTORY];
    it->fade = frames;
    it->faded = 0;
}

/* [process] */
static void fade_over(isolated *it, const rp_unit_block *block) {
    for (uint32_t i = 0; i < block->frames && it->faded < it->fade; i++, it->faded++) {
        float way = (float)(it->faded + 1) / (float)(it->fade + 1), gain = way * way * (3 - 2 * way);
        for (uint32_t c = 0; c < 2; c++) {
            float old = it->turned[c][it->faded];
            block->audio[c][i] = old + gain * (block->audio[c][i] - old);
        }
    }
}

/* [process] */
static void remember(isolated *it, const rp_unit_block *block) {
    uint32_t start = block->frames > HISTORY ? block->frames - HISTORY : 0;
    for (uint32_t c = 0; c < 2; c++)
        for (uint32_t i = start; i < block->frames; i++) it->past[c][(it->position + i) % HISTORY] = block->audio[c][i];
}

/* Sound from before a reset is silence; what follows is faded in. from: position of the block's first frame.
 * [process] */
static void silence(const isolated *it, const rp_unit_block *block, uint64_t from) {
    if (from >= it->silent_until + FADE_IN) return;
    for (uint32_t i = 0; i < block->frames; i++) {
        uint64_t after = from + i > it->silent_until ? from + i - it->silent_until : 0;
        float gain = after < FADE_IN ? (float)after / FADE_IN : 1;
        for (uint32_t c = 0; c < 2; c++) block->audio[c][i] *= gain;
    }
}

/* What is wrong with the sound in a block of ours: RP_UNIT_FINE, RP_UNIT_WILD, RP_UNIT_LOUD. [process] */
static uint32_t judge(const rp_unit_block *block) {
    uint32_t wild = 0, loud = 0;
    for (uint32_t c = 0; c < 2; c++)
        for (uint32_t i = 0; i < block->frames; i++) {
            float size = fabsf(block->audio[c][i]);
            wild |= !(size <= FLT_MAX);
            loud |= !(size <= LOUDEST);
        }
    return wild ? RP_UNIT_WILD : loud ? RP_UNIT_LOUD : RP_UNIT_FINE;
}

/* [process] */
static void mute(const rp_unit_block *block) {
    for (uint32_t c = 0; c < 2; c++) memset(block->audio[c], 0, block->frames * sizeof *block->audio[c]);
}

/* What goes in is kept for when it has to stand in. [process] */
static void keep(isolated *it, const rp_unit_block *block) {
    for (uint32_t c = 0; c < 2 && it->dry[c]; c++)
        for (uint32_t i = 0; i < block->frames; i++) it->dry[c][(it->position + i) & it->mask] = block->audio[c][i];
}

/* [process] */
static void stand_in(isolated *it, const rp_unit_block *block) {
    uint64_t from = it->position - it->period - it->own_latency;
    for (uint32_t c = 0; c < 2 && it->dry[c]; c++)
        for (uint32_t i = 0; i < block->frames; i++) block->audio[c][i] = it->dry[c][(from + i) & it->mask];
    if (!it->dry[0]) mute(block);
    silence(it, block, from);
}

/* Another process: nothing from before it is heard. The first may be heard from its first frame on. [process] */
static void start_anew(isolated *it) {
    it->fresh = it->position == FIRST ? 0 : it->position;
    it->in_time = it->position == FIRST ? RECOVERED : 0;
}

/* [process] */
static void advance(isolated *it, uint64_t done) {
    if (done > it->done) it->rendered = it->behind[(done - 1) % RP_ISOLATE_BLOCKS];
    it->done = done;
}

/* What the process has done. `done` is read first: see rp_isolate_begin. [process] */
static void look(isolated *it) {
    uint64_t done = atomic_load_explicit(&it->shared->done, memory_order_acquire);
    uint32_t begun = atomic_load_explicit(&it->shared->begun, memory_order_relaxed);
    uint32_t renewals = atomic_load_explicit(&it->renewals, memory_order_acquire);
    if (renewals != it->renewed) it->latched = RP_UNIT_FINE;
    if (renewals != it->renewed || begun != it->begun) start_anew(it);
    it->renewed = renewals;
    it->begun = begun;
    if (done < it->done || done > it->given) it->latched = RP_UNIT_BROKEN;
    else advance(it, done);
    if (it->done == it->given) it->rendered = (mark){it->position, it->event}; /* and what was left out is over */
}

/* [process] */
static int has_room(const isolated *it, const rp_unit_block *block) {
    return it->given - it->done < RP_ISOLATE_BLOCKS &&
           it->position + block->frames - it->rendered.position <= RP_ISOLATE_FRAMES &&
           it->event + block->events - it->rendered.event <= RP_ISOLATE_EVENTS;
}

/* [process] */
static void put_events(isolated *it, const rp_unit_block *block) {
    for (uint32_t i = 0; i < block->events; i++) {
        const rp_unit_event *from = &block->event[i];
        rp_isolate_event *to = &it->shared->event[it->event++ % RP_ISOLATE_EVENTS];
        *to = (rp_isolate_event){(int32_t)from->offset, {from->byte[0], from->byte[1], from->byte[2], 0}};
    }
}

/* [process] */
static void fill(isolated *it, const rp_unit_block *block) {
    rp_isolate_slot *slot = &it->shared->slot[it->given % RP_ISOLATE_BLOCKS];
    slot->position = it->position;
    slot->event = it->event;
    slot->frames = block->frames;
    slot->events = block->events;
    slot->resets = it->resets;
    for (uint32_t i = 0; i < it->unit.parameters; i++)
        slot->value[i] = atomic_load_explicit(&it->unit.value[i], memory_order_relaxed);
    put_events(it, block);
    for (uint32_t c = 0; c < 2; c++) rp_isolate_put(it->shared->in[c], it->position, block->audio[c], block->frames);
    it->behind[it->given % RP_ISOLATE_BLOCKS] = (mark){it->position + block->frames, it->event};
}

/* A block for which there is no room is left out, and the plugin told to be silent with the next: a note's end may have
 * been in it. What is ours in the memory is written each time, whatever a plugin has made of it. [process] */
static void give(isolated *it, const rp_unit_block *block) {
    rp_isolate_shared *shared = it->shared;
    int room = has_room(it, block);
    if (room) {
        it->resets += it->left_out != 0;
        fill(it, block);
        it->given++;
    } else it->fresh = it->position + block->frames;
    it->left_out = !room;
    atomic_store_explicit(&shared->order, RP_ISOLATE_ORDER, memory_order_relaxed);
    atomic_store_explicit(&shared->closed, 0, memory_order_relaxed);
    atomic_store_explicit(&shared->given, it->given, memory_order_release);
    if (room) rp_isolate_ring(&shared->bell, &shared->sleeping);
}

/* The plugin's sound, if it is there in time and fit to be heard. 1: it is in the block. [process] */
static int take(isolated *it, const rp_unit_block *block) {
    uint64_t from = it->position - it->period;
    if (it->latched || !it->begun) return 0;
    if (from < it->fresh || it->rendered.position < from + block->frames) {
        it->in_time = 0;
        return 0;
    }
    for (uint32_t c = 0; c < 2; c++) rp_isolate_get(it->shared->out[c], from, block->audio[c], block->frames);
    it->latched = judge(block);
    if (it->latched) return 0;
    if (it->in_time < RECOVERED) {
        it->in_time++;
        return 0;
    }
    silence(it, block, from);
    return 1;
}

/* [process] */
static void tell(isolated *it) {
    uint32_t fault = it->latched;
    if (!fault && !it->heard) fault = it->begun ? RP_UNIT_LATE : RP_UNIT_AWAY;
    atomic_store_explicit(&it->unit.fault, fault, memory_order_relaxed);
    atomic_fetch_add_explicit(&it->unit.missed, !it->heard, memory_order_relaxed);
}

/* [process] */
static void resize(rp_unit *unit, uint32_t period) {
    isolated *it = (isolated *)unit;
    if (period > RP_BLOCK_MAX) period = RP_BLOCK_MAX;
    if (period == it->period) return;
    turn(it, FADE_IN);
    it->period = period;
    atomic_store_explicit(&unit->latency, period + it->own_latency, memory_order_relaxed);
}

/* [process] */
static void process(rp_unit *unit, const rp_unit_block *block) {
    isolated *it = (isolated *)unit;
    if (block->frames > it->period) resize(unit, block->frames);
    look(it);
    if (judge(block) == RP_UNIT_WILD) mute(block); /* whoever is at fault, it is not this plugin */
    keep(it, block);
    give(it, block);
    int heard = take(it, block);
    if (heard != it->heard) turn(it, heard ? FADE_IN : FADE_OUT);
    it->heard = heard;
    if (!heard) stand_in(it, block);
    fade_over(it, block);
    remember(it, block);
    it->position += block->frames;
    tell(it);
}

/* [process] */
static void reset(rp_unit *unit) {
    isolated *it = (isolated *)unit;
    if (it->position == FIRST) return;
    it->resets++;
    it->silent_until = it->position;
    turn(it, FADE_OUT);
}

/* Has the process done what it was given? What was waited for in vain is not waited for again. [control] */
static int is_settled(isolated *it) {
    uint64_t done = atomic_load(&it->shared->done);
    uint32_t begun = atomic_load(&it->shared->begun);
    if (begun && done == it->given) return 1;
    return it->stuck && done == it->stuck_done && begun == it->stuck_begun;
}

/* [control] */
static void settle(rp_unit *unit) {
    isolated *it = (isolated *)unit;
    rp_isolate_shared *shared = it->shared;
    uint64_t until = rp_now() + (uint64_t)SETTLE_SECONDS * SECOND;
    while (rp_now() < until) {
        uint32_t answer = atomic_load(&shared->answer);
        if (is_settled(it)) return;
        atomic_store(&shared->awaited, 1);
        if (atomic_load(&shared->answer) == answer) rp_wait_on(&shared->answer, answer, until);
        atomic_store(&shared->awaited, 0);
    }
    it->stuck = 1;
    it->stuck_done = atomic_load(&shared->done);
    it->stuck_begun = atomic_load(&shared->begun);
}

/* [control] */
static void free_isolated(rp_unit *unit) {
    isolated *it = (isolated *)unit;
    rp_isolate_close(it->shared);
    free(it->dry[0]);
    free(it);
}

static const rp_unit_kind KIND = {
    .process = process, .reset = reset, .resize = resize, .settle = settle, .free = free_isolated};

/* Room for the longest block behind the longest latency. [control] */
static int open_dry(isolated *it) {
    uint32_t size = 2 * RP_BLOCK_MAX;
    while (size < it->own_latency + 2 * RP_BLOCK_MAX) size *= 2;
    it->dry[0] = calloc(2 * (size_t)size, sizeof *it->dry[0]);
    if (!it->dry[0]) return 0;
    it->dry[1] = it->dry[0] + size;
    it->mask = size - 1;
    return 1;
}

rp_unit *rp_unit_isolated(void *shared, uint32_t role, uint32_t parameters, uint32_t latency) {
    if (!rp_isolate_in_order(shared) || rp_isolate_given(shared)) return NULL;
    if (latency > RP_LATENCY_MAX - RP_BLOCK_MAX) return NULL;
    isolated *it = (isolated *)rp_unit_new(&KIND, sizeof *it, role, parameters);
    if (!it) return NULL;
    it->shared = shared;
    it->own_latency = latency;
    it->position = FIRST;
    it->rendered.position = FIRST;
    atomic_store(&it->unit.latency, latency);
    if (role == RP_UNIT_INSTRUMENT || open_dry(it)) return &it->unit;
    free(it);
    return NULL;
}

void rp_unit_renew(rp_unit *unit) {
    if (unit->kind == &KIND) atomic_fetch_add(&((isolated *)unit)->renewals, 1);
}
