/* Cycles go through the tap whole and in order, whatever their lengths; what finds no room is dropped whole. */
#include "tap_cycle.h"
#include "check.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

enum { AUDIOS = 3, LONGEST = 256, ROOM = 1024, CYCLES = 60000, MOST_DATA = 40 };

static float sample_of(uint64_t frame, uint32_t audio) { return (float)(frame % 100003) + (float)audio / 8; }

static uint32_t frames_of(uint32_t cycle) { return cycle * 37 % (LONGEST + 1); }

static uint32_t size_of(uint64_t frame) { return 1 + (uint32_t)(frame * 7 % MOST_DATA); }

/* One cycle, with an event at its beginning and one at its end. */
static int write_cycle(rp_tap *tap, uint64_t frame, uint32_t frames) {
    static float sound[AUDIOS][LONGEST];
    const float *const audio[AUDIOS] = {sound[0], sound[1], sound[2]};
    uint8_t data[MOST_DATA];
    for (uint32_t a = 0; a < AUDIOS; a++)
        for (uint32_t i = 0; i < frames; i++) sound[a][i] = sample_of(frame + i, a);
    memset(data, (int)(frame & 127), sizeof data);
    rp_tap_open(tap, frame, frames);
    rp_tap_midi(tap, 0, 1, 0, data, size_of(frame));
    rp_tap_midi(tap, 1, 2, frames, data, size_of(frame));
    return rp_tap_close(tap, audio, AUDIOS);
}

typedef struct {
    rp_tap_block block;
    uint64_t next, gap; /* the frame that is expected, and how many were left out */
    uint32_t events;
} reader;

static reader reader_new(void) {
    reader it = {.block = {.room = ROOM, .midi_room = RP_TAP_MIDI_MAX}};
    it.block.audio = malloc(sizeof(float) * AUDIOS * ROOM);
    it.block.midi = malloc(RP_TAP_MIDI_MAX);
    return it;
}

static void reader_free(reader *it) {
    free(it->block.audio);
    free(it->block.midi);
}

/* The events of a block, in pairs as write_cycle makes them. */
static void check_midi(reader *it) {
    uint32_t at = 0, n = 0;
    for (; at < it->block.midi_size; n++) {
        rp_tap_event event;
        memcpy(&event, it->block.midi + at, sizeof event);
        const uint8_t *data = it->block.midi + at + sizeof event;
        CHECK(event.out == n % 2 && event.port == 1 + n % 2);
        CHECK(event.frame >= it->block.frame && event.frame <= it->block.frame + it->block.frames);
        for (uint32_t i = 1; i < event.size; i++) CHECK(data[i] == data[0]);
        if (!event.out) CHECK(event.size == size_of(event.frame) && data[0] == (event.frame & 127));
        at += (uint32_t)sizeof event + (event.size + 7) / 8 * 8;
    }
    CHECK(at == it->block.midi_size && n % 2 == 0);
    it->events += n;
}

/* 1: there was a block, and all of it is as it was written. */
static int read_block(rp_tap *tap, reader *it) {
    if (!rp_tap_read(tap, &it->block)) return 0;
    CHECK(it->block.frame >= it->next && it->block.frames <= ROOM);
    it->gap += it->block.frame - it->next;
    for (uint32_t a = 0; a < AUDIOS; a++)
        for (uint32_t i = 0; i < it->block.frames; i++)
            CHECK(it->block.audio[a * ROOM + i] == sample_of(it->block.frame + i, a));
    check_midi(it);
    it->next = it->block.frame + it->block.frames;
    return 1;
}

static rp_tap *tap_new(uint32_t room) {
    rp_tap *tap = rp_tap_new(&(rp_tap_config){AUDIOS, LONGEST, room});
    CHECK(tap);
    return tap;
}

static void test_order(void) {
    rp_tap *tap = tap_new(4096);
    reader it = reader_new();
    uint64_t frame = 0;
    CHECK(!read_block(tap, &it));
    for (uint32_t cycle = 0; cycle < 3000; cycle++) {
        CHECK(write_cycle(tap, frame, frames_of(cycle)));
        frame += frames_of(cycle);
        if (cycle % 7 == 0)
            while (read_block(tap, &it)) continue;
    }
    while (read_block(tap, &it)) continue;
    CHECK(it.next == frame && it.gap == 0 && it.events == 6000 && rp_tap_dropped(tap) == 0);
    reader_free(&it);
    rp_tap_free(tap);
}

/* Cycles that are there at once come in as few blocks as there is room for. */
static void test_blocks(void) {
    rp_tap *tap = tap_new(8 * ROOM);
    reader it = reader_new();
    for (uint32_t cycle = 0; cycle < 16; cycle++) CHECK(write_cycle(tap, 250 * cycle, 250));
    for (uint32_t n = 0; n < 4; n++) CHECK(read_block(tap, &it) && it.block.frames == 1000 && it.block.dropped == 0);
    CHECK(!read_block(tap, &it));
    CHECK(write_cycle(tap, 4000, 10) && write_cycle(tap, 4100, 10)); /* an xrun between the two */
    CHECK(read_block(tap, &it) && it.block.frame == 4000 && it.block.frames == 10);
    CHECK(read_block(tap, &it) && it.block.frame == 4100 && it.gap == 90);
    reader_free(&it);
    rp_tap_free(tap);
}

/* Nobody reads: what there is no room for is left out, cycle by cycle, and what comes later is whole again. */
static void test_full(void) {
    rp_tap *tap = tap_new(2048);
    reader it = reader_new();
    uint64_t frame = 0, lost = 0, cycles = 0;
    for (uint32_t round = 0; round < 5; round++) {
        uint64_t before = lost;
        for (; lost < before + 3; frame += 200) {
            int taken = write_cycle(tap, frame, 200);
            lost += !taken;
            cycles += (uint64_t)taken;
        }
        while (read_block(tap, &it)) continue;
        CHECK(rp_tap_dropped(tap) == lost && it.block.dropped == before);
    }
    CHECK(write_cycle(tap, frame, 200) && read_block(tap, &it));
    CHECK(it.gap == 200 * lost && it.block.dropped == lost && it.events == 2 * (cycles + 1));
    reader_free(&it);
    rp_tap_free(tap);
}

/* A cycle with more in it than there is room for is left out whole. */
static void test_too_much(void) {
    static uint8_t data[RP_TAP_MIDI_MAX];
    static float sound[LONGEST];
    const float *const audio[AUDIOS] = {sound, sound, sound};
    rp_tap *tap = tap_new(4096);
    reader it = reader_new();
    rp_tap_open(tap, 0, LONGEST + 1);
    rp_tap_midi(tap, 0, 0, 0, data, 3);
    CHECK(!rp_tap_close(tap, audio, AUDIOS));
    rp_tap_open(tap, 300, 10);
    rp_tap_midi(tap, 0, 0, 0, data, sizeof data - 8);
    CHECK(!rp_tap_close(tap, audio, AUDIOS));
    rp_tap_open(tap, 310, 10);
    rp_tap_midi(tap, 0, 0, 0, data, sizeof data - 32);
    rp_tap_midi(tap, 1, 0, 0, data, 8);
    CHECK(!rp_tap_close(tap, audio, AUDIOS) && rp_tap_dropped(tap) == 3);
    rp_tap_open(tap, 320, 10);
    rp_tap_midi(tap, 0, 0, 0, data, sizeof data - sizeof(rp_tap_event));
    CHECK(rp_tap_close(tap, audio, AUDIOS));
    CHECK(rp_tap_read(tap, &it.block) && it.block.midi_size == RP_TAP_MIDI_MAX && it.block.dropped == 3);
    CHECK(it.block.frame == 320 && !rp_tap_read(tap, &it.block));
    reader_free(&it);
    rp_tap_free(tap);
}

/* A driver without sound: the outputs are silent. */
static void test_no_sound(void) {
    rp_tap *tap = tap_new(4096);
    reader it = reader_new();
    memset(it.block.audio, 1, sizeof(float) * AUDIOS * ROOM);
    rp_tap_open(tap, 5, LONGEST);
    CHECK(rp_tap_close(tap, NULL, 0) && rp_tap_read(tap, &it.block));
    for (uint32_t a = 0; a < AUDIOS; a++)
        for (uint32_t i = 0; i < LONGEST; i++) CHECK(it.block.audio[a * ROOM + i] == 0);
    reader_free(&it);
    rp_tap_free(tap);
}

static void *write_all(void *tap) {
    uint64_t frame = 0;
    for (uint32_t cycle = 0; cycle < CYCLES; cycle++) {
        write_cycle(tap, frame, frames_of(cycle));
        frame += frames_of(cycle);
    }
    return NULL;
}

static uint64_t frames_written(void) {
    uint64_t frames = 0;
    for (uint32_t cycle = 0; cycle < CYCLES; cycle++) frames += frames_of(cycle);
    return frames;
}

/* The writer never waits; each event and sample that the reader sees is right, and the rest is counted. */
static void test_threads(void) {
    rp_tap *tap = tap_new(4096);
    reader it = reader_new();
    pthread_t thread;
    pthread_create(&thread, NULL, write_all, tap);
    while (it.events / 2 + rp_tap_dropped(tap) < CYCLES)
        if (!read_block(tap, &it)) sched_yield();
    pthread_join(thread, NULL);
    CHECK(!read_block(tap, &it) && it.events / 2 + rp_tap_dropped(tap) == CYCLES);
    it.gap += frames_written() - it.next;
    CHECK(rp_tap_dropped(tap) ? it.gap > 0 : it.gap == 0);
    reader_free(&it);
    rp_tap_free(tap);
}

/* A driver's ports, of which the second is full. */
typedef struct {
    rp_sink sink;
    uint32_t taken;
} ports;

static int accept(rp_sink *sink, uint32_t port, uint32_t offset, const uint8_t *data, uint32_t size) {
    ports *to = (ports *)(void *)sink;
    CHECK(offset == 7 && size == 3 && data[0] == 0x90);
    to->taken += port == 0;
    return port == 0;
}

static void test_cycle(void) {
    static float left[64], right[64];
    float *const audio[2] = {left, right};
    const uint8_t key[3] = {0x90, 60, 90};
    const rp_input in[2] = {{.offset = 3, .port = 1, .size = 3, .data = key}, {.offset = 9, .size = 3, .data = key}};
    ports to = {.sink = {accept}};
    rp_cycle cycle = {
        .frame = 1000, .frames = 64, .in = in, .inputs = 2, .sink = &to.sink, .audio = audio, .audios = 2};
    rp_tapped tapped = {0};
    reader it = reader_new();
    CHECK(rp_tapped_begin(&tapped, &cycle) == &cycle); /* no tap: nothing is between the engine and its driver */
    rp_tapped_end(&tapped);
    tapped.tap = tap_new(4096);
    forbid_waiting(1);
    const rp_cycle *heard = rp_tapped_begin(&tapped, &cycle);
    CHECK(heard->frame == 1000 && heard->audio == cycle.audio && heard->sink != cycle.sink);
    CHECK(heard->sink->write(heard->sink, 0, 7, key, 3) && !heard->sink->write(heard->sink, 1, 7, key, 3));
    left[5] = 0.5F;
    rp_tapped_end(&tapped);
    forbid_waiting(0);
    CHECK(to.taken == 1 && rp_tap_read(tapped.tap, &it.block));
    const rp_tap_event *event = (const rp_tap_event *)(const void *)it.block.midi;
    CHECK(it.block.midi_size == 3 * 24 && event->frame == 1003 && event->port == 1 && event->out == 0);
    event = (const rp_tap_event *)(const void *)(it.block.midi + 48);
    CHECK(event->frame == 1007 && event->port == 0 && event->out == 1 && event->size == 3);
    CHECK(it.block.frame == 1000 && it.block.frames == 64 && it.block.audio[5] == 0.5F);
    reader_free(&it);
    rp_tap_free(tapped.tap);
}

/* Where the beats of a cycle are: two pieces of a clock that is put elsewhere amid it. */
static void test_clock(void) {
    static float sound[64];
    float *const audio[1] = {sound};
    rp_cycle cycle = {.frame = 1024, .frames = 64, .audio = audio, .audios = 1};
    rp_timeline *timeline = rp_timeline_new();
    rp_tapped tapped = {0};
    reader it = reader_new();
    rp_timeline_begin(timeline, 48000, 1000, 120);
    rp_timeline_start(timeline, RP_CLOCK_INTERNAL, 1040, 0, 8);
    rp_timeline_advance(timeline, 1024);
    rp_tapped_clock(&tapped, timeline); /* nobody listens */
    tapped.tap = tap_new(4096);
    forbid_waiting(1);
    rp_tapped_begin(&tapped, &cycle);
    rp_tapped_clock(&tapped, timeline);
    rp_tapped_end(&tapped);
    forbid_waiting(0);
    CHECK(rp_tap_read(tapped.tap, &it.block) && it.block.midi_size == 2 * (sizeof(rp_tap_event) + 32));
    for (uint32_t n = 0; n < 2; n++) {
        rp_tap_event event;
        rp_timeline_piece piece;
        memcpy(&event, it.block.midi + n * (sizeof event + 32), sizeof event);
        memcpy(&piece, it.block.midi + n * (sizeof event + 32) + sizeof event, sizeof piece);
        CHECK(event.out == RP_TAP_CLOCK && event.size == sizeof piece && event.frame == (n ? 1040 : 1024));
        CHECK(piece.rolling == n && piece.frame == (n ? 1040 : 1024) && fabs(piece.rate * 24000 - 1) < 1e-9);
        CHECK(fabs(piece.beat - (n ? 8 : 0.001)) < 1e-9);
    }
    reader_free(&it);
    rp_tap_free(tapped.tap);
    rp_timeline_free(timeline);
}

static void test_edges(void) {
    CHECK(!rp_tap_new(&(rp_tap_config){17, 64, 64}) && !rp_tap_new(&(rp_tap_config){1, 0, 64}));
    CHECK(!rp_tap_new(&(rp_tap_config){1, 8193, 64}) && !rp_tap_new(&(rp_tap_config){16, 64, 1U << 26}));
    rp_tap_free(rp_tap_new(&(rp_tap_config){0, 1, 0}));
    rp_tap_free(NULL);
    long held = allocations_held();
    for (long n = 0; fail_allocation(n); n++) {
        rp_tap *tap = rp_tap_new(&(rp_tap_config){AUDIOS, LONGEST, 1024});
        int failed = allocation_failed();
        fail_allocation(-1);
        CHECK((tap == NULL) == failed);
        rp_tap_free(tap);
        CHECK(allocations_held() == held);
        if (!failed) break;
    }
}

int main(void) {
    test_edges();
    test_order();
    test_blocks();
    test_full();
    test_too_much();
    test_no_sound();
    test_threads();
    test_cycle();
    test_clock();
    return 0;
}
