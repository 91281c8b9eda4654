/* The one clock: simulated masters that shake, speed up, fall silent and come back; taking over; MIDI's transport. */
#include <math.h>

#include "check.h"
#include "clock_in.h"
#include "timeline.h"

enum { RATE = 48000, BLOCK = 128, ERRORS = 400000 };
static const double MS = RATE / 1000.0;

static uint32_t seed;

/* The same on every system (Marsaglia, J. Statistical Software 8(14), 2003). */
static uint32_t dice(void) {
    seed ^= seed << 13;
    seed ^= seed >> 17;
    return seed ^= seed << 5;
}

/* From 0 to 1. */
static double chance(void) { return dice() / 4294967296.0; }

/* ---- a master, whose beat is known at every moment ---- */

typedef struct {
    double seconds, from, to; /* BPM, straight from one to the other */
} stretch;

typedef struct {
    const stretch *part;
    uint32_t parts;
    double begins; /* s: its beat 0 */
    double shake;  /* s: its ticks are early or late by up to so much */
} master;

/* The last part goes on for ever. */
static double beat_of(const master *who, double moment) {
    double beat = 0.0, t = moment - who->begins;
    for (uint32_t i = 0; i < who->parts; i++) {
        const stretch *part = &who->part[i];
        int last = i + 1 == who->parts || t < part->seconds;
        double span = last ? t : part->seconds,
               slope = part->seconds > 0.0 ? (part->to - part->from) / part->seconds : 0.0;
        beat += (part->from + slope * span / 2.0) * span / 60.0;
        if (last) break;
        t -= part->seconds;
    }
    return beat;
}

static double bpm_of(const master *who, double moment) {
    return 60.0 * (beat_of(who, moment + 5e-4) - beat_of(who, moment - 5e-4)) / 1e-3;
}

/* When it is that beat. */
static double moment_of(const master *who, double beat) {
    double low = who->begins, high = who->begins + 1.0;
    while (beat_of(who, high) < beat) high += high - who->begins;
    for (int i = 0; i < 60; i++) {
        double middle = (low + high) / 2.0;
        if (beat_of(who, middle) < beat) low = middle;
        else high = middle;
    }
    return high;
}

static uint64_t tick_frame(const master *who, int64_t tick) {
    double moment = moment_of(who, (double)tick / RP_CLOCK_TICKS) + who->shake * (2.0 * chance() - 1.0);
    return (uint64_t)fmax(0.0, moment * RATE);
}

/* ---- a timeline that listens to it ---- */

typedef struct {
    rp_timeline *timeline;
    rp_clock_in in;
    int64_t tick; /* of the master, next */
    uint64_t due; /* when it comes */
    uint64_t frame;
    uint32_t block;                   /* frames of a cycle */
    double silent_from, silent_until; /* s: nothing comes in */
    double error[ERRORS];             /* ms */
    uint32_t errors;
} listener;

static listener *listen_to(const master *who) {
    listener *it = calloc(1, sizeof *it);
    CHECK(it && (it->timeline = rp_timeline_new()));
    rp_timeline_begin(it->timeline, RATE, 0, 120.0);
    it->due = tick_frame(who, 0);
    it->block = BLOCK;
    return it;
}

static void leave(listener *it) {
    rp_timeline_free(it->timeline);
    free(it);
}

static void say(listener *it, uint64_t frame, uint8_t status) {
    rp_clock_in_hear(&it->in, it->timeline, frame, &status, 1);
}

/* One cycle. The beat goes on where it was, and forward, at no wild pace, unless it was set. */
static void cycle(listener *it, const master *who) {
    rp_timeline_state before, after;
    for (; it->due < it->frame + it->block; it->due = tick_frame(who, ++it->tick)) {
        double moment = (double)it->due / RATE;
        if (moment < it->silent_from || moment >= it->silent_until) say(it, it->due, 0xF8);
    }
    rp_timeline_get(it->timeline, &before);
    double ended = rp_timeline_beat(it->timeline, it->frame);
    rp_timeline_advance(it->timeline, it->frame);
    rp_timeline_get(it->timeline, &after);
    double began = rp_timeline_beat(it->timeline, it->frame),
           next = rp_timeline_beat(it->timeline, it->frame + it->block);
    if (after.jumps == before.jumps) {
        double pace = (next - began) * RATE * 60.0 / it->block / after.bpm;
        CHECK(fabs(began - ended) < 1e-9 && pace > 0.74 && pace < 1.26);
        CHECK(fabs(rp_timeline_frame(it->timeline, began) - (double)it->frame) < 1e-3);
    }
    it->frame += it->block;
}

/* ms that the timeline is ahead of the master at the cycle that was advanced to last. */
static double ahead(const listener *it, const master *who) {
    double moment = (double)(it->frame - it->block) / RATE;
    double beat = rp_timeline_beat(it->timeline, it->frame - it->block);
    return (beat - beat_of(who, moment)) * 60000.0 / bpm_of(who, moment);
}

/* Until the master's beat `until`; errors from its beat `from` on are kept. */
static void run(listener *it, const master *who, double from, double until) {
    while (beat_of(who, (double)it->frame / RATE) < until) {
        double beat = beat_of(who, (double)it->frame / RATE);
        cycle(it, who);
        if (beat >= from && it->errors < ERRORS) it->error[it->errors++] = fabs(ahead(it, who));
    }
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(double *number, uint32_t count, double share) {
    CHECK(count > 0);
    qsort(number, count, sizeof *number, by_size);
    return number[(uint32_t)(share * (count - 1))];
}

/* ---- following ---- */

/* A master that starts with a warning of a millisecond, at a moment of its own. */
static listener *started(master *who) {
    who->begins = 0.3 + chance();
    listener *it = listen_to(who);
    rp_timeline_choose(it->timeline, RP_CLOCK_MIDI);
    say(it, 0, 0xFA);
    return it;
}

static void test_within_two_milliseconds_after_two_beats(void) {
    static const double tempo[] = {60.0, 83.7, 120.0, 151.3, 200.0};
    for (uint32_t i = 0; i < 5; i++) {
        double worst = 0.0;
        for (int take = 0; take < 8; take++) {
            stretch steady = {1.0, tempo[i], tempo[i]};
            master who = {&steady, 1, 0.0, 0.001};
            rp_timeline_state state;
            listener *it = started(&who);
            if (take == 7) it->block = 8192;
            run(it, &who, 2.0, 34.0);
            rp_timeline_get(it->timeline, &state);
            CHECK(state.locked && state.rolling && !state.slewing && state.source == RP_CLOCK_MIDI);
            CHECK(state.residual > 0.2 && state.residual < 1.0); /* the shake itself: 0.58 ms */
            CHECK(fabs(state.bpm - tempo[i]) < 0.01 * tempo[i]);
            worst = fmax(worst, percentile(it->error, it->errors, 0.99));
            leave(it);
        }
        printf("steady %.1f BPM: p99 %.2f ms\n", tempo[i], worst);
        CHECK(worst < 2.0);
    }
}

/* Up and down at so many BPM a second. */
static double ramped(double slope) {
    double seconds = 140.0 / slope, worst = 0.0;
    stretch part[] = {{6.0, 60.0, 60.0},      {seconds, 60.0, 200.0}, {6.0, 200.0, 200.0},
                      {seconds, 200.0, 60.0}, {6.0, 60.0, 60.0},      {1.0, 60.0, 60.0}};
    for (int take = 0; take < 4; take++) {
        master who = {part, 6, 0.0, 0.001};
        listener *it = started(&who);
        run(it, &who, 2.0, beat_of(&who, who.begins + 18.0 + 2.0 * seconds));
        double p99 = percentile(it->error, it->errors, 0.99);
        printf("ramps of %.0f BPM a second: p99 %.2f ms\n", slope, p99);
        worst = fmax(worst, p99);
        leave(it);
    }
    return worst;
}

static void test_ramps(void) {
    CHECK(ramped(2.0) < 2.0);
    CHECK(ramped(5.0) < 2.0);
    CHECK(ramped(10.0) < 2.0);
}

/* From one tempo to quite another at once: found again soon, and at the same beat. */
static void test_a_step_of_tempo(void) {
    static const double to[] = {100.0, 128.0, 60.0, 200.0, 121.0};
    for (int i = 0; i < 5; i++) {
        stretch part[] = {{8.0, 120.0, 120.0}, {1.0, to[i], to[i]}};
        master who = {part, 2, 0.0, 0.001};
        listener *it = started(&who);
        run(it, &who, 18.0, 26.0);
        double p99 = percentile(it->error, it->errors, 0.99);
        printf("a step from 120 to %.0f BPM: p99 two beats later %.2f ms\n", to[i], p99);
        CHECK(p99 < 2.0);
        leave(it);
    }
}

/* One that shakes by far more than is usual is learnt, and followed the more calmly. */
static void test_a_coarse_clock(void) {
    stretch steady = {1.0, 100.0, 100.0};
    master who = {&steady, 1, 0.0, 0.006};
    rp_timeline_state state;
    listener *it = started(&who);
    run(it, &who, 8.0, 60.0);
    rp_timeline_get(it->timeline, &state);
    double p99 = percentile(it->error, it->errors, 0.99);
    printf("a shake of 6 ms: p99 %.2f ms\n", p99);
    CHECK(p99 < 3.0 && state.residual > 2.0 && state.residual < 6.0);
    leave(it);
}

/* A tick that comes 15 ms late, now and then, moves nothing. */
static void test_strays(void) {
    stretch steady = {1.0, 110.0, 110.0};
    master who = {&steady, 1, 0.0, 0.001};
    listener *it = started(&who);
    for (int i = 0; i < 40; i++) {
        run(it, &who, 2.0, 2.0 + i + chance());
        it->due += (uint64_t)(15.0 * MS);
    }
    CHECK(percentile(it->error, it->errors, 1.0) < 2.0 && it->in.lost == 0);
    leave(it);
}

/* The cable is out for some beats: the tempo is held, and the master's count is found again when it is back. */
static void test_drop_outs(void) {
    for (int take = 0; take < 20; take++) {
        double tempo = 60.0 + 140.0 * chance();
        stretch steady = {1.0, tempo, tempo};
        master who = {&steady, 1, 0.0, 0.001};
        rp_timeline_state state;
        listener *it = started(&who);
        it->silent_from = moment_of(&who, 12.0 + chance());
        it->silent_until = it->silent_from + (0.2 + 4.0 * chance()) * 60.0 / tempo;
        run(it, &who, 2.0, 30.0);
        double silent = (it->silent_until - it->silent_from) * tempo / 60.0 * RP_CLOCK_TICKS;
        CHECK(fabs((double)it->in.lost - silent) < 1.5);
        CHECK(percentile(it->error, it->errors, 0.99) < 2.0);
        CHECK(fabs((double)it->in.position / RP_CLOCK_TICKS - 30.0) < 0.1); /* where it would continue */
        it->silent_from = 0.0, it->silent_until = 1e9;                      /* and for ever */
        for (int i = 0; i < 5 * RATE / BLOCK; i++) cycle(it, &who);
        rp_timeline_get(it->timeline, &state);
        CHECK(!state.locked && state.rolling && fabs(state.bpm - tempo) < 0.005 * tempo);
        leave(it);
    }
}

/* ---- taking over ---- */

/* Whatever the phases were, no beat is longer or shorter by more than 1 ms than the new source's; in the end both are
 * together. */
static void test_taking_over(void) {
    for (int take = 0; take < 12; take++) {
        double tempo = 90.0 + 60.0 * chance(), off = 0.0;
        stretch steady = {1.0, tempo, tempo};
        master who = {&steady, 1, 0.2 + chance(), take % 2 ? 0.001 : 0.0};
        rp_timeline_state state;
        listener *it = listen_to(&who);
        rp_timeline_start(it->timeline, RP_CLOCK_INTERNAL, 0, 0.0, 0.0);
        say(it, 0, 0xFA);
        run(it, &who, 1e9, 6.0 + chance());
        rp_timeline_choose(it->timeline, RP_CLOCK_MIDI);
        for (int beat = 0; beat < 700; beat++) {
            double now = beat_of(&who, (double)it->frame / RATE);
            run(it, &who, 1e9, now + 1.0);
            rp_timeline_get(it->timeline, &state);
            double was = off;
            off = ahead(it, &who) * tempo / 60000.0; /* beats */
            off = (off - floor(off + 0.5)) * 60000.0 / tempo;
            if (beat > 0) CHECK(fabs(off - was) < 1.0 || fabs(fabs(off - was) - 60000.0 / tempo) < 1.0);
            if (state.locked) break;
        }
        CHECK(state.locked && fabs(off) < 1.0 && state.source == RP_CLOCK_MIDI);
        leave(it);
    }
}

/* Back to the internal clock: it goes on at the tempo that was. */
static void test_giving_back(void) {
    stretch steady = {1.0, 137.0, 137.0};
    master who = {&steady, 1, 0.0, 0.001};
    rp_timeline_state state;
    listener *it = started(&who);
    run(it, &who, 1e9, 12.0);
    double before = ahead(it, &who);
    rp_timeline_choose(it->timeline, RP_CLOCK_INTERNAL);
    run(it, &who, 1e9, 22.0);
    rp_timeline_get(it->timeline, &state);
    CHECK(state.locked && state.source == RP_CLOCK_INTERNAL && fabs(state.bpm - 137.0) < 0.3);
    CHECK(fabs(ahead(it, &who) - before) < 5.0);
    rp_timeline_set_tempo(it->timeline, 90.0);
    cycle(it, &who);
    rp_timeline_get(it->timeline, &state);
    CHECK(fabs(state.bpm - 90.0) < 1e-9);
    leave(it);
}

/* A source that is chosen and not there: all goes on as it was; and what starts while another is followed moves
 * nothing. */
static void test_others_move_nothing(void) {
    rp_timeline *timeline = rp_timeline_new();
    rp_timeline_state state;
    CHECK(timeline);
    rp_timeline_begin(timeline, RATE, 0, 100.0);
    rp_timeline_start(timeline, RP_CLOCK_INTERNAL, 0, 0.0, 0.0);
    rp_timeline_start(timeline, RP_CLOCK_JACK, 500, 17.0, 17.0);
    rp_timeline_stop(timeline, RP_CLOCK_MIDI, 600);
    rp_timeline_choose(timeline, RP_CLOCK_LINK);
    rp_timeline_choose(timeline, RP_CLOCKS);
    rp_timeline_observe(timeline, RP_CLOCKS, 0, 1.0);
    for (uint64_t frame = 0; frame < 60 * RATE; frame += 512) rp_timeline_advance(timeline, frame);
    rp_timeline_get(timeline, &state);
    CHECK(state.rolling && !state.locked && state.source == RP_CLOCK_LINK && state.jumps == 1);
    CHECK(fabs(rp_timeline_beat(timeline, 60 * RATE) - 100.0) < 1e-9);
    rp_timeline_free(timeline);
}

/* JACK says in each cycle, exactly; a relocation is told, a new tempo is seen. */
static void test_jack_in_each_cycle(void) {
    rp_timeline *timeline = rp_timeline_new();
    uint64_t frame = 0;
    double beat = 0.0;
    CHECK(timeline);
    rp_timeline_begin(timeline, RATE, 0, 120.0);
    rp_timeline_choose(timeline, RP_CLOCK_JACK);
    rp_timeline_start(timeline, RP_CLOCK_JACK, 0, 0.0, 0.0);
    for (int i = 0; i < 4000; i++, frame += 256) {
        double bpm = i < 1500 ? 96.0 : 144.0;
        if (i == 3000) {
            beat = 64.0;
            rp_timeline_locate(timeline, RP_CLOCK_JACK, frame, beat, beat);
        }
        rp_timeline_observe(timeline, RP_CLOCK_JACK, frame, beat);
        rp_timeline_advance(timeline, frame);
        double off = (rp_timeline_beat(timeline, frame) - beat) * 60000.0 / bpm;
        if (i < 1500 ? i > 200 : i > 1800) CHECK(fabs(off) < 0.1);
        beat += 256.0 * bpm / 60.0 / RATE;
    }
    rp_timeline_free(timeline);
}

/* Four taps are a tempo; it is held when he stops. */
static void test_taps(void) {
    rp_timeline *timeline = rp_timeline_new();
    rp_timeline_state state;
    uint64_t frame = 0, next = RATE;
    CHECK(timeline);
    rp_timeline_choose(timeline, RP_CLOCK_TAP);
    for (int tap = 0; frame < 60 * RATE; frame += BLOCK) {
        if (tap < 8 && frame >= next) {
            rp_timeline_observe(timeline, RP_CLOCK_TAP, next, tap);
            if (tap++ == 0) rp_timeline_start(timeline, RP_CLOCK_TAP, next, 0.0, 0.0);
            next = RATE + (uint64_t)((tap * 0.6 + 0.01 * (2.0 * chance() - 1.0)) * RATE);
        }
        rp_timeline_advance(timeline, frame);
    }
    rp_timeline_get(timeline, &state);
    CHECK(state.rolling && state.heard == 8 && fabs(state.bpm - 100.0) < 3.0);
    rp_timeline_free(timeline);
}

/* ---- MIDI's transport ---- */

static void test_song_position(void) {
    stretch steady = {1.0, 120.0, 120.0};
    master who = {&steady, 1, 0.5, 0.0};
    rp_timeline_state state;
    listener *it = listen_to(&who);
    rp_timeline_choose(it->timeline, RP_CLOCK_MIDI);
    run(it, &who, 1e9, 4.5); /* it ticks and has not started */
    rp_timeline_get(it->timeline, &state);
    CHECK(!state.rolling);
    say(it, it->frame, 0xFA);
    run(it, &who, 1e9, 8.5); /* beat 0 was the tick at its 4.5 */
    rp_timeline_get(it->timeline, &state);
    CHECK(state.rolling && fabs(state.beat - 4.0) < 0.06);
    say(it, it->frame, 0xFC);
    run(it, &who, 1e9, 11.0);
    rp_timeline_get(it->timeline, &state);
    CHECK(!state.rolling && fabs(state.beat - 4.0) < 0.06); /* where it stopped */
    say(it, it->frame, 0xFB);
    run(it, &who, 1e9, 12.0);
    rp_timeline_get(it->timeline, &state);
    CHECK(state.rolling && fabs(state.beat - 5.0) < 0.06); /* and went on */
    say(it, it->frame, 0xFC);
    uint8_t place[3] = {0xF2, 0x10, 0x01}; /* 144 sixteenths */
    rp_clock_in_hear(&it->in, it->timeline, it->frame, place, 3);
    run(it, &who, 1e9, 13.0);
    rp_timeline_get(it->timeline, &state);
    CHECK(!state.rolling && fabs(state.beat - 36.0) < 1e-9);
    say(it, it->frame, 0xFB);
    run(it, &who, 1e9, 14.0);
    rp_timeline_get(it->timeline, &state);
    CHECK(state.rolling && fabs(state.beat - 37.0) < 0.06);
    rp_clock_in_hear(&it->in, it->timeline, it->frame, place, 2); /* not whole */
    rp_clock_in_hear(&it->in, it->timeline, it->frame, place, 0);
    leave(it);
}

/* It was started before it was chosen: while nothing rolls here its place is taken over at once. */
static void test_joining_a_song_that_rolls(void) {
    stretch steady = {1.0, 97.0, 97.0};
    master who = {&steady, 1, 0.5, 0.0005};
    rp_timeline_state state;
    listener *it = listen_to(&who);
    say(it, 0, 0xFA);
    run(it, &who, 1e9, 9.3);
    rp_timeline_choose(it->timeline, RP_CLOCK_MIDI);
    run(it, &who, 9.4, 12.0);
    rp_timeline_get(it->timeline, &state);
    CHECK(state.rolling && state.locked && percentile(it->error, it->errors, 1.0) < 2.0);
    leave(it);
}

int main(void) {
    seed = 11;
    test_within_two_milliseconds_after_two_beats();
    test_ramps();
    test_a_step_of_tempo();
    test_a_coarse_clock();
    test_strays();
    test_drop_outs();
    test_taking_over();
    test_giving_back();
    test_others_move_nothing();
    test_jack_in_each_cycle();
    test_taps();
    test_song_position();
    test_joining_a_song_that_rolls();
    return 0;
}
