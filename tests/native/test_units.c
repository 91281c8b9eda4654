/* test_units.c - our own plugins: what each does to a sound, the same however it is cut, and never a click. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "builtin.h"
#include "check.h"
#include "sampler.h"
#include "unit_state.h"

enum { RATE = 48000, MOST = 3 * RATE, EVERY = 6 };
enum { CEILING = 0, RELEASE = 1 };
enum { TIME = 0, FEEDBACK = 1, DELAY_MIX = 2, HIGH_CUT = 3 };
enum { SIZE = 0, DECAY = 1, DAMPING = 2, REVERB_MIX = 3 };
static rp_random dice = {1};
static float sound[2][MOST], other[2][MOST];

static rp_unit *unit_of(const char *name, uint32_t rate) {
    for (uint32_t i = 0; i < rp_builtins(); i++)
        if (strcmp(rp_builtin_get(i)->name, name) == 0) return rp_unit_builtin(i, rate);
    return NULL;
}

/* The next frames of a sound, in blocks of `piece`. */
static void run(rp_unit *unit, float (*audio)[MOST], uint32_t from, uint32_t frames, uint32_t piece) {
    for (uint32_t at = from; at < from + frames; at += piece) {
        const uint32_t n = at + piece < from + frames ? piece : from + frames - at;
        const rp_unit_block block = {.frame = at, .frames = n, .audio = {audio[0] + at, audio[1] + at}};
        unit->kind->process(unit, &block);
    }
}

static void silence(float (*audio)[MOST]) { memset(audio, 0, 2 * sizeof *audio); }

static void noise(float (*audio)[MOST], uint32_t frames, float level) {
    for (uint32_t i = 0; i < frames; i++)
        for (uint32_t c = 0; c < 2; c++) audio[c][i] = level * (2 * (float)rp_random_next(&dice) - 1);
}

static void tone(float (*audio)[MOST], uint32_t frames, double level) {
    for (uint32_t i = 0; i < frames; i++)
        audio[0][i] = audio[1][i] = (float)(level * sin(6.283185307179586 * 250 * i / RATE));
}

static double loudest(const float *x, uint32_t n) {
    double most = 0;
    for (uint32_t i = 0; i < n; i++) most = fmax(most, fabs((double)x[i]));
    return most;
}

/* The largest change of the step: of a click it is as large as the click itself. */
static double sharpest(const float *x, uint32_t n) {
    double most = 0;
    for (uint32_t i = 2; i < n; i++) most = fmax(most, fabs((double)x[i] - 2 * (double)x[i - 1] + (double)x[i - 2]));
    return most;
}

/* ---- all of them ---- */

static void test_the_table(void) {
    const char *const names[EVERY] = {"gain", "pan", "filter", "limiter", "delay", "reverb"};
    CHECK(rp_builtins() == EVERY && !rp_builtin_get(EVERY));
    for (uint32_t i = 0; i < EVERY; i++) {
        const rp_builtin *one = rp_builtin_get(i);
        CHECK(strcmp(one->name, names[i]) == 0 && one->role == RP_UNIT_EFFECT && strlen(one->what) > 3);
        rp_unit *unit = rp_unit_builtin(i, RATE);
        CHECK(unit->role == one->role && unit->parameters == one->parameters);
        for (uint32_t p = 0; p < one->parameters; p++) {
            const rp_parameter *it = &one->parameter[p];
            CHECK(it->low < it->high && rp_parameter_takes(it, it->usual) && rp_unit_get(unit, p) == (float)it->usual);
        }
        rp_unit_free(unit);
    }
}

/* Parameters move while it plays, at frames that all the block lengths share. */
static void perform(rp_unit *unit, uint32_t piece) {
    rp_unit_set(unit, 0, 0.5);
    run(unit, sound, 0, 8192, piece);
    rp_unit_set(unit, 0, 0.9);
    rp_unit_set(unit, 1, 0.2);
    run(unit, sound, 8192, 8192, piece);
    rp_unit_set(unit, 0, 0.1);
    run(unit, sound, 16384, 65536, piece);
}

static void test_the_sound_does_not_depend_on_the_cuts(void) {
    static float in[2][MOST];
    const uint32_t pieces[] = {8192, 1, 37, 128};
    silence(in);
    noise(in, 40000, 1.5F);
    for (uint32_t i = 0; i < EVERY; i++)
        for (uint32_t p = 0; p < 4; p++) {
            rp_unit *unit = rp_unit_builtin(i, RATE);
            memcpy(sound, in, sizeof sound);
            perform(unit, pieces[p]);
            if (p == 0) memcpy(other, sound, sizeof other);
            CHECK(memcmp(sound, other, sizeof sound) == 0);
            rp_unit_free(unit);
        }
}

static void test_what_comes_out_is_finite(void) {
    const float bad[] = {1, -1, 1e-40F, -1e-40F, 1e-20F, 1e5F, -1e5F, 0};
    for (uint32_t i = 0; i < EVERY; i++) {
        rp_unit *unit = rp_unit_builtin(i, RATE);
        for (uint32_t round = 0; round < 8; round++) {
            for (uint32_t p = 0; p < unit->parameters; p++)
                rp_unit_set(unit, p,
                            (round + p) % 4 == 0   ? NAN
                            : (round + p) % 4 == 1 ? 1e30
                            : round % 2            ? -1e30
                                                   : 0.7);
            for (uint32_t k = 0; k < RATE / 2; k++)
                for (uint32_t c = 0; c < 2; c++) sound[c][k] = bad[(uint32_t)(rp_random_next(&dice) * 8)];
            run(unit, sound, 0, RATE / 2, 512);
            for (uint32_t k = 0; k < RATE / 2; k++) CHECK(isfinite(sound[0][k]) && isfinite(sound[1][k]));
        }
        rp_unit_free(unit);
    }
}

/* One sample that is no number is not heard for ever. */
static void test_what_is_no_number_passes(void) {
    const float bad[] = {NAN, INFINITY, -INFINITY, 3e38F};
    for (uint32_t i = 0; i < EVERY; i++)
        for (uint32_t b = 0; b < 4; b++) {
            rp_unit *unit = rp_unit_builtin(i, RATE);
            silence(sound);
            sound[0][10] = sound[1][11] = bad[b];
            run(unit, sound, 0, 2 * RATE, 256);
            CHECK(loudest(sound[0] + 100, 2 * RATE - 100) == 0 && loudest(sound[1] + 100, 2 * RATE - 100) == 0);
            for (uint32_t k = 100; k < 2 * RATE; k++) CHECK(isfinite(sound[0][k]) && isfinite(sound[1][k]));
            rp_unit_free(unit);
        }
}

static void test_reset_silences(void) {
    for (uint32_t i = 0; i < EVERY; i++) {
        rp_unit *unit = rp_unit_builtin(i, RATE);
        silence(sound);
        noise(sound, RATE, 1);
        run(unit, sound, 0, RATE, 128);
        unit->kind->reset(unit);
        run(unit, sound, RATE, 2 * RATE, 128);
        CHECK(loudest(sound[0], RATE) > 0.1 && loudest(sound[0] + RATE, 2 * RATE) == 0);
        CHECK(loudest(sound[1] + RATE, 2 * RATE) == 0);
        rp_unit *fresh = rp_unit_builtin(i, RATE); /* and it plays on as a new one would */
        noise(sound, RATE, 1);
        memcpy(other, sound, sizeof other);
        run(unit, sound, 0, RATE, 128);
        run(fresh, other, 0, RATE, 128);
        CHECK(memcmp(sound, other, sizeof sound) == 0);
        rp_unit_free(fresh);
        rp_unit_free(unit);
    }
}

/* Every parameter of every plugin from end to end, under a dark tone: no step is heard. */
static void test_no_parameter_clicks(void) {
    for (uint32_t i = 0; i < EVERY; i++) {
        const rp_builtin *one = rp_builtin_get(i);
        for (uint32_t p = 0; p < one->parameters; p++)
            for (uint32_t way = 0; way < 2; way++) {
                rp_unit *unit = rp_unit_builtin(i, RATE);
                const rp_parameter *it = &one->parameter[p];
                tone(sound, 2 * RATE, 0.1);
                rp_unit_set(unit, p, way ? it->high : it->low);
                run(unit, sound, 0, RATE, 128);
                const double before = sharpest(sound[0] + RATE / 2, RATE / 2);
                rp_unit_set(unit, p, way ? it->low : it->high);
                run(unit, sound, RATE, RATE, 128);
                const double after = sharpest(sound[0] + RATE + RATE / 2, RATE / 2), most = fmax(before, after);
                CHECK(most < 0.01 * loudest(sound[0] + RATE / 2, RATE)); /* the tone itself is smooth */
                /* A straight way of a hundredth of a second has two bends, and no step. */
                const double bend = 2 * loudest(sound[0] + RATE, RATE) / (RATE / 100.0);
                CHECK(sharpest(sound[0] + RATE - 2, RATE / 2) < 2 * most + bend);
                rp_unit_free(unit);
            }
    }
}

static void test_configurations(void) {
    const long held = allocations_held();
    CHECK(!rp_unit_builtin(EVERY, RATE) && !rp_unit_builtin(0, 7999) && !rp_unit_builtin(0, 384001));
    for (uint32_t i = 0; i < EVERY; i++) {
        for (long n = 0; fail_allocation(n); n++) {
            rp_unit *unit = rp_unit_builtin(i, 8000);
            const int failed = allocation_failed();
            fail_allocation(-1);
            CHECK(failed == !unit);
            rp_unit_free(unit);
            CHECK(allocations_held() == held);
            if (!failed) break;
        }
        const uint32_t rates[] = {8000, 44100, 192000, 384000};
        for (uint32_t r = 0; r < 4; r++) {
            rp_unit *unit = rp_unit_builtin(i, rates[r]);
            for (uint32_t p = 0; p < unit->parameters; p++) rp_unit_set(unit, p, rp_builtin_get(i)->parameter[p].high);
            forbid_waiting(1);
            noise(sound, 65536, 1);
            run(unit, sound, 0, 65536, 8192);
            unit->kind->reset(unit);
            forbid_waiting(0);
            CHECK(isfinite(sound[0][65535]));
            rp_unit_free(unit);
        }
    }
}

/* ---- gain, pan ---- */

static void test_gain(void) {
    const double decibels[] = {0, -6, 12, 24, -89, -90};
    for (uint32_t d = 0; d < 6; d++) {
        rp_unit *unit = unit_of("gain", RATE);
        rp_unit_set(unit, 0, decibels[d]);
        noise(sound, 1000, 1);
        memcpy(other, sound, sizeof other);
        run(unit, sound, 0, 1000, 100);
        const double gain = decibels[d] > -90 ? pow(10, decibels[d] / 20) : 0;
        for (uint32_t i = 0; i < 1000; i++)
            CHECK(fabs((double)sound[0][i] - gain * (double)other[0][i]) <= 1.2e-7 * gain * fabs((double)other[0][i]));
        CHECK(d || memcmp(sound, other, sizeof sound) == 0);
        rp_unit_set(unit, 0, 0); /* it gets there, and exactly, after a hundredth of a second */
        run(unit, other, 0, 500, 500);
        memcpy(sound, other, sizeof sound);
        run(unit, sound, 500, 500, 500);
        CHECK(memcmp(sound, other, sizeof sound) == 0);
        rp_unit_free(unit);
    }
}

static void test_pan(void) {
    for (int where = -4; where <= 4; where++) {
        rp_unit *unit = unit_of("pan", RATE);
        rp_unit_set(unit, 0, where / 4.0);
        for (uint32_t i = 0; i < 100; i++) sound[0][i] = sound[1][i] = 1;
        run(unit, sound, 0, 100, 10);
        const double left = (double)sound[0][99], right = (double)sound[1][99];
        CHECK(fabs(left * left + right * right - 1) < 1e-6 && sound[0][0] == sound[0][99]);
        CHECK(fabs(left - cos((where / 4.0 + 1) * 0.7853981633974483)) < 1e-7);
        CHECK((where != -4 || (left == 1 && right == 0)) && (where != 4 || (left == 0 && right == 1)));
        rp_unit_free(unit);
    }
}

/* ---- limiter ---- */

static void test_nothing_is_over_the_ceiling(void) {
    for (uint32_t trial = 0; trial < 40; trial++) {
        rp_unit *unit = unit_of("limiter", RATE);
        const float ceiling = -24 * (float)rp_random_next(&dice);
        rp_unit_set(unit, CEILING, ceiling);
        rp_unit_set(unit, RELEASE, trial % 2 ? 1 : 1000 * rp_random_next(&dice));
        silence(sound);
        for (uint32_t at = 0; at < RATE / 2;) { /* bursts of any length and level, with rests */
            const uint32_t n = 1 + (uint32_t)(rp_random_next(&dice) * 300);
            const float level = rp_random_next(&dice) < 0.5 ? 0 : 30 * (float)rp_random_next(&dice);
            for (uint32_t i = at; i < at + n; i++)
                for (uint32_t c = 0; c < 2; c++) sound[c][i] = level * (2 * (float)rp_random_next(&dice) - 1);
            at += n;
        }
        run(unit, sound, 0, RATE / 2 + 1000, 128);
        const double most = fmax(loudest(sound[0], RATE), loudest(sound[1], RATE)),
                     limit = pow(10, (double)ceiling / 20);
        CHECK(most <= limit * (1 + 1e-7) && most > limit * 0.99);
        rp_unit_free(unit);
    }
}

static void test_the_limiter_looks_ahead(void) {
    rp_unit *unit = unit_of("limiter", RATE);
    rp_unit_set(unit, CEILING, -6);
    CHECK(unit->latency == 64);
    silence(sound);
    sound[0][1000] = 4;
    sound[1][2000] = 0.25F;
    run(unit, sound, 0, 20000, 128);
    CHECK(fabs((double)sound[0][1064] - pow(10, -0.3)) < 1e-6);
    for (uint32_t i = 0; i < 20000; i++) CHECK((i == 1064 || sound[0][i] == 0) && (i == 2064 || sound[1][i] == 0));
    CHECK(sound[1][2064] < 0.25F && sound[1][2064] > 0.1F); /* it is still letting go: both sides alike */
    rp_unit_free(unit);
}

static void test_what_is_soft_enough_is_only_late(void) {
    rp_unit *unit = unit_of("limiter", RATE);
    rp_unit_set(unit, CEILING, 0);
    silence(sound);
    noise(sound, 2 * RATE, 0.9F);
    sound[0][50] = 3;
    memcpy(other, sound, sizeof other);
    run(unit, sound, 0, 2 * RATE, 128);
    /* Let go of the peak, it touches nothing: the gain is exactly 1 again. */
    CHECK(memcmp(sound[0] + RATE + 64, other[0] + RATE, (RATE - 64) * sizeof(float)) == 0);
    CHECK(memcmp(sound[1] + RATE + 64, other[1] + RATE, (RATE - 64) * sizeof(float)) == 0);
    rp_unit_free(unit);
}

static void test_the_limiter_lets_go_in_its_time(void) {
    rp_unit *unit = unit_of("limiter", RATE);
    rp_unit_set(unit, CEILING, 0);
    rp_unit_set(unit, RELEASE, 100);
    for (uint32_t i = 0; i < RATE; i++) sound[0][i] = sound[1][i] = i < 4800 ? 2 : 0.5F;
    run(unit, sound, 0, RATE, 128);
    CHECK(fabs((double)sound[0][4800] - 1) < 1e-6);
    const double share =
        ((double)sound[0][4800 + 64 + 32 + 4800] / 0.5 - 0.5) / 0.5; /* of the way back, after 100 ms */
    CHECK(share > 0.94 && share < 0.96);
    rp_unit_free(unit);
}

/* ---- delay ---- */

static void test_echoes_are_where_they_belong(void) {
    const double times[] = {1, 10, 375, 333.3};
    for (uint32_t t = 0; t < 4; t++) {
        rp_unit *unit = unit_of("delay", RATE);
        rp_unit_set(unit, TIME, times[t]);
        rp_unit_set(unit, FEEDBACK, 0.5);
        rp_unit_set(unit, DELAY_MIX, 0.25);
        rp_unit_set(unit, HIGH_CUT, 20000);
        silence(sound);
        sound[0][7] = sound[1][9] = 1;
        run(unit, sound, 0, 2 * RATE, 128);
        const uint32_t echo = (uint32_t)lround(times[t] * RATE / 1000);
        float level = 0.25F;
        CHECK(sound[0][7] == 0.75F && sound[1][9] == 0.75F);
        for (uint32_t n = 1; n < 5 && 9 + n * echo < 2 * RATE; n++, level /= 2) {
            CHECK(sound[0][7 + n * echo] == level && sound[1][9 + n * echo] == level);
            sound[0][7 + n * echo] = 0;
        }
        CHECK(loudest(sound[0] + 8, 3 * echo) == 0); /* and nothing between */
        rp_unit_free(unit);
    }
}

/* The high cut takes 3 dB at its frequency from the second echo, and nothing from the first. */
static void test_echoes_grow_duller(void) {
    rp_unit *unit = unit_of("delay", RATE);
    rp_unit_set(unit, TIME, 100);
    rp_unit_set(unit, FEEDBACK, 0.8);
    rp_unit_set(unit, DELAY_MIX, 1);
    rp_unit_set(unit, HIGH_CUT, 1000);
    silence(sound);
    for (uint32_t i = 0; i < 4800; i++)
        sound[0][i] =
            (float)(sin(6.283185307179586 * 1000 * i / RATE) * (0.5 - 0.5 * cos(6.283185307179586 * i / 4800)));
    run(unit, sound, 0, RATE, 128);
    const double first = loudest(sound[0] + 4800, 4800), second = loudest(sound[0] + 9600, 4800);
    CHECK(fabs(first - 1) < 0.01 && fabs(second / 0.8 - sqrt(0.5)) < 0.03);
    rp_unit_free(unit);
}

/* ---- reverb ---- */

/* Seconds in which the sound that rings on after frame `from` falls by 60 dB: the slope from -5 to -35 dB of what is
 * still to come (Schroeder 1965, New method of measuring reverberation time). */
static double decay_of(const float *x, uint32_t from, uint32_t frames) {
    static double left[MOST + 1];
    left[frames] = 0;
    for (uint32_t i = frames; i-- > from;) left[i] = left[i + 1] + (double)x[i] * (double)x[i];
    uint32_t five = from, thirty_five = from;
    while (left[five] > left[from] * pow(10, -0.5)) five++;
    while (left[thirty_five] > left[from] * pow(10, -3.5)) thirty_five++;
    return 2.0 * (thirty_five - five) / RATE;
}

static void ring(double size, double decay, double damping) {
    rp_unit *unit = unit_of("reverb", RATE);
    rp_unit_set(unit, SIZE, size);
    rp_unit_set(unit, DECAY, decay);
    rp_unit_set(unit, DAMPING, damping);
    rp_unit_set(unit, REVERB_MIX, 1);
    silence(sound);
    noise(sound, 4800, 0.5F);
    run(unit, sound, 0, MOST, 128);
    rp_unit_free(unit);
}

static void test_a_room_rings_as_long_as_it_is_told(void) {
    const double sizes[] = {0, 0.5, 1}, decays[] = {0.3, 1, 2.5};
    for (uint32_t s = 0; s < 3; s++)
        for (uint32_t d = 0; d < 3; d++) {
            ring(sizes[s], decays[d], 0);
            for (uint32_t c = 0; c < 2; c++) {
                const double found = decay_of(sound[c], 4800 + RATE / 10, MOST);
                CHECK(found > 0.8 * decays[d] && found < 1.2 * decays[d]);
            }
        }
}

/* What of a sound is below 200 Hz: a low-pass of one pole, twice. */
static void bass(const float *in, float *out) {
    const double open = 1 - exp(-6.283185307179586 * 200 / RATE);
    double a = 0, b = 0;
    for (uint32_t i = 0; i < MOST; i++) {
        a += ((double)in[i] - a) * open;
        b += (a - b) * open;
        out[i] = (float)b;
    }
}

/* What of it is far above that: each difference takes 6 dB an octave. */
static void treble(const float *in, float *out) {
    memset(out, 0, MOST * sizeof *out);
    for (uint32_t i = 4; i < MOST; i++) out[i] = in[i] - 4 * in[i - 1] + 6 * in[i - 2] - 4 * in[i - 3] + in[i - 4];
}

static void test_a_damped_room_loses_its_treble_sooner(void) {
    ring(0.5, 2, 0.6);
    bass(sound[0], other[0]);
    treble(sound[0], other[1]);
    const double low = decay_of(other[0], 4800 + RATE / 10, MOST), high = decay_of(other[1], 4800 + RATE / 10, MOST);
    CHECK(low > 1.6 && low < 2.4); /* at half the sample rate it is 2 (1 - 0.9 * 0.6) = 0.92 */
    CHECK(high > 0.8 * 0.92 && high < 1.2 * 0.92);
}

static void test_a_room_is_even(void) {
    ring(0.5, 2, 0);
    const uint32_t piece = RATE / 50; /* 20 ms */
    uint32_t at = 4800 + RATE / 10;
    double energy[2] = {0}, both = 0;
    for (uint32_t n = 0; n < 20; n++, at += piece) { /* neither gaps nor bursts: no piece is far from its neighbours */
        const double now = loudest(sound[0] + at, piece), next = loudest(sound[0] + at + piece, piece);
        CHECK(next < 2 * now && next > 0.4 * now);
        for (uint32_t i = at; i < at + piece; i++) {
            for (uint32_t c = 0; c < 2; c++) energy[c] += (double)sound[c][i] * (double)sound[c][i];
            both += (double)sound[0][i] * (double)sound[1][i];
        }
    }
    CHECK(energy[0] / energy[1] < 1.3 && energy[1] / energy[0] < 1.3);
    CHECK(fabs(both) < 0.2 * sqrt(energy[0] * energy[1])); /* wide: left and right are not alike */
}

static void test_a_room_falls_silent(void) {
    ring(1, 0.3, 0.5);
    CHECK(loudest(sound[0] + 2 * RATE, RATE) == 0 && loudest(sound[1] + 2 * RATE, RATE) == 0);
}

/* A long decay is not much louder than a short one, and no setting is louder than what comes in. */
static void test_a_room_keeps_its_loudness(void) {
    const double decays[] = {0.1, 0.5, 2, 20};
    for (uint32_t d = 0; d < 4; d++) {
        rp_unit *unit = unit_of("reverb", RATE);
        rp_unit_set(unit, DECAY, decays[d]);
        rp_unit_set(unit, DAMPING, 0);
        rp_unit_set(unit, REVERB_MIX, 1);
        noise(sound, MOST, 0.5F);
        run(unit, sound, 0, MOST, 128);
        double energy = 0;
        for (uint32_t i = 2 * RATE; i < MOST; i++) energy += (double)sound[0][i] * (double)sound[0][i] / RATE;
        const double share = sqrt(energy) / (0.5 / sqrt(3));
        CHECK(share > 0.8 && share < 1.25);
        rp_unit_free(unit);
    }
}

int main(void) {
    test_the_table();
    test_the_sound_does_not_depend_on_the_cuts();
    test_what_comes_out_is_finite();
    test_what_is_no_number_passes();
    test_reset_silences();
    test_no_parameter_clicks();
    test_configurations();
    test_gain();
    test_pan();
    test_nothing_is_over_the_ceiling();
    test_the_limiter_looks_ahead();
    test_what_is_soft_enough_is_only_late();
    test_the_limiter_lets_go_in_its_time();
    test_echoes_are_where_they_belong();
    test_echoes_grow_duller();
    test_a_room_rings_as_long_as_it_is_told();
    test_a_damped_room_loses_its_treble_sooner();
    test_a_room_is_even();
    test_a_room_falls_silent();
    test_a_room_keeps_its_loudness();
    return 0;
}
