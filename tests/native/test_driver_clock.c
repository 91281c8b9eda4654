/* The clock driver: a real thread runs the engine while this one plays and listens (TSan judges). */
#include <string.h>

#include "drivers.h"
#include "platform.h"
#include "rigs.h"

enum { PATIENCE = 5000 }; /* milliseconds, only to fail in the end */

static rp_clock_event event;

static rp_engine *thru_engine(void) {
    const rp_engine_config config = {.sample_rate = RATE, .inputs = 2, .outputs = 2};
    rp_engine *engine = rp_engine_new(&config);
    CHECK(engine && rp_engine_load(engine, thru_rig()));
    return engine;
}

static void send(rp_clock *clock, uint32_t source, uint32_t port, uint8_t status, uint8_t first, uint8_t second) {
    const uint8_t bytes[3] = {status, first, second};
    CHECK(rp_clock_send(clock, source, port, bytes, 3));
}

static void expect(rp_clock *clock, uint32_t port, uint8_t status, uint8_t first) {
    CHECK(rp_clock_receive(clock, &event, PATIENCE));
    CHECK(event.port == port && event.size == 3 && event.data[0] == status && event.data[1] == first);
}

static void test_configurations(void) {
    static const rp_clock_config bad[] = {
        {0, 64, 1, 1},     {RATE, 0, 1, 1},  {RATE, 8193, 1, 1}, {RATE, 64, 0, 1},
        {RATE, 64, 17, 1}, {RATE, 64, 1, 0}, {RATE, 64, 1, 17},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) CHECK(!rp_clock_new(&bad[i]));
    rp_clock_free(NULL);
}

static void test_thru_and_silence(void) {
    rp_clock *clock = rp_clock_new(&(rp_clock_config){RATE, 64, 2, 2});
    rp_engine *engine = thru_engine();
    CHECK(clock && rp_clock_start(clock, engine));
    send(clock, 0, 0, 0x90, 60, 100);
    expect(clock, 0, 0x90, 60);
    send(clock, 1, 1, 0x95, 61, 100);
    expect(clock, 1, 0x95, 61);
    rp_clock_lose(clock, 1);
    expect(clock, 1, 0x85, 61);
    for (int i = 0; i < 50; i++) { /* what came just before is released, too */
        send(clock, 1, 1, 0x95, 62, 100);
        rp_clock_lose(clock, 1);
        expect(clock, 1, 0x95, 62);
        expect(clock, 1, 0x85, 62);
    }
    rp_clock_lose(clock, 99);
    CHECK(rp_engine_stop(engine));
    expect(clock, 0, 0x80, 60);
    rp_clock_stop(clock);
    CHECK(!rp_clock_receive(clock, &event, 0));
    rp_clock_state state;
    rp_clock_get_state(clock, &state);
    CHECK(!state.running && state.cycles * 64 == state.frame);
    rp_clock_free(clock);
    rp_engine_free(engine);
}

static void test_frames_to_come(void) {
    rp_clock *clock = rp_clock_new(&(rp_clock_config){RATE, 64, 2, 1});
    rp_engine *engine = thru_engine();
    static const uint8_t on[3] = {0x90, 60, 1}, off[3] = {0x80, 60, 0}, other[3] = {0x91, 70, 1};
    CHECK(clock && rp_clock_send_at(clock, 0, 1000, 0, on, 3) && rp_clock_send_at(clock, 0, 1777, 0, off, 3));
    CHECK(rp_clock_send_at(clock, 1, 1500, 0, other, 3));
    CHECK(rp_clock_start(clock, engine));
    expect(clock, 0, 0x90, 60);
    CHECK(event.frame == 1000);
    expect(clock, 0, 0x91, 70);
    CHECK(event.frame == 1500);
    expect(clock, 0, 0x80, 60);
    CHECK(event.frame == 1777);
    rp_clock_free(clock); /* stops it */
    rp_engine_free(engine);
}

static void test_started_again_its_frames_go_on(void) {
    rp_clock *clock = rp_clock_new(&(rp_clock_config){RATE, 64, 1, 1});
    rp_engine *engine = thru_engine();
    rp_clock_state before, after;
    CHECK(clock && rp_clock_start(clock, engine));
    send(clock, 0, 0, 0x90, 60, 100);
    expect(clock, 0, 0x90, 60);
    rp_clock_stop(clock);
    rp_clock_get_state(clock, &before);
    CHECK(rp_clock_start(clock, engine));
    send(clock, 0, 0, 0x80, 60, 0);
    expect(clock, 0, 0x80, 60);
    CHECK(event.frame >= before.frame);
    rp_clock_get_state(clock, &after);
    CHECK(after.running && after.frame > before.frame);
    rp_clock_free(clock);
    rp_engine_free(engine);
}

static void test_more_than_a_block_takes(void) {
    rp_clock *clock = rp_clock_new(&(rp_clock_config){RATE, 64, 1, 1});
    rp_engine *engine = thru_engine();
    enum { MANY = 3000 };
    CHECK(clock);
    for (uint32_t i = 0; i < MANY; i++) send(clock, 0, 0, 0xB0, (uint8_t)(i % 60), (uint8_t)(i / 60));
    CHECK(rp_clock_start(clock, engine));
    for (uint32_t i = 0; i < MANY; i++) {
        expect(clock, 0, 0xB0, (uint8_t)(i % 60));
        CHECK(event.data[2] == i / 60);
    }
    rp_clock_free(clock);
    rp_engine_free(engine);
}

static void test_what_is_too_much_is_refused(void) {
    static uint8_t huge[sizeof event.data + 1];
    rp_clock *clock = rp_clock_new(&(rp_clock_config){RATE, 64, 1, 1});
    rp_engine *engine = thru_engine();
    rp_clock_state state;
    memset(huge, 1, sizeof huge);
    huge[0] = 0xF0;
    huge[sizeof event.data - 1] = 0xF7;
    CHECK(clock && !rp_clock_send(clock, 0, 0, huge, sizeof huge) && !rp_clock_send(clock, 0, 0, huge, 0));
    CHECK(!rp_clock_send(clock, 1, 0, huge, 3)); /* there is no such source */
    uint32_t taken = 0;
    while (rp_clock_send(clock, 0, 0, huge, sizeof event.data)) taken++;
    rp_clock_get_state(clock, &state);
    CHECK(taken >= 2 && state.refused == 2);
    CHECK(rp_clock_start(clock, engine));
    for (uint32_t i = 0; i < taken; i++) {
        CHECK(rp_clock_receive(clock, &event, PATIENCE));
        CHECK(event.size == sizeof event.data && memcmp(event.data, huge, event.size) == 0);
    }
    rp_clock_free(clock);
    rp_engine_free(engine);
}

static void test_failing_allocations(void) {
    long held = allocations_held();
    for (long n = 0; fail_allocation(n); n++) {
        rp_clock *clock = rp_clock_new(&(rp_clock_config){RATE, 64, 3, 1});
        int failed = allocation_failed();
        fail_allocation(-1);
        CHECK(failed == !clock);
        rp_clock_free(clock);
        CHECK(allocations_held() == held);
        if (!failed) break;
    }
    rp_clock *clock = rp_clock_new(&(rp_clock_config){RATE, 64, 1, 1});
    rp_engine *engine = thru_engine();
    if (clock && fail_allocation(0)) CHECK(!rp_clock_start(clock, engine)); /* the thread's */
    fail_allocation(-1);
    rp_clock_free(clock);
    rp_engine_free(engine);
}

static void test_sleep(void) {
    uint64_t moment = rp_now() + 3000000;
    rp_sleep_until(moment);
    CHECK(rp_now() >= moment);
    rp_sleep_until(0);
}

static void test_libraries(void) {
    static const char *const nowhere[] = {"no-such-library.so.9", NULL};
    CHECK(!rp_library_open(nowhere));
}

int main(void) {
    test_configurations();
    test_thru_and_silence();
    test_frames_to_come();
    test_started_again_its_frames_go_on();
    test_more_than_a_block_takes();
    test_what_is_too_much_is_refused();
    test_failing_allocations();
    test_sleep();
    test_libraries();
    return 0;
}
