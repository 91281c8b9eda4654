/* Rigs in slots, as a musician meets them: program changes, keys and pedals change from one to the other in the very
 * cycle, and nothing that is held is cut. */
#include "engine_state.h"
#include "racks.h"

#include <string.h>

static stage at;

static rp_stats stats(void) {
    rp_stats out;
    rp_engine_get_stats(at.engine, &out);
    return out;
}

/* One instrument on a channel of its own. */
static rp_rig *solo_rig(uint8_t channel) {
    rp_rig_config config = {.route = RP_ROUTE_ENSEMBLE, .in_channels = 0xFFFF, .instruments = 1, .budget = 32};
    config.instrument[0] = (rp_instrument){.channel = channel};
    return rp_rig_new(&config, NULL);
}

static const rp_trigger NEXT_PEDAL = {RP_GO_NEXT, 1, 67, RP_EVERY_CHANNEL};
static const rp_trigger BACK_PEDAL = {RP_GO_PREVIOUS, 1, 66, RP_EVERY_CHANNEL};
static const rp_trigger NEXT_KEY = {RP_GO_NEXT, 0, 108, 2};

/* Four slots: on channels 0 to 2, and one that is not armed; the first plays. */
static void open_list(void) {
    stage_open(&at, 1, thru_rig(), NULL);
    CHECK(rp_engine_set_slots(at.engine, 4, 15));
    for (uint8_t i = 0; i < 3; i++)
        CHECK(rp_engine_arm(at.engine, i, solo_rig(i)) && rp_engine_set_program(at.engine, i, 10u + i));
    CHECK(rp_engine_set_program(at.engine, 3, 5u << 7 | 12));
    CHECK(rp_engine_set_trigger(at.engine, 0, &NEXT_PEDAL) && rp_engine_set_trigger(at.engine, 1, &BACK_PEDAL));
    CHECK(rp_engine_set_trigger(at.engine, 31, &NEXT_KEY) && rp_engine_go(at.engine, 0));
    stage_cycle(&at);
    CHECK(stage_poll(&at, RP_REPORT_RIG) == 1 && at.engine->slots.playing == 0); /* the one loaded without a slot */
}

static void test_a_change_is_at_its_frame(void) {
    open_list();
    stage_send(&at, 3, 0x90, 60, 80);
    stage_send(&at, 7, 0xCF, 11, 0);
    stage_send(&at, 7, 0x90, 62, 80);
    stage_send(&at, 9, 0xCF, 12, 0);
    stage_send(&at, 100, 0x90, 64, 80);
    stage_cycle(&at);
    CHECK(at.out.sounding[0][0][60] && at.out.sounding[0][1][62] && at.out.sounding[0][2][64]);
    CHECK(stage_sounding(&at) == 3 && stage_poll(&at, RP_REPORT_SLOT) == 2 && stats().changes == 3);
    for (uint8_t i = 0; i < 3; i++) stage_send(&at, i, 0x80, (uint8_t)(60 + 2 * i), 0);
    stage_cycle(&at);
    CHECK(stage_sounding(&at) == 0 && stats().orphans == 0 && stats().max_delay == 0);
    stage_close(&at);
}

static void test_programs_and_banks(void) {
    open_list();
    stage_send(&at, 0, 0xCF, 99, 0); /* no slot's: nothing happens, and it is not played */
    stage_send(&at, 0, 0xBF, 32, 5); /* a bank */
    stage_send(&at, 0, 0xCF, 11, 0); /* of bank 0 only */
    stage_cycle(&at);
    CHECK(at.out.messages == 0 && at.engine->slots.playing == 0 && stats().changes == 1);
    stage_send(&at, 0, 0xCF, 12, 0); /* bank 5: a slot that is not armed */
    stage_cycle(&at);
    CHECK(at.engine->slots.playing == 0 && at.engine->slots.wanted == 3 && stage_poll(&at, RP_REPORT_WANTED) == 1);
    stage_cycles(&at, 3);
    CHECK(stage_poll(&at, RP_REPORT_WANTED) == 0); /* once is enough */
    CHECK(rp_engine_arm(at.engine, 3, solo_rig(9)));
    stage_send(&at, 0, 0x90, 60, 80);
    stage_cycle(&at);
    CHECK(at.engine->slots.playing == 3 && at.out.sounding[0][9][60]);
    CHECK(rp_engine_load(at.engine, thru_rig()) && rp_engine_set_slots(at.engine, 4, RP_NEITHER_CHANNEL));
    stage_send(&at, 1, 0xCF, 11, 0);
    stage_cycle(&at);
    CHECK(at.out.last[0] == 0xCF); /* nobody's: straight through */
    stage_close(&at);
}

static void test_pedals_and_keys_go_round(void) {
    open_list();
    CHECK(rp_engine_set_slots(at.engine, 3, RP_NEITHER_CHANNEL));
    static const uint32_t there[5] = {1, 2, 0, 1, 2};
    for (uint32_t i = 0; i < 5; i++) {
        stage_send(&at, 0, 0xB0, 67, 63);
        stage_send(&at, 1, 0xB0, 67, 64);
        stage_send(&at, 2, 0xB0, 67, 127); /* still down */
        stage_send(&at, 3, 0xB0, 67, 0);
        stage_cycle(&at);
        CHECK(at.engine->slots.playing == there[i]);
    }
    stage_send(&at, 0, 0x92, 108, 1);
    stage_send(&at, 1, 0x82, 108, 0);
    stage_cycle(&at);
    CHECK(at.engine->slots.playing == 0 && at.out.messages == 0);
    stage_send(&at, 0, 0xB5, 66, 127);
    stage_cycle(&at);
    CHECK(at.engine->slots.playing == 2);
    at.lost = 1; /* the cable is out while the pedal is down */
    stage_cycle(&at);
    stage_send(&at, 0, 0xB5, 66, 127);
    stage_send(&at, 1, 0x93, 108, 90); /* another channel's key is played */
    stage_cycle(&at);
    CHECK(at.engine->slots.playing == 1 && at.out.sounding[0][1][108]);
    stage_close(&at);
}

/* A key that sounds and then becomes one of the set list's is let go like any other. */
static void test_a_key_that_sounds_is_let_go(void) {
    open_list();
    CHECK(rp_engine_set_trigger(at.engine, 31, NULL));
    stage_send(&at, 0, 0x92, 108, 80);
    stage_cycle(&at);
    CHECK(stage_sounding(&at) == 1 && rp_engine_set_trigger(at.engine, 31, &NEXT_KEY));
    stage_send(&at, 0, 0x82, 108, 0);
    stage_cycle(&at);
    CHECK(stage_sounding(&at) == 0 && at.engine->slots.playing == 0);
    stage_close(&at);
}

static void test_slots_are_armed_anew(void) {
    open_list();
    CHECK(rp_engine_arm(at.engine, 1, solo_rig(7)));
    CHECK(rp_engine_arm(at.engine, 0, solo_rig(8))); /* the one that plays plays on */
    stage_send(&at, 0, 0x90, 50, 80);
    stage_cycle(&at);
    CHECK(at.out.sounding[0][0][50] && stage_poll(&at, RP_REPORT_RIG) == 1);
    CHECK(rp_engine_go(at.engine, 0));
    stage_send(&at, 0, 0x90, 51, 80);
    stage_cycle(&at);
    CHECK(at.out.sounding[0][8][51] && stage_poll(&at, RP_REPORT_RIG) == 1);
    CHECK(rp_engine_arm(at.engine, 2, NULL) && rp_engine_go(at.engine, 2));
    stage_cycle(&at);
    CHECK(stage_poll(&at, RP_REPORT_RIG) == 1 && at.engine->slots.wanted == 2);
    CHECK(rp_engine_go(at.engine, 1)); /* changed my mind */
    stage_send(&at, 0, 0x90, 52, 80);
    stage_cycle(&at);
    CHECK(at.out.sounding[0][7][52] && at.engine->slots.wanted == RP_NO_SLOT);
    CHECK(!rp_engine_arm(at.engine, RP_SLOTS_MAX, NULL) && !rp_engine_set_slots(at.engine, RP_SLOTS_MAX + 1, 0));
    CHECK(!rp_engine_set_trigger(at.engine, RP_TRIGGERS_MAX, NULL));
    stage_close(&at);
}

/* An instrument is switched in a rig that waits, and stays so when it has played. */
static void test_switches_of_a_rig_that_waits(void) {
    static const rp_voice off = {.highest = 127, .polyphony = 1};
    open_list();
    CHECK(rp_engine_arm(at.engine, 3, quartet_rig(RP_WHEN_NOTE, RP_PEDAL_PASS)));
    for (uint32_t i = 1; i < 4; i++) CHECK(rp_engine_set_slot_voice(at.engine, 3, i, &off));
    for (uint32_t round = 0; round < 2; round++) {
        CHECK(rp_engine_go(at.engine, 3));
        stage_send(&at, 0, 0x90, 70, 80);
        stage_cycle(&at);
        CHECK(stage_poll(&at, RP_REPORT_VOICE) == 0 && at.out.sounding[0][0][70]); /* not the violin */
        stage_send(&at, 1, 0x80, 70, 0);
        stage_send(&at, 1, 0xB0, 67, 127);
        stage_send(&at, 2, 0xB0, 67, 0);
        stage_cycle(&at);
        CHECK(stage_sounding(&at) == 0 && at.engine->slots.playing == 0);
    }
    CHECK(rp_engine_go(at.engine, 3) && rp_engine_set_slot_voice(at.engine, 3, 0, &off));
    stage_cycle(&at);
    CHECK(stage_poll(&at, RP_REPORT_VOICE) == 1);
    stage_close(&at);
}

/* ---- one thousand changes at random moments ---- */

enum { CHANGES = 1000, HELD = 8 };
typedef struct {
    uint8_t port, channel, pitch;
} place;

/* Where the note of this key sounds, of those that did not sound before. */
static place find_new(const uint8_t before[RP_CHANNELS][RP_PITCHES]) {
    place found = {0, 255, 0};
    for (uint8_t channel = 0; channel < RP_CHANNELS; channel++)
        for (uint8_t pitch = 0; pitch < RP_PITCHES; pitch++)
            if (at.out.sounding[0][channel][pitch] && !before[channel][pitch]) found = (place){0, channel, pitch};
    return found;
}

static uint32_t notes_that_sound(void) {
    uint32_t count = 0;
    for (uint32_t channel = 0; channel < RP_CHANNELS; channel++)
        for (uint32_t pitch = 0; pitch < RP_PITCHES; pitch++) count += at.out.sounding[0][channel][pitch];
    return count;
}

/* A change by any of the ways, at a random frame. Returns the slot it leads to. */
static uint32_t change_somehow(uint32_t from, uint32_t count) {
    uint32_t offset = (uint32_t)rand() % BLOCK, to = (uint32_t)rand() % count;
    switch (rand() % 3) {
    case 0: stage_send(&at, offset, 0xCF, (uint8_t)to, 0); return to;
    case 1:
        stage_send(&at, offset, 0xB0, 67, 127);
        stage_send(&at, offset, 0xB0, 67, 0);
        return (from + 1) % count;
    default:
        stage_send(&at, offset, 0xB0, 66, 127);
        stage_send(&at, offset, 0xB0, 66, 0);
        return (from + count - 1) % count;
    }
}

/* Keys 40, 42 ... are struck, an instrument has each in a place of its own; the pedal goes down. */
static void hold_eight(place held[HELD]) {
    stage_send(&at, 0, 0xB0, 64, 127);
    stage_cycle(&at);
    for (uint32_t i = 0; i < HELD; i++) {
        uint8_t before[RP_CHANNELS][RP_PITCHES];
        memcpy(before, at.out.sounding[0], sizeof before);
        stage_send(&at, (uint32_t)rand() % BLOCK, 0x90, (uint8_t)(40 + 2 * i), 80);
        stage_cycles(&at, 12); /* also where a chord's window is waited for */
        held[i] = find_new(before);
        CHECK(held[i].channel != 255);
    }
}

/* What is struck while songs change sounds on the song that it was struck in, in its cycle; eight notes are held all
 * the while, and the pedal. */
static void test_a_thousand_changes_cut_nothing(void) {
    enum { COUNT = 5 };
    place held[HELD];
    srand(7);
    stage_open(&at, 1, thru_rig(), NULL);
    CHECK(rp_engine_set_slots(at.engine, COUNT, 15));
    rp_rig *rigs[COUNT] = {quartet_rig(RP_WHEN_NOTE, RP_PEDAL_PASS), solo_rig(8),
                           quartet_rig(RP_WHEN_REVISE, RP_PEDAL_LENGTHEN), solo_rig(9), thru_rig()};
    for (uint32_t i = 0; i < COUNT; i++)
        CHECK(rp_engine_arm(at.engine, i, rigs[i]) && rp_engine_set_program(at.engine, i, i));
    CHECK(rp_engine_set_trigger(at.engine, 0, &NEXT_PEDAL) && rp_engine_set_trigger(at.engine, 1, &BACK_PEDAL));
    CHECK(rp_engine_go(at.engine, 0));
    stage_cycle(&at);
    hold_eight(held);
    uint32_t slot = 0, before = notes_that_sound();
    for (uint32_t n = 0; n < CHANGES; n++) {
        uint64_t ons = at.out.ons;
        slot = change_somehow(slot, COUNT);
        stage_send(&at, BLOCK - 1, 0x9E, (uint8_t)(90 + n % 8), 70);
        stage_cycle(&at);
        CHECK(at.engine->slots.playing == slot && at.out.ons == ons + 1); /* in this very cycle */
        for (uint32_t i = 0; i < HELD; i++) CHECK(at.out.sounding[0][held[i].channel][held[i].pitch]);
        stage_send(&at, 0, 0x8E, (uint8_t)(90 + n % 8), 0);
        stage_cycles(&at, 1 + (uint32_t)rand() % 12);
        stage_poll(&at, 0);
        CHECK(stats().backlog == 0 && stats().late == 0);
    }
    CHECK(stats().changes > CHANGES / 2 && stats().stolen == 0 && stats().dropped == 0 && before >= HELD);
    for (uint8_t i = 0; i < HELD; i++) stage_send(&at, i, 0x80, (uint8_t)(40 + 2 * i), 0);
    stage_cycles(&at, 12);
    stage_send(&at, 0, 0xB0, 64, 0);
    stage_cycles(&at, 12);
    CHECK(stage_sounding(&at) == 0 && stats().sounding == 0 && stats().orphans == 0);
    stage_close(&at);
}

/* ---- racks ---- */

static hall room;
enum { PIANO_PORT = 0, PIANO_CHANNEL = 3 };

static rp_rack *piano_rack(test_unit *piano) {
    rp_rack_config config = {.sample_rate = RATE, .strips = 1, .output = {0, 1}};
    config.strip[0] = (rp_strip_config){.source = RP_SOURCE_NOTES, .port = PIANO_PORT, .channel = PIANO_CHANNEL};
    config.strip[0].output[0] = config.strip[0].output[1] = RP_NO_OUTPUT;
    rp_rack *rack = rp_rack_new(&config);
    CHECK(rack && rp_rack_add(rack, 0, &piano->unit));
    return rack;
}

/* Did it hear this message, and how often? */
static uint32_t heard(const test_unit *unit, uint8_t status, uint8_t first) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < unit->events; i++)
        count += unit->seen[i].byte[0] == status && unit->seen[i].byte[1] == first;
    return count;
}

static void arm_racks(rp_rack *const rack[3]) {
    CHECK(rp_engine_set_slots(room.engine, 3, 15));
    for (uint32_t i = 0; i < 3; i++) {
        rp_rig *rig = thru_rig();
        rp_rig_set_rack(rig, rack[i]);
        CHECK(rp_engine_arm(room.engine, i, rig) && rp_engine_set_program(room.engine, i, i));
    }
    CHECK(rp_engine_go(room.engine, 0));
}

static uint64_t lingering(void) {
    rp_stats out;
    rp_engine_get_stats(room.engine, &out);
    return out.lingering;
}

static void open_room(test_unit *piano[3], rp_rack *rack[3]) {
    for (uint32_t i = 0; i < 3; i++) {
        piano[i] = make_unit(RP_UNIT_INSTRUMENT, 0);
        rack[i] = piano_rack(piano[i]);
    }
    hall_open(&room, 2, 128);
    arm_racks(rack);
    hall_run(&room, 128);
}

static void close_room(test_unit *piano[3], rp_rack *rack[3]) {
    hall_close(&room);
    for (uint32_t i = 0; i < 3; i++) {
        rp_rack_free(rack[i]);
        rp_unit_free(&piano[i]->unit);
    }
}

/* A plugin plays on what it holds when its song is left, hears its note-offs and its pedal, and nothing that is new. */
static void test_plugins_play_on_what_is_held(void) {
    test_unit *piano[3];
    rp_rack *rack[3];
    open_room(piano, rack);
    hall_send(&room, 200, 0x93, 60, 80);
    hall_send(&room, 201, 0xB3, 64, 127);
    hall_send(&room, 250, 0xCF, 1, 0);
    hall_send(&room, 251, 0x93, 62, 80);
    hall_run(&room, 512);
    CHECK(heard(piano[0], 0x93, 60) == 1 && heard(piano[0], 0x93, 62) == 0 && heard(piano[1], 0x93, 62) == 1);
    CHECK(lingering() == 1);
    hall_send(&room, 600, 0x83, 60, 0);
    hall_send(&room, 9000, 0xB3, 64, 0);
    hall_run(&room, 8960);
    CHECK(heard(piano[0], 0x83, 60) == 1 && lingering() == 1); /* the pedal holds it */
    hall_run(&room, 20000);
    CHECK(heard(piano[0], 0xB3, 64) >= 2 && lingering() == 1); /* it rings */
    hall_send(&room, 20100, 0xCF, 0, 0);                       /* back, while it rings: nothing is lost */
    hall_send(&room, 20100, 0x93, 65, 80);
    hall_send(&room, 20200, 0x83, 65, 0);
    hall_send(&room, 20200, 0x83, 62, 0);
    hall_run(&room, 21000);
    CHECK(heard(piano[0], 0x93, 65) == 1 && heard(piano[1], 0x93, 65) == 0 && piano[0]->resets == 0);
    CHECK(heard(piano[1], 0x83, 62) == 1);
    CHECK(rp_engine_panic(room.engine));
    hall_run(&room, 23000);
    CHECK(lingering() == 0);
    close_room(piano, rack);
}

/* Nobody holds anything: the rack fades out, and its rig, no longer wanted, comes back then and not before. */
static void test_a_rig_with_plugins_comes_back_when_they_are_silent(void) {
    test_unit *piano[3];
    rp_rack *rack[3];
    open_room(piano, rack);
    CHECK(rp_engine_go(room.engine, 1) && rp_engine_arm(room.engine, 0, NULL));
    hall_run(&room, 128 + 384);
    CHECK(room.came_back == 0 && lingering() == 1);
    hall_run(&room, 1280);
    CHECK(room.came_back == 1 && lingering() == 0);
    hall_send(&room, 1300, 0x93, 60, 80);
    hall_run(&room, 1408);
    CHECK(rp_engine_go(room.engine, 2) && rp_engine_arm(room.engine, 1, NULL));
    hall_run(&room, 30000);
    CHECK(room.came_back == 1 && lingering() == 1); /* held */
    CHECK(rp_engine_stop(room.engine));
    hall_run(&room, 32000);
    CHECK(room.came_back == 2 && lingering() == 0 && room.stopped == 1);
    close_room(piano, rack);
}

/* Back before it has faded out: it goes on, and what is struck then is heard. */
static void test_back_while_it_fades(void) {
    test_unit *piano[3];
    rp_rack *rack[3];
    open_room(piano, rack);
    hall_send(&room, 200, 0xCF, 1, 0);
    hall_send(&room, 300, 0xCF, 0, 0);
    hall_send(&room, 301, 0x93, 60, 80);
    hall_run(&room, 2000);
    CHECK(heard(piano[0], 0x93, 60) == 1 && piano[0]->resets == 0 && lingering() == 0);
    close_room(piano, rack);
}

/* Each of these racks is held, and a fifth one begins: the first that left gives way, and the change waits for it. */
static void test_no_more_racks_linger_than_there_are_places_for(void) {
    enum { MANY = RP_LEAVING_MAX + 2 };
    test_unit *piano[MANY];
    rp_rack *rack[MANY];
    hall_open(&room, 2, 128);
    CHECK(rp_engine_set_slots(room.engine, MANY, 15));
    for (uint32_t i = 0; i < MANY; i++) {
        piano[i] = make_unit(RP_UNIT_INSTRUMENT, 0);
        rack[i] = piano_rack(piano[i]);
        rp_rig *rig = thru_rig();
        rp_rig_set_rack(rig, rack[i]);
        CHECK(rp_engine_arm(room.engine, i, rig) && rp_engine_set_program(room.engine, i, i));
    }
    CHECK(rp_engine_go(room.engine, 0));
    for (uint8_t i = 0; i < MANY; i++) {
        hall_send(&room, 1000u * i + 100, 0x93, (uint8_t)(60 + i), 80);
        if (i + 1 < MANY) hall_send(&room, 1000u * i + 200, 0xCF, (uint8_t)(i + 1), 0);
    }
    hall_run(&room, 1000u * (MANY - 2) + 300);
    CHECK(lingering() == RP_LEAVING_MAX && room.engine->slots.playing == MANY - 2);
    hall_run(&room, 1000u * (MANY - 1));
    CHECK(lingering() == RP_LEAVING_MAX && room.engine->slots.playing == MANY - 1);
    hall_run(&room, 1000u * MANY);
    for (uint8_t i = 0; i < MANY; i++) CHECK(heard(piano[i], 0x93, (uint8_t)(60 + i)) == 1);
    hall_close(&room);
    for (uint32_t i = 0; i < MANY; i++) {
        rp_rack_free(rack[i]);
        rp_unit_free(&piano[i]->unit);
    }
}

/* A note that its song decides later (a chord's window) sounds on that song's plugin. */
static void test_a_note_that_waits_keeps_its_plugin(void) {
    test_unit *piano[3];
    rp_rack *rack[3];
    open_room(piano, rack);
    rp_rig_config config = {.route = RP_ROUTE_ENSEMBLE, .in_channels = 0xFFFF, .instruments = 1, .delay = 480};
    config.instrument[0] = (rp_instrument){.channel = PIANO_CHANNEL};
    rp_rig *rig = rp_rig_new(&config, NULL);
    rp_rig_set_rack(rig, rack[0]);
    CHECK(rp_engine_arm(room.engine, 0, rig) && rp_engine_go(room.engine, 0));
    hall_send(&room, 200, 0x90, 60, 80);
    hall_send(&room, 250, 0xCF, 1, 0);
    hall_send(&room, 900, 0x80, 60, 80);
    hall_run(&room, 2000);
    CHECK(heard(piano[0], 0x93, 60) == 1 && heard(piano[1], 0x93, 60) == 0 && heard(piano[0], 0x83, 60) == 1);
    close_room(piano, rack);
}

/* Two instruments, on channels 0 and 1; the second may have a level of its own. */
static rp_rig *duo_rig(uint8_t level) {
    rp_rig_config config = {.route = RP_ROUTE_ENSEMBLE, .in_channels = 0xFFFF, .instruments = 2};
    config.instrument[0] = (rp_instrument){.channel = 0};
    config.instrument[1] = (rp_instrument){.channel = 1, .level = level};
    return rp_rig_new(&config, NULL);
}

/* How many messages left in a cycle, the last of them controller 7 of this channel with this value. */
static uint64_t told(uint8_t channel, uint8_t level) {
    uint64_t before = at.out.messages;
    stage_cycle(&at);
    uint64_t left = at.out.messages - before;
    if (left) CHECK(at.out.last[0] == (0xB0 | channel) && at.out.last[1] == 7 && at.out.last[2] == level);
    return left;
}

static void test_levels_are_the_rigs_own(void) {
    stage_open(&at, 1, thru_rig(), NULL);
    CHECK(rp_engine_set_slots(at.engine, 2, 15));
    CHECK(rp_engine_arm(at.engine, 0, duo_rig(0)) && rp_engine_arm(at.engine, 1, duo_rig(31)));
    CHECK(rp_engine_go(at.engine, 0) && told(0, 0) == 0); /* nobody says: nothing is sent */
    CHECK(rp_engine_set_level(at.engine, 0, 0, 64) && told(0, 64) == 1);
    CHECK(rp_engine_set_level(at.engine, 1, 1, 20) && told(0, 0) == 0); /* it waits */
    CHECK(rp_engine_go(at.engine, 1) && told(1, 20) == 2);              /* channel 0 is at 100 again */
    CHECK(rp_engine_set_level(at.engine, RP_NO_SLOT, 1, 21) && told(1, 21) == 1);
    CHECK(rp_engine_go(at.engine, 0) && told(1, 100) == 2); /* 64, which stays the rig's; the other's is not */
    CHECK(rp_engine_go(at.engine, 1) && told(1, 21) == 2);
    CHECK(!rp_engine_set_level(at.engine, 0, 0, 128) && !rp_engine_set_level(at.engine, RP_SLOTS_MAX, 0, 1));
    CHECK(rp_engine_set_level(at.engine, 5, 0, 1) && rp_engine_set_level(at.engine, 0, 2, 1) && told(0, 0) == 0);
    CHECK(!duo_rig(129));
    stage_poll(&at, 0);
    stage_close(&at);
}

/* A synthesiser that comes back is told again, and one that is played straight through has the usual level. */
static void test_levels_reach_who_is_there(void) {
    stage_open(&at, 2, duo_rig(31), NULL);
    at.out.connected = 0;
    CHECK(told(0, 0) == 0);
    at.out.connected = UINT32_MAX;
    CHECK(told(1, 30) == 1 && told(0, 0) == 0);
    CHECK(rp_engine_load(at.engine, thru_rig()) && told(1, 100) == 1);
    CHECK(rp_engine_load(at.engine, duo_rig(31)) && told(1, 30) == 1);
    rp_rig_config elsewhere = {.route = RP_ROUTE_THRU, .in_channels = 0xFFFF, .through = 2};
    CHECK(rp_engine_load(at.engine, rp_rig_new(&elsewhere, NULL)) && told(0, 0) == 0);
    stage_close(&at);
}

static void test_a_level_holds_for_all_who_share_a_channel(void) {
    rp_rig_config config = {.route = RP_ROUTE_ENSEMBLE, .in_channels = 0xFFFF, .instruments = 2};
    config.instrument[0] = (rp_instrument){.channel = 3, .level = 31};
    config.instrument[1] = (rp_instrument){.channel = 3};
    stage_open(&at, 1, duo_rig(0), NULL);
    CHECK(rp_engine_load(at.engine, rp_rig_new(&config, NULL)) && told(3, 30) == 1);
    stage_close(&at);
}

int main(void) {
    test_levels_are_the_rigs_own();
    test_levels_reach_who_is_there();
    test_a_level_holds_for_all_who_share_a_channel();
    test_a_change_is_at_its_frame();
    test_programs_and_banks();
    test_pedals_and_keys_go_round();
    test_a_key_that_sounds_is_let_go();
    test_slots_are_armed_anew();
    test_switches_of_a_rig_that_waits();
    test_a_thousand_changes_cut_nothing();
    test_plugins_play_on_what_is_held();
    test_a_rig_with_plugins_comes_back_when_they_are_silent();
    test_back_while_it_fades();
    test_no_more_racks_linger_than_there_are_places_for();
    test_a_note_that_waits_keeps_its_plugin();
    return 0;
}
