/* The clock within the engine: what it hears and what leaves by it, cycle by cycle. How well it follows is judged in
 * test_timeline.c, and in test_conductor.py from the outside. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "flight.h"
#include "rigs.h"

enum { PORTS = 3, LEFT_MAX = 4096, TICK_FRAMES = 1000 }; /* 120 BPM at 48 kHz: a tick each 1000 frames */

typedef struct {
    uint64_t frame;
    uint32_t port;
    uint8_t byte[3];
} message;

/* An engine whose cycles are given to it one by one, and all that left. */
static struct {
    rp_sink sink; /* first: the engine hands this pointer back */
    rp_engine *engine;
    rp_transport transport;
    uint64_t frame;
    uint32_t offset; /* of what left last in this cycle */
    uint32_t lost;
    rp_input event[64];
    uint8_t bytes[64][3];
    uint32_t events;
    message left[LEFT_MAX];
    uint32_t count;
} desk;

static int take(rp_sink *sink, uint32_t port, uint32_t offset, const uint8_t *data, uint32_t size) {
    (void)sink;
    CHECK(offset >= desk.offset && offset < BLOCK && size <= 3 && desk.count < LEFT_MAX);
    desk.offset = offset;
    desk.left[desk.count] = (message){desk.frame + offset, port, {0}};
    memcpy(desk.left[desk.count++].byte, data, size);
    return 1;
}

static void begin(void) {
    rp_engine_config config = {.sample_rate = RATE, .inputs = PORTS, .outputs = PORTS};
    memset(&desk, 0, sizeof desk);
    desk.sink.write = take;
    desk.engine = rp_engine_new(&config);
    CHECK(desk.engine && rp_engine_load(desk.engine, thru_rig()));
}

static void end(void) { rp_engine_free(desk.engine); }

static void press(uint32_t port, uint32_t offset, uint8_t status, uint8_t first, uint8_t second) {
    uint8_t bytes[3] = {status, first, second};
    memcpy(desk.bytes[desk.events], bytes, 3);
    desk.event[desk.events] = (rp_input){offset, port, rp_midi_size(status), desk.bytes[desk.events]};
    desk.events++;
}

/* A cycle begins when its first frame is due. */
static uint64_t moment_of(uint64_t frame) { return 1000000 + frame * 20833; }

static void cycle(void) {
    rp_cycle next = {.frame = desk.frame, .nanoseconds = moment_of(desk.frame), .transport = desk.transport};
    next.frames = BLOCK;
    next.in = desk.event;
    next.inputs = desk.events;
    next.connected = 7;
    next.lost = desk.lost;
    next.sink = &desk.sink;
    desk.offset = 0;
    forbid_waiting(1);
    rp_process(desk.engine, &next);
    forbid_waiting(0);
    desk.frame += BLOCK;
    desk.events = desk.lost = 0;
}

static void cycles(uint32_t count) {
    while (count--) cycle();
}

static void set(uint32_t source, uint32_t inputs, uint32_t outputs, double bpm) {
    rp_conductor_config config = {.source = source, .inputs = inputs, .outputs = outputs, .on = 1, .bpm = bpm};
    CHECK(rp_engine_set_conductor(desk.engine, &config));
}

static rp_conductor_state look(void) {
    rp_conductor_state state;
    rp_engine_get_conductor(desk.engine, &state);
    return state;
}

/* The first message with this status at or behind the place `from`; -1: there is none. */
static int find(uint32_t from, uint8_t status) {
    for (uint32_t i = from; i < desk.count; i++)
        if (desk.left[i].byte[0] == status) return (int)i;
    return -1;
}

static uint32_t left(uint32_t port, uint8_t status) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < desk.count; i++) n += desk.left[i].port == port && desk.left[i].byte[0] == status;
    return n;
}

/* ---- nobody looks at it ---- */

static void test_off_it_does_nothing(void) {
    begin();
    CHECK(rp_engine_transport(desk.engine, RP_CLOCK_INTERNAL, RP_TRANSPORT_START, 0, 0, 0));
    CHECK(rp_engine_tap(desk.engine, 0) && rp_engine_observe(desk.engine, RP_CLOCK_LINK, 5, 1.0));
    press(0, 3, 0xF8, 0, 0);
    press(1, 4, 0xFA, 0, 0);
    cycles(100);
    CHECK(desk.count == 2 && left(0, 0xF8) == 1 && left(1, 0xFA) == 1); /* played on, as by any thru */
    rp_conductor_state state = look();
    CHECK(!state.timeline.rolling && state.timeline.heard == 0 && state.ticks == 0 && state.sent == 0);
    CHECK(state.frame == desk.frame - BLOCK && state.nanoseconds == moment_of(state.frame));
    end();
}

/* ---- MIDI clock out ---- */

static void test_clock_leaves_among_the_notes(void) {
    begin();
    set(RP_CLOCK_INTERNAL, 0, 1, 120.0);
    CHECK(rp_engine_transport(desk.engine, RP_CLOCK_INTERNAL, RP_TRANSPORT_START, 0, 0, 0));
    for (uint32_t i = 0; i < 375; i++) { /* a second */
        press(0, i % BLOCK, 0x90, 60, (uint8_t)(1 + i % 100));
        press(0, BLOCK - 1, 0x80, 60, 0);
        cycle();
    }
    CHECK(desk.left[0].byte[0] == 0xFA && desk.left[1].byte[0] == 0xF8);
    uint32_t ticks = 0;
    for (uint32_t i = 0; i < desk.count; i++) {
        CHECK(i == 0 || desk.left[i].frame >= desk.left[i - 1].frame);
        if (desk.left[i].byte[0] == 0xF8) CHECK(desk.left[i].frame == TICK_FRAMES * ticks++ && desk.left[i].port == 0);
    }
    CHECK(ticks == 48 && look().sent == 48 && left(0, 0x90) == 375 && left(1, 0xF8) == 0);
    end();
}

/* A slow port's clock is as late as its notes. */
static void test_clock_is_shifted_as_the_ports_notes_are(void) {
    begin();
    CHECK(rp_engine_shift_port(desk.engine, 1, 700));
    set(RP_CLOCK_INTERNAL, 0, 3, 120.0);
    cycles(100);
    uint32_t ticks[2] = {0};
    for (uint32_t i = 0; i < desk.count; i++) {
        uint32_t port = desk.left[i].port;
        CHECK(desk.left[i].byte[0] == 0xF8 && port < 2);
        CHECK(desk.left[i].frame == TICK_FRAMES * ticks[port]++ + 700 * port);
    }
    CHECK(ticks[0] == 13 && ticks[1] == 13);
    end();
}

static void test_outputs_come_and_go(void) {
    begin();
    set(RP_CLOCK_INTERNAL, 0, 1, 120.0);
    CHECK(rp_engine_transport(desk.engine, RP_CLOCK_INTERNAL, RP_TRANSPORT_START, 0, 0, 0));
    cycles(80); /* beat 0.43 */
    set(RP_CLOCK_INTERNAL, 0, 3, 0.0);
    cycles(80);
    CHECK(left(1, 0xF2) == 1 && left(1, 0xFB) == 1 && left(1, 0xFA) == 0);
    int at = find(0, 0xF2);
    CHECK(desk.left[at].byte[1] == 2 && desk.left[at].frame == 11 * TICK_FRAMES); /* with the tick before beat 1/2 */
    set(RP_CLOCK_INTERNAL, 0, 2, 0.0);
    cycle();
    CHECK(left(0, 0xFC) == 2 && left(1, 0xFC) == 1); /* as the other came, and as this one went */
    uint32_t before = left(0, 0xF8);
    cycles(80);
    CHECK(left(0, 0xF8) == before);
    CHECK(rp_engine_stop(desk.engine));
    cycle();
    CHECK(left(1, 0xFC) == 2);
    before = desk.count;
    cycles(80);
    CHECK(desk.count == before);
    end();
}

/* ---- MIDI clock in ---- */

/* So many ticks on an input, from the frame that is next on, each `period` frames. */
static void send_ticks(uint32_t port, uint32_t ticks, uint32_t period) {
    uint64_t next = desk.frame;
    for (uint32_t i = 0; i < ticks; cycle())
        for (; i < ticks && next < desk.frame + BLOCK; next += period, i++)
            press(port, (uint32_t)(next - desk.frame), 0xF8, 0, 0);
}

static void test_clock_is_heard_and_not_played(void) {
    begin();
    set(RP_CLOCK_MIDI, 3, 0, 0.0);
    press(0, 0, 0xFA, 0, 0);
    press(2, 1, 0xFA, 0, 0);
    press(0, 2, 0xFE, 0, 0); /* nothing of a clock's */
    send_ticks(0, 100, 1200);
    rp_conductor_state state = look();
    CHECK(state.ticks == 100 && state.lost == 0 && state.timeline.rolling && state.timeline.locked);
    CHECK(fabs(state.timeline.bpm - 100.0) < 0.05);
    CHECK(desk.count == 2 && left(2, 0xFA) == 1 && left(0, 0xFE) == 1);
    end();
}

/* Bytes of a song position on either side of a cycle's end. */
static void test_a_message_in_pieces(void) {
    static const uint8_t bytes[3] = {0xF2, 8, 0};
    begin();
    set(RP_CLOCK_MIDI, 1, 0, 0.0);
    desk.event[desk.events++] = (rp_input){0, 0, 1, bytes};
    cycle();
    desk.event[desk.events++] = (rp_input){0, 0, 2, bytes + 1};
    press(0, 5, 0xFB, 0, 0);
    send_ticks(0, 97, 1000);
    rp_timeline_state state = look().timeline;
    CHECK(fabs(state.beat - (2.0 + ((double)state.frame - 128.0) / 24000.0)) < 0.002);
    CHECK(desk.count == 0);
    end();
}

/* Of two that speak one is heard; the other as soon as that one is silent, or unplugged. */
static void test_one_of_two_clocks(void) {
    begin();
    set(RP_CLOCK_MIDI, 3, 0, 0.0);
    for (uint32_t i = 0; i < 600; i++) {
        if (i % 8 == 0) press(0, 0, 0xF8, 0, 0);
        if (i % 11 == 0) press(1, 1, 0xF8, 0, 0);
        cycle();
    }
    CHECK(look().ticks == 75 && fabs(look().timeline.bpm - 60.0 * RATE / (24 * 8 * BLOCK)) < 0.05);
    CHECK(desk.count == 0);
    for (uint32_t i = 0; i < 600; i++) {
        if (i % 10 == 0) press(1, 0, 0xF8, 0, 0);
        cycle();
    }
    CHECK(fabs(look().timeline.bpm - 60.0 * RATE / (24 * 10 * BLOCK)) < 0.1);
    desk.lost = 2;
    press(0, 0, 0xF8, 0, 0);
    uint64_t before = look().ticks;
    cycle();
    CHECK(look().ticks == before + 1);
    end();
}

/* ---- JACK's transport ---- */

/* It goes on for so many cycles. */
static void roll(uint32_t count, double bpm) {
    for (; count--; cycle()) {
        desk.transport.frame += desk.transport.rolling ? BLOCK : 0;
        desk.transport.beat += desk.transport.rolling ? BLOCK * bpm / 60.0 / RATE : 0.0;
        desk.transport.bpm = bpm;
    }
}

/* The timeline's beat as of the cycle that was played last, against what is right. */
static double off_by(double right) { return fabs(look().timeline.beat - right); }

static void test_transport_with_beats(void) {
    begin();
    set(RP_CLOCK_JACK, 0, 1, 100.0);
    desk.transport = (rp_transport){.known = 1, .has_beat = 1, .frame = 96000, .beat = 4.0, .bpm = 150.0};
    roll(20, 150.0);
    CHECK(!look().timeline.rolling && off_by(4.0) < 1e-9 && left(0, 0xFA) == 0);
    desk.transport.rolling = 1;
    for (uint32_t i = 0; i < 100; i++) {
        roll(1, 150.0);
        CHECK(off_by(desk.transport.beat) < 1e-3); /* from the first cycle on */
    }
    CHECK(look().timeline.locked && fabs(look().timeline.bpm - 150.0) < 0.01);
    for (uint32_t i = 0; i < 600; i++) {
        roll(1, 150.0 - 0.1 * i);
        CHECK(off_by(desk.transport.beat) < 2e-3);
    }
    uint32_t jumps = look().timeline.jumps;
    desk.transport.beat = 33.0; /* somebody moves it */
    desk.transport.frame = 1000;
    roll(1, 90.0);
    CHECK(off_by(desk.transport.beat) < 1e-3 && look().timeline.jumps == jumps + 1);
    roll(99, 90.0);
    CHECK(off_by(desk.transport.beat) < 1e-3);
    desk.transport.rolling = 0;
    roll(10, 90.0);
    CHECK(!look().timeline.rolling && off_by(desk.transport.beat) < 0.01);
    CHECK(left(0, 0xFC) == 2 && left(0, 0xFB) == 2); /* the place changed as it rolled: stop, continue; and the stop */
    desk.transport.beat = 8.0;
    desk.transport.frame = 256000;
    roll(1, 90.0);
    CHECK(off_by(8.0) < 1e-9);
    CHECK(fabs(look().timeline.bpm - 90.0) < 0.01);
    end();
}

/* From four quarters a bar to three, at the ninth: JACK's bars say 24 quarters where there were 32. Ours go on until
 * somebody moves it. */
static void test_transport_that_changes_its_time_signature(void) {
    begin();
    set(RP_CLOCK_JACK, 0, 1, 120.0);
    desk.transport = (rp_transport){.known = 1, .rolling = 1, .has_beat = 1, .beat = 31.0, .bpm = 120.0};
    roll(180, 120.0);
    uint32_t jumps = look().timeline.jumps;
    const double step = BLOCK / 24000.0, due = desk.transport.beat;
    desk.transport.beat -= 8.0;
    for (uint32_t i = 1; due + i * step < 40.0; i++) {
        roll(1, 120.0);
        CHECK(off_by(due + i * step) < 1e-3);
    }
    CHECK(look().timeline.jumps == jumps && left(0, 0xFC) == 0);
    desk.transport.frame += 24000;
    desk.transport.beat = 25.0;
    roll(1, 120.0);
    CHECK(off_by(desk.transport.beat) < 1e-3 && look().timeline.jumps == jumps + 1);
    end();
}

/* Where the machine was late JACK's transport has gone on with its clock, or has stood still: nobody has moved it. And a
 * master that counts on while it stands does not move it, either. */
static void test_transport_on_a_machine_that_is_late(void) {
    begin();
    set(RP_CLOCK_JACK, 0, 1, 120.0);
    desk.transport = (rp_transport){.known = 1, .rolling = 1, .frame = 0};
    roll(100, 0.0);
    uint32_t jumps = look().timeline.jumps;
    desk.frame += 9 * BLOCK;
    desk.transport.frame += 9 * BLOCK;
    roll(10, 0.0);
    CHECK(look().timeline.jumps == jumps && off_by(desk.transport.frame / 24000.0) < 1e-3);
    desk.frame += 9 * BLOCK;
    roll(100, 0.0);
    CHECK(look().timeline.jumps == jumps && off_by(desk.transport.frame / 24000.0) < 1e-3);
    desk.transport.rolling = 0;
    desk.transport.has_beat = 1;
    roll(2, 120.0);
    jumps = look().timeline.jumps;
    uint32_t ticks = left(0, 0xF8);
    for (uint32_t i = 0; i < 750; i++) {
        desk.transport.beat += 1000.0;
        roll(1, 120.0);
    }
    CHECK(look().timeline.jumps == jumps && left(0, 0xF8) == ticks + 96);
    end();
}

/* A transport of frames alone: the internal tempo makes beats of it, and may change. */
static void test_transport_without_beats(void) {
    begin();
    set(RP_CLOCK_JACK, 0, 0, 120.0);
    desk.transport = (rp_transport){.known = 1, .frame = 48000};
    roll(2, 0.0);
    CHECK(off_by(2.0) < 1e-9);
    desk.transport.rolling = 1;
    roll(200, 0.0);
    CHECK(off_by(desk.transport.frame / 24000.0) < 1e-3);
    double at = desk.transport.frame / 24000.0;
    set(RP_CLOCK_JACK, 0, 0, 60.0);
    roll(375, 0.0);
    CHECK(off_by(at + 1.0) < 5e-3 && fabs(look().timeline.bpm - 60.0) < 0.01 && look().timeline.jumps == 2);
    memset(&desk.transport, 0, sizeof desk.transport); /* it is gone: the tempo is held */
    roll(375, 0.0);
    CHECK(off_by(at + 2.0) < 5e-3 && look().timeline.rolling && !look().timeline.locked);
    end();
}

/* ---- taps, and the internal transport ---- */

static void test_a_pedal_taps(void) {
    static const rp_trigger pedal = {.go = RP_GO_TAP, .controller = 1, .number = 64, .channel = RP_EVERY_CHANNEL};
    begin();
    set(RP_CLOCK_TAP, 0, 0, 100.0);
    CHECK(rp_engine_set_trigger(desk.engine, 0, &pedal));
    for (uint32_t i = 0; i < 6 * 250; i++) {
        if (i % 250 == 0) press(0, 77, 0xB0, 64, 127);
        if (i % 250 == 100) press(0, 0, 0xB0, 64, 0);
        cycle();
    }
    rp_conductor_state state = look();
    CHECK(desk.count == 0 && state.timeline.heard == 6);
    CHECK(fabs(state.timeline.bpm - 60.0 * RATE / (250 * BLOCK)) < 1e-6); /* to the frame */
    end();
}

/* Taps have no transport: the internal one starts them, on the nearest beat. */
static void test_start_on_the_tapped_beat(void) {
    begin();
    set(RP_CLOCK_TAP, 0, 1, 100.0);
    for (uint64_t tap = 0; tap < 5; tap++) CHECK(rp_engine_tap(desk.engine, 1000 + tap * 24000));
    while (desk.frame < 5 * 24000) cycle();
    CHECK(!look().timeline.rolling);
    uint64_t late = 1000 + 5 * 24000 + 3000;
    CHECK(rp_engine_transport(desk.engine, RP_CLOCK_INTERNAL, RP_TRANSPORT_START, late, 0.0, 0.0));
    cycles(400);
    rp_timeline_state state = look().timeline;
    CHECK(state.rolling && fabs(state.beat - ((double)state.frame - 1000.0 - 5 * 24000) / 24000.0) < 1e-3);
    CHECK(rp_engine_transport(desk.engine, RP_CLOCK_INTERNAL, RP_TRANSPORT_STOP, 0, 0.0, 0.0));
    cycle();
    CHECK(!look().timeline.rolling);
    end();
}

/* Where nobody has tapped yet the tempo that was set goes on. */
static void test_start_before_the_first_tap(void) {
    begin();
    set(RP_CLOCK_TAP, 0, 1, 100.0);
    CHECK(rp_engine_transport(desk.engine, RP_CLOCK_INTERNAL, RP_TRANSPORT_START, 0, 0.0, 0.0));
    cycles(376);
    rp_timeline_state state = look().timeline;
    CHECK(state.rolling && state.source == RP_CLOCK_TAP && !state.locked && fabs(state.bpm - 100.0) < 1e-9);
    CHECK(fabs(state.beat - (double)state.frame / 28800.0) < 1e-6);
    end();
}

static void test_nonsense_is_left_out(void) {
    begin();
    set(RP_CLOCK_LINK, 0xFFFFFFFF, 0xFFFFFFFF, 1e9);
    CHECK(rp_engine_observe(desk.engine, RP_CLOCK_LINK, 7, (double)NAN));
    CHECK(rp_engine_observe(desk.engine, 77, 7, 1.0));
    CHECK(rp_engine_transport(desk.engine, RP_CLOCK_LINK, RP_TRANSPORT_START, 0, (double)INFINITY, 0.0));
    CHECK(rp_engine_transport(desk.engine, 99, 99, 0, 0.0, 0.0));
    CHECK(!rp_engine_set_conductor(desk.engine, &(rp_conductor_config){.source = RP_CLOCKS, .on = 1}));
    cycles(10);
    rp_timeline_state state = look().timeline;
    CHECK(state.source == RP_CLOCK_LINK && state.heard == 0 && !state.rolling && state.bpm == RP_BPM_MAX);
    desk.frame = 5; /* a driver that begins again */
    cycles(10);
    CHECK(look().timeline.source == RP_CLOCK_LINK && look().timeline.frame == desk.frame - BLOCK);
    end();
}

/* ---- anything at all ---- */

static uint32_t dice(uint32_t *state, uint32_t sides) {
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 8) % sides;
}

static void do_anything(uint32_t *state) {
    static const uint8_t clocks[6] = {0xF8, 0xFA, 0xFB, 0xFC, 0xF2, 0xFE};
    uint64_t near = desk.frame + dice(state, 4000);
    double beat = dice(state, 100000) / 24.0 - 100.0;
    uint32_t what = dice(state, 60), source = dice(state, RP_CLOCKS + 1);
    near = near > 2000 ? near - 2000 : near;
    if (what == 0 && source < RP_CLOCKS) set(source, dice(state, 8), dice(state, 8), dice(state, 300));
    else if (what == 1) CHECK(rp_engine_transport(desk.engine, source, dice(state, 4), near, beat, beat * 0.7));
    else if (what == 2) CHECK(rp_engine_observe(desk.engine, source, near, beat));
    else if (what == 3) CHECK(rp_engine_tap(desk.engine, near));
    else if (what == 4) CHECK(rp_engine_panic(desk.engine));
    else if (what == 5) desk.frame += dice(state, 100000);
    else if (what == 6) desk.lost = dice(state, 8);
    else if (what == 7) desk.transport = (rp_transport){1, dice(state, 2), dice(state, 2), 0, desk.frame, beat, 77.0};
    else if (what == 8 && dice(state, 20) == 0) desk.frame /= 2;
    if (what == 9) CHECK(rp_engine_shift_port(desk.engine, dice(state, PORTS), dice(state, 500)));
    for (uint32_t i = dice(state, 4); i > 0; i--)
        press(dice(state, PORTS), BLOCK / i - 1, clocks[dice(state, 6)], (uint8_t)dice(state, 128), 0);
    if (dice(state, 20) == 0) press(1, BLOCK - 1, 0x90, (uint8_t)dice(state, 128), 100);
}

/* Whatever comes, time goes on at a tempo that there is. */
static void test_anything_at_all(void) {
    uint32_t state = 5;
    begin();
    for (uint32_t i = 0; i < 30000; i++) {
        do_anything(&state);
        cycle();
        desk.count = 0;
        rp_conductor_state now = look();
        CHECK(isfinite(now.timeline.beat) && isfinite(now.timeline.residual) && isfinite(now.timeline.away));
        CHECK(now.timeline.bpm > RP_BPM_MIN - 1e-6 && now.timeline.bpm < RP_BPM_MAX + 1e-6);
        CHECK(now.confidence >= 0.0 && now.confidence <= 1.0);
        if (i % 100 == 0) {
            rp_report report;
            while (rp_engine_poll(desk.engine, &report, 1)) CHECK(report.kind != RP_REPORT_RIG);
        }
    }
    CHECK(rp_engine_stop(desk.engine));
    set(RP_CLOCK_INTERNAL, 0, 1, 100.0);
    cycles(100);
    desk.count = 0;
    cycles(1000);
    CHECK(desk.count == 0);
    end();
}

/* ---- who looks ---- */

static _Atomic int done;

static void *watch(void *argument) {
    (void)argument;
    uint64_t looks = 0;
    while (!atomic_load(&done)) {
        rp_conductor_state state = look();
        CHECK(state.frame % BLOCK == 0);
        CHECK(state.nanoseconds == (state.frame ? moment_of(state.frame) : state.nanoseconds));
        CHECK(state.timeline.frame == state.frame);
        looks++;
    }
    CHECK(looks > 0);
    return NULL;
}

/* All of it is of one cycle, whenever somebody looks. */
static void test_it_is_seen_whole(void) {
    pthread_t watcher;
    begin();
    set(RP_CLOCK_INTERNAL, 0, 0, 120.0);
    cycle();
    CHECK(pthread_create(&watcher, NULL, watch, NULL) == 0);
    cycles(20000);
    atomic_store(&done, 1);
    pthread_join(watcher, NULL);
    end();
}

/* ---- the flight recorder ---- */

enum { TAKE = 1 << 22 };
static uint8_t record[TAKE];
static rp_conductor_state recorded; /* as it was at its end */

/* Everything that the clock can hear, and its bytes out. */
static uint32_t record_all(void) {
    rp_flight *flight = rp_flight_new(TAKE);
    begin();
    rp_engine_set_flight(desk.engine, flight);
    set(RP_CLOCK_JACK, 1, 1, 120.0);
    desk.transport = (rp_transport){.known = 1, .frame = 48000};
    for (uint32_t i = 0; i < 4000; i++) {
        desk.transport.rolling = i > 100 && i < 900;
        if (i == 500) desk.transport.frame += 12345;
        if (i == 1000) set(RP_CLOCK_MIDI, 1, 2, 0.0);
        if (i == 2000) set(RP_CLOCK_PLAYER, 1, 1, 0.0);
        if (i == 3000) set(RP_CLOCK_LINK, 1, 1, 0.0);
        if (i > 3000) CHECK(rp_engine_observe(desk.engine, RP_CLOCK_LINK, desk.frame - 300, i / 90.0));
        if (i == 300) CHECK(rp_engine_transport(desk.engine, RP_CLOCK_INTERNAL, RP_TRANSPORT_START, 0, 0.0, 0.0));
        if (i == 950) press(0, 1, 0xFA, 0, 0);
        if (i % 8 == i / 500 % 3) press(0, i * 37 % BLOCK, 0xF8, 0, 0);
        if (i % 150 == i / 50 % 2) press(1, 2, 0x90, 60, 90);
        roll(1, 0.0);
    }
    recorded = look();
    rp_engine_set_flight(desk.engine, NULL);
    rp_flight_flush(flight);
    uint32_t size = rp_flight_read(flight, record, TAKE);
    end();
    rp_flight_free(flight);
    return size;
}

static void test_a_replay_has_the_same_clock(void) {
    uint32_t size = record_all(), used, result = RP_REPLAY_ALL;
    CHECK(left(0, 0xF8) > 100 && left(1, 0xF8) > 50 && left(0, 0xFC) > 0 && left(1, 0xFA) + left(1, 0xFB) > 0);
    rp_engine_config config = {.sample_rate = RATE, .inputs = PORTS, .outputs = PORTS};
    desk.engine = rp_engine_new(&config);
    rp_replay *replay = rp_replay_new(desk.engine);
    for (uint32_t at = 0; at < size; at += used) {
        result = rp_replay_play(replay, record + at, size - at, &used);
        CHECK(result == RP_REPLAY_ALL || result == RP_REPLAY_RIG);
        if (result == RP_REPLAY_RIG) rp_replay_give(replay, thru_rig());
    }
    rp_conductor_state state = look();
    CHECK(memcmp(&state.timeline, &recorded.timeline, sizeof state.timeline) == 0);
    CHECK(state.sent == recorded.sent && state.player_bpm == recorded.player_bpm);
    rp_replay_free(replay);
    end();
}

int main(void) {
    test_off_it_does_nothing();
    test_clock_leaves_among_the_notes();
    test_clock_is_shifted_as_the_ports_notes_are();
    test_outputs_come_and_go();
    test_clock_is_heard_and_not_played();
    test_a_message_in_pieces();
    test_one_of_two_clocks();
    test_transport_with_beats();
    test_transport_without_beats();
    test_transport_that_changes_its_time_signature();
    test_transport_on_a_machine_that_is_late();
    test_a_pedal_taps();
    test_start_on_the_tapped_beat();
    test_start_before_the_first_tap();
    test_nonsense_is_left_out();
    test_anything_at_all();
    test_it_is_seen_whole();
    test_a_replay_has_the_same_clock();
    return 0;
}
