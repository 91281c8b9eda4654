/* The flight recorder: all that enters the process thread and leaves it is there; played again it is the same, and what
 * is not the same is found. Where there is no room it says so, and never waits. */
#include <string.h>

#include "flight_state.h"
#include "platform.h"
#include "rigs.h"

enum { ROOM = 1 << 19, TAKE = 1 << 22, CYCLES = 3000, RIGS = 200, OUTPUTS = 2 };

static uint8_t take[TAKE];
static uint32_t whens[RIGS], rigs; /* of the quartets that were loaded, in turn */

/* Numbers that look like chance, the same each time. */
static uint32_t chance(uint32_t *state, uint32_t below) {
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 8) % below;
}

static uint32_t read_all(rp_flight *flight, uint8_t *out, uint32_t room) {
    uint32_t used = 0, n;
    do {
        CHECK(room - used >= RP_FLIGHT_LARGEST);
        n = rp_flight_read(flight, out + used, room - used);
        used += n;
    } while (n);
    return used;
}

static rp_engine *new_engine(void) {
    rp_engine_config config = {.sample_rate = RATE, .inputs = 1, .outputs = OUTPUTS};
    rp_engine *engine = rp_engine_new(&config);
    CHECK(engine);
    return engine;
}

/* A stage whose engine has played nothing yet. */
static void open_fresh(stage *at, rp_flight *flight) {
    stage_open(at, OUTPUTS, thru_rig(), NULL);
    rp_engine_free(at->engine);
    at->engine = new_engine();
    at->frame = 0;
    rp_engine_set_flight(at->engine, flight);
    CHECK(rp_engine_load(at->engine, thru_rig()));
}

static void load_quartet(stage *at, uint32_t *state) {
    uint32_t when = chance(state, 2) ? RP_WHEN_NOTE : RP_WHEN_WINDOW;
    CHECK(rigs < RIGS);
    whens[rigs++] = when;
    CHECK(rp_engine_load(at->engine, quartet_rig(when, RP_PEDAL_PASS)));
}

/* A parameter that is entered, and what control does where knobs are learnt: it listens, takes, tells and sets. */
static void learn(stage *at, uint32_t *state) {
    static const uint8_t controllers[4] = {99, 98, 6, 38};
    uint8_t fader[3] = {(uint8_t)(0xE0 | chance(state, 16)), (uint8_t)chance(state, 128), (uint8_t)chance(state, 128)};
    rp_control every = {.port = RP_EVERY_PORT, .channel = RP_EVERY_CHANNEL, .number = RP_EVERY_NUMBER};
    every.kind = (uint8_t)chance(state, RP_MOVED_KINDS);
    uint32_t told = chance(state, 128), kept = chance(state, 3) ? 0 : chance(state, 128), which = chance(state, 4);
    for (uint32_t i = 0; i < 4; i++) stage_send(at, 0, 0xB0, controllers[i], (uint8_t)chance(state, 128));
    CHECK(rp_engine_tell(at->engine, chance(state, OUTPUTS), fader, 3));
    CHECK(rp_engine_hear_controls(at->engine, told, kept));
    CHECK(rp_engine_take_control(at->engine, which, chance(state, 3) ? NULL : &every));
    CHECK(rp_engine_set_level(at->engine, RP_NO_SLOT, chance(state, 4), chance(state, 128)));
}

/* A cycle's events, what control does, and how the ports are, at random. */
static void meddle(stage *at, uint32_t *state) {
    if (chance(state, 20) == 0) learn(at, state);
    for (uint32_t n = chance(state, 4), offset = 0; n; n--) {
        uint8_t pitch = (uint8_t)(36 + chance(state, 60)), status = chance(state, 2) ? 0x90 : 0x80;
        int pedal = chance(state, 9) == 0;
        offset += chance(state, 40);
        stage_send(at, offset, pedal ? 0xB0 : status, pedal ? RP_CC_SUSTAIN : pitch, (uint8_t)chance(state, 128));
    }
    if (chance(state, 200) == 0) CHECK(rp_engine_panic(at->engine));
    if (chance(state, 90) == 0) load_quartet(at, state);
    at->lost = chance(state, 60) == 0;
    at->out.room = chance(state, 12) ? 0 : 6;
    at->out.connected = chance(state, 30) ? UINT32_MAX : 2;
}

/* Wild cycles, recorded into `take`; returns their bytes. While they play, nothing is allocated and nothing waits. */
static uint32_t record(void) {
    static stage at;
    uint32_t state = 7, used = 0;
    rp_flight *flight = rp_flight_new(ROOM);
    rp_flight_stats stats;
    CHECK(flight);
    rigs = 0;
    open_fresh(&at, flight);
    for (uint32_t i = 0; i < CYCLES; i++) {
        if (i % 100 < 60) meddle(&at, &state);
        forbid_waiting(1);
        stage_cycle(&at);
        forbid_waiting(0);
        stage_poll(&at, RP_REPORT_LOST);
        if (i % 500 == 499) used += read_all(flight, take + used, TAKE - used);
    }
    rp_flight_flush(flight);
    used += read_all(flight, take + used, TAKE - used);
    rp_flight_get_stats(flight, &stats);
    CHECK(stats.cycles == CYCLES && stats.missed == 0 && at.out.messages > 1000 && rigs > 5);
    stage_close(&at);
    rp_flight_free(flight);
    return used;
}

/* What playing `take` again comes to: the cycles that differ, all cycles, the first that differs (counted from 0), and
 * how it does. result: of the last call. */
typedef struct {
    uint32_t differ, cycles, first, result;
    rp_replay_state state;
} again;

static again play_again(uint32_t size) {
    static stage asked;
    asked.engine = new_engine();
    rp_replay *replay = rp_replay_new(asked.engine);
    rp_replay_state state = {0};
    again found = {0};
    uint32_t used = 0, given = 0;
    CHECK(replay);
    for (uint32_t at = 0; at < size && found.result <= RP_REPLAY_MISSED; at += used) {
        found.result = rp_replay_play(replay, take + at, size - at, &used);
        rp_replay_get_state(replay, &state);
        stage_poll(&asked, RP_REPORT_LOST);
        if (found.result == RP_REPLAY_RIG) {
            rp_replay_give(replay, given ? quartet_rig(whens[(given - 1) % RIGS], RP_PEDAL_PASS) : thru_rig());
            given++;
        }
        if (found.result != RP_REPLAY_DIFFERS || found.differ++) continue;
        found.first = (uint32_t)state.cycles - 1;
        found.state = state;
    }
    found.cycles = (uint32_t)state.cycles;
    rp_replay_free(replay);
    stage_close(&asked);
    return found;
}

/* The first item of this kind at or behind a byte of `take` whose first byte of data has these bits: where its data is.
 * cycle: that it stands in. */
static uint32_t find_item(uint32_t size, uint32_t from, uint32_t kind, uint8_t status, uint32_t *cycle) {
    rp_flight_cycle head;
    rp_flight_item item;
    *cycle = 0;
    for (uint32_t at = 0; at < size; *cycle += head.cycles) {
        memcpy(&head, take + at, sizeof head);
        at += (uint32_t)sizeof head;
        for (uint32_t end = at + head.size; at < end; at += item.size) {
            memcpy(&item, take + at, sizeof item);
            at += (uint32_t)sizeof item;
            if (item.kind == kind && at >= from && item.size == 3 && (take[at] & 0xF0) == status) return at;
        }
    }
    CHECK(!"there is such an item");
    return 0;
}

/* Where the first head at or behind a byte of `take` stands, or the first of all. */
static uint32_t head_at(uint32_t size, uint32_t from) {
    rp_flight_cycle head;
    uint32_t at = 0;
    while (at < from && at < size) {
        memcpy(&head, take + at, sizeof head);
        at += (uint32_t)sizeof head + head.size;
    }
    return at < size ? at : 0;
}

static void test_the_same_again(void) {
    again found = play_again(record());
    CHECK(found.result == RP_REPLAY_ALL && found.differ == 0 && found.cycles == CYCLES);
}

static void test_a_change_is_found_in_its_cycle(void) {
    uint32_t size = record(), cycle, at = find_item(size, size / 2, RP_FLIGHT_OUT, 0x90, &cycle);
    uint8_t pitch = take[at + 1];
    take[at + 1] ^= 1;
    again found = play_again(size);
    CHECK(found.differ == 1 && found.first == cycle && found.cycles == CYCLES);
    CHECK(found.state.was.kind == RP_FLIGHT_OUT && found.state.was_bytes[1] == (pitch ^ 1));
    CHECK(found.state.is.kind == RP_FLIGHT_OUT && found.state.is_bytes[1] == pitch);
    take[at + 1] ^= 1;
    at = find_item(size, 0, RP_FLIGHT_IN, 0x90, &cycle); /* a key of the thru that is the first rig */
    take[at + 1] ^= 1;
    found = play_again(size);
    CHECK(found.differ > 0 && found.first == cycle && found.state.is_bytes[1] == take[at + 1]);
}

static void test_it_says_what_found_no_room(void) {
    static stage at;
    rp_flight *flight = rp_flight_new(ROOM);
    rp_flight_stats stats;
    uint32_t cycles = 0;
    rigs = 0;
    open_fresh(&at, flight);
    do {
        for (uint32_t n = 0; n < 100; n++) stage_send(&at, n, 0x90, (uint8_t)n, 0);
        stage_cycle(&at);
        stage_poll(&at, 0);
        rp_flight_get_stats(flight, &stats);
    } while (++cycles < 100000 && stats.missed < 3);
    CHECK(stats.missed == 3 && stats.cycles + stats.missed == cycles);
    uint32_t size = read_all(flight, take, TAKE);
    CHECK(play_again(size).cycles == stats.cycles);
    stage_cycles(&at, 2);
    rp_flight_flush(flight);
    size += read_all(flight, take + size, TAKE - size);
    again found = play_again(size);
    CHECK(found.cycles == cycles + 2 - 3); /* it went on beyond what is missing */
    rp_engine *engine = new_engine();
    rp_replay *replay = rp_replay_new(engine);
    uint32_t used;
    CHECK(rp_replay_play(replay, take + size - sizeof(rp_flight_cycle), sizeof(rp_flight_cycle), &used) ==
          RP_REPLAY_MISSED);
    rp_replay_free(replay);
    rp_engine_free(engine);
    stage_close(&at);
    rp_flight_free(flight);
}

/* More than a cycle of the recorder's holds: missed, and the next is there again. */
static void test_a_cycle_too_large(void) {
    static uint8_t sysex[RP_FLIGHT_LARGEST];
    static stage at;
    rp_flight *flight = rp_flight_new(2 * ROOM);
    rp_flight_stats stats;
    rp_flight_cycle head;
    memset(sysex, 1, sizeof sysex);
    sysex[0] = 0xF0;
    open_fresh(&at, flight);
    stage_cycle(&at);
    at.event[at.events++] = (rp_input){.size = sizeof sysex, .data = sysex};
    at.out.connected = 0;
    stage_cycle(&at);
    stage_cycles(&at, 2);
    rp_flight_flush(flight);
    rp_flight_get_stats(flight, &stats);
    CHECK(stats.missed == 1 && stats.cycles == 3);
    uint32_t size = read_all(flight, take, TAKE);
    memcpy(&head, take + size - sizeof head, sizeof head);
    CHECK(head.missed == 1 && head.cycles == 2 && head.frame == 2 * BLOCK);
    stage_close(&at);
    rp_flight_free(flight);
}

/* Bytes that make no sense are told of, and do no harm. */
static void test_nonsense(void) {
    uint32_t size = record(), state = 3, bad = 0;
    for (uint32_t cut = 1; cut < 40; cut++) CHECK(play_again(cut).result == RP_REPLAY_BAD);
    for (uint32_t n = 0; n < 60; n++) {
        uint32_t at = head_at(size, chance(&state, size)) + chance(&state, sizeof(rp_flight_cycle));
        uint8_t was = take[at];
        take[at] ^= (uint8_t)(1 + chance(&state, 255));
        again found = play_again(size);
        bad += found.result == RP_REPLAY_BAD || found.differ > 0;
        take[at] = was;
    }
    CHECK(bad > 10);
}

typedef struct {
    stage at;
    _Atomic int done;
} player;

/* [worker] */
static void play_on(void *argument) {
    player *who = argument;
    for (uint32_t i = 0; i < CYCLES; i++) {
        stage_send(&who->at, i % BLOCK, i % 2 ? 0x80 : 0x90, (uint8_t)(40 + i / 2 % 40), 64);
        stage_cycle(&who->at);
    }
    who->done = 1;
}

/* Control reads on a thread of its own. */
static void test_it_is_read_while_it_plays(void) {
    static player who;
    rp_flight *flight = rp_flight_new(1 << 21);
    uint32_t size = 0;
    int realtime = 0, done;
    rigs = 0;
    open_fresh(&who.at, flight);
    rp_thread *thread = rp_thread_start(play_on, &who, RP_PRIORITY_WORKER, &realtime);
    CHECK(thread);
    do {
        done = who.done;
        size += read_all(flight, take + size, TAKE - size);
        stage_poll(&who.at, RP_REPORT_LOST);
    } while (!done);
    rp_thread_join(thread);
    rp_flight_flush(flight);
    size += read_all(flight, take + size, TAKE - size);
    again found = play_again(size);
    CHECK(found.result == RP_REPLAY_ALL && found.differ == 0 && found.cycles == CYCLES);
    stage_close(&who.at);
    rp_flight_free(flight);
}

static void test_silence_is_nothing(void) {
    float sound[64] = {0}, other[64] = {0};
    CHECK(rp_flight_sum(sound, 64) == 0);
    sound[10] = 0.5F;
    other[11] = 0.5F;
    CHECK(rp_flight_sum(sound, 64) != 0 && rp_flight_sum(sound, 64) != rp_flight_sum(other, 64));
    sound[63] = 1e-30F;
    CHECK(rp_flight_sum(sound, 63) != rp_flight_sum(sound, 64));
}

static void test_no_memory(void) {
    long held = allocations_held(), n = 0;
    CHECK(!rp_flight_new(1000) && !rp_flight_new(1 << 18));
    rp_flight_free(NULL);
    rp_replay_free(NULL);
    if (!fail_allocation(-1)) return;
    do {
        fail_allocation(n++);
        rp_flight *flight = rp_flight_new(ROOM);
        CHECK(flight || allocation_failed());
        rp_flight_free(flight);
        CHECK(allocations_held() == held);
    } while (allocation_failed());
    fail_allocation(-1);
    CHECK(n > 3);
}

int main(void) {
    test_the_same_again();
    test_a_change_is_found_in_its_cycle();
    test_it_says_what_found_no_room();
    test_a_cycle_too_large();
    test_nonsense();
    test_it_is_read_while_it_plays();
    test_silence_is_nothing();
    test_no_memory();
    return 0;
}
