/* test_vocoder.c - the voice's sound: the same however it is cut, silent when it should be, without a click. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "check.h"
#include "sampler.h"
#include "vocoder.h"

enum { MOST = 400000 };
static const uint32_t RATES[] = {22050, 44100, 48000, 192000};
static rp_random dice = {1};

static float uniform_between(float low, float high) { return low + (float)rp_random_next(&dice) * (high - low); }
static uint32_t below(uint32_t n) { return (uint32_t)(rp_random_next(&dice) * n); }

/* A dark voice: 250 Hz, twice a frame, and little above, so that a step in the wave would stand out. */
static rp_vocal_frame dark(float level) {
    rp_vocal_frame frame = {.f0 = 250, .level = level};
    for (uint32_t i = 0; i < RP_VOCAL_BANDS; i++) frame.envelope[i] = 12 - 6 * (float)i;
    for (uint32_t i = 0; i < RP_VOCAL_NOISES; i++) frame.aperiodicity[i] = -40;
    return frame;
}

/* Anything a voice may do, with rests and breaths. */
static rp_vocal_frame anything(void) {
    rp_vocal_frame frame = {.f0 = below(4) ? uniform_between(60, 900) : 0, .level = uniform_between(-40, 0)};
    if (below(8) == 0) frame.level = -INFINITY;
    for (uint32_t i = 0; i < RP_VOCAL_BANDS; i++) frame.envelope[i] = uniform_between(-40, 10);
    for (uint32_t i = 0; i < RP_VOCAL_NOISES; i++) frame.aperiodicity[i] = uniform_between(-60, 0);
    return frame;
}

/* `samples` of a voice that is told `count` frames as they fall due, in pieces of 1..most; a fade at sample `fade`. */
static void sing(rp_vocoder *v, const rp_vocal_frame *frames, uint64_t count, uint32_t most, uint64_t fade, float *out,
                 uint64_t samples) {
    memset(out, 0, samples * sizeof *out);
    uint64_t told = 0, done = 0;
    rp_vocoder_state state;
    rp_vocoder_get_state(v, &state);
    while (done < samples) {
        uint64_t n = 1 + below(most);
        if (n > samples - done) n = samples - done;
        if (done < fade && n > fade - done) n = fade - done;
        if (done == fade) rp_vocoder_fade(v, 0.015);
        rp_vocoder_get_state(v, &state);
        const uint64_t last = state.frame + RP_VOCODER_AHEAD - 1;
        for (told = done == fade ? state.frame : told; told < count && told <= last; told++)
            rp_vocoder_push(v, told, &frames[told]);
        rp_vocoder_render(v, out + done, (uint32_t)n);
        done += n;
    }
}

/* ---- time ---- */

static void test_frames_begin_at_the_rounded_sample(void) {
    for (uint32_t i = 0; i < sizeof RATES / sizeof *RATES; i++)
        for (uint64_t k = 0; k < 2000; k++)
            CHECK(rp_vocoder_start(RATES[i], k) == (uint64_t)floor((double)k * RATES[i] * 8 / 1000 + 0.5));
}

static void test_only_frames_in_time_are_taken(void) {
    static float out[48000];
    const rp_vocal_frame frame = dark(0);
    rp_vocoder *v = rp_vocoder_new(48000);
    CHECK(rp_vocoder_push(v, 0, &frame) && rp_vocoder_push(v, RP_VOCODER_AHEAD - 1, &frame));
    CHECK(!rp_vocoder_push(v, RP_VOCODER_AHEAD, &frame) && !rp_vocoder_push(v, UINT64_MAX, &frame));
    rp_vocoder_render(v, out, 384); /* the whole of frame 0; frame 1 may still come */
    CHECK(rp_vocoder_push(v, 1, &frame) && !rp_vocoder_push(v, 0, &frame));
    rp_vocoder_render(v, out, 1);
    CHECK(!rp_vocoder_push(v, 1, &frame) && rp_vocoder_push(v, 2, &frame));
    rp_vocoder_clear(v, 768 * 1000 + 5); /* within frame 2000 */
    rp_vocoder_state state;
    rp_vocoder_get_state(v, &state);
    CHECK(state.frame == 2000 && state.sample == 768005 && !state.sounding && state.held == 0);
    CHECK(!rp_vocoder_push(v, 2000, &frame) && rp_vocoder_push(v, 2001, &frame));
    memset(out, 0, sizeof out);
    rp_vocoder_render(v, out, 500);
    for (uint32_t i = 0; i < 379; i++) CHECK(out[i] == 0);
    CHECK(out[400] != 0);
    rp_vocoder_free(v);
}

static void test_the_sound_does_not_depend_on_the_cuts(void) {
    static float whole[MOST], cut[MOST];
    static rp_vocal_frame frames[150];
    for (uint32_t i = 0; i < sizeof RATES / sizeof *RATES; i++) {
        const uint64_t samples = rp_vocoder_start(RATES[i], 190), fade = rp_vocoder_start(RATES[i], 97) + 77;
        for (uint32_t k = 0; k < 150; k++) frames[k] = anything();
        frames[95] = frames[96] = dark(0);
        rp_vocoder *v = rp_vocoder_new(RATES[i]);
        CHECK(v);
        sing(v, frames, 150, 1, fade, whole, samples);
        const uint32_t ahead = RATES[i] / 10, most[] = {16, 300, ahead < 4096 ? ahead : 4096};
        for (uint32_t m = 0; m < 3; m++) {
            rp_vocoder_clear(v, 0);
            sing(v, frames, 150, most[m], fade, cut, samples);
            CHECK(memcmp(whole, cut, samples * sizeof *cut) == 0);
        }
        rp_vocoder_free(v);
    }
}

static void test_output_is_added_to(void) {
    float out[2][3072] = {{0}};
    const rp_vocal_frame frame = dark(0);
    for (uint32_t i = 0; i < 3072; i++) out[1][i] = 1;
    for (uint32_t i = 0; i < 2; i++) {
        rp_vocoder *v = rp_vocoder_new(48000);
        for (uint64_t k = 0; k < 8; k++) rp_vocoder_push(v, k, &frame);
        rp_vocoder_render(v, out[i], 3072);
        rp_vocoder_free(v);
    }
    for (uint32_t i = 0; i < 3072; i++) CHECK(out[1][i] == out[0][i] + 1);
}

/* ---- silence ---- */

static int is_zero(const float *x, uint64_t n) {
    for (uint64_t i = 0; i < n; i++)
        if (x[i] != 0) return 0;
    return 1;
}

static double loudest(const float *x, uint64_t n) {
    double most = 0;
    for (uint64_t i = 0; i < n; i++) most = fmax(most, fabs((double)x[i]));
    return most;
}

static void test_a_starved_voice_holds_then_fades_then_is_silent(void) {
    static float out[48000];
    const rp_vocal_frame frame = dark(0);
    rp_vocoder *v = rp_vocoder_new(48000);
    rp_vocoder_render(v, out, 1000);
    CHECK(is_zero(out, 1000));
    rp_vocoder_clear(v, 0);
    for (uint64_t k = 0; k < 10; k++) rp_vocoder_push(v, k, &frame);
    rp_vocoder_render(v, out, 48000);
    const double full = loudest(out + 3840 - 384, 384);
    CHECK(fabs(loudest(out + 3840 + 3 * 384, 384) / full - 1) < 0.02);       /* held for 32 ms */
    CHECK(fabs(loudest(out + 3840 + 1536 + 4704, 384) / full - 0.5) < 0.05); /* half way through 200 ms */
    CHECK(is_zero(out + 3840 + 1536 + 9600, 48000 - 3840 - 1536 - 9600));
    CHECK(!is_zero(out + 3840 + 1536 + 9600 - 384, 384));
    rp_vocoder_state state;
    rp_vocoder_get_state(v, &state);
    CHECK(state.held == 29 && !state.sounding && state.sample == 48000 && state.frame == 125);
    memset(out, 0, sizeof out);
    rp_vocoder_push(v, 125, &frame); /* and is taken up again */
    rp_vocoder_render(v, out, 768);
    CHECK(loudest(out + 384, 384) > 0.8 * full);
    rp_vocoder_free(v);
}

static void test_a_rest_is_silent_and_nothing_is_missing_in_it(void) {
    static float out[48000];
    const rp_vocal_frame frame = dark(0), rest = dark(-90);
    rp_vocoder *v = rp_vocoder_new(48000);
    rp_vocoder_push(v, 0, &frame);
    rp_vocoder_push(v, 1, &rest);
    rp_vocoder_render(v, out, 48000);
    CHECK(!is_zero(out + 384, 384) && is_zero(out + 768, 48000 - 768));
    rp_vocoder_state state;
    rp_vocoder_get_state(v, &state);
    CHECK(state.held == 0);
    rp_vocoder_free(v);
}

static void test_a_fade_ends_in_silence_and_forgets(void) {
    static float out[48000];
    const rp_vocal_frame frame = dark(0);
    rp_vocoder *v = rp_vocoder_new(48000);
    for (uint64_t k = 0; k < 16; k++) rp_vocoder_push(v, k, &frame);
    rp_vocoder_render(v, out, 1000);
    rp_vocoder_fade(v, 0.015);
    rp_vocoder_fade(v, 10);                                                /* a longer one does not slow it */
    CHECK(rp_vocoder_push(v, 3, &frame) && rp_vocoder_push(v, 5, &frame)); /* due within it, and after it */
    rp_vocoder_render(v, out + 1000, 2000);
    rp_vocoder_state state;
    rp_vocoder_get_state(v, &state);
    CHECK(state.held == 2); /* those after frame 5 */
    CHECK(!is_zero(out + 1000, 718) && is_zero(out + 1722, 1920 - 1722) && !is_zero(out + 1920, 384));
    memset(out, 0, sizeof out);
    rp_vocoder_clear(v, 0);
    rp_vocoder_push(v, 0, &frame);
    rp_vocoder_fade(v, 0.015); /* nothing sounds: what was pushed is forgotten, what comes sounds */
    rp_vocoder_push(v, 1, &frame);
    rp_vocoder_render(v, out, 1000);
    CHECK(is_zero(out, 384) && !is_zero(out + 384, 300));
    rp_vocoder_free(v);
}

/* ---- what no voice should be told ---- */

static int all_finite(const float *x, uint64_t n) {
    for (uint64_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return 0;
    return 1;
}

static void test_frames_that_are_no_numbers_are_silence(void) {
    static float out[768];
    const float bad[] = {NAN, INFINITY, -INFINITY};
    const uint32_t floats = sizeof(rp_vocal_frame) / sizeof(float);
    rp_vocoder *v = rp_vocoder_new(48000);
    for (uint32_t i = 0; i < floats * 3; i++) {
        rp_vocal_frame frame = dark(0);
        memcpy((char *)&frame + i / 3 * sizeof(float), &bad[i % 3], sizeof(float));
        rp_vocoder_clear(v, 0);
        rp_vocoder_push(v, 0, &frame);
        memset(out, 0, sizeof out);
        rp_vocoder_render(v, out, 768);
        CHECK(is_zero(out, 768));
    }
    rp_vocoder_free(v);
}

static void test_absurd_frames_give_finite_sound(void) {
    static float out[5000];
    const float sizes[] = {-3e38f, -1e4f, -1e-40f, 0, 1e-40f, 1e-3f, 7, 1e4f, 3e38f};
    const uint32_t floats = sizeof(rp_vocal_frame) / sizeof(float);
    for (uint32_t r = 0; r < sizeof RATES / sizeof *RATES; r++) {
        rp_vocoder *v = rp_vocoder_new(RATES[r]);
        for (uint32_t trial = 0; trial < 300; trial++) {
            rp_vocal_frame frame = anything();
            for (uint32_t n = below(4); n < 4; n++)
                memcpy((char *)&frame + below(floats) * sizeof(float), &sizes[below(9)], sizeof(float));
            rp_vocoder_state state;
            rp_vocoder_get_state(v, &state);
            rp_vocoder_push(v, state.frame, &frame);
            memset(out, 0, sizeof out);
            rp_vocoder_render(v, out, (uint32_t)(rp_vocoder_start(RATES[r], state.frame + 1) - state.sample));
            CHECK(all_finite(out, 5000));
        }
        rp_vocoder_free(v);
    }
}

/* ---- no click ---- */

/* The largest change of the step: of a click it is as large as the click itself. */
static double sharpest(const float *x, uint64_t n) {
    double most = 0;
    for (uint64_t i = 2; i < n; i++) {
        const double bend = (double)x[i] - 2 * (double)x[i - 1] + (double)x[i - 2];
        most = fmax(most, fabs(bend));
    }
    return most;
}

/* Onset, rest, starvation, taking up, panic, octaves, voiced and breathed: nothing is sharper than a click 44 dB below
 * the voice would be. The voice itself is that smooth, and breath is what is sharpest. */
static void test_no_edge_clicks(void) {
    static float steady[9600], out[96000];
    static rp_vocal_frame frames[200];
    rp_vocoder *v = rp_vocoder_new(48000);
    for (uint32_t k = 0; k < 200; k++) frames[k] = dark(0);
    sing(v, frames, 25, 500, UINT64_MAX, steady, 9600);
    const double full = loudest(steady, 9600);
    CHECK(full > 0.02 && sharpest(steady + 960, 8640) < 0.002 * full);
    for (uint32_t k = 30; k < 40; k++) frames[k].level = -INFINITY;
    for (uint32_t k = 60; k < 70; k++) frames[k].f0 = 0;
    for (uint32_t k = 80; k < 90; k++) frames[k].f0 = 110;
    rp_vocoder_clear(v, 0);
    for (uint64_t k = 0; k < 250; k++) { /* starved twice, once to the end; and a panic in frame 180 */
        if (k < 100 || (k > 110 && k < 120) || (k > 160 && k < 200)) rp_vocoder_push(v, k, &frames[k % 200]);
        rp_vocoder_render(v, out + 384 * k, 100);
        if (k == 180) rp_vocoder_fade(v, 0.015);
        rp_vocoder_render(v, out + 384 * k + 100, 284);
    }
    CHECK(sharpest(out, 96000) < 0.006 * full);
    rp_vocoder_free(v);
}

/* ---- memory ---- */

static void test_without_memory_there_is_none(void) {
    const long held = allocations_held();
    for (long after = 0; fail_allocation(after); after++) {
        rp_vocoder *v = rp_vocoder_new(22050);
        const int failed = allocation_failed();
        CHECK(failed == (v == NULL));
        rp_vocoder_free(v);
        CHECK(allocations_held() == held);
        if (!failed) break;
    }
    fail_allocation(-1);
    CHECK(!rp_vocoder_new(0) && !rp_vocoder_new(7999) && !rp_vocoder_new(384001) && allocations_held() == held);
}

static void test_playing_waits_for_nothing(void) {
    static float out[48000];
    static rp_vocal_frame frames[100];
    for (uint32_t k = 0; k < 100; k++) frames[k] = anything();
    rp_vocoder *v = rp_vocoder_new(48000);
    forbid_waiting(1);
    sing(v, frames, 100, 512, 30000, out, 48000);
    rp_vocoder_clear(v, 123456789);
    forbid_waiting(0);
    rp_vocoder_free(v);
}

int main(void) {
    test_frames_begin_at_the_rounded_sample();
    test_only_frames_in_time_are_taken();
    test_the_sound_does_not_depend_on_the_cuts();
    test_output_is_added_to();
    test_a_starved_voice_holds_then_fades_then_is_silent();
    test_a_rest_is_silent_and_nothing_is_missing_in_it();
    test_a_fade_ends_in_silence_and_forgets();
    test_frames_that_are_no_numbers_are_silence();
    test_absurd_frames_give_finite_sound();
    test_no_edge_clicks();
    test_without_memory_there_is_none();
    test_playing_waits_for_nothing();
    return 0;
}
