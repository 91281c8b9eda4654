/* A unit and the process at its other end: one block late to the sample, whatever it is not in time or not fit to be
 * heard is replaced without a click, and nothing that the process writes does any harm. */
#include "isolate.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "check.h"
#include "isolate_state.h"
#include "isolated.h"
#include "unit_state.h"

#if defined(__SANITIZE_THREAD__)
#define RACES_ARE_TOLD 1
#endif

enum { RATE = 48000, PERIOD = 128, ROOM = 1 << 17, PARAMETERS = 3, RECOVERED = 8, FADE = 480, ALL = 1 << 20 };
static const float STEEP = 0.07F; /* between two samples: the tone itself has up to 0.046, fades add to it */

static rp_isolate_shared shared;
static rp_unit *unit;
static float sent[2][ROOM], heard[2][ROOM]; /* by frame since the unit was opened */
static uint32_t at;

/* The plugin's process, played by the test. */
static struct {
    float gain, poison; /* poison: put into each block where it is not 0 */
    uint32_t delay;     /* frames by which its sound is late */
    float tone;         /* of an instrument */
    uint32_t frame, resets;
    float value[PARAMETERS];
    uint32_t notes, frame_of[512]; /* by the pitch and velocity of a note */
    float line[2][4096];
} plugin;

static float tone(uint32_t frame, uint32_t channel) {
    return 0.8F * (float)sin(2 * M_PI * 440 * frame / RATE + 2 * channel);
}

static uint32_t random_to(uint32_t most) { return 1 + (uint32_t)rand() % most; }

static void open_unit(uint32_t role, uint32_t own_latency, uint32_t period) {
    memset(&shared, 0, sizeof shared);
    memset(&plugin, 0, sizeof plugin);
    plugin.gain = -0.5F;
    plugin.delay = own_latency;
    at = 0;
    srand(5);
    rp_isolate_init(&shared);
    unit = rp_unit_isolated(&shared, role, PARAMETERS, own_latency);
    CHECK(unit);
    if (period) unit->kind->resize(unit, period);
}

static void close_unit(void) {
    rp_isolate_block block;
    rp_unit_free(unit);
    CHECK(rp_isolate_wait(&shared, 0, &block) == -1);
}

static void cycle_with(uint32_t frames, const rp_unit_event *event, uint32_t events) {
    rp_unit_block block = {.frame = at, .frames = frames, .event = event, .events = events};
    CHECK(at + frames <= ROOM);
    for (uint32_t c = 0; c < 2; c++) {
        for (uint32_t i = 0; i < frames; i++) sent[c][at + i] = unit->role == RP_UNIT_INSTRUMENT ? 0 : tone(at + i, c);
        memcpy(heard[c] + at, sent[c] + at, frames * sizeof(float));
        block.audio[c] = heard[c] + at;
    }
    unit->kind->process(unit, &block);
    at += frames;
}

static void cycle(uint32_t frames) { cycle_with(frames, NULL, 0); }

static float rendered(uint32_t channel, float in) {
    float *line = plugin.line[channel];
    line[plugin.frame % 4096] = in;
    if (plugin.tone != 0) return plugin.tone * tone(plugin.frame, channel);
    return plugin.gain * line[(plugin.frame - plugin.delay) % 4096];
}

static void hear(const int32_t *event, uint32_t events) {
    for (; events; events--, event += 4) {
        CHECK(event[1] == 0x90 && event[2] < 128 && event[3] < 4);
        plugin.frame_of[event[3] * 128 + event[2]] = plugin.frame + (uint32_t)event[0];
        plugin.notes++;
    }
}

static void render(const rp_isolate_block *block) {
    static float audio[2][RP_BLOCK_MAX];
    static int32_t event[RP_ISOLATE_EVENTS][4];
    rp_isolate_read(&shared, audio[0], audio[1], event[0], plugin.value, PARAMETERS);
    hear(event[0], block->events);
    for (uint32_t i = 0; i < block->frames; i++, plugin.frame++)
        for (uint32_t c = 0; c < 2; c++) audio[c][i] = rendered(c, audio[c][i]);
    if (plugin.poison != 0) audio[1][block->frames / 2] = plugin.poison;
    plugin.resets = block->resets;
    rp_isolate_write(&shared, audio[0], audio[1]);
}

/* Renders so many of the blocks that wait, at most. */
static uint32_t serve(uint32_t most) {
    rp_isolate_block block;
    uint32_t n = 0;
    for (; n < most && rp_isolate_wait(&shared, 0, &block) == 1; n++) render(&block);
    return n;
}

/* Cycles that are each rendered in time. */
static void run(uint32_t cycles, uint32_t frames) {
    for (uint32_t i = 0; i < cycles; i++) {
        cycle(frames);
        serve(ALL);
    }
}

static rp_unit_state state(void) {
    rp_unit_state out;
    rp_unit_get_state(unit, &out);
    return out;
}

/* From frame to frame: what was heard is what was sent, late and with a gain. */
static void check_heard(uint32_t from, uint32_t to, uint32_t late, float gain) {
    for (uint32_t c = 0; c < 2; c++)
        for (uint32_t i = from; i < to; i++) CHECK(heard[c][i] == (i < late ? 0 : gain * sent[c][i - late]));
}

static float steepest(uint32_t from, uint32_t to) {
    float most = 0;
    for (uint32_t c = 0; c < 2; c++)
        for (uint32_t i = from ? from : 1; i < to; i++) most = fmaxf(most, fabsf(heard[c][i] - heard[c][i - 1]));
    return most;
}

static void check_bounded(uint32_t from, float most) {
    for (uint32_t c = 0; c < 2; c++)
        for (uint32_t i = from; i < at; i++) CHECK(fabsf(heard[c][i]) <= most); /* NaN fails, too */
}

/* ---- in time ---- */

static void test_one_block_late(void) {
    open_unit(RP_UNIT_EFFECT, 0, PERIOD);
    CHECK(rp_isolate_begin(&shared));
    run(500, PERIOD);
    check_heard(0, at, PERIOD, -0.5F);
    rp_unit_state now = state();
    CHECK(now.latency == PERIOD && now.missed == 0 && now.fault == RP_UNIT_FINE);
    CHECK(rp_isolate_given(&shared) == 500 && rp_isolate_beat(&shared) == 500);
    close_unit();
}

/* Cycles as they come, up to the period: as late as the longest. */
static void test_as_late_with_cycles_of_any_length(void) {
    open_unit(RP_UNIT_EFFECT, 0, PERIOD);
    rp_isolate_begin(&shared);
    for (uint32_t i = 0; i < 1000; i++) run(1, random_to(PERIOD));
    check_heard(0, at, PERIOD, -0.5F);
    CHECK(state().missed == 0);
    close_unit();
}

/* The process is heard if a block is there when it is needed, not when the next is given. */
static void test_a_period_to_render_in(void) {
    open_unit(RP_UNIT_EFFECT, 0, PERIOD);
    rp_isolate_begin(&shared);
    for (uint32_t i = 0; i < 1000; i++) {
        cycle(PERIOD / 4);
        if (i >= 3) CHECK(serve(1) == 1); /* three short blocks behind */
    }
    check_heard(0, at, PERIOD, -0.5F);
    CHECK(state().missed == 0);
    close_unit();
}

static void test_the_plugins_own_latency_is_added(void) {
    open_unit(RP_UNIT_EFFECT, 37, PERIOD);
    rp_isolate_begin(&shared);
    run(100, PERIOD);
    check_heard(0, at, PERIOD + 37, -0.5F);
    CHECK(state().latency == PERIOD + 37);
    uint32_t from = at;
    for (uint32_t i = 0; i < 20; i++) cycle(PERIOD);
    check_heard(from + PERIOD + FADE, at, PERIOD + 37, 1); /* what stands in is as late */
    close_unit();
}

static void test_events_and_parameters_come_with_their_block(void) {
    open_unit(RP_UNIT_EFFECT, 0, PERIOD);
    rp_isolate_begin(&shared);
    uint32_t frame_of[512];
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t frames = random_to(PERIOD), second = frames - 1;
        rp_unit_event event[2] = {{.offset = 0, .size = 3, .byte = {0x90, (uint8_t)(i % 128), (uint8_t)(i / 128)}},
                                  {.offset = second, .size = 3, .byte = {0x90, (uint8_t)(i % 128), 2 + i / 128}}};
        frame_of[i] = at;
        frame_of[256 + i] = at + second;
        for (uint32_t n = 0; n < PARAMETERS; n++) rp_unit_set(unit, n, i + 0.25 * n);
        cycle_with(frames, event, 2);
        if (i % 4 < 3) continue;
        for (uint32_t block = i - 3; block <= i; block++) { /* told late, they are still each block's own */
            CHECK(serve(1) == 1);
            for (uint32_t n = 0; n < PARAMETERS; n++) CHECK(plugin.value[n] == (float)(block + 0.25 * n));
        }
    }
    CHECK(plugin.notes == 512 && !memcmp(frame_of, plugin.frame_of, sizeof frame_of));
    close_unit();
}

/* ---- not in time ---- */

static void test_a_late_effect_is_replaced_by_its_input(void) {
    open_unit(RP_UNIT_EFFECT, 0, PERIOD);
    rp_isolate_begin(&shared);
    run(100, PERIOD);
    uint32_t lost = at;
    for (uint32_t i = 0; i < 21; i++) cycle(PERIOD); /* of the first of them, the block is there */
    CHECK(state().missed == 20 && state().fault == RP_UNIT_LATE);
    lost += PERIOD;
    check_heard(PERIOD, lost, PERIOD, -0.5F);
    check_heard(lost + FADE, at, PERIOD, 1);
    CHECK(serve(ALL) == 21);
    uint32_t in_time = at;
    run(RECOVERED, PERIOD);
    CHECK(state().fault == RP_UNIT_LATE);
    check_heard(in_time, at, PERIOD, 1);
    uint32_t again = at;
    run(20, PERIOD);
    CHECK(state().fault == RP_UNIT_FINE && state().missed == 20 + RECOVERED);
    check_heard(again + FADE, at, PERIOD, -0.5F);
    CHECK(steepest(PERIOD + 1, at) < STEEP);
    close_unit();
}

/* One block late now and then, in the midst of fades too: never a jump, and the rest is as it was. */
static void test_no_clicks_whatever_is_late(void) {
    open_unit(RP_UNIT_EFFECT, 11, PERIOD);
    rp_isolate_begin(&shared);
    run(4, PERIOD);
    uint32_t from = at;
    while (at + PERIOD < ROOM) {
        cycle(random_to(PERIOD));
        if (rand() % 40) serve(ALL);
    }
    CHECK(state().missed > 100 && state().missed < rp_isolate_given(&shared));
    CHECK(steepest(from, at) < STEEP);
    close_unit();
}

static void test_a_late_instrument_fades_out(void) {
    open_unit(RP_UNIT_INSTRUMENT, 0, PERIOD);
    rp_isolate_begin(&shared);
    plugin.tone = 1;
    run(100, PERIOD);
    for (uint32_t i = PERIOD; i < at; i++) CHECK(heard[0][i] == tone(i - PERIOD, 0));
    cycle(PERIOD);
    uint32_t lost = at;
    for (uint32_t i = 0; i < 10; i++) cycle(PERIOD);
    CHECK(heard[0][lost] != 0 && heard[0][lost + FADE / 2] != 0);
    for (uint32_t i = lost + FADE; i < at; i++) CHECK(heard[0][i] == 0 && heard[1][i] == 0);
    serve(ALL);
    run(RECOVERED, PERIOD);
    CHECK(heard[0][at - 1] == 0);
    run(20, PERIOD);
    for (uint32_t i = at - 10 * PERIOD; i < at; i++) CHECK(heard[0][i] == tone(i - PERIOD, 0));
    CHECK(steepest(PERIOD + 1, at) < STEEP);
    close_unit();
}

static void test_away_until_it_begins(void) {
    open_unit(RP_UNIT_EFFECT, 0, PERIOD);
    for (uint32_t i = 0; i < 10; i++) cycle(PERIOD);
    CHECK(state().fault == RP_UNIT_AWAY && state().missed == 10);
    CHECK(rp_isolate_begin(&shared) && serve(ALL) == 0); /* what was given before is left out */
    plugin.frame = at;
    run(RECOVERED + 1, PERIOD);
    CHECK(state().fault == RP_UNIT_LATE);
    run(10, PERIOD);
    CHECK(state().fault == RP_UNIT_FINE && state().missed == 10 + RECOVERED + 1);
    check_heard(0, 10 * PERIOD, PERIOD, 1);
    check_heard(at - PERIOD, at, PERIOD, -0.5F);
    close_unit();
}

/* ---- another process ---- */

/* Nothing of a dead process is heard, however short the cycles; it may be dead for long. */
static void test_another_process_takes_over(void) {
    for (uint32_t gone = 1; gone < 400; gone *= 6) {
        open_unit(RP_UNIT_EFFECT, 0, PERIOD);
        rp_isolate_begin(&shared);
        run(300, PERIOD / 16);
        for (uint32_t i = 0; i < gone; i++) cycle(PERIOD / 16);
        for (uint32_t i = 0; i < RP_ISOLATE_FRAMES; i++) shared.out[0][i] = shared.out[1][i] = 9;
        uint32_t resets = plugin.resets;
        CHECK(rp_isolate_begin(&shared) && serve(ALL) == 0);
        rp_unit_renew(unit);
        uint32_t from = at;
        run(300, PERIOD / 16);
        CHECK(state().fault == RP_UNIT_FINE);
        CHECK(plugin.resets == resets + (gone > RP_ISOLATE_BLOCKS)); /* what was left out may have ended a note */
        check_heard(from + 600, at, PERIOD, -0.5F);
        check_bounded(0, 1);
        CHECK(steepest(PERIOD + 1, at) < STEEP);
        close_unit();
    }
}

static void test_more_events_than_there_is_room_for(void) {
    static rp_unit_event event[RP_ISOLATE_EVENTS + 1];
    for (uint32_t i = 0; i <= RP_ISOLATE_EVENTS; i++) event[i] = (rp_unit_event){.size = 3, .byte = {0x90, 1, 1}};
    open_unit(RP_UNIT_EFFECT, 0, PERIOD);
    rp_isolate_begin(&shared);
    run(20, PERIOD);
    cycle_with(PERIOD, event, RP_ISOLATE_EVENTS + 1);
    CHECK(serve(ALL) == 0);
    run(1, PERIOD);
    CHECK(plugin.resets == 1 && plugin.notes == 0);
    run(20, PERIOD);
    CHECK(state().fault == RP_UNIT_FINE);
    cycle_with(PERIOD, event, RP_ISOLATE_EVENTS);
    CHECK(serve(ALL) == 1 && plugin.notes == RP_ISOLATE_EVENTS && plugin.resets == 1);
    close_unit();
}

/* ---- not fit to be heard ---- */

static void test_bad_sound_is_never_heard(void) {
    static const float poison[6] = {NAN, INFINITY, -INFINITY, 16.1F, -1e30F, -NAN};
    static const uint32_t fault[6] = {RP_UNIT_WILD, RP_UNIT_WILD, RP_UNIT_WILD,
                                      RP_UNIT_LOUD, RP_UNIT_LOUD, RP_UNIT_WILD};
    for (uint32_t i = 0; i < 6; i++) {
        open_unit(RP_UNIT_EFFECT, 0, PERIOD);
        rp_isolate_begin(&shared);
        run(100, PERIOD);
        plugin.poison = poison[i];
        run(1, PERIOD);
        plugin.poison = 0;
        uint32_t from = at;
        run(50, PERIOD);
        CHECK(state().fault == fault[i] && state().missed == 50); /* however it sounds after that */
        check_heard(from + FADE, at, PERIOD, 1);
        rp_unit_renew(unit);
        plugin.poison = poison[i];
        run(2, PERIOD);
        plugin.poison = 0;
        run(3, PERIOD);
        CHECK(state().fault == fault[i]); /* it is listened to before it is heard */
        rp_unit_renew(unit);
        run(40, PERIOD);
        CHECK(state().fault == RP_UNIT_FINE);
        check_heard(at - PERIOD, at, PERIOD, -0.5F);
        check_bounded(0, 1);
        CHECK(steepest(PERIOD + 1, at) < STEEP);
        close_unit();
    }
}

/* Another unit's mistake is not this plugin's. */
static void test_what_is_no_sound_does_not_go_in(void) {
    float audio[2][PERIOD] = {{0}};
    open_unit(RP_UNIT_EFFECT, 0, PERIOD);
    rp_isolate_begin(&shared);
    run(4, PERIOD);
    for (uint32_t i = 0; i < 4; i++) {
        audio[0][3] = NAN;
        unit->kind->process(unit, &(rp_unit_block){.frames = PERIOD, .audio = {audio[0], audio[1]}});
        serve(ALL);
        for (uint32_t n = 0; n < PERIOD; n++) CHECK(isfinite(audio[0][n]));
    }
    CHECK(state().fault == RP_UNIT_FINE);
    close_unit();
}

static void test_counts_that_make_no_sense(void) {
    static const int64_t off[4] = {1, -2, 1000000, INT64_MIN}; /* when 99 was seen */
    for (uint32_t i = 0; i < 4; i++) {
        open_unit(RP_UNIT_EFFECT, 0, PERIOD);
        rp_isolate_begin(&shared);
        run(100, PERIOD);
        atomic_store(&shared.done, (uint64_t)(100 + off[i]));
        cycle(PERIOD);
        CHECK(state().fault == RP_UNIT_BROKEN);
        atomic_store(&shared.done, 100);
        run(50, PERIOD);
        CHECK(state().fault == RP_UNIT_BROKEN && state().missed == 51);
        CHECK(rp_isolate_begin(&shared));
        rp_unit_renew(unit);
        run(50, PERIOD);
        CHECK(state().fault == RP_UNIT_FINE);
        check_heard(at - PERIOD, at, PERIOD, -0.5F);
        CHECK(steepest(PERIOD + 1, at) < STEEP);
        close_unit();
    }
}

static void scribble(uint32_t words) {
    uint32_t *memory = (uint32_t *)(void *)&shared;
    uint32_t head = offsetof(rp_isolate_shared, slot) / 4, all = sizeof shared / 4;
    for (uint32_t i = 0; i < words; i++) {
        uint32_t value = (uint32_t)rand() << (rand() % 3) ^ (uint32_t)rand();
        memory[(uint32_t)rand() % (i % 4 ? all : head)] = i % 8 ? value : (uint32_t)rand() % 4;
    }
}

/* After all that, another process is heard as if nothing had been. */
static void check_it_comes_back(void) {
    memset(shared.in, 0, sizeof shared.in);
    cycle(PERIOD); /* what is the unit's own is in order again */
    CHECK(rp_isolate_begin(&shared));
    rp_unit_renew(unit);
    plugin.frame = at;
    run(60, PERIOD);
    CHECK(state().fault == RP_UNIT_FINE);
    check_heard(at - 10 * PERIOD, at, PERIOD, -0.5F);
    check_bounded(0, 16);
}

static void test_garbage_between_cycles(void) {
    open_unit(RP_UNIT_EFFECT, 0, PERIOD);
    while (at + 100 * PERIOD < ROOM) {
        if (rand() % 20 == 0) {
            rp_isolate_begin(&shared);
            rp_unit_renew(unit);
        }
        if (rand() % 2) scribble(random_to(2000));
        cycle(random_to(PERIOD));
        if (rand() % 50 == 0) unit->kind->reset(unit);
        if (rand() % 50 == 0) unit->kind->resize(unit, random_to(PERIOD));
    }
    unit->kind->resize(unit, PERIOD);
    check_it_comes_back();
    close_unit();
}

#ifndef RACES_ARE_TOLD
static atomic_int scribbling, scribbled;

static void *scribble_all(void *argument) {
    (void)argument;
    for (; atomic_load(&scribbling); atomic_store(&scribbled, 1)) scribble(1000);
    return NULL;
}

static void test_garbage_at_any_moment(void) {
    pthread_t thread;
    open_unit(RP_UNIT_EFFECT, 0, PERIOD);
    rp_isolate_begin(&shared);
    atomic_store(&scribbling, 1);
    CHECK(pthread_create(&thread, NULL, scribble_all, NULL) == 0);
    while (!atomic_load(&scribbled)) sched_yield();
    for (uint32_t i = 0; i < 10; i++) {
        for (at = 0; at + 100 * PERIOD < ROOM;) {
            rp_unit_renew(unit);
            cycle(PERIOD);
        }
        check_bounded(0, 16);
    }
    atomic_store(&scribbling, 0);
    pthread_join(thread, NULL);
    check_it_comes_back();
    close_unit();
}
#endif

/* ---- changes ---- */

static void test_the_period_changes(void) {
    static const uint32_t period[5] = {512, 64, 256, 8192, 128};
    open_unit(RP_UNIT_EFFECT, 7, PERIOD);
    rp_isolate_begin(&shared);
    run(30, PERIOD);
    for (uint32_t i = 0; i < 5; i++) {
        uint32_t from = at, missed = (uint32_t)state().missed;
        unit->kind->resize(unit, period[i]);
        CHECK(state().latency == period[i] + 7);
        run(1 + 10000 / period[i], period[i]);
        CHECK(state().missed == missed);
        check_heard(from + FADE, at, period[i] + 7, -0.5F);
    }
    CHECK(steepest(PERIOD + 8, at) < STEEP);
    close_unit();
}

/* A cycle longer than what was said is the period from then on. */
static void test_a_longer_cycle_than_was_said(void) {
    open_unit(RP_UNIT_EFFECT, 0, 0);
    rp_isolate_begin(&shared);
    run(10, 64);
    CHECK(state().latency == 64);
    run(10, 200);
    CHECK(state().latency == 200 && state().fault == RP_UNIT_FINE);
    check_heard(at - 200, at, 200, -0.5F);
    close_unit();
}

static void test_reset(void) {
    open_unit(RP_UNIT_INSTRUMENT, 0, PERIOD);
    rp_isolate_begin(&shared);
    plugin.tone = 1;
    run(100, PERIOD);
    CHECK(plugin.resets == 0);
    unit->kind->reset(unit);
    plugin.tone = 1e-9F; /* nearly nothing */
    uint32_t from = at;
    run(20, PERIOD);
    CHECK(plugin.resets == 1 && state().missed == 0);
    float fading = 0;
    for (uint32_t i = from + FADE / 4; i < from + FADE / 2; i++) fading = fmaxf(fading, heard[0][i]);
    CHECK(fading > 0.2F);
    for (uint32_t i = from + FADE; i < at; i++) CHECK(fabsf(heard[0][i]) < 1e-8F);
    CHECK(steepest(PERIOD + 1, at) < STEEP);
    plugin.tone = 1;
    unit->kind->reset(unit); /* what sounds after it comes in as softly */
    run(20, PERIOD);
    CHECK(plugin.resets == 2 && steepest(PERIOD + 1, at) < STEEP);
    CHECK(heard[0][at - 1] == tone(at - 1 - PERIOD, 0));
    close_unit();
}

/* ---- threads ---- */

static void *process_of_plugin(void *argument) {
    rp_isolate_block block;
    (void)argument;
    CHECK(rp_isolate_begin(&shared));
    for (int found = 0; found >= 0;) {
        found = rp_isolate_wait(&shared, 10000, &block);
        if (found == 1) render(&block);
    }
    return NULL;
}

/* Off line nothing is missed: each block is waited for, and before the first, the process. */
static void test_settled_it_is_the_same_every_time(void) {
    pthread_t thread;
    open_unit(RP_UNIT_EFFECT, 0, PERIOD);
    CHECK(pthread_create(&thread, NULL, process_of_plugin, NULL) == 0);
    unit->kind->settle(unit);
    for (uint32_t i = 0; i < 1000; i++) {
        cycle(random_to(PERIOD));
        unit->kind->settle(unit);
    }
    CHECK(state().missed == 0 && rp_isolate_beat(&shared) == 1000);
    check_heard(0, at, PERIOD, -0.5F);
    rp_isolate_close(&shared);
    pthread_join(thread, NULL);
    close_unit();
}

/* Live, nobody waits: whatever comes in time or does not, it is sound. */
static void test_beside_each_other(void) {
    pthread_t thread;
    open_unit(RP_UNIT_EFFECT, 0, PERIOD);
    CHECK(pthread_create(&thread, NULL, process_of_plugin, NULL) == 0);
    for (uint32_t i = 0; i < 8; i++) { /* the tone's own start is a jump: it may not be among what is turned round */
        unit->kind->settle(unit);
        cycle(PERIOD);
    }
    while (at + PERIOD < ROOM) cycle(PERIOD);
    unit->kind->settle(unit);
    rp_isolate_close(&shared);
    pthread_join(thread, NULL);
    check_bounded(0, 1);
    CHECK(steepest(PERIOD + 1, at) < STEEP && state().missed < ROOM / PERIOD);
    close_unit();
}

/* A dead process is waited for once (2 s), not at each block. */
static void test_settling_gives_up(void) {
    open_unit(RP_UNIT_EFFECT, 0, PERIOD);
    rp_isolate_begin(&shared);
    run(3, PERIOD);
    for (uint32_t i = 0; i < 900; i++) {
        cycle(PERIOD);
        unit->kind->settle(unit);
    }
    close_unit();
}

static void test_nothing_waits(void) {
    open_unit(RP_UNIT_EFFECT, 5, PERIOD);
    forbid_waiting(1);
    rp_isolate_begin(&shared);
    for (uint32_t i = 0; i < 1000; i++) {
        plugin.poison = i % 200 == 150 ? NAN : 0;
        if (i % 200 == 170) rp_unit_renew(unit);
        if (i % 90 == 0) unit->kind->reset(unit);
        if (i % 100 == 0) unit->kind->resize(unit, PERIOD - i / 100);
        cycle(random_to(PERIOD / 2));
        if (i % 70 < 60) serve(ALL);
    }
    forbid_waiting(0);
    CHECK(state().missed > 0 && state().missed < 1000);
    close_unit();
}

static void test_bad_memory_and_none(void) {
    memset(&shared, 0, sizeof shared);
    CHECK(rp_isolate_size() == sizeof shared);
    CHECK(!rp_isolate_begin(&shared) && !rp_isolate_begin(NULL));
    CHECK(!rp_unit_isolated(&shared, RP_UNIT_EFFECT, 0, 0));
    rp_isolate_init(&shared);
    CHECK(!rp_unit_isolated((char *)&shared + 4, RP_UNIT_EFFECT, 0, 0));
    CHECK(!rp_unit_isolated(&shared, RP_UNIT_EFFECT, RP_UNIT_PARAMETERS_MAX + 1, 0));
    CHECK(!rp_unit_isolated(&shared, RP_UNIT_EFFECT, 0, RP_LATENCY_MAX - RP_BLOCK_MAX + 1));
    open_unit(RP_UNIT_EFFECT, RP_LATENCY_MAX - RP_BLOCK_MAX, PERIOD);
    cycle(PERIOD);
    CHECK(!rp_unit_isolated(&shared, RP_UNIT_EFFECT, 0, 0)); /* it is in use */
    close_unit();
}

static void test_no_memory(void) {
    long held = allocations_held();
    memset(&shared, 0, sizeof shared);
    rp_isolate_init(&shared);
    for (long n = 0; fail_allocation(n); n++) {
        rp_unit *one = rp_unit_isolated(&shared, RP_UNIT_EFFECT, PARAMETERS, 1000);
        int failed = allocation_failed();
        CHECK(!failed == (one != NULL));
        rp_unit_free(one);
        CHECK(allocations_held() == held);
        if (!failed) break;
    }
    fail_allocation(-1);
}

int main(void) {
    test_one_block_late();
    test_as_late_with_cycles_of_any_length();
    test_a_period_to_render_in();
    test_the_plugins_own_latency_is_added();
    test_events_and_parameters_come_with_their_block();
    test_a_late_effect_is_replaced_by_its_input();
    test_no_clicks_whatever_is_late();
    test_a_late_instrument_fades_out();
    test_away_until_it_begins();
    test_another_process_takes_over();
    test_more_events_than_there_is_room_for();
    test_bad_sound_is_never_heard();
    test_what_is_no_sound_does_not_go_in();
    test_counts_that_make_no_sense();
    test_garbage_between_cycles();
#ifndef RACES_ARE_TOLD
    test_garbage_at_any_moment();
#endif
    test_the_period_changes();
    test_a_longer_cycle_than_was_said();
    test_reset();
    test_settled_it_is_the_same_every_time();
    test_beside_each_other();
    test_settling_gives_up();
    test_nothing_waits();
    test_bad_memory_and_none();
    test_no_memory();
    return 0;
}
