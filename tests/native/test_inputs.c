/* Inputs split and merged: keyboards, ranges and velocities that reach some instruments and not others. */
#include "engine_state.h"
#include "rigs.h"

#include <string.h>

static stage at;

static rp_stats stats(void) {
    rp_stats out;
    rp_engine_get_stats(at.engine, &out);
    return out;
}

static rp_zone whole(void) { return (rp_zone){.highest = 127, .softest = 1, .loudest = 127, .channels = 0xFFFF}; }

static void open_with(rp_rig *rig, const rp_zone *zone, uint32_t count) {
    CHECK(rp_rig_set_zones(rig, zone, count));
    stage_open(&at, 1, rig, NULL);
}

/* Notes of any pitch that sound on a channel of the first output. */
static uint32_t on_channel(uint32_t channel) {
    uint32_t notes = 0;
    for (uint32_t pitch = 0; pitch < RP_PITCHES; pitch++) notes += at.out.sounding[0][channel][pitch];
    return notes;
}

static void press(uint8_t key, uint8_t velocity) {
    stage_send(&at, 3, 0x90, key, velocity);
    stage_cycle(&at);
}

static void test_what_a_zone_takes(void) {
    rp_zone zone = {.in_port = 2, .lowest = 40, .highest = 59, .softest = 10, .loudest = 90, .channels = 5};
    CHECK(rp_zone_valid(&zone) && rp_zone_hears(&zone, 2, 0) && rp_zone_hears(&zone, 2, 2));
    CHECK(!rp_zone_hears(&zone, 2, 1) && !rp_zone_hears(&zone, 1, 0));
    CHECK(rp_zone_pitch(&zone, 40, 10) == 40 && rp_zone_pitch(&zone, 59, 90) == 59);
    CHECK(rp_zone_pitch(&zone, 39, 50) < 0 && rp_zone_pitch(&zone, 60, 50) < 0);
    CHECK(rp_zone_pitch(&zone, 50, 9) < 0 && rp_zone_pitch(&zone, 50, 91) < 0);
    zone.transpose = -41;
    CHECK(rp_zone_pitch(&zone, 40, 50) < 0 && rp_zone_pitch(&zone, 41, 50) == 0);
}

static void test_bad_zones_are_refused(void) {
    static rp_zone many[RP_ZONES_MAX + 1];
    rp_rig *rig = quartet_rig(RP_WHEN_NOTE, RP_PEDAL_PASS);
    for (uint32_t i = 0; i <= RP_ZONES_MAX; i++) many[i] = whole();
    CHECK(rp_rig_set_zones(rig, many, RP_ZONES_MAX) && !rp_rig_set_zones(rig, many, RP_ZONES_MAX + 1));
    many[0].instruments = 16; /* the fifth of four */
    CHECK(!rp_rig_set_zones(rig, many, 1));
    many[0] = whole();
    many[0].lowest = 128;
    CHECK(!rp_rig_set_zones(rig, many, 1));
    many[0] = whole();
    many[0].channels = 0;
    CHECK(!rp_rig_set_zones(rig, many, 1));
    rp_rig_free(rig);
}

static void test_keyboard_split(void) {
    rp_zone zone[2] = {whole(), whole()};
    zone[0].highest = 59;
    zone[0].instruments = 1;
    zone[0].transpose = -12;
    zone[1].lowest = 60; /* the ensemble */
    open_with(quartet_rig(RP_WHEN_NOTE, RP_PEDAL_PASS), zone, 2);
    press(50, 80);
    CHECK(at.out.sounding[0][0][38] && stage_sounding(&at) == 1);
    press(72, 80);
    CHECK(stage_sounding(&at) == 2 && stats().notes_in == 2);
    stage_send(&at, 0, 0x80, 50, 0);
    stage_send(&at, 0, 0x80, 72, 0);
    stage_cycle(&at);
    CHECK(stage_sounding(&at) == 0 && stats().orphans == 0 && stats().sounding == 0);
    stage_close(&at);
}

static void test_layers_end_together(void) {
    rp_zone zone[2] = {whole(), whole()};
    zone[0].instruments = 3;
    zone[1].instruments = 4;
    zone[1].transpose = 12;
    zone[1].softest = 100; /* only what is played loud */
    open_with(quartet_rig(RP_WHEN_NOTE, RP_PEDAL_PASS), zone, 2);
    press(60, 80);
    CHECK(on_channel(0) == 1 && on_channel(1) == 1 && on_channel(2) == 0);
    press(60, 0);
    CHECK(stage_sounding(&at) == 0);
    press(60, 120);
    CHECK(on_channel(0) == 1 && on_channel(1) == 1 && at.out.sounding[0][2][72]);
    CHECK(stats().notes_in == 2); /* keys, not notes */
    rp_rig *plain = quartet_rig(RP_WHEN_NOTE, RP_PEDAL_PASS);
    CHECK(rp_engine_load(at.engine, plain)); /* a preset without zones does not leave the layers behind */
    stage_cycle(&at);
    stage_poll(&at, 0);
    press(60, 0);
    CHECK(stage_sounding(&at) == 0 && stats().sounding == 0);
    stage_close(&at);
}

static void test_who_is_switched_off_rests(void) {
    rp_zone zone = whole();
    rp_voice off = {.highest = 127};
    zone.instruments = 3;
    open_with(quartet_rig(RP_WHEN_NOTE, RP_PEDAL_PASS), &zone, 1);
    press(60, 80);
    CHECK(on_channel(0) == 1 && on_channel(1) == 1);
    CHECK(rp_engine_set_voice(at.engine, 1, &off));
    press(62, 80);
    CHECK(on_channel(0) == 2 && on_channel(1) == 1 && stats().notes_in == 2);
    CHECK(rp_engine_set_voice(at.engine, 0, &off));
    press(64, 80); /* nobody's */
    CHECK(stage_sounding(&at) == 3 && stats().dropped == 0);
    press(64, 0);
    press(62, 0);
    press(60, 0);
    CHECK(stage_sounding(&at) == 0 && stats().sounding == 0);
    stage_close(&at);
}

static void test_wheels_and_pedals_follow_the_keys(void) {
    rp_zone zone[2] = {whole(), whole()};
    zone[0].channels = 1;
    zone[0].instruments = 1;
    zone[1].channels = 2;
    zone[1].instruments = 6;
    open_with(quartet_rig(RP_WHEN_NOTE, RP_PEDAL_PASS), zone, 2);
    stage_send(&at, 0, 0xB1, 64, 127);
    stage_send(&at, 0, 0xE0, 0, 100);
    stage_send(&at, 0, 0xE7, 0, 100); /* nobody listens to that channel */
    stage_cycle(&at);
    CHECK(!at.out.pedal[0][0] && at.out.pedal[0][1] && at.out.pedal[0][2] && !at.out.pedal[0][3]);
    CHECK(at.engine->outlet.bent[0] == 1);
    at.lost = 1;
    stage_cycle(&at);
    CHECK(stage_sounding(&at) == 0 && at.engine->outlet.bent[0] == 0);
    stage_close(&at);
}

static void test_keys_outside_are_not_heard(void) {
    rp_zone zone = whole();
    zone.lowest = 60;
    open_with(quartet_rig(RP_WHEN_NOTE, RP_PEDAL_PASS), &zone, 1);
    press(59, 80);
    CHECK(at.out.messages == 0 && stats().notes_in == 0);
    stage_close(&at);
    zone.transpose = 5;
    open_with(thru_rig(), &zone, 1);
    press(59, 80);
    CHECK(at.out.messages == 0);
    press(60, 80);
    CHECK(at.out.sounding[0][0][65] && at.out.last[2] == 80);
    stage_send(&at, 0, 0x80, 59, 0);
    stage_send(&at, 0, 0x80, 60, 0);
    stage_cycle(&at);
    CHECK(stage_sounding(&at) == 0 && at.out.messages == 2);
    stage_close(&at);
}

static void test_a_window_delays_layers_alike(void) {
    rp_zone zone = whole();
    zone.instruments = 3;
    open_with(quartet_rig(RP_WHEN_WINDOW, RP_PEDAL_PASS), &zone, 1);
    stage_send(&at, 0, 0x90, 60, 80);
    stage_send(&at, 10, 0x80, 60, 0);
    stage_cycles(&at, 20);
    CHECK(at.out.ons == 2 && at.out.offs == 2 && stage_sounding(&at) == 0 && stats().max_delay == RATE / 40);
    stage_close(&at);
}

int main(void) {
    test_what_a_zone_takes();
    test_bad_zones_are_refused();
    test_keyboard_split();
    test_layers_end_together();
    test_who_is_switched_off_rests();
    test_wheels_and_pedals_follow_the_keys();
    test_keys_outside_are_not_heard();
    test_a_window_delays_layers_alike();
    return 0;
}
