/* The band that answers: hand-over, yielding, comping, planning, and everything that may go wrong. */
#include <math.h>
#include <string.h>

#include "bands.h"

static concert c;

static void open_trio(uint32_t mode) {
    rp_continuation_config config = trio(mode);
    CHECK(concert_open(&c, &config, 1, 1));
}

/* Everything ends, the promises whose time came were kept, and nothing was late. */
static void close_in_silence(void) {
    rp_band_stats stats = concert_stats(&c);
    uint32_t owed = 0;
    for (uint32_t i = 0; i < c.notes; i++)
        owed += !c.note[i].sounded && !c.note[i].dropped && c.note[i].on < c.at.frame;
    CHECK(stats.late == 0 && stats.refused == 0 && stats.reports_lost == 0);
    CHECK(owed == 0);
    CHECK(rp_engine_stop(c.at.engine));
    stage_cycles(&c.at, 2);
    CHECK(stage_sounding(&c.at) == 0);
    concert_close(&c);
}

static void test_answers_on_the_next_beat(void) {
    open_trio(RP_MODE_DUET);
    concert_play(&c, 16, BEAT / 2);
    CHECK(c.heard == 16 && c.notes == 0 && c.state == RP_STATE_LISTENING);
    concert_seconds(&c, 1.0);
    CHECK(c.state == RP_STATE_ANSWERING && c.state_tick % 12 == 0 && c.notes > 0);
    CHECK(c.note[0].tick == c.state_tick); /* from the very beat on */
    concert_seconds(&c, 8.0);
    rp_band_stats stats = concert_stats(&c);
    CHECK(stats.handovers == 1 && stats.due > 0 && stats.missed == 0 && stats.stale == 0);
    CHECK(concert_sounded(&c) > 2 && stats.sounded == concert_sounded(&c));
    close_in_silence();
}

static void test_yields_and_answers_again(void) {
    open_trio(RP_MODE_DUET);
    concert_set(&c, RP_SET_DENSITY, 4);
    concert_set(&c, RP_SET_COMMIT_BEATS, 4);
    for (uint32_t round = 1; round <= 5; round++) {
        concert_play(&c, 6, BEAT / 2);
        CHECK(c.state == RP_STATE_LISTENING);
        uint32_t notes = c.notes;
        concert_play(&c, 4, BEAT / 2);
        CHECK(c.notes == notes && concert_stats(&c).handovers == round - 1); /* it is silent while the player plays */
        concert_seconds(&c, 4.0);
        CHECK(c.state == RP_STATE_ANSWERING && c.notes > notes);
    }
    CHECK(concert_stats(&c).cancelled > 0);
    close_in_silence();
}

static void test_comps_while_the_player_plays(void) {
    open_trio(RP_MODE_DUET);
    concert_set(&c, RP_SET_WHILE_PLAYING, RP_WHILE_COMP);
    concert_play(&c, 4, BEAT / 2);
    concert_seconds(&c, 3.0);
    CHECK(c.state == RP_STATE_ANSWERING);
    uint32_t before = c.notes;
    concert_play(&c, 24, BEAT / 2);
    CHECK(c.state == RP_STATE_COMPING && c.notes > before + 2);
    for (uint32_t i = before; i < c.notes; i++)
        CHECK(c.note[i].instrument != 0 || c.note[i].on < c.state_frame); /* the player's own is left to him */
    CHECK(c.planned > c.notes); /* he is imagined, and what was planned redone */
    concert_seconds(&c, 2.0);
    CHECK(c.state == RP_STATE_ANSWERING);
    close_in_silence();
}

static void test_band_begins_and_rests(void) {
    open_trio(RP_MODE_BAND);
    concert_set(&c, RP_SET_START_NOTES, 4);
    concert_set(&c, RP_SET_REST_BARS, 2);
    concert_play(&c, 3, BEAT / 4);
    CHECK(c.state == RP_STATE_LISTENING);
    concert_play(&c, 20, BEAT / 2);
    CHECK(c.state == RP_STATE_COMPING && c.notes > 0);
    for (uint32_t i = 0; i < c.notes; i++) CHECK(c.note[i].instrument != 0);
    concert_seconds(&c, 5.5);
    CHECK(c.state == RP_STATE_LISTENING);
    concert_seconds(&c, 5.5); /* even the longest note has ended */
    CHECK(concert_stats(&c).missed == 0);
    close_in_silence();
}

static void test_from_scratch(void) {
    rp_continuation_config config = trio(RP_MODE_DUET);
    config.origin = RP_ORIGIN_ZERO;
    CHECK(concert_open(&c, &config, 1, 1));
    CHECK(rp_continuation_hand_over(c.band));
    concert_seconds(&c, 10.0);
    CHECK(c.state == RP_STATE_ANSWERING && c.note[0].tick == 12 && concert_sounded(&c) > 3);
    CHECK(llabs((long long)c.note[0].on - BEAT) <= RATE / 40);
    CHECK(rp_continuation_yield(c.band));
    concert_seconds(&c, 1.0);
    uint32_t notes = c.notes;
    concert_seconds(&c, 5.0);
    CHECK(c.state == RP_STATE_LISTENING && c.notes == notes);
    close_in_silence();
}

static void test_pedal_hands_over(void) {
    open_trio(RP_MODE_DUET);
    concert_set(&c, RP_SET_HANDOVER_PEDAL, 67);
    concert_play(&c, 4, BEAT / 2);
    stage_send(&c.at, 0, 0x90, 60, 90); /* the key stays down */
    concert_cycles(&c, 4);
    stage_send(&c.at, 0, 0xB0, 67, 127);
    concert_seconds(&c, 1.5);
    CHECK(c.state == RP_STATE_ANSWERING);
    concert_play(&c, 4, BEAT / 2);
    CHECK(c.state == RP_STATE_ANSWERING); /* the pedal is held */
    stage_send(&c.at, 0, 0xB0, 67, 0);
    concert_play(&c, 2, BEAT / 2);
    CHECK(c.state == RP_STATE_LISTENING);
    close_in_silence();
}

static void test_an_answer_of_two_bars(void) {
    open_trio(RP_MODE_DUET);
    concert_set(&c, RP_SET_ANSWER_BARS, 2);
    concert_play(&c, 8, BEAT / 2);
    concert_seconds(&c, 9.0);
    CHECK(c.state == RP_STATE_LISTENING && concert_stats(&c).handovers == 1);
    for (uint32_t i = 0; i < c.notes; i++) CHECK(c.note[i].dropped || c.note[i].tick < c.state_tick);
    close_in_silence();
}

/* Whatever the tempo does, each promise is kept at its frame, in order, once. */
static void test_tempo_changes_skip_nothing(void) {
    open_trio(RP_MODE_DUET);
    concert_set(&c, RP_SET_DENSITY, 3);
    concert_play(&c, 8, BEAT / 2);
    srand(9);
    for (uint32_t i = 0; i < 60; i++) {
        concert_set(&c, RP_SET_TEMPO, 50 + rand() % 200);
        concert_seconds(&c, 0.3);
    }
    uint64_t last = 0;
    int64_t tick = 0;
    for (uint32_t i = 0; i < c.notes; i++) {
        if (c.note[i].dropped) continue;
        CHECK(c.note[i].tick >= tick);
        if (c.note[i].tick > tick) CHECK(c.note[i].on + RATE / 10 > last);
        tick = c.note[i].tick;
        last = c.note[i].on;
    }
    CHECK(c.notes > 20 && concert_stats(&c).missed == 0);
    close_in_silence();
}

static void test_taps_and_following(void) {
    open_trio(RP_MODE_DUET);
    concert_set(&c, RP_SET_TEMPO_SOURCE, RP_TEMPO_TAP);
    for (uint32_t i = 0; i < 5; i++) {
        CHECK(rp_continuation_tap(c.band, 0));
        concert_cycles(&c, RATE * 6 / 10 / BLOCK); /* 100 a minute */
    }
    CHECK(fabs((double)concert_stats(&c).millibpm - 100000.0) < 1500.0);
    concert_set(&c, RP_SET_TEMPO_SOURCE, RP_TEMPO_FOLLOW);
    concert_play(&c, 40, RATE * 60 / 92);
    CHECK(fabs((double)concert_stats(&c).millibpm - 92000.0) < 2000.0);
    close_in_silence();
}

static void test_panic_and_other_rigs(void) {
    open_trio(RP_MODE_DUET);
    concert_set(&c, RP_SET_DENSITY, 4);
    for (uint32_t round = 0; round < 6; round++) {
        concert_play(&c, 4, BEAT / 2);
        concert_seconds(&c, 1.6);
        CHECK(c.state == RP_STATE_ANSWERING);
        if (round % 3 == 0) CHECK(rp_engine_panic(c.at.engine));
        else CHECK(rp_engine_load(c.at.engine, concert_rig(&c, round % 3 == 2)));
        stage_cycle(&c.at);
        if (round % 3 == 0) CHECK(stage_sounding(&c.at) == 0);
        uint32_t sounded = concert_sounded(&c);
        concert_seconds(&c, 2.0);
        if (round % 3 != 2) CHECK(concert_sounded(&c) == sounded && c.state == RP_STATE_LISTENING);
        else CHECK(c.state == RP_STATE_ANSWERING); /* the same band goes on in another rig */
        if (round % 3 == 1) CHECK(rp_engine_load(c.at.engine, concert_rig(&c, 1)));
        concert_cycles(&c, 2);
    }
    close_in_silence();
}

/* A worker that did nothing for a while: what was committed sounds, then there is a rest; nothing comes late. */
static void test_a_worker_held_up(void) {
    open_trio(RP_MODE_DUET);
    concert_set(&c, RP_SET_DENSITY, 4);
    concert_play(&c, 8, BEAT / 2);
    concert_seconds(&c, 3.0);
    for (uint32_t round = 0; round < 8; round++) {
        rp_continuation_stall(c.band, 1);
        concert_seconds(&c, 0.1 * (1 << round));
        rp_continuation_stall(c.band, 0);
        concert_seconds(&c, 1.0);
    }
    rp_band_stats stats = concert_stats(&c);
    CHECK(stats.missed > 0 && c.missed > 0 && stats.late == 0 && stats.due > stats.missed);
    CHECK(c.state == RP_STATE_ANSWERING);
    close_in_silence();
}

/* The plan is redone all the time, and the worker decides one event in 24 cycles: the older plan stands in. */
static void test_the_reserve_plays(void) {
    open_trio(RP_MODE_BAND);
    concert_set(&c, RP_SET_START_NOTES, 2);
    concert_set(&c, RP_SET_DENSITY, 4);
    concert_set(&c, RP_SET_COMMIT_BEATS, 0.1);
    concert_play(&c, 8, BEAT / 2);
    for (uint32_t n = 0; n < 600; n++) {
        stage_send(&c.at, 0, n & 1 ? 0x80 : 0x90, (uint8_t)(60 + n / 2 % 12), 80);
        concert_looks(&c, 1, 24);
    }
    rp_band_stats stats = concert_stats(&c);
    CHECK(stats.stale > 0 && stats.dropped > 0 && stats.late == 0);
    close_in_silence();
}

static void test_a_flood(void) {
    open_trio(RP_MODE_BAND);
    for (uint32_t n = 0; n < 4000; n++) { /* some 750 notes a second */
        stage_send(&c.at, 0, 0x90, (uint8_t)(20 + n * 7 % 100), 80);
        stage_send(&c.at, 64, 0x80, (uint8_t)(20 + n * 7 % 100), 0);
        concert_looks(&c, 1, 1);
        concert_cycles(&c, n % 4 == 0);
    }
    rp_band_stats stats = concert_stats(&c);
    CHECK(stats.thinned > 0 && stats.moves > 0 && stats.heard + stats.thinned + stats.merged == 4000);
    CHECK(c.state == RP_STATE_COMPING && stats.committed > 0);
    concert_seconds(&c, 1.0);
    close_in_silence();
}

static void test_the_context_moves_on(void) {
    rp_continuation_config config = trio(RP_MODE_DUET);
    config.context = 128;
    CHECK(concert_open(&c, &config, 1, 1));
    concert_set(&c, RP_SET_DENSITY, 4);
    for (uint32_t round = 0; round < 6; round++) {
        concert_play(&c, 24, BEAT / 4);
        concert_seconds(&c, 12.0);
        CHECK(concert_stats(&c).length <= 128);
    }
    CHECK(concert_stats(&c).moves >= 3 && concert_stats(&c).missed == 0);
    close_in_silence();
}

static uint64_t fingerprint(uint32_t seed) {
    uint64_t sum = 0;
    open_trio(RP_MODE_DUET);
    concert_set(&c, RP_SET_SEED, seed);
    concert_play(&c, 12, BEAT / 2);
    concert_seconds(&c, 12.0);
    for (uint32_t i = 0; i < c.notes; i++)
        sum = sum * 1000003 + c.note[i].on * 128 * 128 + c.note[i].pitch * 128u + c.note[i].velocity;
    close_in_silence();
    return sum;
}

static void test_the_seed_decides(void) {
    uint64_t first = fingerprint(5);
    CHECK(first == fingerprint(5) && first != fingerprint(6));
}

/* Instruments, ranges, the key and the player's own pitches are masks, not hopes. */
static void test_what_is_not_allowed_does_not_come(void) {
    static const uint8_t d_major[12] = {0, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1};
    open_trio(RP_MODE_DUET);
    concert_set(&c, RP_SET_DENSITY, 4);
    concert_set(&c, RP_SET_KEY_MODE, RP_KEY_MAJOR);
    concert_set(&c, RP_SET_KEY_ROOT, 2);
    concert_set(&c, RP_SET_REGISTER, 3);
    CHECK(rp_continuation_enable(c.band, 2, 0));
    concert_play(&c, 8, BEAT / 2);
    concert_seconds(&c, 60.0);
    CHECK(c.notes > 20);
    for (uint32_t i = 0; i < c.notes; i++) {
        const promise *one = &c.note[i];
        CHECK(one->instrument < 2 && d_major[one->pitch % 12]);
        CHECK(one->pitch >= (one->instrument ? 33 : 51) && one->pitch <= (one->instrument ? 63 : 93));
    }
    CHECK(rp_continuation_enable(c.band, 0, 0) && rp_continuation_enable(c.band, 1, 0));
    concert_seconds(&c, 3.0);
    uint32_t notes = c.notes;
    concert_seconds(&c, 3.0); /* nobody is left: a rest, and no fault */
    CHECK(c.notes == notes && c.faults == 0 && concert_stats(&c).missed == 0);
    close_in_silence();
}

static void test_held_pitches_are_not_doubled(void) {
    open_trio(RP_MODE_BAND);
    concert_set(&c, RP_SET_START_NOTES, 1);
    concert_set(&c, RP_SET_DENSITY, 4);
    for (uint8_t pitch = 36; pitch < 60; pitch++) stage_send(&c.at, 0, 0x90, pitch, 80);
    concert_seconds(&c, 60.0);
    CHECK(c.notes > 10);
    for (uint32_t i = 0; i < c.notes; i++) CHECK(c.note[i].pitch < 36 || c.note[i].pitch >= 60);
    close_in_silence();
}

static void test_no_numbers(void) {
    rp_continuation_config config = trio(RP_MODE_DUET);
    CHECK(concert_open(&c, &config, 0, 1));
    concert_play(&c, 8, BEAT / 2);
    concert_seconds(&c, 6.0);
    CHECK(c.faults > 2 && c.faults < 20 && c.notes == 0 && c.state == RP_STATE_ANSWERING);
    CHECK(concert_stats(&c).missed > 0);
    close_in_silence();
}

static void test_refusals(void) {
    rp_continuation_config good = trio(RP_MODE_DUET), bad;
    rp_transformer *transformer = tiny_transformer(1);
    bad = good, bad.member[0].code = 66;
    CHECK(!rp_continuation_new(&bad, transformer));
    bad = good, bad.member[0].low = 100;
    CHECK(!rp_continuation_new(&bad, transformer));
    bad = good, bad.context = 50;
    CHECK(!rp_continuation_new(&bad, transformer));
    bad = good, bad.meter = 16;
    CHECK(!rp_continuation_new(&bad, transformer));
    rp_continuation *band = rp_continuation_new(&good, transformer);
    CHECK(!rp_continuation_set(band, RP_SET_COUNT, 0) && !rp_continuation_set(band, RP_SET_TEMPO, 5000));
    CHECK(!rp_continuation_set(band, RP_SET_SEED, 0.5) && !rp_continuation_set(band, RP_SET_TEMPO, NAN));
    CHECK(!rp_continuation_enable(band, 3, 1) && !rp_continuation_start(band)); /* it is synchronous */
    for (uint32_t i = 0; i < RP_SET_COUNT; i++) {
        const rp_parameter *one = &rp_continuation_parameters()[i];
        CHECK(one->name && one->what[0] && one->usual >= one->low && one->usual <= one->high);
        CHECK(rp_continuation_set(band, i, one->low) && rp_continuation_set(band, i, one->high));
    }
    rp_continuation_free(band);
    rp_transformer_free(transformer);
}

static void test_each_allocation_may_fail(void) {
    long held = allocations_held();
    for (long after = 0;; after++) {
        rp_continuation_config config = trio(RP_MODE_DUET);
        rp_transformer *transformer = tiny_transformer(1);
        if (!fail_allocation(after)) {
            rp_transformer_free(transformer);
            return;
        }
        rp_continuation *band = rp_continuation_new(&config, transformer);
        int failed = allocation_failed();
        fail_allocation(-1);
        CHECK(failed == (band == NULL));
        rp_continuation_free(band);
        rp_transformer_free(transformer);
        CHECK(allocations_held() == held);
        if (!failed) return;
    }
}

int main(void) {
    test_answers_on_the_next_beat();
    test_yields_and_answers_again();
    test_comps_while_the_player_plays();
    test_band_begins_and_rests();
    test_from_scratch();
    test_pedal_hands_over();
    test_an_answer_of_two_bars();
    test_tempo_changes_skip_nothing();
    test_taps_and_following();
    test_panic_and_other_rigs();
    test_a_worker_held_up();
    test_the_reserve_plays();
    test_a_flood();
    test_the_context_moves_on();
    test_the_seed_decides();
    test_what_is_not_allowed_does_not_come();
    test_held_pitches_are_not_doubled();
    test_no_numbers();
    test_refusals();
    test_each_allocation_may_fail();
    return 0;
}
