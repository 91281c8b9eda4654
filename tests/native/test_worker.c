/* The worker's thread, the process thread and control, all at once: they meet in rings and atomics alone (TSan judges).
 * And the process thread waits for nothing while a band plays. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "bands.h"

enum { ROUNDS = 150, QUIET_CYCLES = 6000 };

static concert c;
static atomic_int done;

/* Plays a little faster than the worker can follow, so that it is always busy. */
static void *play(void *argument) {
    for (uint32_t n = 0; !atomic_load(&done); n++) {
        if (n % 24 == 0) stage_send(&c.at, n % BLOCK, 0x90, (uint8_t)(48 + n / 24 % 30), 90);
        if (n % 24 == 16) stage_send(&c.at, n % BLOCK, 0x80, (uint8_t)(48 + n / 24 % 30), 0);
        if (n % 500 == 0) stage_send(&c.at, n % BLOCK, 0xB0, 67, n % 1000 ? 127 : 0);
        stage_cycle(&c.at);
        sched_yield();
    }
    return argument;
}

static void control(uint32_t round, rp_rig *const rigs[2]) {
    rp_band_report report;
    rp_continuation_set(c.band, RP_SET_TEMPO, 60 + round % 100);
    rp_continuation_set(c.band, RP_SET_HANDOVER_PEDAL, 67);
    if (round % 5 == 0) rp_continuation_hand_over(c.band);
    if (round % 5 == 3) rp_continuation_yield(c.band);
    if (round % 7 == 0) rp_continuation_tap(c.band, 0);
    if (round % 3 == 0) rp_continuation_enable(c.band, 1, round & 1);
    rp_continuation_stall(c.band, round % 11 == 0);
    if (round % 13 == 5) rp_engine_panic(c.at.engine);
    if (round == 40 || round == 80) rp_engine_load(c.at.engine, rigs[round / 80]);
    for (uint32_t i = 0; i < 60; i++) {
        while (rp_continuation_poll(c.band, &report, 1)) c.notes += report.kind == RP_BAND_COMMITTED;
        stage_poll(&c.at, 0);
        concert_stats(&c);
        sched_yield();
    }
}

static void test_three_threads(void) {
    pthread_t thread;
    rp_continuation_config config = trio(RP_MODE_DUET);
    config.synchronous = 0;
    CHECK(concert_open(&c, &config, 1, 0));
    rp_rig *const rigs[2] = {concert_rig(&c, 0), concert_rig(&c, 1)};
    CHECK(rp_continuation_start(c.band));
    CHECK(pthread_create(&thread, NULL, play, NULL) == 0);
    for (uint32_t round = 0; round < ROUNDS || concert_stats(&c).committed < 20; round++) control(round, rigs);
    rp_continuation_stall(c.band, 0);
    CHECK(rp_engine_stop(c.at.engine));
    while (!stage_poll(&c.at, RP_REPORT_STOPPED)) sched_yield();
    atomic_store(&done, 1);
    pthread_join(thread, NULL);
    CHECK(stage_sounding(&c.at) == 0);
    rp_continuation_stop(c.band);
    CHECK(rp_continuation_start(c.band)); /* it may start again, and is stopped before it is freed */
    concert_close(&c);
}

/* The engine's side of the band, and even the worker's looks, allocate nothing and take no lock. */
static void test_nothing_waits(void) {
    static const uint8_t status[4] = {0x90, 0x90, 0x80, 0xB0};
    static rp_band_report report[64];
    rp_continuation_config config = trio(RP_MODE_BAND);
    CHECK(concert_open(&c, &config, 1, 0));
    rp_rig *rig = concert_rig(&c, 1);
    srand(4);
    forbid_waiting(1);
    for (uint32_t n = 0; n < QUIET_CYCLES; n++) {
        if (n % 8 == 0) stage_send(&c.at, 0, status[rand() % 4], (uint8_t)(50 + rand() % 20), (uint8_t)(rand() % 128));
        if (n % 701 == 700) rp_engine_panic(c.at.engine);
        if (n == QUIET_CYCLES / 2) rp_engine_load(c.at.engine, rig);
        stage_cycle(&c.at);
        rp_continuation_settle(c.band);
        while (rp_continuation_poll(c.band, report, 64)) continue;
    }
    forbid_waiting(0);
    CHECK(concert_stats(&c).sounded > 10);
    concert_close(&c);
}

int main(void) {
    test_three_threads();
    test_nothing_waits();
    return 0;
}
