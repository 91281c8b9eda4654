/* The singing worker: what it hears, when it decides, what it tells, and what becomes of it when it is held up. */
#include "singers.h"

#include <math.h>
#include <string.h>

#include "singing_bridge.h"

enum { ROOM = 10 * RATE, BLOCK_FRAMES = 16 * RATE / 1000 };

static recital r;
static rp_singing_report report[512];

/* The block reports since the last call. */
static uint32_t told(uint32_t kind) {
    rp_singing_report one;
    uint32_t n = 0;
    while (rp_singing_poll(r.singing, &one, 1))
        if (one.kind == kind && n < 512) report[n++] = one;
    return n;
}

static void begin(void) {
    rp_singing_config config = recital_config();
    recital_open(&r, &config, ROOM);
}

/* Every block is decided once, in order, as soon as the clock has passed its beginning, on what was played before
 * it. */
static void test_a_block_every_16_ms(void) {
    begin();
    recital_cycles(&r, SECOND);
    uint32_t n = told(RP_SINGING_BLOCK);
    CHECK(n == 62 && recital_stats(&r).blocks == 62); /* 1 to 62: the first cycle brought the rig */
    for (uint32_t i = 0; i < n; i++)
        CHECK(report[i].block == i + 1 && report[i].frame == (i + 1) * BLOCK_FRAMES + LEAD);
    CHECK(recital_stats(&r).late == 0 && recital_stats(&r).lead == LEAD);
    recital_close(&r);
}

static void test_what_is_played_before_a_block_is_heard_in_it(void) {
    for (uint32_t last = 0; last < 2; last++) { /* at the last frame of a block, at the first of the next */
        begin();
        recital_cycles(&r, 6 - 1 - 1 + last); /* one cycle has been */
        recital_key(&r, last ? 0 : BLOCK - 1, 60, 90);
        recital_cycles(&r, 12);
        CHECK(told(RP_SINGING_BLOCK) >= 2);
        CHECK(report[0].block == 1 && report[0].phonation == (last ? RP_REST : RP_ONSET));
        CHECK(report[1].block == 2 && report[1].phonation == (last ? RP_ONSET : RP_SUSTAIN));
        recital_close(&r);
    }
}

static void test_the_pedal_holds_and_drums_are_no_harmony(void) {
    begin();
    stage_send(&r.at, 0, 0xB0, RP_CC_SUSTAIN, 127);
    stage_send(&r.at, 1, 0x99, 80, 90); /* a drum */
    recital_key(&r, 2, 60, 90);
    recital_key(&r, 9, 60, 0);
    recital_cycles(&r, 20);
    CHECK(recital_sings(&r, 60) && recital_stats(&r).heard == 1);
    stage_send(&r.at, 0, 0xB0, RP_CC_SUSTAIN, 0);
    recital_cycles(&r, 20);
    CHECK(!recital_sings(&r, 60));
    recital_close(&r);
}

static void test_parameters(void) {
    begin();
    CHECK(!rp_singing_set(r.singing, RP_SING_COUNT, 0) && !rp_singing_set(r.singing, RP_SING_VOLUME, 13));
    CHECK(!rp_singing_set(r.singing, RP_SING_MODE, 0.5) && !rp_singing_set(r.singing, RP_SING_VOLUME, NAN));
    recital_key(&r, 0, 60, 90);
    recital_cycles(&r, 40);
    CHECK(recital_sings(&r, 60));
    CHECK(rp_singing_set(r.singing, RP_SING_ON, 0));
    recital_cycles(&r, 20);
    CHECK(told(RP_SINGING_PARAMETER) == 1 && report[0].value == RP_SING_ON && report[0].number == 0.0);
    CHECK(!recital_sings(&r, 60));
    recital_close(&r);
}

/* Blocks tell what is sung, and scores that are no numbers are told and counted. */
static void test_reports(void) {
    begin();
    recital_cycles(&r, 6);
    recital_key(&r, 0, 60, 90);
    recital_cycles(&r, 60);
    uint32_t n = told(RP_SINGING_BLOCK);
    CHECK(n > 8 && report[1].pitch == 60 && report[1].phonation == RP_ONSET && report[1].flags == RP_SUNG_ONSET);
    CHECK(report[0].pitch == 0 && report[2].cents[1] == 10.0F && report[2].level[0] == -20.0F);
    sung.broken = 1;
    recital_cycles(&r, 12);
    sung.broken = 0;
    CHECK(told(RP_SINGING_FAULT) == 2 && report[1].value == 2 && recital_stats(&r).faults == 2);
    recital_close(&r);
}

/* Held up for a little, it decides every block; for long, it leaves out what nobody waits for any more. */
static void test_catching_up(void) {
    begin();
    recital_cycles(&r, 30);
    told(RP_SINGING_BLOCK);
    uint64_t before = recital_stats(&r).blocks;
    r.looks = 0;
    recital_cycles(&r, 5 * 6);
    rp_singing_settle(r.singing);
    CHECK(recital_stats(&r).blocks == before + 5 && told(RP_SINGING_BLOCK) == 5);
    recital_cycles(&r, 30 * 6);
    rp_singing_settle(r.singing);
    CHECK(recital_stats(&r).blocks == before + 6 && told(RP_SINGING_BLOCK) == 1);
    CHECK(report[0].block == before + 5 + 30); /* the newest */
    r.looks = 4;
    recital_cycles(&r, 1);
    CHECK(recital_stats(&r).late == 4 + 29); /* the last of the five, and the newest, come in time */
    recital_close(&r);
}

/* What was heard before a panic is not heard after it, whenever the worker looks. */
static void test_a_panic_is_heard(void) {
    begin();
    recital_cycles(&r, 10);
    r.looks = 0;
    recital_key(&r, 0, 60, 90);
    recital_cycles(&r, 3);
    CHECK(rp_engine_panic(r.at.engine));
    recital_cycles(&r, 3);
    recital_key(&r, 0, 62, 90);
    r.looks = 4;
    uint32_t resets = sung.resets;
    told(RP_SINGING_BLOCK);
    recital_cycles(&r, 24);
    CHECK(sung.resets == resets + 1);
    uint32_t n = told(RP_SINGING_BLOCK);
    for (uint32_t i = 0; i < n; i++) CHECK(report[i].pitch != 60);
    CHECK(recital_sings(&r, 62));
    recital_close(&r);
}

static void test_bad_configs_and_no_memory(void) {
    rp_singing_config config = recital_config();
    config.sample_rate = 7999;
    CHECK(!rp_singing_new(&config, NULL));
    config.sample_rate = 384001;
    CHECK(!rp_singing_new(&config, NULL));
    config = recital_config();
    config.lead = RATE + 1;
    CHECK(!rp_singing_new(&config, NULL));
    config.lead = 0;
    long held = allocations_held();
    for (long n = 0; fail_allocation(n); n++) {
        rp_singing *singing = rp_singing_new(&config, NULL);
        int failed = allocation_failed();
        CHECK(!failed == (singing != NULL));
        rp_singing_free(singing);
        CHECK(allocations_held() == held);
        if (!failed) break;
    }
    fail_allocation(-1);
    rp_rig *rig = thru_rig();
    rp_singing *singing = rp_singing_new(&config, NULL);
    CHECK(!rp_rig_set_singing(rig, singing, RP_PORTS_MAX, 0) && !rp_rig_set_singing(rig, singing, 0, RP_CHANNELS));
    CHECK(!rp_singing_start(singing)); /* off line it has no thread */
    rp_rig_free(rig);
    rp_singing_free(singing);
}

/* The beginnings of blocks do not drift at rates that 16 ms do not divide. */
static void test_beginnings(void) {
    static const uint32_t rates[4] = {8000, 11025, 44100, 96000};
    for (uint32_t i = 0; i < 4; i++) {
        rp_singing_config config = {.sample_rate = rates[i], .synchronous = 1};
        rp_singing *singing = rp_singing_new(&config, NULL);
        uint64_t frame = 0;
        for (uint64_t block = 1; block < 1000; block++) {
            frame = rp_singing_next(singing, frame);
            CHECK(frame == (uint64_t)llround((double)block * rates[i] * 0.016));
        }
        CHECK(rp_singing_next(singing, frame - 1) == frame);
        rp_singing_free(singing);
    }
}

int main(void) {
    test_a_block_every_16_ms();
    test_what_is_played_before_a_block_is_heard_in_it();
    test_the_pedal_holds_and_drums_are_no_harmony();
    test_parameters();
    test_reports();
    test_catching_up();
    test_a_panic_is_heard();
    test_bad_configs_and_no_memory();
    test_beginnings();
    return 0;
}
