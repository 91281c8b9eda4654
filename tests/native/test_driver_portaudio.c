/* The callback that PortAudio is given: this thread is the sound card, and the clock's own thread stands by. */
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "drivers.h"
#include "platform.h"
#include "racks.h"
#include "singers.h"

enum { PATIENCE = 5000, TRIES = 1000 }; /* milliseconds, and times: only to fail in the end */
enum { FRAMES = 256, MOST = 20000 };
static const uint64_t CARD = 50000000; /* nanoseconds: longer than the clock trusts a card that is late */

static rp_clock_event event;
static float sound[2 * MOST];

static void buffer(rp_portaudio *portaudio, unsigned long frames, unsigned long flags) {
    for (uint32_t i = 0; i < 2 * MOST; i++) sound[i] = NAN;
    CHECK(rp_portaudio_callback(NULL, sound, frames, NULL, flags, portaudio) == 0);
}

static rp_engine *engine_of(rp_rig *rig, uint32_t audios) {
    const rp_engine_config config = {.sample_rate = RATE, .inputs = 1, .outputs = 2, .audios = audios};
    rp_engine *engine = rp_engine_new(&config);
    CHECK(engine && rp_engine_load(engine, rig));
    return engine;
}

static rp_clock *clock_of(void) {
    rp_clock *clock = rp_clock_new(&(rp_clock_config){RATE, 64, 1, 2});
    CHECK(clock);
    return clock;
}

static void key(rp_clock *clock, uint8_t pitch, uint8_t velocity) {
    const uint8_t bytes[3] = {velocity ? 0x90 : 0x80, pitch, velocity};
    CHECK(rp_clock_send(clock, 0, 0, bytes, 3));
}

static void expect(rp_clock *clock, uint32_t port, uint8_t status, uint8_t first) {
    do CHECK(rp_clock_receive(clock, &event, PATIENCE));
    while (event.port != port || (event.data[0] & 0xF0) != status);
    CHECK(event.data[1] == first);
}

static rp_clock_state state_of(const rp_clock *clock) {
    rp_clock_state state;
    rp_clock_get_state(clock, &state);
    return state;
}

static rp_portaudio_state heard_by(const rp_portaudio *portaudio) {
    rp_portaudio_state state;
    rp_portaudio_get_state(portaudio, &state);
    return state;
}

/* Buffers until the clock's own thread is seen to stand by. */
static void take_over(rp_portaudio *portaudio, const rp_clock *clock) {
    uint64_t before;
    do {
        before = state_of(clock).cycles;
        buffer(portaudio, FRAMES, 0);
    } while (state_of(clock).cycles != before + 1);
}

/* ---- MIDI ---- */

/* Twenty buffers of growing length, each with a key in it. 0: the clock's own thread took the card for gone, which on a
 * machine that does something else for long enough it may. */
static int twenty_buffers(rp_portaudio *portaudio, rp_clock *clock) {
    take_over(portaudio, clock);
    const rp_clock_state before = state_of(clock);
    const rp_portaudio_state heard = heard_by(portaudio);
    for (uint32_t i = 1; i <= 20; i++) {
        key(clock, (uint8_t)(40 + i), 100);
        buffer(portaudio, 64 * i, 4);
        expect(clock, 0, 0x90, (uint8_t)(40 + i));
    }
    const rp_clock_state after = state_of(clock);
    CHECK(heard_by(portaudio).underflows == heard.underflows + 20 && heard_by(portaudio).frames == 1280);
    return after.cycles == before.cycles + 20 && after.frame == before.frame + 64 * 210 && after.driven;
}

static void test_a_card_plays_the_clock(void) {
    const rp_rack_config config = {.sample_rate = RATE, .output = {0, 1}};
    rp_rack *rack = rp_rack_new(&config);
    test_unit *unit = make_unit(RP_UNIT_EFFECT, 0); /* it is told how long a cycle may be */
    rp_rig *rig = thru_rig();
    CHECK(rack && rp_rack_add(rack, RP_MASTER, &unit->unit));
    rp_rig_set_rack(rig, rack);
    rp_clock *clock = clock_of();
    rp_engine *engine = engine_of(rig, 2);
    rp_portaudio *portaudio = rp_portaudio_new(clock, 2, 2);
    buffer(portaudio, FRAMES, 0); /* the clock does not run yet */
    CHECK(heard_by(portaudio).silent == 1 && state_of(clock).cycles == 0 && sound[0] == 0 && sound[511] == 0);
    CHECK(rp_clock_start(clock, engine));
    uint32_t tries = 0;
    while (!twenty_buffers(portaudio, clock)) CHECK(tries++ < TRIES);
    uint64_t before;
    do { /* more than an engine's cycle takes: in three */
        before = state_of(clock).cycles;
        buffer(portaudio, MOST, 0);
        CHECK(tries++ < 2 * TRIES);
    } while (state_of(clock).cycles != before + 3);
    rp_clock_stop(clock);
    const uint64_t frame = state_of(clock).frame;
    buffer(portaudio, FRAMES, 0);
    CHECK(state_of(clock).frame == frame);
    CHECK(unit->period == RP_BLOCK_MAX && unit->longest == RP_BLOCK_MAX && unit->resizes > 2 && unit->resizes < 25);
    rp_portaudio_free(portaudio);
    rp_clock_free(clock);
    rp_engine_free(engine);
    rp_rack_free(rack);
    rp_unit_free(&unit->unit);
}

static void test_without_the_card_the_clock_goes_on(void) {
    rp_clock *clock = clock_of();
    rp_engine *engine = engine_of(thru_rig(), 2);
    rp_portaudio *portaudio = rp_portaudio_new(clock, 2, 2);
    CHECK(rp_clock_start(clock, engine));
    for (uint8_t i = 1; i < 4; i++) {
        take_over(portaudio, clock);
        const uint64_t frame = state_of(clock).frame;
        key(clock, i, 100);
        expect(clock, 0, 0x90, i); /* nobody but the clock's own thread can have played it */
        CHECK(event.frame >= frame && !state_of(clock).driven);
    }
    rp_clock_stop(clock);
    rp_portaudio_free(portaudio);
    rp_clock_free(clock);
    rp_engine_free(engine);
}

/* A card that is always a little too late, so that both threads want to play, over and over. */
static void test_two_who_want_to_play(void) {
    rp_clock *clock = clock_of();
    rp_engine *engine = engine_of(thru_rig(), 2);
    rp_portaudio *portaudio = rp_portaudio_new(clock, 2, 2);
    CHECK(rp_clock_start(clock, engine));
    for (uint8_t i = 0; i < 20; i++) {
        rp_sleep_until(rp_now() + CARD + 1000000 * i);
        key(clock, i, 100);
        buffer(portaudio, 64, 0);
        expect(clock, 0, 0x90, i);
    }
    CHECK(rp_engine_stop(engine));
    rp_clock_stop(clock);
    const rp_clock_state state = state_of(clock);
    CHECK(state.frame == 64 * state.cycles && heard_by(portaudio).buffers == 20);
    rp_portaudio_free(portaudio);
    rp_clock_free(clock);
    rp_engine_free(engine);
}

/* ---- sound ---- */

static float loudness_of(uint32_t channel, uint32_t channels) {
    float most = 0;
    for (uint32_t i = 0; i < FRAMES; i++) most = fmaxf(most, fabsf(sound[i * channels + channel]));
    return most;
}

/* A key that is sung: the voice's note leaves, and its sound on the channels, each so many times. */
static void sing(uint32_t audios, uint32_t channels, const float *times) {
    const rp_singing_config config = recital_config();
    rp_singing *singing = rp_singing_new(&config, NULL);
    rp_engine *engine = engine_of(recital_rig(singing), audios);
    rp_clock *clock = clock_of();
    rp_portaudio *portaudio = rp_portaudio_new(clock, audios, channels);
    CHECK(rp_clock_start(clock, engine));
    take_over(portaudio, clock);
    key(clock, 60, 100);
    uint32_t tries = 0;
    do {
        buffer(portaudio, FRAMES, 0);
        rp_singing_settle(singing);
        CHECK(tries++ < 1000 * TRIES);
    } while (loudness_of(0, channels) < 0.001F);
    expect(clock, VOICE_PORT, 0x90, 60);
    CHECK(isfinite(sound[FRAMES * channels - 1]) && isnan(sound[FRAMES * channels]));
    for (uint32_t i = 0; i < FRAMES * channels; i++)
        CHECK(sound[i] * times[0] == sound[i - i % channels] * times[i % channels]);
    rp_clock_free(clock);
    rp_portaudio_free(portaudio);
    rp_engine_free(engine);
    rp_singing_free(singing);
}

static void test_the_voice_on_the_channels(void) {
    sing(1, 1, (const float[]){1});
    sing(1, 2, (const float[]){1, 1}); /* one output sounds on both sides */
    sing(2, 2, (const float[]){1, 1});
    sing(2, 4, (const float[]){1, 1, 0, 0}); /* two on the first two */
    sing(3, 2, (const float[]){2, 1});       /* three in turn: twice on the left */
}

/* ---- memory ---- */

static void test_configurations(void) {
    rp_clock *clock = clock_of();
    CHECK(!rp_portaudio_new(clock, 0, 2) && !rp_portaudio_new(clock, 17, 2));
    CHECK(!rp_portaudio_new(clock, 2, 0) && !rp_portaudio_new(clock, 2, 17));
    rp_portaudio_free(NULL);
    const long held = allocations_held();
    for (long n = 0; fail_allocation(n); n++) {
        rp_portaudio *portaudio = rp_portaudio_new(clock, 2, 2);
        const int failed = allocation_failed();
        fail_allocation(-1);
        CHECK(failed == !portaudio);
        rp_portaudio_free(portaudio);
        CHECK(allocations_held() == held);
        if (!failed) break;
    }
    rp_clock_free(clock);
}

int main(void) {
    test_configurations();
    test_a_card_plays_the_clock();
    test_without_the_card_the_clock_goes_on();
    test_two_who_want_to_play();
    test_the_voice_on_the_channels();
    return 0;
}
