/* A rack in the engine: what comes in leaves at the right sample, changed by its units and by nothing else. */
#include "rack_state.h"

#include <math.h>
#include <string.h>

#include "drivers.h"
#include "racks.h"

enum { FADE = RATE / 100, CHANGE = RATE / 200 + 1 };
static const float STEEPEST = 2 * 0.5F / FADE + 1e-6F; /* of a fade of 0.5, where two come together */

static hall at;

/* Strips that all hear audio input 0. */
static rp_rack_config inputs(uint32_t strips) {
    rp_rack_config config = {.sample_rate = RATE, .strips = strips, .output = {0, 1}};
    for (uint32_t i = 0; i < strips; i++)
        config.strip[i] = (rp_strip_config){.source = RP_SOURCE_INPUT, .output = {RP_NO_OUTPUT, RP_NO_OUTPUT}};
    return config;
}

/* One strip of notes, of channel 3. */
static rp_rack_config notes(void) {
    rp_rack_config config = {.sample_rate = RATE, .strips = 1, .output = {0, 1}};
    config.strip[0] = (rp_strip_config){.channel = 3, .output = {RP_NO_OUTPUT, RP_NO_OUTPUT}};
    return config;
}

static rp_rack *rack_of(rp_rack_config config) {
    rp_rack *rack = rp_rack_new(&config);
    CHECK(rack);
    return rack;
}

static void fill(float (*sample)(uint32_t)) {
    for (uint32_t i = 0; i < HALL_FRAMES; i++) at.in[i] = sample(i);
}

static float one(uint32_t i) {
    (void)i;
    return 0.5F;
}

static float tone(uint32_t i) { return 0.5F * sinf((float)(i % RATE) * 0.03F); }

static void test_parallel_paths_arrive_on_one_sample(void) {
    static const uint32_t blocks[] = {3, 100, 128, 8192, 20000}, latency[3] = {0, 64, 1000};
    for (uint32_t b = 0; b < sizeof blocks / sizeof *blocks; b++) {
        rp_rack_config config = inputs(3);
        for (uint8_t i = 0; i < 3; i++)
            for (uint8_t c = 0; c < 2; c++) config.strip[i].output[c] = (uint8_t)(2 + 2 * i + c);
        rp_rack *rack = rack_of(config);
        test_unit *unit[4], *master = unit[3] = make_unit(RP_UNIT_EFFECT, 33);
        for (uint32_t i = 0; i < 3; i++) {
            unit[i] = make_unit(RP_UNIT_EFFECT, latency[i]);
            CHECK(rp_rack_add(rack, i, &unit[i]->unit));
        }
        CHECK(rp_rack_add(rack, RP_MASTER, &master->unit));
        hall_open(&at, 8, blocks[b]);
        hall_load(&at, rack);
        at.in[2000] = 0.25F;
        hall_run(&at, 25000);
        for (uint32_t o = 0; o < 8; o++)
            for (uint32_t i = 0; i < 25000; i++) CHECK(at.sound[o][i] == (i == 3033 ? (o < 2 ? 0.75F : 0.25F) : 0));
        rp_rack_state state;
        rp_rack_get_state(rack, &state);
        CHECK(state.latency == 1033 && state.master_latency == 33 && state.strip_latency[1] == 64);
        rp_stats stats;
        rp_engine_get_stats(at.engine, &stats);
        CHECK(stats.latency == 1033 && stats.delay == 0);
        for (uint32_t i = 0; i < 4; i++)
            CHECK(unit[i]->longest == (blocks[b] < RP_BLOCK_MAX ? blocks[b] : RP_BLOCK_MAX) && !unit[i]->denormals);
        hall_close(&at);
        rp_rack_free(rack);
        for (uint32_t i = 0; i < 4; i++) rp_unit_free(&unit[i]->unit);
    }
    volatile float tiny = 1e-20F;
    CHECK(tiny * tiny > 0); /* for others it is as it was */
}

static void test_one_output_gets_half_of_each(void) {
    rp_rack_config config = inputs(1);
    config.output[1] = 0;
    rp_rack *rack = rack_of(config);
    hall_open(&at, 1, 64);
    hall_load(&at, rack);
    fill(one);
    hall_run(&at, 4000);
    CHECK(at.sound[0][3999] == 0.5F);
    hall_close(&at);
    rp_rack_free(rack);
}

static void test_bypass_keeps_time_and_does_not_click(void) {
    rp_rack *rack = rack_of(inputs(1));
    test_unit *unit = make_unit(RP_UNIT_EFFECT, 64);
    rp_unit_set(&unit->unit, 0, -0.5);
    CHECK(rp_rack_add(rack, 0, &unit->unit));
    hall_open(&at, 2, 100);
    hall_load(&at, rack);
    fill(tone);
    hall_run(&at, 3000);
    rp_unit_set_bypass(&unit->unit, 1);
    hall_run(&at, 6000);
    rp_unit_set_bypass(&unit->unit, 0);
    hall_run(&at, 9000);
    for (uint32_t i = 600; i < 9000; i++) {
        float dry = at.in[i - 64], wet = -0.5F * dry;
        if (i < 3000 || i >= 6000 + CHANGE) CHECK(at.sound[0][i] == wet);
        if (i >= 3000 + CHANGE && i < 6000) CHECK(at.sound[0][i] == dry);
    }
    CHECK(hall_step(&at, 0, 600, 9000) < 0.5F * 0.03F + 0.75F / CHANGE + 1e-3F);
    rp_unit_state state;
    rp_unit_get_state(&unit->unit, &state);
    CHECK(state.blocks == 90 && state.latency == 64);
    hall_close(&at);
    rp_rack_free(rack);
    rp_unit_free(&unit->unit);
}

static void test_gain_is_smooth_and_exact(void) {
    rp_rack *rack = rack_of(inputs(1));
    test_unit *unit = make_unit(RP_UNIT_EFFECT, 0);
    CHECK(rp_rack_add(rack, 0, &unit->unit));
    hall_open(&at, 2, 128);
    hall_load(&at, rack);
    fill(one);
    hall_run(&at, 2560);
    rp_unit_set_gain(&unit->unit, 0.25);
    hall_run(&at, 9000);
    CHECK(at.sound[0][2559] == 0.5F && at.sound[1][8999] == 0.125F);
    CHECK(hall_step(&at, 0, 2000, 9000) < 0.005F);
    hall_close(&at);
    rp_rack_free(rack);
    rp_unit_free(&unit->unit);
}

static void test_meters(void) {
    rp_rack *rack = rack_of(inputs(2));
    test_unit *unit = make_unit(RP_UNIT_EFFECT, 0);
    rp_unit_set(&unit->unit, 0, 0.5);
    CHECK(rp_rack_add(rack, 1, &unit->unit));
    hall_open(&at, 2, 128);
    hall_load(&at, rack);
    at.in[2000] = -0.5F;
    hall_run(&at, 4000);
    rp_rack_state state;
    rp_unit_state how;
    rp_rack_get_state(rack, &state);
    rp_unit_get_state(&unit->unit, &how);
    CHECK(state.strip_peak[0][0] == 0.5F && state.strip_peak[1][1] == 0.25F && state.peak[0] == 0.75F);
    CHECK(how.peak[0] == 0.25F && how.peak[1] == 0.25F);
    hall_run(&at, 5000);
    rp_rack_get_state(rack, &state);
    CHECK(state.strip_peak[0][0] == 0 && state.peak[1] == 0);
    hall_close(&at);
    rp_rack_free(rack);
    rp_unit_free(&unit->unit);
}

static void test_a_strip_may_hear_every_channel(void) {
    rp_rack_config config = notes();
    config.strip[0].channel = RP_ANY_CHANNEL;
    rp_rack *rack = rack_of(config);
    test_unit *piano = make_unit(RP_UNIT_INSTRUMENT, 0);
    CHECK(rp_rack_add(rack, 0, &piano->unit));
    hall_open(&at, 2, 128);
    hall_load(&at, rack);
    for (uint8_t channel = 0; channel < RP_CHANNELS; channel++) hall_send(&at, channel, 0x90 | channel, 60, 127);
    hall_run(&at, 256);
    CHECK(piano->events == RP_CHANNELS);
    for (uint32_t i = 0; i < RP_CHANNELS; i++) CHECK(piano->seen[i].byte[0] == (0x90 | i));
    hall_close(&at);
    rp_rack_free(rack);
    rp_unit_free(&piano->unit);
}

static void test_notes_arrive_at_their_frames(void) {
    rp_rack *rack = rack_of(notes());
    test_unit *piano = make_unit(RP_UNIT_INSTRUMENT, 0), *effect = make_unit(RP_UNIT_EFFECT, 10);
    CHECK(rp_rack_add(rack, 0, &piano->unit) && rp_rack_add(rack, 0, &effect->unit));
    CHECK(!rp_rack_add(rack, 0, &piano->unit) && !rp_rack_add(rack, RP_MASTER, &piano->unit));
    hall_open(&at, 2, 10000); /* longer than a block may be */
    hall_load(&at, rack);
    static const uint64_t frames[] = {0, 1, 127, 128, 8191, 8192, 9999, 15000};
    for (uint32_t i = 0; i < 8; i++) {
        hall_send(&at, frames[i], 0x93, (uint8_t)(60 + i), 127);
        hall_send(&at, frames[i], 0x94, 60, 127); /* another channel */
    }
    at.out.room = 1; /* the port takes nothing */
    hall_run(&at, 20000);
    CHECK(at.lefts == 0);
    uint32_t clicks = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        int due = 0;
        for (uint32_t n = 0; n < 8; n++) due |= frames[n] + 10 == i;
        CHECK(at.sound[0][i] == (due ? 1.0F : 0));
        clicks += (uint32_t)due;
    }
    CHECK(clicks == 8 && piano->events == 8 && effect->events == 8);
    for (uint32_t n = 0; n < 8; n++) CHECK(piano->seen_frame[n] == frames[n] && piano->seen[n].byte[1] == 60 + n);
    hall_close(&at);
    rp_rack_free(rack);
    rp_unit_free(&piano->unit);
    rp_unit_free(&effect->unit);
}

static void test_too_many_events_lose_no_note_off(void) {
    rp_rack *rack = rack_of(notes());
    test_unit *piano = make_unit(RP_UNIT_INSTRUMENT, 0);
    CHECK(rp_rack_add(rack, 0, &piano->unit));
    hall_open(&at, 2, 8000);
    hall_load(&at, rack);
    for (uint32_t i = 0; i < 100; i++) hall_send(&at, i, 0x93, (uint8_t)i, 100);
    for (uint32_t i = 0; i < 3000; i++) hall_send(&at, 200 + i, 0xB3, 7, (uint8_t)(i & 127));
    for (uint32_t i = 0; i < 100; i++) hall_send(&at, 4000 + i, 0x83, (uint8_t)i, 0);
    hall_run(&at, 8000);
    uint32_t ons = 0, offs = 0;
    for (uint32_t i = 0; i < piano->events; i++) {
        ons += piano->seen[i].byte[0] == 0x93;
        offs += piano->seen[i].byte[0] == 0x83;
    }
    CHECK(ons == 100 && offs == 100 && piano->events < 3200);
    hall_close(&at);
    rp_rack_free(rack);
    rp_unit_free(&piano->unit);
}

static void test_controllers_move_parameters(void) {
    rp_rack *rack = rack_of(inputs(1));
    test_unit *unit = make_unit(RP_UNIT_EFFECT, 0);
    CHECK(rp_rack_add(rack, 0, &unit->unit));
    CHECK(rp_rack_automate(rack, &unit->unit, 0, RP_ANY_CHANNEL, 74, -1, 1));
    CHECK(rp_rack_automate(rack, &unit->unit, 1, 5, 74, 0, 127));
    CHECK(!rp_rack_automate(rack, &unit->unit, 2, 0, 74, 0, 1) &&
          !rp_rack_automate(rack, &unit->unit, 0, 17, 74, 0, 1));
    CHECK(!rp_rack_automate(rack, &unit->unit, 0, 0, 128, 0, 1));
    hall_open(&at, 2, 128);
    hall_load(&at, rack);
    hall_send(&at, 100, 0xB2, 74, 127);
    hall_send(&at, 101, 0xB5, 73, 3);
    hall_run(&at, 256);
    CHECK(rp_unit_get(&unit->unit, 0) == 1 && rp_unit_get(&unit->unit, 1) == 0);
    hall_send(&at, 300, 0xB5, 74, 0);
    hall_send(&at, 301, 0xB5, 74, 50);
    hall_run(&at, 512);
    CHECK(fabs(rp_unit_get(&unit->unit, 0) - (-1 + 100.0 / 127)) < 1e-6 && rp_unit_get(&unit->unit, 1) == 50);
    hall_close(&at);
    rp_rack_free(rack);
    rp_unit_free(&unit->unit);
}

/* From a rack to another and to none and back to the first: always faded, never early back. */
static void test_a_rack_fades_into_the_next(void) {
    rp_rack *first = rack_of(inputs(1)), *second = rack_of(inputs(1));
    test_unit *unit = make_unit(RP_UNIT_EFFECT, 500);
    CHECK(rp_rack_add(first, 0, &unit->unit));
    hall_open(&at, 2, 128);
    fill(one);
    hall_load(&at, first);
    hall_run(&at, 2560);
    CHECK(at.sound[0][2559] == 0.5F);
    hall_load(&at, second);
    hall_run(&at, 2560 + 384);
    CHECK(at.came_back == 0); /* it still sounds */
    hall_run(&at, 2560 + 640);
    CHECK(at.came_back == 1);
    hall_run(&at, 5120);
    CHECK(at.sound[0][5119] == 0.5F);
    hall_load(&at, NULL);
    hall_run(&at, 7680);
    CHECK(at.sound[0][7679] == 0 && at.came_back == 2 && unit->resets == 0);
    hall_load(&at, first);
    hall_run(&at, 12000);
    CHECK(at.sound[0][11999] == 0.5F && unit->resets == 1);
    CHECK(hall_step(&at, 0, 0, 12000) <= STEEPEST);
    hall_load(&at, first); /* another rig, the same rack: nothing is heard of it */
    hall_run(&at, 14000);
    CHECK(at.came_back == 4 && hall_step(&at, 0, 12000, 14000) == 0);
    hall_close(&at);
    rp_rack_free(first);
    rp_rack_free(second);
    rp_unit_free(&unit->unit);
}

static void test_panic_resets_units_unheard(void) {
    rp_rack *rack = rack_of(inputs(1));
    test_unit *unit = make_unit(RP_UNIT_EFFECT, 300);
    CHECK(rp_rack_add(rack, 0, &unit->unit));
    hall_open(&at, 2, 128);
    fill(one);
    hall_load(&at, rack);
    hall_run(&at, 2560);
    CHECK(rp_engine_panic(at.engine));
    hall_run(&at, 6000);
    CHECK(unit->resets == 1 && at.sound[0][5999] == 0.5F);
    CHECK(at.sound[0][2560 + FADE + 100] == 0 && hall_step(&at, 0, 0, 6000) <= STEEPEST);
    hall_close(&at);
    rp_rack_free(rack);
    rp_unit_free(&unit->unit);
}

static void test_stop_ends_in_silence_first(void) {
    rp_rack *rack = rack_of(inputs(1));
    hall_open(&at, 2, 128);
    fill(one);
    hall_load(&at, rack);
    hall_run(&at, 2560);
    CHECK(rp_engine_stop(at.engine));
    hall_run(&at, 2560 + 256);
    CHECK(at.stopped == 0);
    hall_run(&at, 4000);
    CHECK(at.stopped == 1 && at.sound[0][3999] == 0 && hall_step(&at, 0, 0, 4000) <= STEEPEST);
    hall_close(&at);
    rp_rack_free(rack);
}

/* A unit whose latency is the period, as an isolated one's. */
static void test_another_period(void) {
    rp_rack *rack = rack_of(inputs(2));
    test_unit *follower = make_unit(RP_UNIT_EFFECT, 128);
    follower->follows = 1;
    CHECK(rp_rack_add(rack, 0, &follower->unit));
    hall_open(&at, 2, 128);
    fill(one);
    hall_load(&at, rack);
    hall_run(&at, 5120);
    CHECK(follower->period == 128 && follower->resizes == 1);
    at.block = at.period = 1024;
    hall_run(&at, 5120 + 20 * 1024);
    CHECK(follower->period == 1024 && follower->resizes == 2 && follower->longest == 1024);
    CHECK(hall_step(&at, 0, 3000, 5120 + 20 * 1024) == 0); /* a steady tone: no change is heard of the paths' delays */
    at.block = at.period = 32;
    at.in[30000] = 1;
    hall_run(&at, 32000);
    CHECK(at.sound[0][30032] == 2 && at.sound[1][30031] == 1); /* aligned as before */
    at.period = 0;                                             /* it is not said: as long as the cycle */
    hall_run(&at, 33000);
    CHECK(follower->period == 8); /* the last one */
    hall_close(&at);
    rp_rack_free(rack);
    rp_unit_free(&follower->unit);
}

/* The number that a line gives back which gets those of its frames; it knows those after `first`. */
static float numbered(uint32_t frame, uint32_t delay, uint32_t first) {
    return frame > delay + first ? (float)(frame - delay) : 0;
}

static void test_delay_lines_fade_from_delay_to_delay(void) {
    static const uint32_t delays[] = {0, 1, 500, 16384, 2, 16385, 100, RP_LATENCY_MAX, 30000, 3};
    uint32_t frame = 0, before = 0, first = 0;
    rp_delay_line line;
    CHECK(rp_delay_line_open(&line, 100));
    for (uint32_t i = 0; i < sizeof delays / sizeof *delays; before = delays[i++]) {
        if (delays[i] > line.length) first = frame - line.length; /* it did not keep more */
        for (uint32_t n = 0; n < 90000; n++) {
            float left = (float)++frame, right = -left, *const audio[2] = {&left, &right};
            rp_delay_line_process(&line, audio, 1, delays[i]);
            float now = numbered(frame, delays[i], first), old = numbered(frame, before, first);
            float share = i > 0 && n < 100 ? (float)(100 - n) / 100 : 0;
            CHECK(left == -right && fabsf(left - now - share * (old - now)) <= (share > 0 ? 0.1F : 0));
        }
    }
    for (uint32_t n = 0; n < 200; n++) {
        float left = 0, right = 0, *const audio[2] = {&left, &right};
        rp_delay_line_process(&line, audio, 1, UINT32_MAX); /* as long as can be */
    }
    CHECK(line.to == RP_LATENCY_MAX && line.length == RP_LATENCY_MAX);
    rp_delay_line_close(&line);
}

/* What leaves on the port is as late as the sound. */
static void test_midi_is_delayed_with_the_sound(void) {
    rp_rack_config config = notes();
    config.delay_midi = 1;
    rp_rack *rack = rack_of(config);
    test_unit *piano = make_unit(RP_UNIT_INSTRUMENT, 300);
    CHECK(rp_rack_add(rack, 0, &piano->unit));
    hall_open(&at, 2, 128);
    hall_load(&at, rack);
    hall_run(&at, 128); /* from here on its latency is known */
    for (uint32_t i = 0; i < 50; i++) {
        hall_send(&at, 200 + 37 * i, 0x93, (uint8_t)(40 + i), 127);
        hall_send(&at, 220 + 37 * i, 0x83, (uint8_t)(40 + i), 0);
    }
    hall_run(&at, 4000);
    CHECK(at.lefts == 100);
    for (uint32_t i = 0; i < 50; i++) {
        CHECK(at.left_frame[2 * i] == 500 + 37 * i && at.left[2 * i][1] == 40 + i);
        CHECK(at.left_frame[2 * i + 1] == 520 + 37 * i && at.left[2 * i + 1][0] == 0x83);
        CHECK(at.sound[0][500 + 37 * i] == 1);
    }
    rp_stats stats;
    rp_engine_get_stats(at.engine, &stats);
    CHECK(stats.delay == 300);
    hall_send(&at, 4000, 0x93, 60, 127);
    hall_send(&at, 4300, 0x93, 61, 127); /* it is still on its way when all ends */
    hall_run(&at, 4352);
    CHECK(at.out.sounding[0][3][60] && rp_engine_panic(at.engine));
    hall_run(&at, 4353);
    CHECK(!at.out.sounding[0][3][60] && at.left_frame[at.lefts - 1] == 4352);
    hall_run(&at, 6000);
    CHECK(!at.out.sounding[0][3][61] && at.left_frame[at.lefts - 1] == 4352);
    hall_close(&at);
    rp_rack_free(rack);
    rp_unit_free(&piano->unit);
}

/* Racks that delay come and go while somebody plays, ports are full and panics happen: nothing keeps sounding. */
static void test_nothing_sticks_with_delayed_midi(void) {
    rp_rack_config config = notes();
    config.delay_midi = 1;
    rp_rack *racks[3] = {rack_of(config), NULL, rack_of(config)};
    test_unit *piano[2] = {make_unit(RP_UNIT_INSTRUMENT, 700), make_unit(RP_UNIT_INSTRUMENT, 90)};
    CHECK(rp_rack_add(racks[0], 0, &piano[0]->unit) && rp_rack_add(racks[2], 0, &piano[1]->unit));
    srand(11);
    for (uint32_t round = 0; round < 12; round++) {
        hall_open(&at, 2, 128);
        for (uint32_t step = 0; step < 60; step++) {
            if (rand() % 6 == 0) hall_load(&at, racks[rand() % 3]);
            if (rand() % 20 == 0) rp_engine_panic(at.engine);
            at.out.room = rand() % 5 == 0 ? 4 : 0;
            uint64_t frame = at.frame;
            for (uint32_t i = 0; i < 20; i++) {
                frame += (uint64_t)rand() % 30;
                hall_send(&at, frame, rand() % 2 ? 0x93 : 0x83, (uint8_t)(60 + rand() % 5), 90);
            }
            hall_run(&at, frame + 128);
        }
        at.out.room = 0;
        for (uint8_t i = 0; i < 5; i++)
            for (uint32_t n = 0; n < 400; n++) hall_send(&at, at.frame, 0x83, (uint8_t)(60 + i), 0);
        at.lefts = 0;
        hall_run(&at, at.frame + 2000);
        for (uint32_t i = 0; i < 5; i++) CHECK(!at.out.sounding[0][3][60 + i]);
        hall_close(&at);
    }
    rp_rack_free(racks[0]);
    rp_rack_free(racks[2]);
    for (uint32_t i = 0; i < 2; i++) rp_unit_free(&piano[i]->unit);
}

/* Numbers that are none come in: what is heard are numbers. */
static void test_input_that_is_no_sound_is_silence(void) {
    rp_rack *rack = rack_of(inputs(1));
    hall_open(&at, 2, 128);
    hall_load(&at, rack);
    fill(one);
    at.in[3000] = NAN;
    at.in[3001] = -INFINITY;
    hall_run(&at, 4000);
    CHECK(at.sound[0][3000] == 0 && at.sound[1][3001] == 0 && at.sound[0][3002] == 0.5F);
    hall_close(&at);
    rp_rack_free(rack);
}

static void test_off_line_it_waits_for_units(void) {
    rp_rack *rack = rack_of(inputs(1));
    test_unit *unit = make_unit(RP_UNIT_EFFECT, 0);
    CHECK(rp_rack_add(rack, 0, &unit->unit));
    hall_open(&at, 2, 128);
    hall_load(&at, rack);
    rp_sound *in = rp_sound_new(1), *out = rp_sound_new(2);
    rp_tape *tape = rp_tape_new(), *nothing = rp_tape_new();
    float samples[1000] = {0}, *const channel[1] = {samples};
    samples[700] = 0.5F;
    CHECK(in && out && tape && nothing && rp_sound_add(in, (const float *const *)channel, 1000));
    rp_offline_span span = {.from = 64, .until = 2064, .block = 100, .connected = 1, .sound = out, .input = in};
    CHECK(rp_offline_run(at.engine, nothing, tape, &span));
    CHECK(unit->settles == 20 && rp_sound_frames(out) == 2000);
    for (uint32_t i = 481; i < 2000; i++) CHECK(rp_sound_samples(out)[2 * i] == (i == 700 ? 0.5F : 0));
    rp_sound_free(in);
    rp_sound_free(out);
    rp_tape_free(tape);
    rp_tape_free(nothing);
    hall_close(&at);
    rp_rack_free(rack);
    rp_unit_free(&unit->unit);
}

/* Whatever is done to it while a tone plays: no jump. */
static void test_nothing_clicks(void) {
    rp_rack *racks[3] = {rack_of(inputs(2)), NULL, rack_of(inputs(1))};
    test_unit *unit[3];
    for (uint32_t i = 0; i < 3; i++) {
        unit[i] = make_unit(RP_UNIT_EFFECT, 77 * i);
        unit[i]->follows = i == 1;
        CHECK(rp_rack_add(racks[i < 2 ? 0 : 2], i == 1 ? 1 : i == 2 ? RP_MASTER : 0, &unit[i]->unit));
    }
    srand(5);
    for (uint32_t round = 0; round < 8; round++) {
        hall_open(&at, 2, 128);
        fill(tone);
        hall_load(&at, racks[0]);
        while (at.frame < HALL_FRAMES - 600) {
            rp_unit *one = &unit[rand() % 3]->unit;
            if (rand() % 8 == 0) hall_load(&at, racks[rand() % 3]);
            if (rand() % 15 == 0) rp_engine_panic(at.engine);
            if (rand() % 4 == 0) rp_unit_set_bypass(one, (uint32_t)rand() % 2);
            if (rand() % 4 == 0) rp_unit_set_gain(one, rand() % 3 / 2.0);
            hall_run(&at, at.frame + (uint64_t)rand() % 600);
        }
        CHECK(hall_step(&at, 0, 0, at.frame) < 0.06F && hall_step(&at, 1, 0, at.frame) < 0.06F);
        hall_close(&at);
    }
    CHECK(unit[0]->resets > 10 && unit[2]->resets > 5);
    rp_rack_free(racks[0]);
    rp_rack_free(racks[2]);
    for (uint32_t i = 0; i < 3; i++) rp_unit_free(&unit[i]->unit);
}

static void test_what_is_refused(void) {
    rp_rack_config config = inputs(1);
    config.strips = RP_STRIPS_MAX + 1;
    CHECK(!rp_rack_new(&config));
    config = inputs(1);
    config.sample_rate = 0;
    CHECK(!rp_rack_new(&config));
    config = inputs(1);
    config.strip[0].source = RP_SOURCE_INPUT + 1;
    CHECK(!rp_rack_new(&config));
    config = inputs(1);
    config.strip[0].input[1] = RP_PORTS_MAX;
    CHECK(!rp_rack_new(&config));
    config = notes();
    config.strip[0].channel = RP_ANY_CHANNEL + 1;
    CHECK(!rp_rack_new(&config));
    config = notes();
    config.output[1] = RP_PORTS_MAX;
    CHECK(!rp_rack_new(&config));
    rp_rack *rack = rack_of(inputs(1));
    test_unit *unit = make_unit(RP_UNIT_EFFECT, 0);
    for (uint32_t i = 0; i < RP_STRIP_UNITS_MAX; i++) CHECK(rp_rack_add(rack, 0, &unit->unit));
    CHECK(!rp_rack_add(rack, 0, &unit->unit) && !rp_rack_add(rack, 1, &unit->unit));
    rp_rack_free(rack);
    rp_unit_free(&unit->unit);
}

static void test_failing_allocations(void) {
    rp_rack_config config = inputs(2);
    config.strip[1].output[0] = 3;
    test_unit *unit = make_unit(RP_UNIT_EFFECT, 0);
    long held = allocations_held();
    for (long n = 0; fail_allocation(n); n++) {
        rp_rack *rack = rp_rack_new(&config);
        int added = rack && rp_rack_add(rack, 0, &unit->unit);
        int failed = allocation_failed();
        fail_allocation(-1);
        CHECK(failed == !added);
        rp_rack_free(rack);
        CHECK(allocations_held() == held);
        if (!failed) break;
    }
    rp_unit_free(&unit->unit);
}

int main(void) {
    test_parallel_paths_arrive_on_one_sample();
    test_one_output_gets_half_of_each();
    test_bypass_keeps_time_and_does_not_click();
    test_gain_is_smooth_and_exact();
    test_meters();
    test_notes_arrive_at_their_frames();
    test_a_strip_may_hear_every_channel();
    test_too_many_events_lose_no_note_off();
    test_controllers_move_parameters();
    test_a_rack_fades_into_the_next();
    test_panic_resets_units_unheard();
    test_stop_ends_in_silence_first();
    test_another_period();
    test_delay_lines_fade_from_delay_to_delay();
    test_midi_is_delayed_with_the_sound();
    test_nothing_sticks_with_delayed_midi();
    test_input_that_is_no_sound_is_silence();
    test_off_line_it_waits_for_units();
    test_nothing_clicks();
    test_what_is_refused();
    test_failing_allocations();
    return 0;
}
