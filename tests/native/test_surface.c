/* The control surface as a player has it: knobs, parameters of several messages, wheels and pads are told to control,
 * and what is bound is not played. */
#include "engine_state.h"
#include "rigs.h"

#include <string.h>

static stage at;
static rp_report told[8192];
static uint32_t count;

/* The reports of controls since the last time go to `told`. */
static void hear(void) {
    rp_report report;
    count = 0;
    while (rp_engine_poll(at.engine, &report, 1))
        if (report.kind == RP_REPORT_CONTROL && count < 8192) told[count++] = report;
}

/* Was the report of that place this one? */
static int is(uint32_t place, uint8_t kind, uint8_t channel, uint32_t number, uint32_t value) {
    const rp_report *one = &told[place];
    return place < count && one->from == kind && one->channel == channel && one->value == (number << 14 | value);
}

static void open_all(void) {
    stage_open(&at, 1, thru_rig(), NULL);
    CHECK(rp_engine_hear_controls(at.engine, 127, 0));
    stage_cycle(&at);
    hear();
}

static void test_nobody_asks_nothing_is_told(void) {
    stage_open(&at, 1, thru_rig(), NULL);
    stage_send(&at, 0, 0xB0, 21, 100);
    stage_cycle(&at);
    hear();
    CHECK(count == 0 && at.out.messages == 1);
    CHECK(rp_engine_hear_controls(at.engine, 1 << RP_MOVED_BEND, 0));
    stage_send(&at, 0, 0xB0, 21, 100);
    stage_send(&at, 1, 0xE0, 0, 80);
    stage_cycle(&at);
    hear();
    CHECK(count == 1 && is(0, RP_MOVED_BEND, 0, 0, 80 << 7) && at.out.messages == 3);
    stage_close(&at);
}

static void test_each_kind(void) {
    open_all();
    stage_send(&at, 0, 0xB2, 21, 100);
    stage_send(&at, 1, 0xE3, 1, 64);
    stage_send(&at, 2, 0xD4, 77, 0);
    stage_send(&at, 3, 0xC5, 12, 0);
    stage_send(&at, 4, 0x96, 60, 90);
    stage_send(&at, 5, 0x96, 60, 0);
    stage_send(&at, 6, 0x87, 61, 40);
    stage_send(&at, 7, 0xB0, 123, 0); /* no knob */
    stage_send(&at, 8, 0xA0, 60, 1);  /* nor this */
    stage_cycle(&at);
    hear();
    CHECK(count == 7 && is(0, RP_MOVED_CONTROLLER, 2, 21, 100) && is(1, RP_MOVED_BEND, 3, 0, 8193));
    CHECK(is(2, RP_MOVED_PRESSURE, 4, 0, 77) && is(3, RP_MOVED_PROGRAM, 5, 12, 12) && is(4, RP_MOVED_KEY, 6, 60, 90));
    CHECK(is(5, RP_MOVED_KEY, 6, 60, 0) && is(6, RP_MOVED_KEY, 7, 61, 0));
    CHECK(told[1].frame == told[0].frame + 1);
    stage_close(&at);
}

/* A parameter is chosen on channel 0. */
static void choose(uint32_t offset, uint8_t fine_controller, uint32_t number) {
    stage_send(&at, offset, 0xB0, (uint8_t)(fine_controller + 1), (uint8_t)(number >> 7));
    stage_send(&at, offset, 0xB0, fine_controller, (uint8_t)(number & 127));
}

static void test_parameters_are_put_together(void) {
    open_all();
    choose(0, 98, 1000);
    stage_send(&at, 1, 0xB0, 6, 2);
    stage_send(&at, 2, 0xB0, 38, 45);
    stage_send(&at, 3, 0xB0, 6, 3); /* its fine part comes in the next cycle */
    stage_cycle(&at);
    hear();
    CHECK(count == 1 && is(0, RP_MOVED_NRPN, 0, 1000, 2 << 7 | 45));
    stage_send(&at, 0, 0xB0, 38, 1);
    choose(1, 100, 5);
    stage_send(&at, 2, 0xB0, 6, 127); /* and here it never does */
    stage_send(&at, 3, 0xB0, 21, 9);
    stage_send(&at, 4, 0xB0, 6, 64);
    stage_cycle(&at);
    hear();
    CHECK(count == 3 && is(0, RP_MOVED_NRPN, 0, 1000, 3 << 7 | 1) && is(1, RP_MOVED_RPN, 0, 5, 16383));
    CHECK(is(2, RP_MOVED_CONTROLLER, 0, 21, 9));
    stage_cycles(&at, RATE / 100 / BLOCK + 1);
    hear();
    CHECK(count == 1 && is(0, RP_MOVED_RPN, 0, 5, 64 << 7 | 64));
    choose(0, 100, 16383); /* none: the slider is a controller again */
    stage_send(&at, 1, 0xB0, 6, 50);
    stage_send(&at, 1, 0xB1, 38, 51); /* nothing was chosen on this channel */
    stage_cycle(&at);
    hear();
    CHECK(count == 2 && is(0, RP_MOVED_CONTROLLER, 0, 6, 50) && is(1, RP_MOVED_CONTROLLER, 1, 38, 51));
    stage_close(&at);
}

static const rp_control KNOB = {RP_MOVED_CONTROLLER, RP_EVERY_PORT, 2, 0, 21};
static const rp_control PEDAL = {RP_MOVED_CONTROLLER, 0, RP_EVERY_CHANNEL, 0, 64};
static const rp_control PAD = {RP_MOVED_KEY, 0, 9, 0, 36};
static const rp_control WHEEL = {RP_MOVED_BEND, 0, 0, 0, 0};
static const rp_control NRPN = {RP_MOVED_NRPN, 0, 0, 0, 1000};

static void test_what_is_bound_is_not_played(void) {
    open_all();
    CHECK(rp_engine_take_control(at.engine, 0, &KNOB) && rp_engine_take_control(at.engine, 127, &NRPN));
    CHECK(!rp_engine_take_control(at.engine, RP_TAKEN_MAX, &KNOB));
    stage_send(&at, 0, 0xB2, 21, 100);
    stage_send(&at, 1, 0xB3, 21, 100); /* another channel's is played */
    choose(2, 98, 1000);               /* so are both parts of a parameter's number */
    stage_send(&at, 3, 0xB0, 6, 2);
    stage_send(&at, 4, 0xB0, 38, 2);
    stage_cycle(&at);
    hear();
    CHECK(count == 3 && at.out.messages == 3 && at.out.last[1] == 98);
    CHECK(rp_engine_take_control(at.engine, 0, NULL) && rp_engine_take_control(at.engine, 127, NULL));
    stage_send(&at, 0, 0xB2, 21, 100);
    stage_send(&at, 1, 0xB0, 6, 2);
    stage_cycle(&at);
    CHECK(at.out.messages == 5);
    stage_close(&at);
}

/* What was held, bent or struck before it was bound is let go all the same. */
static void test_what_lets_go_is_played(void) {
    open_all();
    stage_send(&at, 0, 0xB0, 64, 127);
    stage_send(&at, 1, 0xE0, 0, 100);
    stage_send(&at, 2, 0x99, 36, 100);
    stage_cycle(&at);
    CHECK(stage_sounding(&at) == 2);
    CHECK(rp_engine_take_control(at.engine, 0, &PEDAL) && rp_engine_take_control(at.engine, 1, &PAD));
    CHECK(rp_engine_take_control(at.engine, 2, &WHEEL));
    stage_send(&at, 0, 0xE0, 0, 90);
    stage_send(&at, 1, 0xE0, 0, 64);
    stage_send(&at, 2, 0xB0, 64, 0);
    stage_send(&at, 3, 0x89, 36, 0);
    stage_cycle(&at);
    CHECK(stage_sounding(&at) == 0 && at.out.messages == 6 && at.engine->outlet.bent[0] == 0);
    stage_send(&at, 0, 0x99, 36, 100);
    stage_send(&at, 1, 0x89, 36, 0);
    stage_send(&at, 2, 0xB0, 64, 127);
    stage_cycle(&at);
    rp_stats stats;
    rp_engine_get_stats(at.engine, &stats);
    CHECK(at.out.messages == 6 && stats.orphans == 0 && stats.sounding == 0);
    stage_close(&at);
}

/* A pedal with many positions is let go, and holds nothing half. */
static void test_a_bound_pedal_holds_nothing(void) {
    static const uint8_t moves[6] = {100, 50, 60, 20, 127, 40};
    open_all();
    stage_send(&at, 0, 0xB0, 64, 127);
    stage_cycle(&at);
    CHECK(rp_engine_take_control(at.engine, 0, &PEDAL));
    for (uint32_t i = 0; i < 6; i++) stage_send(&at, i, 0xB0, 64, moves[i]);
    stage_cycle(&at);
    CHECK(at.out.messages == 3 && at.out.last[2] == 20); /* 127, 50, 20 */
    stage_send(&at, 0, 0xB0, 64, 0);
    stage_cycle(&at);
    CHECK(stage_sounding(&at) == 0);
    stage_close(&at);
}

/* Which parameter was chosen is known to who asks only then, and to nobody once its cable was pulled. */
static void test_what_was_chosen_before_and_by_whom(void) {
    stage_open(&at, 1, thru_rig(), NULL);
    choose(0, 98, 1000);
    stage_cycle(&at);
    CHECK(rp_engine_hear_controls(at.engine, 127, 0));
    stage_send(&at, 0, 0xB0, 6, 2);
    stage_send(&at, 0, 0xB0, 38, 45);
    choose(1, 98, 1001); /* another, whose coarse part nobody knows */
    stage_send(&at, 1, 0xB0, 38, 7);
    choose(2, 98, 1001); /* and said once more */
    stage_send(&at, 2, 0xB0, 6, 3);
    stage_cycle(&at);
    hear();
    CHECK(count == 2 && is(0, RP_MOVED_NRPN, 0, 1000, 2 << 7 | 45) && is(1, RP_MOVED_NRPN, 0, 1001, 7));
    at.lost = 1;
    stage_send(&at, 0, 0xB0, 6, 9);
    stage_cycle(&at);
    hear();
    CHECK(count == 2 && is(0, RP_MOVED_NRPN, 0, 1001, 3 << 7 | 3) && is(1, RP_MOVED_CONTROLLER, 0, 6, 9));
    CHECK(at.engine->surface.halves == 0);
    stage_close(&at);
}

/* While somebody learns, knobs are not played, but pedals and keys are. */
static void test_what_is_kept(void) {
    open_all();
    CHECK(rp_engine_hear_controls(at.engine, 127, 1 << RP_MOVED_CONTROLLER | 1 << RP_MOVED_BEND));
    stage_send(&at, 0, 0xB0, 7, 100);
    stage_send(&at, 1, 0xE0, 0, 100);
    stage_cycle(&at);
    CHECK(at.out.messages == 0);
    stage_send(&at, 0, 0xB0, 64, 127);
    stage_send(&at, 1, 0x90, 60, 100);
    stage_send(&at, 2, 0xB0, 64, 0);
    stage_send(&at, 2, 0x80, 60, 100);
    stage_cycle(&at);
    hear();
    CHECK(at.out.messages == 4 && count == 6 && stage_sounding(&at) == 0);
    stage_close(&at);
}

enum { KNOBS = 300, ROUNDS = 60 };

/* Nobody reads, and the reports' ring is full: afterwards each control has its last value, and no older one follows. */
static void test_the_last_value_always_arrives(void) {
    static int last[3 * RP_CHANNELS][120];
    static uint32_t parameter[ROUNDS];
    open_all();
    memset(last, -1, sizeof last);
    forbid_waiting(1);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < KNOBS; i++)
            stage_send(&at, i * BLOCK / KNOBS, (uint8_t)(0xB0 | (i & 15)), (uint8_t)(40 + i % 50),
                       (uint8_t)(round + i % 60));
        choose(127, 98, 2000 + round % 7);
        stage_send(&at, 127, 0xB0, 6, (uint8_t)round);
        stage_send(&at, 127, 0xB0, 38, (uint8_t)round);
        stage_cycle(&at);
    }
    forbid_waiting(0);
    CHECK(at.engine->surface.waiting > 0);
    uint32_t all = 0;
    while (hear(), count) {
        all += count;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t number = told[i].value >> 14, value = told[i].value & 16383;
            if (told[i].from == RP_MOVED_CONTROLLER) last[told[i].channel][number] = (int)value;
            else parameter[number - 2000] = value;
        }
        stage_cycle(&at);
    }
    for (uint32_t i = 0; i < KNOBS; i++) CHECK(last[i & 15][40 + i % 50] == (int)(ROUNDS - 1 + i % 60));
    for (uint32_t i = 0; i < 7; i++) CHECK(parameter[(ROUNDS - 1 - i) % 7] == (ROUNDS - 1 - i) * 129);
    CHECK(all > 4000 && at.engine->surface.waiting == 0);
    rp_stats stats;
    rp_engine_get_stats(at.engine, &stats);
    CHECK(stats.reports_lost == 0);
    stage_close(&at);
}

/* More controls than have room to wait: what is lost is counted, and the cycle takes no longer for it. */
static void test_too_many_at_once(void) {
    enum { PARAMETERS = RP_MOVED_MAX + 4096 };
    rp_stats stats;
    open_all();
    for (uint32_t sent = 0, value = 1; !at.engine->surface.waiting; sent++, value = 1 + sent % 127) {
        CHECK(sent < 100000);
        stage_send(&at, 0, 0xB0, 21, (uint8_t)value);
        stage_cycle(&at);
    }
    for (uint32_t i = 0; i < PARAMETERS; i++) {
        choose(0, 98, i);
        stage_send(&at, 0, 0xB0, 6, 1);
        stage_send(&at, 0, 0xB0, 38, 1);
        stage_cycle(&at);
    }
    rp_engine_get_stats(at.engine, &stats);
    CHECK(at.engine->surface.waiting <= RP_MOVED_MAX);
    CHECK(stats.reports_lost >= PARAMETERS + 1 - RP_MOVED_MAX && stats.reports_lost < PARAMETERS);
    uint64_t lost = stats.reports_lost, came = 0;
    while (hear(), count) {
        for (uint32_t i = 0; i < count; i++) came += told[i].from == RP_MOVED_NRPN;
        stage_cycle(&at);
    }
    CHECK(came + lost == PARAMETERS && at.engine->surface.waiting == 0);
    stage_close(&at);
}

/* A message for somebody's faders leaves as it is, and a panic does not take it back. */
static void test_telling(void) {
    static const uint8_t fader[3] = {0xE0, 1, 100}, lamp[2] = {0xD0, 5};
    stage_open(&at, 2, thru_rig(), NULL);
    CHECK(rp_engine_tell(at.engine, 1, fader, 3) && rp_engine_tell(at.engine, 1, lamp, 2));
    CHECK(!rp_engine_tell(at.engine, 2, fader, 3) && !rp_engine_tell(at.engine, 1, fader, 4));
    stage_cycle(&at);
    CHECK(at.out.messages == 2 && at.out.last[0] == 0xD0 && at.out.last[1] == 5);
    CHECK(rp_engine_panic(at.engine));
    stage_cycle(&at);
    CHECK(at.out.messages == 2);
    stage_close(&at);
}

int main(void) {
    test_nobody_asks_nothing_is_told();
    test_each_kind();
    test_parameters_are_put_together();
    test_what_is_bound_is_not_played();
    test_what_lets_go_is_played();
    test_a_bound_pedal_holds_nothing();
    test_what_was_chosen_before_and_by_whom();
    test_what_is_kept();
    test_the_last_value_always_arrives();
    test_too_many_at_once();
    test_telling();
    return 0;
}
