/* MIDI Polyphonic Expression: zones heard, members given out, a note's own wheels wherever it is routed; and nothing
 * bent or stuck after any stream of it. The fuzz runs as many cycles as the first argument says. */
#include <stdlib.h>
#include <string.h>

#include "engine_state.h"
#include "racks.h"

#ifdef __SANITIZE_THREAD__
enum { CYCLES = 3000 }; /* one thread: little for it to find, and slow */
#else
enum { CYCLES = 60000 };
#endif

static stage at;

/* ---- zones ---- */

static int told(rp_mpe_in *in, uint8_t channel, uint8_t number, uint8_t value) {
    rp_midi_message message = rp_midi_short(RP_MIDI_CONTROL | channel, number, value);
    return rp_mpe_in_control(in, &message);
}

static int configured(rp_mpe_in *in, uint8_t channel, uint8_t members) {
    CHECK(told(in, channel, 101, 0) == RP_MPE_PARAMETER && told(in, channel, 100, 6) == RP_MPE_PARAMETER);
    return told(in, channel, 6, members);
}

static void test_zones(void) {
    rp_mpe_in in;
    rp_mpe_in_reset(&in);
    for (uint8_t c = 0; c < RP_CHANNELS; c++) CHECK(rp_mpe_in_manager(&in, c) == 0); /* until it says otherwise */
    CHECK(in.range[0] == 200 && in.range[15] == 4800);
    CHECK(configured(&in, 0, 7) == RP_MPE_ZONES);
    CHECK(rp_mpe_in_manager(&in, 7) == 0 && rp_mpe_in_manager(&in, 8) == 8 && in.range[8] == 200);
    CHECK(configured(&in, 0, 7) == RP_MPE_PARAMETER); /* as it was */
    CHECK(configured(&in, 15, 7) == RP_MPE_ZONES);
    CHECK(rp_mpe_in_manager(&in, 7) == 0 && rp_mpe_in_manager(&in, 8) == 15 && in.range[8] == 4800);
    CHECK(configured(&in, 15, 10) == RP_MPE_ZONES && in.lower == 4 && rp_mpe_in_manager(&in, 5) == 15);
    CHECK(configured(&in, 0, 14) == RP_MPE_ZONES && in.upper == 0 && rp_mpe_in_manager(&in, 15) == 15);
    CHECK(configured(&in, 15, 15) == RP_MPE_ZONES && in.lower == 0 && rp_mpe_in_manager(&in, 0) == 15);
    CHECK(configured(&in, 3, 5) == RP_MPE_PARAMETER && in.upper == 15);  /* no manager's channel */
    CHECK(configured(&in, 0, 16) == RP_MPE_PARAMETER && in.upper == 15); /* more than there are */
    CHECK(configured(&in, 15, 0) == RP_MPE_ZONES && rp_mpe_in_manager(&in, 9) == 9);
}

static void test_the_first_message_takes_the_place_of_what_was_assumed(void) {
    rp_mpe_in in;
    rp_mpe_in_reset(&in);
    CHECK(configured(&in, 15, 3) == RP_MPE_ZONES && in.lower == 0 && in.upper == 3);
    CHECK(rp_mpe_in_manager(&in, 5) == 5 && in.range[5] == 200 && rp_mpe_in_manager(&in, 12) == 15);
}

static void test_ranges(void) {
    rp_mpe_in in;
    rp_mpe_in_reset(&in);
    CHECK(configured(&in, 0, 5) == RP_MPE_ZONES);
    told(&in, 3, 101, 0);
    told(&in, 3, 100, 0);
    told(&in, 3, 6, 24);
    CHECK(in.range[1] == 2400 && in.range[5] == 2400 && in.range[0] == 200 && in.range[6] == 200);
    told(&in, 3, 38, 50);
    CHECK(in.range[1] == 2450);
    told(&in, 3, 99, 1); /* an unregistered parameter: what follows is not for us */
    CHECK(told(&in, 3, 6, 12) == RP_MPE_OTHER && in.range[1] == 2450);
    CHECK(configured(&in, 0, 5) == RP_MPE_PARAMETER && in.range[1] == 4800); /* begins again */
}

static void test_scales(void) {
    CHECK(rp_mpe_scale(8192, 4800, 200) == 8192 && rp_mpe_scale(12345, 4800, 4800) == 12345);
    CHECK(rp_mpe_scale(8192 + 100, 4800, 200) == 8192 + 2400 && rp_mpe_scale(8192 - 100, 4800, 200) == 8192 - 2400);
    CHECK(rp_mpe_scale(16383, 4800, 200) == 16383 && rp_mpe_scale(0, 4800, 200) == 0);
    CHECK(rp_mpe_scale(0, 200, 4800) == 8192 - 341 && rp_mpe_scale(9000, 0, 200) == 8192);
}

/* ---- through the engine ---- */

enum { LEAD = 1 }; /* the output port of the MPE instrument; the others play on port 0 */

/* `plain` instruments on channels 0, 1 ... of port 0, then one with MPE on port 1. All of input 0 speaks MPE, if `in`;
 * `to`: instruments that play all of it, 0: the ensemble. */
static rp_rig *rig_of(uint32_t plain, uint8_t manager, int in, uint32_t to, uint8_t pedal) {
    rp_instrumenter_config players = {.voices = plain + 1, .decide = RP_DECIDE_CLOSEST, .sample_rate = RATE};
    rp_rig_config config = {.route = RP_ROUTE_ENSEMBLE, .in_channels = 0xFFFF, .budget = 32};
    config.instruments = plain + 1;
    for (uint8_t i = 0; i <= plain; i++) {
        players.voice[i] = (rp_voice){.highest = 127, .polyphony = 4, .label = i, .enabled = 1};
        config.instrument[i] = (rp_instrument){.channel = i, .pedal = pedal};
    }
    config.instrument[plain] = (rp_instrument){.port = LEAD, .channel = manager, .mpe = 1, .pedal = pedal};
    rp_rig *rig = rp_rig_new(&config, rp_instrumenter_new(&players));
    rp_zone zone = {.highest = 127, .softest = 1, .loudest = 127, .channels = 0xFFFF, .instruments = to, .mpe = 1};
    zone.mpe = (uint32_t)in;
    CHECK(rig && rp_rig_set_zones(rig, &zone, 1));
    return rig;
}

static const rp_outlet *outlet(void) { return &at.engine->outlet; }

static rp_expression sent(uint8_t port, uint8_t channel) { return outlet()->sent[port][channel]; }

static void send_bend(uint8_t channel, uint16_t bend) {
    stage_send(&at, 0, RP_MIDI_BEND | channel, bend & 127, (uint8_t)(bend >> 7));
}

/* The channel of the MPE port on which a pitch sounds, -1: none. */
static int member_of(uint8_t pitch) {
    for (int channel = 0; channel < RP_CHANNELS; channel++)
        if (at.out.sounding[LEAD][channel][pitch]) return channel;
    return -1;
}

static int is_straight(void) {
    for (uint32_t port = 0; port < 2; port++) {
        if (outlet()->bent[port] || at.engine->mpe.owned[port]) return 0;
        for (uint8_t c = 0; c < RP_CHANNELS; c++)
            if (sent((uint8_t)port, c).bend != RP_STRAIGHT) return 0;
    }
    return 1;
}

static void test_ports_are_told(void) {
    stage_open(&at, 2, rig_of(1, 0, 1, 2, 0), NULL);
    CHECK(at.out.messages == 3 * 17 && at.engine->mpe.zone[LEAD].bend == 48);
    at.out.connected = 1;
    stage_cycle(&at);
    CHECK(at.out.messages == 3 * 17);
    at.out.connected = 3; /* somebody new, who must be told again */
    stage_cycle(&at);
    CHECK(at.out.messages == 2 * 3 * 17);
    CHECK(rp_engine_load(at.engine, rig_of(1, 0, 0, 2, 0)));
    stage_cycle(&at);
    CHECK(at.out.messages == 2 * 3 * 17); /* it stands */
    CHECK(rp_engine_load(at.engine, quartet_rig(RP_WHEN_NOTE, RP_PEDAL_PASS)));
    stage_cycle(&at);
    CHECK(at.out.messages == 2 * 3 * 17 + 3 && at.out.last[2] == 0 && !at.engine->mpe.zone[LEAD].bend);
    stage_close(&at);
}

/* A rig whose MPE instrument plays a rack of its own, with a unit that keeps what it is told. */
static rp_rig *rig_with(rp_rack **rack, test_unit **unit) {
    rp_rack_config config = {.sample_rate = RATE, .strips = 1, .output = {0, 1}};
    config.strip[0] = (rp_strip_config){.port = LEAD, .channel = RP_ANY_CHANNEL};
    config.strip[0].output[0] = config.strip[0].output[1] = RP_NO_OUTPUT;
    *rack = rp_rack_new(&config);
    *unit = make_unit(RP_UNIT_INSTRUMENT, 0);
    CHECK(*rack && rp_rack_add(*rack, 0, &(*unit)->unit));
    rp_rig *rig = rig_of(1, 0, 1, 2, 0);
    rp_rig_set_rack(rig, *rack);
    return rig;
}

static void test_a_zone_that_stands_is_told_to_a_new_rack_alone(void) {
    rp_rack *rack[2];
    test_unit *unit[2];
    stage_open_loud(&at, 2, 2, rig_with(&rack[0], &unit[0]));
    CHECK(at.out.messages == 3 * 17 && unit[0]->events == 3 * 17);
    CHECK(rp_engine_load(at.engine, rig_with(&rack[1], &unit[1])));
    stage_cycle(&at);
    CHECK(at.out.messages == 3 * 17 && unit[0]->events == 3 * 17 && unit[1]->events == 3 * 17);
    CHECK(unit[1]->seen[2].byte[0] == 0xB0 && unit[1]->seen[2].byte[1] == 6 && unit[1]->seen[2].byte[2] == 15);
    stage_close(&at);
    for (uint32_t i = 0; i < 2; i++) {
        rp_rack_free(rack[i]);
        rp_unit_free(&unit[i]->unit);
    }
}

static void test_each_note_has_its_own(void) {
    stage_open(&at, 2, rig_of(1, 0, 1, 2, 0), NULL);
    send_bend(4, 9000);
    stage_send(&at, 0, 0xD4, 30, 0);
    stage_send(&at, 0, 0xB4, 74, 90);
    stage_send(&at, 0, 0x94, 60, 80);
    send_bend(5, 7000);
    stage_send(&at, 0, 0x95, 64, 80);
    stage_cycle(&at);
    int one = member_of(60), two = member_of(64);
    CHECK(one > 0 && two > 0 && one != two);
    rp_expression first = sent(LEAD, (uint8_t)one);
    CHECK(first.bend == 9000 && first.pressure == 30 && first.timbre == 90);
    CHECK(sent(LEAD, (uint8_t)two).bend == 7000 && sent(LEAD, (uint8_t)two).pressure == 0);
    send_bend(5, 6000);
    stage_cycle(&at);
    CHECK(sent(LEAD, (uint8_t)two).bend == 6000 && sent(LEAD, (uint8_t)one).bend == 9000);
    send_bend(0, 10000); /* the manager's is everybody's */
    stage_cycle(&at);
    CHECK(sent(LEAD, 0).bend == 10000 && sent(LEAD, (uint8_t)one).bend == 9000);
    stage_send(&at, 0, 0x84, 60, 0);
    stage_send(&at, 0, 0x85, 64, 0);
    stage_cycle(&at);
    CHECK(stage_sounding(&at) == 0 && sent(LEAD, (uint8_t)one).bend == 9000); /* its end rings on as it was */
    at.lost = 1;
    stage_cycle(&at);
    CHECK(is_straight());
    stage_close(&at);
}

/* The tenth is left out: drums, to what knows nothing of MPE. */
#define NEXT(channel) (((channel) + ((channel) == 8 ? 2 : 1)) % 15)

static void test_members_rest_as_long_as_they_can(void) {
    stage_open(&at, 2, rig_of(1, 15, 0, 2, 0), NULL);
    int last = -1;
    for (uint8_t n = 0; n < 40; n++) {
        stage_send(&at, 0, 0x90, (uint8_t)(40 + n), 80);
        stage_cycle(&at);
        int channel = member_of((uint8_t)(40 + n));
        CHECK(channel >= 0 && channel < 15 && channel != 9 && (last < 0 || channel == NEXT(last)));
        last = channel;
        stage_send(&at, 0, 0x80, (uint8_t)(40 + n), 0);
    }
    stage_close(&at);
}

static void test_more_notes_than_members_share(void) {
    stage_open(&at, 2, rig_of(1, 0, 0, 2, 0), NULL);
    uint32_t notes[RP_CHANNELS] = {0};
    for (uint8_t n = 0; n < 30; n++) stage_send(&at, 0, 0x90, (uint8_t)(40 + n), 80);
    stage_cycle(&at);
    for (uint8_t n = 0; n < 30; n++) notes[member_of((uint8_t)(40 + n))]++;
    for (uint32_t c = 1; c < RP_CHANNELS; c++) CHECK(notes[c] == 2);
    for (uint8_t n = 0; n < 30; n++) stage_send(&at, 0, 0x80, (uint8_t)(40 + n), 0);
    stage_cycle(&at);
    CHECK(stage_sounding(&at) == 0);
    stage_close(&at);
}

static void test_an_ordinary_keyboard_bends_all(void) {
    stage_open(&at, 2, rig_of(1, 0, 0, 2, 0), NULL);
    stage_send(&at, 0, 0x93, 60, 80);
    send_bend(3, 12000);
    stage_send(&at, 0, 0xB3, 101, 0); /* its own parameters are not for the zone */
    stage_send(&at, 0, 0xB3, 100, 6);
    stage_send(&at, 0, 0xB3, 6, 2);
    stage_send(&at, 0, 0xA3, 60, 55);
    stage_cycle(&at);
    int channel = member_of(60);
    CHECK(sent(LEAD, 0).bend == 12000 && sent(LEAD, (uint8_t)channel).bend == RP_STRAIGHT);
    CHECK(sent(LEAD, (uint8_t)channel).pressure == 55); /* pressure on one key is that note's */
    CHECK(at.out.last[0] == (0xD0 | channel) && at.out.messages == 3 * 17 + 3 + 1 + 1 + 1);
    stage_close(&at);
}

static void test_ordinary_instruments(void) {
    stage_open(&at, 2, rig_of(2, 0, 1, 1, 0), NULL);
    send_bend(2, 8192 + 171); /* a semitone of 48 */
    stage_send(&at, 0, 0xD2, 70, 0);
    stage_send(&at, 0, 0x92, 60, 80);
    stage_cycle(&at);
    CHECK(sent(0, 0).bend == 8192 + 171 * 24 && sent(0, 0).pressure == 70); /* of two */
    send_bend(0, 8192 + 1000);
    stage_cycle(&at);
    CHECK(sent(0, 0).bend == 8192 + 171 * 24 + 1000);
    stage_send(&at, 0, 0x93, 64, 80); /* a second one: neither has the channel */
    stage_cycle(&at);
    CHECK(sent(0, 0).bend == 8192 + 1000 && sent(0, 0).pressure == 0);
    stage_send(&at, 0, 0x83, 64, 0);
    stage_cycle(&at);
    CHECK(sent(0, 0).bend == 8192 + 171 * 24 + 1000);
    stage_send(&at, 0, 0x82, 60, 0);
    stage_cycle(&at);
    CHECK(sent(0, 0).bend == 8192 + 171 * 24 + 1000); /* its end rings on */
    stage_send(&at, 0, 0x90, 67, 80);                 /* a note of the manager's has no wheels of its own */
    stage_cycle(&at);
    CHECK(sent(0, 0).bend == 8192 + 1000 && sent(0, 0).pressure == 0);
    CHECK(rp_engine_panic(at.engine));
    stage_cycle(&at);
    CHECK(is_straight() && sent(0, 0).pressure == 0);
    stage_close(&at);
}

static void test_a_preset_change_keeps_the_note_and_straightens_after_it(void) {
    stage_open(&at, 2, rig_of(2, 0, 1, 1, 0), NULL);
    send_bend(2, 8300);
    stage_send(&at, 0, 0x92, 60, 80);
    stage_cycle(&at);
    CHECK(rp_engine_load(at.engine, rig_of(2, 0, 0, 2, 0)));
    stage_cycle(&at);
    CHECK(sent(0, 0).bend == 8192 + 108 * 24);
    send_bend(2, 8200); /* it still follows its finger */
    stage_cycle(&at);
    CHECK(sent(0, 0).bend == 8192 + 8 * 24);
    stage_send(&at, 0, 0x82, 60, 0);
    stage_cycle(&at);
    CHECK(sent(0, 0).bend == RP_STRAIGHT && stage_sounding(&at) == 0);
    stage_close(&at);
}

static void test_wheels_of_a_preset_that_hears_them_otherwise(void) {
    stage_open(&at, 2, rig_of(2, 0, 0, 1, 0), NULL);
    send_bend(2, 9000);
    stage_cycle(&at);
    CHECK(sent(0, 0).bend == 9000);
    CHECK(rp_engine_load(at.engine, rig_of(2, 0, 1, 1, 0))); /* now that channel is one note's */
    stage_cycle(&at);
    CHECK(is_straight());
    stage_close(&at);
}

static void test_pedal_and_offs_are_the_managers(void) {
    stage_open(&at, 2, rig_of(1, 0, 1, 2, RP_PEDAL_LENGTHEN), NULL);
    stage_send(&at, 0, 0xB0, 64, 127);
    stage_send(&at, 0, 0x92, 60, 80);
    stage_send(&at, 0, 0x82, 60, 0);
    stage_cycle(&at);
    CHECK(member_of(60) > 0);
    int channel = member_of(60);
    send_bend(2, 3000); /* another finger: the note that rings on stays where it is */
    stage_cycle(&at);
    CHECK(sent(LEAD, (uint8_t)channel).bend == RP_STRAIGHT);
    stage_send(&at, 0, 0xB0, 64, 0);
    stage_cycle(&at);
    CHECK(stage_sounding(&at) == 0);
    stage_send(&at, 0, 0x92, 60, 80);
    stage_send(&at, 0, 0x93, 64, 80);
    stage_send(&at, 0, 0xB0, 123, 0);
    stage_cycle(&at);
    CHECK(stage_sounding(&at) == 0 && at.engine->ledger.live == 0);
    stage_close(&at);
}

static void test_other_zones_end_what_sounds(void) {
    stage_open(&at, 2, rig_of(1, 0, 1, 2, 0), NULL);
    stage_send(&at, 0, 0x92, 60, 80);
    stage_cycle(&at);
    uint64_t before = at.out.messages;
    stage_send(&at, 0, 0xB0, 101, 0);
    stage_send(&at, 0, 0xB0, 100, 6);
    stage_cycle(&at);
    CHECK(at.out.messages == before && stage_sounding(&at) == 1);
    stage_send(&at, 0, 0xB0, 6, 5);
    stage_cycle(&at);
    CHECK(stage_sounding(&at) == 0 && at.engine->mpe.in[0].lower == 5);
    stage_send(&at, 0, 0x97, 60, 80); /* beyond the zone: an ordinary channel */
    send_bend(7, 9000);
    stage_cycle(&at);
    CHECK(sent(LEAD, 0).bend == 9000);
    at.lost = 1;
    stage_cycle(&at);
    CHECK(at.engine->mpe.in[0].lower == 15 && is_straight());
    stage_close(&at);
}

static void test_bad_rigs_are_refused(void) {
    rp_rig_config config = {.route = RP_ROUTE_ENSEMBLE, .instruments = 2};
    config.instrument[0] = (rp_instrument){.mpe = 1};
    config.instrument[1] = (rp_instrument){.channel = 3};
    CHECK(!rp_rig_new(&config, NULL)); /* another one in its zone */
    config.instrument[1].port = 1;
    rp_rig *rig = rp_rig_new(&config, NULL);
    CHECK(rig);
    rp_rig_free(rig);
    config.instrument[0].channel = 4; /* no manager's */
    CHECK(!rp_rig_new(&config, NULL));
}

/* ---- anything at all ---- */

static uint64_t seed = 88172645463325252u;

/* Marsaglia's xorshift64 (2003): the same noise on every machine. */
static uint32_t noise(uint32_t below) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 33) % below;
}

static void any_message(uint32_t offset) {
    static const uint8_t number[8] = {64, 74, 101, 100, 6, 38, 123, 1};
    uint8_t channel = (uint8_t)noise(16);
    switch (noise(10)) {
    case 0:
    case 1: stage_send(&at, offset, 0x90 | channel, (uint8_t)(50 + noise(20)), (uint8_t)noise(128)); break;
    case 2:
    case 3: stage_send(&at, offset, 0x80 | channel, (uint8_t)(50 + noise(20)), 0); break;
    case 4:
    case 5: stage_send(&at, offset, 0xE0 | channel, (uint8_t)noise(128), (uint8_t)noise(128)); break;
    case 6: stage_send(&at, offset, 0xD0 | channel, (uint8_t)noise(128), 0); break;
    case 7: stage_send(&at, offset, 0xA0 | channel, (uint8_t)(50 + noise(20)), (uint8_t)noise(128)); break;
    default:
        if (noise(4)) channel = noise(2) ? 0 : 15;
        stage_send(&at, offset, 0xB0 | channel, number[noise(8)], (uint8_t)(noise(2) ? noise(16) : noise(128)));
    }
}

static rp_rig *any_rig(void) {
    if (noise(6) == 0) return thru_rig();
    if (noise(6) == 0) return quartet_rig(noise(3), (uint8_t)noise(3));
    uint32_t plain = noise(3);
    return rig_of(plain, noise(2) ? 15 : 0, (int)noise(2), noise(2) ? 1 + noise((2u << plain) - 1) : 0,
                  (uint8_t)noise(3));
}

static void disturb(void) {
    switch (noise(8)) {
    case 0: CHECK(rp_engine_load(at.engine, any_rig())); break;
    case 1: at.out.connected ^= 1u << noise(2); break;
    case 2: at.lost = 1; break;
    case 3: CHECK(rp_engine_panic(at.engine)); break;
    case 4: at.out.room = 3 + noise(40); break;
    default: at.out.room = 0; break;
    }
}

/* A channel whose wheels a note has for itself has such a note, or is remembered as bent: nothing is forgotten. */
static void check_wheels(void) {
    for (uint8_t port = 0; port < 2; port++)
        for (uint8_t c = 0; c < RP_CHANNELS; c++) {
            int bent = sent(port, c).bend != RP_STRAIGHT;
            CHECK(bent == (outlet()->bent[port] >> c & 1));
        }
}

/* Everything is plugged in, and then the keyboard goes. */
static void check_rest(void) {
    at.out.room = 0;
    at.out.connected = UINT32_MAX;
    at.lost = 1;
    stage_cycles(&at, 2);
    CHECK(stage_sounding(&at) == 0 && at.engine->ledger.live == 0 && is_straight());
    CHECK(at.engine->ledger.expressive == 0);
}

static void test_any_stream(uint32_t cycles) {
    stage_open(&at, 2, any_rig(), NULL);
    for (uint32_t n = 1; n <= cycles; n++) {
        uint32_t offset = 0;
        for (uint32_t i = noise(12); i; i--) any_message(offset += noise(BLOCK / 12));
        if (noise(15) == 0) disturb();
        stage_cycle(&at);
        stage_poll(&at, 0);
        check_wheels();
        if (n % 50 == 0) check_rest();
    }
    check_rest();
    CHECK(at.out.ons > cycles / 20);
    stage_close(&at);
}

int main(int argc, char **argv) {
    test_zones();
    test_the_first_message_takes_the_place_of_what_was_assumed();
    test_ranges();
    test_scales();
    test_ports_are_told();
    test_a_zone_that_stands_is_told_to_a_new_rack_alone();
    test_each_note_has_its_own();
    test_members_rest_as_long_as_they_can();
    test_more_notes_than_members_share();
    test_an_ordinary_keyboard_bends_all();
    test_ordinary_instruments();
    test_a_preset_change_keeps_the_note_and_straightens_after_it();
    test_wheels_of_a_preset_that_hears_them_otherwise();
    test_pedal_and_offs_are_the_managers();
    test_other_zones_end_what_sounds();
    test_bad_rigs_are_refused();
    test_any_stream(argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : CYCLES);
    return 0;
}
