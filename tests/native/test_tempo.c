/* The tempo map, the player's tempo, his feel and his key. */
#include <math.h>

#include "check.h"
#include "continuation.h"
#include "feel.h"
#include "follow.h"
#include "key.h"
#include "tempo.h"

enum { RATE = 48000, BEAT = 12 };
static const double HALF_BEAT = 6.0;

static void test_map_is_steady(void) {
    rp_tempo map;
    rp_tempo_begin(&map, RATE, 1000, 120.0);
    CHECK(rp_tempo_frame(&map, 0) == 1000 && rp_tempo_frame(&map, BEAT) == 1000 + RATE / 2);
    CHECK(rp_tempo_frame(&map, -BEAT) == 0); /* before frame 0 */
    CHECK(fabs(rp_tempo_tick(&map, 1000 + RATE) - 2.0 * BEAT) < 1e-9);
    CHECK(fabs(rp_tempo_bpm(&map) - 120.0) < 1e-9);
}

/* What was said of earlier ticks stays true, and time only rises, whatever is bent. */
static void test_bends_change_only_what_comes(void) {
    rp_tempo map;
    uint64_t frame[400];
    srand(3);
    rp_tempo_begin(&map, RATE, 0, 100.0);
    for (int64_t tick = 0; tick < 400; tick++) {
        if (tick % 3 == 0) rp_tempo_bend(&map, tick, 40.0 + rand() % 200);
        frame[tick] = rp_tempo_frame(&map, tick);
        for (int64_t before = tick > 60 ? tick - 60 : 0; before < tick; before++) {
            CHECK(rp_tempo_frame(&map, before) == frame[before] && frame[before] < frame[tick]);
            CHECK(llround(rp_tempo_tick(&map, frame[before])) == before);
        }
    }
}

static void test_a_bend_at_the_last_piece_replaces_it(void) {
    rp_tempo map;
    rp_tempo_begin(&map, RATE, 0, 120.0);
    rp_tempo_bend(&map, 24, 60.0);
    rp_tempo_bend(&map, 24, 120.0);
    CHECK(rp_tempo_frame(&map, 36) == 3 * RATE / 2 && rp_tempo_last(&map) == 24);
}

static void test_a_jump_passes_over_silence(void) {
    rp_tempo map;
    rp_tempo_begin(&map, RATE, 0, 120.0);
    CHECK(rp_tempo_jump(&map, RATE, 96)); /* was tick 24 */
    CHECK(rp_tempo_frame(&map, 96) == RATE && rp_tempo_frame(&map, 60) == RATE);
    CHECK(rp_tempo_frame(&map, 12) == RATE / 2 && rp_tempo_frame(&map, 108) == RATE + RATE / 2);
    CHECK(!rp_tempo_jump(&map, RATE + 10, 90));  /* not back */
    CHECK(!rp_tempo_jump(&map, RATE - 10, 400)); /* nor before a piece */
}

/* A player who plays quarter notes at `truth`, while the map began at 120: its tempo in the end, and how far his last
 * onset is from a beat, in ticks. */
static double followed(double truth, double *off) {
    rp_tempo map;
    rp_follow follow = {0};
    double bpm = 120.0, tick = 0.0;
    rp_tempo_begin(&map, RATE, 0, bpm);
    for (int n = 0; n < 60; n++) {
        double shake = 0.008 * (rand() % 1000 / 500.0 - 1.0); /* seconds: nobody is exact */
        uint64_t frame = (uint64_t)llround((n * 60.0 / truth + 0.01 + shake) * RATE);
        tick = rp_tempo_tick(&map, frame);
        rp_follow_onset(&follow, frame, tick, RATE, &bpm);
        rp_follow_onset(&follow, frame + 200, tick + 0.1, RATE, &bpm); /* of the same chord */
        if (!rp_follow_ready(&follow)) continue;
        int64_t from = (int64_t)tick + BEAT + 1; /* a beat is committed */
        if (from < rp_tempo_last(&map)) from = rp_tempo_last(&map);
        double once = rp_follow_correct(&follow, (double)from, bpm);
        rp_tempo_bend(&map, from, once);
        rp_tempo_bend(&map, from + BEAT, bpm);
    }
    *off = tick - round(tick / HALF_BEAT) * HALF_BEAT;
    return bpm;
}

static void test_the_tempo_follows(void) {
    srand(5);
    for (int faster = 0; faster < 9; faster++) {
        double off, truth = 104.0 + 4.0 * faster, bpm = followed(truth, &off);
        CHECK(fabs(bpm - truth) < 0.02 * truth);
        CHECK(fabs(off) < 1.0);
    }
}

static void test_taps(void) {
    rp_follow follow = {0};
    double bpm = 0.0;
    CHECK(!rp_follow_tap(&follow, 5000, RATE, &bpm));
    for (int i = 1; i < 9; i++) CHECK(rp_follow_tap(&follow, 5000 + (uint64_t)i * RATE / 2, RATE, &bpm));
    CHECK(fabs(bpm - 120.0) < 1e-6);
    CHECK(!rp_follow_tap(&follow, 20 * RATE, RATE, &bpm)); /* too long ago: a new row of taps */
    CHECK(!rp_follow_tap(&follow, 19 * RATE, RATE, &bpm)); /* time does not go back */
}

static void test_feel_is_the_players(void) {
    rp_feel feel, other;
    double loud = 0.0, late = 0.0, most = 0.0;
    rp_feel_begin(&feel, RATE, 7);
    rp_feel_begin(&other, RATE, 7);
    for (int i = 0; i < 200; i++) {
        rp_feel_heard(&feel, 40, 0.008);
        rp_feel_heard(&other, 40, 0.008);
    }
    for (int i = 0; i < 1000; i++) {
        uint8_t velocity = rp_feel_velocity(&feel, (uint8_t)(90 + i % 10), 1.0, 0);
        int64_t delay = rp_feel_delay(&feel, (uint32_t)(i % 3), 1.0);
        CHECK(velocity == rp_feel_velocity(&other, (uint8_t)(90 + i % 10), 1.0, 0));
        CHECK(delay == rp_feel_delay(&other, (uint32_t)(i % 3), 1.0)); /* the same seed */
        CHECK(velocity >= 1 && velocity <= 127 && llabs(delay) <= rp_feel_bound(&feel));
        if (i >= 100) loud += velocity / 900.0;
        late += (double)delay / RATE / 1000.0;
        most = fmax(most, (double)llabs(delay));
    }
    CHECK(fabs(loud - 40.0) < 4.0);     /* the player's level, though the model's is 94 */
    CHECK(fabs(late - 0.008) < 0.0015); /* and as late as he is */
    CHECK(most > 0.009 * RATE);         /* but not every note the same */
    CHECK(rp_feel_delay(&feel, 0, 0.0) == 0);
    for (int i = 0; i < 100; i++) CHECK(abs(rp_feel_velocity(&feel, 0, 1.0, 0) - 40) < 30);
}

static void test_key(void) {
    static const uint8_t c_major[] = {60, 64, 67, 72, 62, 65, 69, 71, 60, 64, 67, 60, 65, 69, 67, 60};
    rp_key key = {0};
    uint8_t allowed[12];
    rp_key_allow(&key, 0, RP_KEY_AUTO, allowed);
    CHECK(allowed[1] && allowed[6]); /* nothing was heard yet */
    for (uint32_t i = 0; i < sizeof c_major; i++) rp_key_hear(&key, c_major[i]);
    rp_key_allow(&key, 0, RP_KEY_AUTO, allowed);
    CHECK(allowed[0] && allowed[4] && allowed[11] && !allowed[1] && !allowed[6]);
    rp_key_allow(&key, 2, RP_KEY_MAJOR, allowed);
    CHECK(allowed[1] && allowed[6] && !allowed[0] && !allowed[5]);
    rp_key_allow(&key, 9, RP_KEY_MINOR, allowed);
    CHECK(allowed[9] && allowed[8] && allowed[7] && !allowed[10]);
    rp_key_allow(&key, 9, RP_KEY_OFF, allowed);
    CHECK(allowed[10]);
}

int main(void) {
    test_map_is_steady();
    test_bends_change_only_what_comes();
    test_a_bend_at_the_last_piece_replaces_it();
    test_a_jump_passes_over_silence();
    test_the_tempo_follows();
    test_taps();
    test_feel_is_the_players();
    test_key();
    return 0;
}
