/* Following a player: beats are said before they come, at his tempo, and silence is silence. */
#include <math.h>
#include <string.h>

#include "beats.h"
#include "check.h"

enum { RATE = 48000, MOST = 512, EVERY = RATE / 100 };

static rp_beats *beats;
static rp_beat said[MOST];
static uint32_t count;

/* Time passes up to `frame`; what is said comes later than all before, now or within the lead. */
static void pass(uint64_t from, uint64_t frame) {
    for (uint64_t now = from; now < frame; now += EVERY) {
        while (count < MOST && rp_beats_next(beats, now, &said[count])) {
            const rp_beat *one = &said[count];
            CHECK(one->frame >= (double)now && one->frame <= (double)now + RP_BEATS_LEAD * RATE / 1000.0);
            CHECK(one->confidence >= 0.0 && one->confidence <= 1.0 && one->bpm > 40.0 && one->bpm < 240.0);
            if (count) CHECK(one->frame > said[count - 1].frame && one->beat > said[count - 1].beat);
            count++;
        }
    }
}

static void begin(void) {
    beats = rp_beats_new(RATE);
    CHECK(beats);
    count = 0;
}

/* How far the nearest beat that was said lies from a moment, in seconds. */
static double off(double frame) {
    double least = 1e9;
    for (uint32_t i = 0; i < count; i++) least = fmin(least, fabs(said[i].frame - frame) / RATE);
    return least;
}

static uint32_t said_between(double from, double to) {
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) found += said[i].frame >= from && said[i].frame < to;
    return found;
}

/* A bass note on each beat with a chord over it, and single notes between. Returns the frame of beat `played`. */
static double play(uint32_t played, uint32_t parts, double bpm, double faster, double *at_beat) {
    double at = RATE, tempo = bpm;
    uint64_t now = 0;
    for (uint32_t i = 0; i < played * parts; i++) {
        uint64_t frame = (uint64_t)at;
        pass(now, frame);
        now = (frame + 600 + EVERY) / EVERY * EVERY;
        if (i % parts == 0) {
            at_beat[i / parts] = at;
            rp_beats_note(beats, frame, 48, 80);
            rp_beats_note(beats, frame + 300, 64, 70);
        }
        rp_beats_note(beats, frame + 600, 72, 64);
        at += 60.0 / tempo / parts * RATE;
        tempo *= 1.0 + faster / parts;
    }
    pass(now, (uint64_t)at);
    return at;
}

static void test_a_steady_player(double bpm, uint32_t parts) {
    double at[64];
    begin();
    double end = play(40, parts, bpm, 0.0, at);
    for (uint32_t i = 12; i < 40; i++) CHECK(off(at[i]) < 0.03);
    CHECK(said_between(at[12] - 2000, end - 2000) == 28);
    CHECK(fabs(said[count - 1].bpm - bpm) < 0.03 * bpm && said[count - 1].confidence > 0.5);
    rp_beats_free(beats);
}

static void test_a_player_who_hurries(void) {
    double at[64];
    begin();
    double end = play(60, 2, 85.0, 0.006, at);
    for (uint32_t i = 12; i < 60; i++) CHECK(off(at[i]) < 0.07);
    CHECK(said_between(at[12] - 2000, end - 2000) == 48);
    CHECK(said[count - 1].bpm > 110.0);
    rp_beats_free(beats);
}

static void test_silence_takes_the_confidence_and_then_the_beats(void) {
    double at[64];
    begin();
    uint64_t end = (uint64_t)play(24, 2, 100.0, 0.0, at) / EVERY * EVERY;
    double sure = said[count - 1].confidence;
    pass(end, end + 6 * RATE);
    CHECK(said_between((double)end + RATE, (double)end + 6.0 * RATE) >= 7);
    CHECK(said[count - 1].confidence < 0.5 * sure);
    pass(end + 6 * RATE, end + 30 * RATE);
    CHECK(said_between((double)end + 10.0 * RATE, (double)end + 30.0 * RATE) == 0);
    rp_beats_free(beats);
}

static void test_nothing_is_said_of_few_notes(void) {
    begin();
    for (uint64_t i = 0; i < 3; i++) rp_beats_note(beats, i * RATE / 2, 60, 64);
    pass(RATE, 4 * RATE);
    CHECK(count == 0);
    rp_beats_clear(beats);
    rp_beats_note(beats, 10, 60, 64);
    pass(10, RATE);
    CHECK(count == 0);
    rp_beats_free(beats);
}

/* Beats that nobody asked for are counted and gone. */
static void test_who_does_not_ask_is_told_the_next(void) {
    double at[64];
    rp_beat beat;
    begin();
    uint64_t end = (uint64_t)play(24, 2, 100.0, 0.0, at);
    double before = said[count - 1].beat;
    uint64_t now = end + 3 * RATE;
    while (!rp_beats_next(beats, now, &beat)) now += EVERY;
    CHECK(beat.frame >= (double)now && beat.beat >= before + 4.0);
    rp_beats_free(beats);
}

/* Whatever is played, and frames that fall: `pass` checks what is said; nothing is allocated or locked. */
static void test_anything_may_be_played(void) {
    uint64_t now = 0;
    begin();
    srand(7);
    forbid_waiting(1);
    for (int i = 0; i < 3000; i++) {
        uint64_t gap = (uint64_t)(rand() % 30) * (rand() % 40 ? EVERY / 2 : 60 * EVERY);
        pass((now + EVERY - 1) / EVERY * EVERY, now + gap);
        now += gap;
        rp_beats_note(beats, rand() % 20 ? now : now / 2, (uint32_t)rand() % 128, (uint32_t)rand() % 128);
        if (count > MOST - 64) count = 0;
    }
    forbid_waiting(0);
    rp_beats_free(beats);
}

static void test_what_cannot_be(void) {
    CHECK(!rp_beats_new(0) && !rp_beats_new(7999) && !rp_beats_new(384001));
    if (fail_allocation(0)) CHECK(!rp_beats_new(RATE) && allocation_failed());
    fail_allocation(-1);
    rp_beats_free(NULL);
}

int main(void) {
    test_a_steady_player(100.0, 1);
    test_a_steady_player(72.0, 2);
    test_a_steady_player(96.0, 2);
    test_a_steady_player(126.0, 2);
    test_a_steady_player(80.0, 3);
    test_a_steady_player(76.0, 4);
    test_a_player_who_hurries();
    test_silence_takes_the_confidence_and_then_the_beats();
    test_nothing_is_said_of_few_notes();
    test_who_does_not_ask_is_told_the_next();
    test_anything_may_be_played();
    test_what_cannot_be();
    return 0;
}
