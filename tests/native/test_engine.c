/* The engine as a musician meets it: keys, pedals, preset changes, cables pulled out, ports that are full. */
#include "engine_state.h"
#include "rigs.h"

#include <string.h>

static stage at;

static rp_stats stats(void) {
    rp_stats out;
    rp_engine_get_stats(at.engine, &out);
    return out;
}

static void test_thru_is_the_same_cycle(void) {
    stage_open(&at, 1, thru_rig(), NULL);
    stage_send(&at, 17, 0x95, 60, 100);
    stage_cycle(&at);
    CHECK(at.out.ons == 1 && at.out.last_offset == 17 && at.out.sounding[0][5][60]);
    stage_send(&at, 99, 0x95, 60, 0); /* a note-off in the other form, passed on as it is */
    stage_cycle(&at);
    CHECK(at.out.last[0] == 0x95 && at.out.last_offset == 99 && stage_sounding(&at) == 0);
    stage_close(&at);
}

static void test_chord_goes_to_four_instruments(void) {
    stage_open(&at, 1, quartet_rig(RP_WHEN_NOTE, RP_PEDAL_PASS), NULL);
    static const uint8_t chord[4] = {72, 43, 67, 60};
    for (uint32_t i = 0; i < 4; i++) stage_send(&at, 5, 0x90, chord[i], 80);
    stage_cycle(&at);
    CHECK(at.out.ons == 4 && at.out.sounding[0][0][43]);
    for (uint32_t channel = 0; channel < 4; channel++) {
        uint32_t notes = 0;
        for (uint32_t pitch = 0; pitch < RP_PITCHES; pitch++) notes += at.out.sounding[0][channel][pitch];
        CHECK(notes == 1);
    }
    for (uint32_t i = 0; i < 4; i++) stage_send(&at, i, 0x80, chord[i], 0);
    stage_cycle(&at);
    CHECK(stage_sounding(&at) == 0 && at.out.offs == 4 && stats().max_delay == 0);
    stage_close(&at);
}

static void test_window_delays_everything_alike(void) {
    stage_open(&at, 1, quartet_rig(RP_WHEN_WINDOW, RP_PEDAL_PASS), NULL);
    stage_send(&at, 0, 0x90, 60, 80);
    stage_send(&at, 10, 0x80, 60, 0); /* shorter than the window: it sounds all the same */
    stage_cycles(&at, 9);
    CHECK(at.out.ons == 0);
    stage_cycles(&at, 2);
    CHECK(at.out.ons == 1 && at.out.offs == 1 && stage_sounding(&at) == 0);
    CHECK(stats().max_delay == RATE / 40);
    stage_close(&at);
}

static void test_preset_change_keeps_what_is_held(void) {
    stage_open(&at, 2, quartet_rig(RP_WHEN_NOTE, RP_PEDAL_PASS), NULL);
    stage_send(&at, 0, 0xB0, 64, 127);
    stage_send(&at, 0, 0x90, 40, 80);
    stage_send(&at, 0, 0x90, 70, 80);
    stage_cycle(&at);
    uint32_t before = stage_sounding(&at);
    CHECK(rp_engine_load(at.engine, thru_rig()));
    stage_cycle(&at);
    CHECK(stage_sounding(&at) == before && stage_poll(&at, RP_REPORT_RIG) == 1);
    stage_send(&at, 0, 0xE0, 0, 100); /* the bend follows the notes to their old channels */
    stage_cycle(&at);
    CHECK(at.engine->outlet.bent[0] & ~1u);
    stage_send(&at, 0, 0xE0, 0, 64);
    stage_send(&at, 3, 0x80, 40, 0);
    stage_send(&at, 3, 0x80, 70, 0);
    stage_send(&at, 4, 0xB0, 64, 0);
    stage_cycle(&at);
    CHECK(stage_sounding(&at) == 0 && stats().orphans == 0);
    stage_close(&at);
}

static void test_pedal_lengthens(void) {
    stage_open(&at, 1, quartet_rig(RP_WHEN_NOTE, RP_PEDAL_LENGTHEN), NULL);
    stage_send(&at, 0, 0xB0, 64, 127);
    stage_send(&at, 1, 0x90, 43, 80);
    stage_send(&at, 2, 0x80, 43, 0);
    stage_cycles(&at, 3);
    CHECK(stage_sounding(&at) == 1);  /* the note; no pedal was sent */
    stage_send(&at, 0, 0xB0, 64, 63); /* half up is up */
    stage_cycle(&at);
    CHECK(stage_sounding(&at) == 0);
    stage_close(&at);
}

static void test_unplugged_input_lets_go(void) {
    stage_open(&at, 1, quartet_rig(RP_WHEN_NOTE, RP_PEDAL_PASS), NULL);
    stage_send(&at, 0, 0xB0, 64, 100);
    stage_send(&at, 0, 0xE0, 0, 0);
    stage_send(&at, 0, 0x90, 43, 80);
    stage_send(&at, 0, 0xF0, 0, 0); /* and in the middle of something */
    stage_cycle(&at);
    at.lost = 1;
    stage_cycle(&at);
    CHECK(stage_sounding(&at) == 0 && at.engine->outlet.bent[0] == 0 && stats().sounding == 0);
    stage_close(&at);
}

static void test_full_port_loses_no_note_off(void) {
    stage_open(&at, 1, thru_rig(), NULL);
    for (uint32_t i = 0; i < 100; i++) stage_send(&at, i, 0x90, (uint8_t)i, 80);
    at.out.room = 60;
    stage_cycle(&at);
    CHECK(at.out.ons == 20 && stats().backlog == 80);
    for (uint32_t i = 0; i < 100; i++) stage_send(&at, i, 0x80, (uint8_t)i, 0);
    stage_cycles(&at, 10);
    CHECK(stage_sounding(&at) == 0 && at.out.ons == 100 && at.out.offs == 100 && stats().lost == 0);
    at.out.room = 1; /* nothing fits: what cannot be kept is given up, but never what ends a note */
    for (uint32_t n = 0; n < 60; n++) {
        for (uint32_t i = 0; i < 120; i++) stage_send(&at, i, n & 1 ? 0x80 : 0x90, (uint8_t)i, 80);
        stage_cycle(&at);
        stage_poll(&at, 0);
    }
    CHECK(stats().lost > 0);
    at.out.room = 0;
    CHECK(rp_engine_stop(at.engine));
    stage_cycles(&at, 2);
    CHECK(stage_sounding(&at) == 0 && stage_poll(&at, RP_REPORT_STOPPED) == 1);
    stage_close(&at);
}

static void test_late_listener_hears_what_it_missed(void) {
    stage_open(&at, 1, thru_rig(), NULL);
    stage_send(&at, 0, 0x90, 50, 80);
    stage_send(&at, 0, 0xB0, 64, 127);
    stage_cycle(&at);
    at.out.connected = 0;
    stage_send(&at, 0, 0x80, 50, 0);
    stage_send(&at, 0, 0xB0, 64, 0);
    stage_cycle(&at);
    CHECK(stage_sounding(&at) == 2); /* it heard none of that */
    at.out.connected = 1;
    stage_cycle(&at);
    CHECK(stage_sounding(&at) == 0);
    stage_close(&at);
}

static void test_killed_process_is_silenced_by_the_next(void) {
    static rp_blackbox box;
    stage_open(&at, 1, thru_rig(), &box);
    stage_send(&at, 0, 0x92, 50, 80);
    stage_send(&at, 0, 0xB2, 64, 90);
    stage_cycle(&at);
    synth left = at.out;
    stage_close(&at); /* as kill -9 does: nobody was told */
    stage_open(&at, 1, thru_rig(), NULL);
    rp_engine_free(at.engine);
    rp_engine_config config = {.sample_rate = RATE, .inputs = 1, .outputs = 1, .blackbox = &box};
    at.engine = rp_engine_new(&config);
    at.out = left;
    CHECK(stage_sounding(&at) == 2);
    stage_cycle(&at); /* before any rig is loaded */
    CHECK(stage_sounding(&at) == 0);
    rp_blackbox clean = {0};
    CHECK(memcmp(&box, &clean, sizeof box) == 0);
    stage_close(&at);
}

static void test_what_began_unheard_is_not_what_sounds_there(void) {
    static rp_blackbox box;
    stage_open(&at, 1, thru_rig(), &box);
    stage_send(&at, 0, 0x92, 50, 80);
    stage_cycle(&at);
    synth left = at.out;
    stage_close(&at); /* killed */
    stage_open(&at, 1, thru_rig(), &box);
    memset(&box, 0, sizeof box);
    box.note[0][2][50 / 8] = 1u << 50 % 8; /* its first cycle was without a listener, too */
    at.out = left;
    at.out.connected = 0;
    stage_cycle(&at);
    stage_send(&at, 0, 0x92, 50, 80); /* whoever plays was connected before whoever listens */
    stage_cycle(&at);
    at.out.connected = 1;
    stage_cycle(&at);
    CHECK(stage_sounding(&at) == 0 && stats().sounding == 1);
    stage_send(&at, 0, 0x92, 52, 80); /* heard; and nobody ends it because the cable was out for a while */
    stage_cycle(&at);
    at.out.connected = 0;
    stage_cycle(&at);
    at.out.connected = 1;
    stage_cycle(&at);
    CHECK(stage_sounding(&at) == 1);
    stage_close(&at);
}

/* An xrun: what left in the last cycles did not arrive. */
static void test_what_ended_is_ended_again_after_an_xrun(void) {
    stage_open(&at, 1, thru_rig(), NULL);
    stage_send(&at, 0, 0x92, 50, 80);
    stage_send(&at, 0, 0x92, 52, 80);
    stage_send(&at, 0, 0xB2, 64, 127);
    stage_cycle(&at);
    synth before = at.out;
    stage_send(&at, 0, 0x82, 50, 0);
    stage_send(&at, 0, 0x82, 52, 0);
    stage_send(&at, 0, 0xB2, 64, 0);
    stage_send(&at, 0, 0x92, 52, 80); /* and is struck anew */
    stage_cycle(&at);
    CHECK(stage_sounding(&at) == 1);
    before.connected = at.out.connected;
    at.out = before;
    CHECK(stage_sounding(&at) == 3);
    at.lost = RP_LOST_OUTPUT;
    stage_cycle(&at);
    CHECK(stage_sounding(&at) == 1 && at.out.sounding[0][2][52] && !at.out.pedal[0][2]);
    CHECK(stats().sounding == 1);
    stage_close(&at);
}

static void test_expiry(void) {
    rp_rig_config config = {.route = RP_ROUTE_THRU, .in_channels = 0xFFFF, .expiry = 1000};
    stage_open(&at, 1, rp_rig_new(&config, NULL), NULL);
    stage_send(&at, 0, 0x90, 50, 80);
    stage_cycles(&at, 1000 / BLOCK);
    CHECK(stage_sounding(&at) == 1);
    stage_cycles(&at, 3);
    CHECK(stage_sounding(&at) == 0 && stats().expired == 1);
    stage_close(&at);
}

static void test_panic(void) {
    stage_open(&at, 1, quartet_rig(RP_WHEN_REVISE, RP_PEDAL_PASS), NULL);
    for (uint8_t pitch = 40; pitch < 60; pitch++) stage_send(&at, 0, 0x90, pitch, 80);
    stage_send(&at, 1, 0xB0, 64, 127);
    stage_cycle(&at);
    CHECK(at.out.ons == 20 && stats().shared == 16); /* divisi */
    CHECK(rp_engine_panic(at.engine));
    stage_cycle(&at);
    CHECK(stage_sounding(&at) == 0 && stage_poll(&at, RP_REPORT_PANIC) == 1);
    stage_cycles(&at, 20); /* the chord that was open must not come back */
    CHECK(stage_sounding(&at) == 0);
    stage_close(&at);
}

static void test_more_notes_than_the_ledger_holds(void) {
    stage_open(&at, 1, thru_rig(), NULL);
    for (uint32_t n = 0; n < RP_NOTES_MAX + 100; n++) {
        stage_send(&at, 0, (uint8_t)(0x90 | n >> 7), n & 127, 80);
        stage_cycle(&at);
        stage_poll(&at, 0);
    }
    CHECK(stats().stolen == 100 && stats().sounding == RP_NOTES_MAX);
    CHECK(rp_engine_panic(at.engine));
    stage_cycle(&at);
    CHECK(stage_sounding(&at) == 0);
    stage_close(&at);
}

static void test_bad_configs(void) {
    rp_engine_config none = {.sample_rate = RATE, .inputs = 0, .outputs = 1};
    rp_engine_config many = {.sample_rate = RATE, .inputs = 1, .outputs = RP_PORTS_MAX + 1};
    rp_rig_config empty = {.route = RP_ROUTE_ENSEMBLE};
    rp_rig_config channel = {.route = RP_ROUTE_ENSEMBLE, .instruments = 1, .instrument = {{.channel = 16}}};
    CHECK(!rp_engine_new(&none) && !rp_engine_new(&many) && !rp_rig_new(&empty, NULL) && !rp_rig_new(&channel, NULL));
}

/* Every allocation of the set-up fails once; nothing leaks and nothing crashes. */
static void test_no_memory(void) {
    rp_engine_config config = {.sample_rate = RATE, .inputs = 1, .outputs = 1};
    rp_rig_config rig = {.route = RP_ROUTE_THRU};
    long held = allocations_held(), n = 0;
    if (!fail_allocation(-1)) return;
    do {
        fail_allocation(n++);
        rp_engine *engine = rp_engine_new(&config);
        rp_rig *made = rp_rig_new(&rig, NULL);
        CHECK((engine && made) || allocation_failed());
        rp_engine_free(engine);
        rp_rig_free(made);
        CHECK(allocations_held() == held);
    } while (allocation_failed());
    fail_allocation(-1);
    CHECK(n > 5);
}

int main(void) {
    test_thru_is_the_same_cycle();
    test_chord_goes_to_four_instruments();
    test_window_delays_everything_alike();
    test_preset_change_keeps_what_is_held();
    test_pedal_lengthens();
    test_unplugged_input_lets_go();
    test_full_port_loses_no_note_off();
    test_late_listener_hears_what_it_missed();
    test_killed_process_is_silenced_by_the_next();
    test_what_began_unheard_is_not_what_sounds_there();
    test_what_ended_is_ended_again_after_an_xrun();
    test_expiry();
    test_panic();
    test_more_notes_than_the_ledger_holds();
    test_bad_configs();
    test_no_memory();
    return 0;
}
