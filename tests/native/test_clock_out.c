/* MIDI clock out: to the frame, for half an hour; its transport; and whatever may come, in and out. */
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "check.h"
#include "clock_in.h"
#include "clock_out.h"
#include "platform.h"
#include "timeline.h"

enum { RATE = 48000, BLOCK = 128, ROOM = 128 };

static uint32_t seed;

/* The same on every system (Marsaglia, J. Statistical Software 8(14), 2003). */
static uint32_t dice(void) {
    seed ^= seed << 13;
    seed ^= seed >> 17;
    return seed ^= seed << 5;
}

/* From 0 to 1. */
static double chance(void) { return dice() / 4294967296.0; }

typedef struct {
    rp_timeline *timeline;
    rp_clock_out clock;
    rp_clock_byte byte[ROOM];
    uint64_t frame;
    uint8_t log[64]; /* status bytes but F8's; F8 once, where others follow or come before */
    uint32_t logged;
} sender;

static void note_down(sender *it, const rp_clock_byte *one) {
    if (it->logged == sizeof it->log) return;
    if (one->byte[0] == 0xF8 && it->logged && it->log[it->logged - 1] == 0xF8) return;
    it->log[it->logged++] = one->byte[0];
}

static void send_cycle(sender *it, uint32_t frames) {
    rp_timeline_advance(it->timeline, it->frame);
    uint32_t count = rp_clock_out_cycle(&it->clock, it->timeline, it->frame, frames, it->byte, ROOM);
    for (uint32_t i = 0; i < count; i++) {
        CHECK(it->byte[i].offset < frames && (i == 0 || it->byte[i].offset >= it->byte[i - 1].offset));
        note_down(it, &it->byte[i]);
    }
    it->frame += frames;
}

/* Half an hour, in cycles of any size: each tick within a frame of where it must be, the last as the first. */
static void test_half_an_hour_out(double bpm, uint32_t block) {
    rp_timeline *timeline = rp_timeline_new();
    rp_clock_out clock = {0};
    rp_clock_byte byte[ROOM];
    uint64_t frame = 0;
    int64_t tick = 0;
    double worst = 0.0;
    CHECK(timeline);
    rp_timeline_begin(timeline, RATE, 0, bpm);
    rp_timeline_start(timeline, RP_CLOCK_INTERNAL, 0, 0.0, 0.0);
    while (frame < 1800ull * RATE) {
        uint32_t frames = block ? block : 1 + dice() % 2048;
        rp_timeline_advance(timeline, frame);
        uint32_t count = rp_clock_out_cycle(&clock, timeline, frame, frames, byte, ROOM);
        for (uint32_t i = 0; i < count; i++) {
            if (byte[i].byte[0] != 0xF8) continue;
            double due = (double)tick++ * RATE * 60.0 / bpm / RP_CLOCK_TICKS;
            worst = fmax(worst, fabs((double)(frame + byte[i].offset) - due));
        }
        frame += frames;
    }
    CHECK(tick == (int64_t)floor((double)(frame - 1) / RATE * bpm / 60.0 * RP_CLOCK_TICKS + 1e-6) + 1);
    CHECK(clock.sent == (uint64_t)tick);
    printf("half an hour at %.3f BPM: %lld ticks, none further off than %.3f frames\n", bpm, (long long)tick, worst);
    CHECK(worst < 1.0 + 1e-4);
    rp_timeline_free(timeline);
}

static int logged(const sender *it, const char *expected) {
    char text[4 * sizeof it->log] = "";
    for (uint32_t i = 0; i < it->logged; i++) sprintf(text + strlen(text), "%s%02X", i ? " " : "", it->log[i]);
    if (strcmp(text, expected) != 0) fprintf(stderr, "sent %s, not %s\n", text, expected);
    return strcmp(text, expected) == 0;
}

static void test_the_transport_out(void) {
    sender it = {.timeline = rp_timeline_new()};
    CHECK(it.timeline);
    for (int i = 0; i < 100; i++) send_cycle(&it, 128);
    rp_timeline_start(it.timeline, RP_CLOCK_INTERNAL, it.frame + 50, 0.0, 0.0);
    for (int i = 0; i < 100; i++) send_cycle(&it, 128);
    CHECK(logged(&it, "F8 FA F8"));
    rp_timeline_stop(it.timeline, RP_CLOCK_INTERNAL, it.frame + 3);
    for (int i = 0; i < 100; i++) send_cycle(&it, 128);
    CHECK(logged(&it, "F8 FA F8 FC F8"));
    rp_timeline_start(it.timeline, RP_CLOCK_INTERNAL, it.frame, 0.0, 32.0);
    for (int i = 0; i < 100; i++) send_cycle(&it, 128);
    CHECK(logged(&it, "F8 FA F8 FC F8 F2 FB F8"));
    rp_timeline_locate(it.timeline, RP_CLOCK_INTERNAL, it.frame, 0.0, 8.1);
    for (int i = 0; i < 100; i++) send_cycle(&it, 128);
    CHECK(logged(&it, "F8 FA F8 FC F8 F2 FB F8 FC F8 F2 FB F8"));
    rp_timeline_free(it.timeline);
}

/* The first tick of a song position is that position's; it is told a tick before. */
static void test_a_start_between_sixteenths(void) {
    sender it = {.timeline = rp_timeline_new()};
    uint64_t told = 0;
    CHECK(it.timeline);
    rp_timeline_start(it.timeline, RP_CLOCK_INTERNAL, 0, 0.0, 8.1);
    for (int i = 0; i < 60 && !it.clock.told; i++) {
        send_cycle(&it, 128);
        told = it.frame;
    }
    CHECK(it.clock.start == 198 && it.clock.next == 198); /* 8.25: 33 sixteenths */
    CHECK(rp_timeline_beat(it.timeline, told) < 8.25);
    rp_timeline_free(it.timeline);
}

/* No room: what is left leaves with the next cycle, none is lost. */
static void test_little_room(void) {
    rp_timeline *timeline = rp_timeline_new();
    rp_clock_out clock = {0};
    rp_clock_byte byte[ROOM];
    CHECK(timeline);
    rp_timeline_begin(timeline, RATE, 0, 400.0); /* a tick each 300 frames */
    rp_timeline_start(timeline, RP_CLOCK_INTERNAL, 0, 0.0, 0.0);
    for (uint64_t frame = 0; frame < 4096; frame += 1024) {
        rp_timeline_advance(timeline, frame);
        uint32_t room = frame < 3072 ? 5 : ROOM;
        CHECK(rp_clock_out_cycle(&clock, timeline, frame, 1024, byte, room) <= room);
        CHECK(frame == 3072 || clock.sent < (frame + 1024) / 300);
    }
    CHECK(clock.sent == 14 && clock.told);
    rp_timeline_free(timeline);
}

/* ---- out and in again, and anything at all ---- */

/* Does it roll at a frame of this cycle? */
static int rolls(const rp_timeline *timeline, uint64_t frame) {
    uint32_t count;
    const rp_timeline_piece *piece = rp_timeline_pieces(timeline, &count);
    while (count > 1 && piece[count - 1].frame > (double)frame) count--;
    return piece[count - 1].rolling != 0;
}

/* Somebody who listens to our clock is where we are, whatever we do. */
static void test_there_and_back(void) {
    for (int take = 0; take < 30; take++) {
        rp_timeline *here = rp_timeline_new(), *there = rp_timeline_new();
        rp_clock_out out = {0};
        rp_clock_in in = {0};
        rp_clock_byte byte[ROOM];
        uint64_t frame = 0;
        CHECK(here && there);
        rp_timeline_begin(here, RATE, 0, 60.0 + 140.0 * chance());
        rp_timeline_choose(there, RP_CLOCK_MIDI);
        for (int i = 0; i < 12; i++) {
            double beat = chance() < 0.4 ? 0.0 : (double)(dice() % 4000) / 4.0 + (chance() < 0.5 ? 0.0 : chance());
            int on = rolls(here, frame);
            if (on && chance() < 0.4) rp_timeline_stop(here, RP_CLOCK_INTERNAL, frame + 77);
            else if (on && chance() < 0.5) rp_timeline_locate(here, RP_CLOCK_INTERNAL, frame, 0.0, beat);
            else rp_timeline_start(here, RP_CLOCK_INTERNAL, frame + 77, 0.0, beat);
            for (uint64_t end = frame + 3 * RATE; frame < end; frame += 256) {
                rp_timeline_advance(here, frame);
                uint32_t count = rp_clock_out_cycle(&out, here, frame, 256, byte, ROOM);
                for (uint32_t k = 0; k < count; k++)
                    rp_clock_in_hear(&in, there, frame + byte[k].offset, byte[k].byte, byte[k].size);
                rp_timeline_advance(there, frame);
            }
            CHECK(rolls(here, frame) == rolls(there, frame));
            if (!rolls(here, frame)) continue;
            CHECK(fabs(rp_timeline_beat(here, frame) - rp_timeline_beat(there, frame)) < 0.0005);
        }
        rp_timeline_free(here);
        rp_timeline_free(there);
    }
}

/* A song that starts between two ticks of the clock before it: whoever listens is there at once. */
static void test_a_start_off_the_grid(void) {
    for (uint64_t late = 50; late < 1000; late += 100) {
        rp_timeline *here = rp_timeline_new(), *there = rp_timeline_new();
        rp_clock_out out = {0};
        rp_clock_in in = {0};
        rp_clock_byte byte[ROOM];
        CHECK(here && there);
        rp_timeline_choose(there, RP_CLOCK_MIDI);
        for (uint64_t frame = 0; frame < 5 * RATE; frame += BLOCK) {
            if (frame == 1500ull * BLOCK) rp_timeline_start(here, RP_CLOCK_INTERNAL, frame + late, 0.0, 0.0);
            rp_timeline_advance(here, frame);
            uint32_t count = rp_clock_out_cycle(&out, here, frame, BLOCK, byte, ROOM);
            for (uint32_t k = 0; k < count; k++)
                rp_clock_in_hear(&in, there, frame + byte[k].offset, byte[k].byte, byte[k].size);
            rp_timeline_advance(there, frame);
            if (!rolls(there, frame)) continue;
            CHECK(fabs(rp_timeline_beat(here, frame) - rp_timeline_beat(there, frame)) < 0.002); /* 1 ms */
        }
        CHECK(rolls(there, 5 * RATE));
        rp_timeline_free(here);
        rp_timeline_free(there);
    }
}

/* One random thing that somebody might do. */
static void anything(rp_timeline *timeline, rp_clock_in *in, uint64_t frame) {
    static const uint8_t status[] = {0xF8, 0xF8, 0xF8, 0xFA, 0xFB, 0xFC, 0xF2, 0x90};
    uint32_t source = dice() % (RP_CLOCKS + 1);
    uint64_t when = chance() < 0.9 ? frame + dice() % 512 : frame - frame % 7919;
    double own = chance() < 0.8 ? (double)frame / RATE * 2.0 : 200.0 * chance() - 100.0;
    uint8_t data[3] = {status[dice() % 8], (uint8_t)(dice() % 128), (uint8_t)(dice() % 128)};
    switch (dice() % 24) {
    case 0: rp_timeline_choose(timeline, source); break;
    case 1: rp_timeline_start(timeline, source, when, own, 100.0 * chance()); break;
    case 2: rp_timeline_locate(timeline, source, when, own, 100.0 * chance()); break;
    case 3: rp_timeline_stop(timeline, source, when); break;
    case 4: rp_timeline_set_tempo(timeline, 1000.0 * chance()); break;
    case 5:
    case 6: rp_clock_in_hear(in, timeline, when, data, 3); break;
    default: rp_timeline_observe(timeline, source, when, own);
    }
}

static void check_pieces(const rp_timeline *timeline, uint64_t frame) {
    uint32_t count;
    const rp_timeline_piece *piece = rp_timeline_pieces(timeline, &count);
    CHECK(count >= 1 && count <= RP_TIMELINE_PIECES);
    for (uint32_t i = 0; i < count; i++) {
        CHECK(isfinite(piece[i].beat) && piece[i].rate > 0.0 && piece[i].rate < 10.0 * RP_BPM_MAX / 60.0 / RATE);
        if (i == 0) continue;
        double ended = piece[i - 1].beat + (piece[i].frame - piece[i - 1].frame) * piece[i - 1].rate;
        CHECK(piece[i].frame > piece[i - 1].frame);
        CHECK(piece[i].jumps != piece[i - 1].jumps || fabs(piece[i].beat - ended) < 1e-6);
    }
    CHECK(piece[0].frame <= (double)frame || count == 1 || frame == 0);
}

/* Whatever comes: it goes on without a jump that nobody asked for, and what is sent makes sense to who reads it. */
static void test_anything(void) {
    rp_timeline *timeline = rp_timeline_new();
    rp_clock_in in = {0};
    rp_clock_out out = {0};
    rp_clock_byte byte[ROOM];
    int rolls = 0;
    CHECK(timeline);
    forbid_waiting(1);
    for (uint64_t i = 0, frame = 0; i < 60000; i++, frame += 256) {
        rp_timeline_state before, after;
        for (int n = dice() % 3; n > 0; n--) anything(timeline, &in, frame);
        rp_timeline_get(timeline, &before);
        double ended = rp_timeline_beat(timeline, frame);
        rp_timeline_advance(timeline, frame);
        rp_timeline_get(timeline, &after);
        if (before.jumps == after.jumps) CHECK(fabs(rp_timeline_beat(timeline, frame) - ended) < 1e-6);
        CHECK(after.bpm >= RP_BPM_MIN - 1e-9 && after.bpm <= RP_BPM_MAX + 1e-9 && isfinite(after.residual));
        check_pieces(timeline, frame);
        uint32_t count = rp_clock_out_cycle(&out, timeline, frame, 256, byte, ROOM);
        for (uint32_t k = 0; k < count; k++) {
            uint8_t status = byte[k].byte[0];
            CHECK(status != 0xFC || rolls);
            CHECK((status != 0xFA && status != 0xFB && status != 0xF2) || !rolls);
            if (status != 0xF8 && status != 0xF2) rolls = status != 0xFC;
        }
    }
    forbid_waiting(0);
    rp_timeline_free(timeline);
}

typedef struct {
    const rp_timeline *timeline;
    atomic_int over;
    uint64_t reads;
} watcher;

static void watch(void *argument) {
    watcher *it = argument;
    do {
        rp_timeline_state state;
        rp_timeline_get(it->timeline, &state);
        CHECK(state.source < RP_CLOCKS && state.bpm > 99.0 && state.bpm < 301.0);
        it->reads++;
        rp_sleep_until(rp_now() + 1000); /* it may be real-time: others want to run */
    } while (!atomic_load(&it->over));
}

static void test_the_state_may_be_read_by_anyone(void) {
    rp_timeline *timeline = rp_timeline_new();
    watcher it = {.timeline = timeline};
    int realtime;
    CHECK(timeline);
    rp_thread *thread = rp_thread_start(watch, &it, RP_PRIORITY_WORKER, &realtime);
    CHECK(thread);
    for (uint64_t frame = 0; frame < 2000 * BLOCK; frame += BLOCK) {
        if (frame % (100 * BLOCK) == 0) rp_timeline_set_tempo(timeline, 100.0 + 200.0 * chance());
        rp_timeline_advance(timeline, frame);
    }
    atomic_store(&it.over, 1);
    rp_thread_join(thread);
    CHECK(it.reads > 0);
    rp_timeline_free(timeline);
}

int main(void) {
    seed = 11;
    test_half_an_hour_out(120.0, 64);
    test_half_an_hour_out(123.456, 128);
    test_half_an_hour_out(77.7, 0);
    test_the_transport_out();
    test_a_start_between_sixteenths();
    test_little_room();
    test_there_and_back();
    test_a_start_off_the_grid();
    test_anything();
    test_the_state_may_be_read_by_anyone();
    return 0;
}
