/* The one clock: simulated masters that shake, speed up, fall silent and come back; taking over; MIDI clock out. */
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "check.h"
#include "clock_in.h"
#include "clock_out.h"
#include "platform.h"
#include "timeline.h"

enum { RATE = 48000, BLOCK = 128, ROOM = 128, ERRORS = 400000 };
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
    double silent_from, silent_until; /* s: nothing comes in */
    double error[ERRORS];             /* ms */
    uint32_t errors;
} listener;

static listener *listen_to(const master *who) {
    listener *it = calloc(1, sizeof *it);
    CHECK(it && (it->timeline = rp_timeline_new()));
    rp_timeline_begin(it->timeline, RATE, 0, 120.0);
    it->due = tick_frame(who, 0);
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
    for (; it->due < it->frame + BLOCK; it->due = tick_frame(who, ++it->tick)) {
        double moment = (double)it->due / RATE;
        if (moment < it->silent_from || moment >= it->silent_until) say(it, it->due, 0xF8);
    }
    rp_timeline_get(it->timeline, &before);
    double ended = rp_timeline_beat(it->timeline, it->frame);
    rp_timeline_advance(it->timeline, it->frame);
    rp_timeline_get(it->timeline, &after);
    double began = rp_timeline_beat(it->timeline, it->frame), next = rp_timeline_beat(it->timeline, it->frame + BLOCK);
    if (after.jumps == before.jumps) {
        double pace = (next - began) * RATE * 60.0 / BLOCK / after.bpm;
        CHECK(fabs(began - ended) < 1e-9 && pace > 0.74 && pace < 1.26);
        CHECK(fabs(rp_timeline_frame(it->timeline, began) - (double)it->frame) < 1e-3);
    }
    it->frame += BLOCK;
}

/* ms that the timeline is ahead of the master at the cycle that was advanced to last. */
static double ahead(const listener *it, const master *who) {
    double moment = (double)(it->frame - BLOCK) / RATE;
    double beat = rp_timeline_beat(it->timeline, it->frame - BLOCK);
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
        it->silent_from = 0.0, it->silent_until = 1e9; /* and for ever */
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

/* ---- MIDI clock out ---- */

typedef struct {
    rp_timeline *timeline;
    rp_clock_out clock;
    rp_clock_byte byte[ROOM];
    uint64_t frame;
    uint8_t log[64]; /* status bytes but F8's; F8 once, where others follow or come before */
    uint32_t logged;
} sender;

static void note_down(sender *it, const rp_clock_byte *one) {
    if (it->logged == sizeof it->log) return;
    if (one->byte[0] == 0xF8 && it->logged && it->log[it->logged - 1] == 0xF8) return;
    it->log[it->logged++] = one->byte[0];
}

static void send_cycle(sender *it, uint32_t frames) {
    rp_timeline_advance(it->timeline, it->frame);
    uint32_t count = rp_clock_out_cycle(&it->clock, it->timeline, it->frame, frames, it->byte, ROOM);
    for (uint32_t i = 0; i < count; i++) {
        CHECK(it->byte[i].offset < frames && (i == 0 || it->byte[i].offset >= it->byte[i - 1].offset));
        note_down(it, &it->byte[i]);
    }
    it->frame += frames;
}

/* Half an hour, in cycles of any size: each tick within a frame of where it must be, the last as the first. */
static void test_half_an_hour_out(double bpm, uint32_t block) {
    rp_timeline *timeline = rp_timeline_new();
    rp_clock_out clock = {0};
    rp_clock_byte byte[ROOM];
    uint64_t frame = 0;
    int64_t tick = 0;
    double worst = 0.0;
    CHECK(timeline);
    rp_timeline_begin(timeline, RATE, 0, bpm);
    rp_timeline_start(timeline, RP_CLOCK_INTERNAL, 0, 0.0, 0.0);
    while (frame < 1800ull * RATE) {
        uint32_t frames = block ? block : 1 + dice() % 2048;
        rp_timeline_advance(timeline, frame);
        uint32_t count = rp_clock_out_cycle(&clock, timeline, frame, frames, byte, ROOM);
        for (uint32_t i = 0; i < count; i++) {
            if (byte[i].byte[0] != 0xF8) continue;
            double due = (double)tick++ * RATE * 60.0 / bpm / RP_CLOCK_TICKS;
            worst = fmax(worst, fabs((double)(frame + byte[i].offset) - due));
        }
        frame += frames;
    }
    CHECK(tick == (int64_t)floor((double)(frame - 1) / RATE * bpm / 60.0 * RP_CLOCK_TICKS + 1e-6) + 1);
    CHECK(clock.sent == (uint64_t)tick);
    printf("half an hour at %.3f BPM: %lld ticks, none further off than %.3f frames\n", bpm, (long long)tick, worst);
    CHECK(worst < 1.0 + 1e-4);
    rp_timeline_free(timeline);
}

static int logged(const sender *it, const char *expected) {
    char text[4 * sizeof it->log] = "";
    for (uint32_t i = 0; i < it->logged; i++) sprintf(text + strlen(text), "%s%02X", i ? " " : "", it->log[i]);
    if (strcmp(text, expected) != 0) fprintf(stderr, "sent %s, not %s\n", text, expected);
    return strcmp(text, expected) == 0;
}

static void test_the_transport_out(void) {
    sender it = {.timeline = rp_timeline_new()};
    CHECK(it.timeline);
    for (int i = 0; i < 100; i++) send_cycle(&it, 128);
    rp_timeline_start(it.timeline, RP_CLOCK_INTERNAL, it.frame + 50, 0.0, 0.0);
    for (int i = 0; i < 100; i++) send_cycle(&it, 128);
    CHECK(logged(&it, "F8 FA F8"));
    rp_timeline_stop(it.timeline, RP_CLOCK_INTERNAL, it.frame + 3);
    for (int i = 0; i < 100; i++) send_cycle(&it, 128);
    CHECK(logged(&it, "F8 FA F8 FC F8"));
    rp_timeline_start(it.timeline, RP_CLOCK_INTERNAL, it.frame, 0.0, 32.0);
    for (int i = 0; i < 100; i++) send_cycle(&it, 128);
    CHECK(logged(&it, "F8 FA F8 FC F8 F2 FB F8"));
    rp_timeline_locate(it.timeline, RP_CLOCK_INTERNAL, it.frame, 0.0, 8.1);
    for (int i = 0; i < 100; i++) send_cycle(&it, 128);
    CHECK(logged(&it, "F8 FA F8 FC F8 F2 FB F8 FC F8 F2 FB F8"));
    rp_timeline_free(it.timeline);
}

/* The first tick of a song position is that position's; it is told a tick before. */
static void test_a_start_between_sixteenths(void) {
    sender it = {.timeline = rp_timeline_new()};
    uint64_t told = 0;
    CHECK(it.timeline);
    rp_timeline_start(it.timeline, RP_CLOCK_INTERNAL, 0, 0.0, 8.1);
    for (int i = 0; i < 60 && !it.clock.told; i++) {
        send_cycle(&it, 128);
        told = it.frame;
    }
    CHECK(it.clock.start == 198 && it.clock.next == 198); /* 8.25: 33 sixteenths */
    CHECK(rp_timeline_beat(it.timeline, told) < 8.25);
    rp_timeline_free(it.timeline);
}

/* No room: what is left leaves with the next cycle, none is lost. */
static void test_little_room(void) {
    rp_timeline *timeline = rp_timeline_new();
    rp_clock_out clock = {0};
    rp_clock_byte byte[ROOM];
    CHECK(timeline);
    rp_timeline_begin(timeline, RATE, 0, 400.0); /* a tick each 300 frames */
    rp_timeline_start(timeline, RP_CLOCK_INTERNAL, 0, 0.0, 0.0);
    for (uint64_t frame = 0; frame < 4096; frame += 1024) {
        rp_timeline_advance(timeline, frame);
        uint32_t room = frame < 3072 ? 5 : ROOM;
        CHECK(rp_clock_out_cycle(&clock, timeline, frame, 1024, byte, room) <= room);
        CHECK(frame == 3072 || clock.sent < (frame + 1024) / 300);
    }
    CHECK(clock.sent == 14 && clock.told);
    rp_timeline_free(timeline);
}

/* ---- out and in again, and anything at all ---- */

/* Somebody who listens to our clock is where we are, whatever we do. */
static void test_there_and_back(void) {
    for (int take = 0; take < 30; take++) {
        rp_timeline *here = rp_timeline_new(), *there = rp_timeline_new();
        rp_clock_out out = {0};
        rp_clock_in in = {0};
        rp_clock_byte byte[ROOM];
        uint64_t frame = 0;
        CHECK(here && there);
        rp_timeline_begin(here, RATE, 0, 60.0 + 140.0 * chance());
        rp_timeline_choose(there, RP_CLOCK_MIDI);
        for (int i = 0; i < 12; i++) {
            double beat = chance() < 0.4 ? 0.0 : (double)(dice() % 4000) / 4.0 + (chance() < 0.5 ? 0.0 : chance());
            int rolls = rp_timeline_rolling(here, frame);
            if (rolls && chance() < 0.4) rp_timeline_stop(here, RP_CLOCK_INTERNAL, frame + 77);
            else if (rolls && chance() < 0.5) rp_timeline_locate(here, RP_CLOCK_INTERNAL, frame, 0.0, beat);
            else rp_timeline_start(here, RP_CLOCK_INTERNAL, frame + 77, 0.0, beat);
            for (uint64_t end = frame + 3 * RATE; frame < end; frame += 256) {
                rp_timeline_advance(here, frame);
                uint32_t count = rp_clock_out_cycle(&out, here, frame, 256, byte, ROOM);
                for (uint32_t k = 0; k < count; k++)
                    rp_clock_in_hear(&in, there, frame + byte[k].offset, byte[k].byte, byte[k].size);
                rp_timeline_advance(there, frame);
            }
            CHECK(rp_timeline_rolling(here, frame) == rp_timeline_rolling(there, frame));
            if (!rp_timeline_rolling(here, frame)) continue;
            CHECK(fabs(rp_timeline_beat(here, frame) - rp_timeline_beat(there, frame)) < 0.0005);
        }
        rp_timeline_free(here);
        rp_timeline_free(there);
    }
}

/* One random thing that somebody might do. */
static void anything(rp_timeline *timeline, rp_clock_in *in, uint64_t frame) {
    static const uint8_t status[] = {0xF8, 0xF8, 0xF8, 0xFA, 0xFB, 0xFC, 0xF2, 0x90};
    uint32_t source = dice() % (RP_CLOCKS + 1);
    uint64_t when = chance() < 0.9 ? frame + dice() % 512 : frame - frame % 7919;
    double own = chance() < 0.8 ? (double)frame / RATE * 2.0 : 200.0 * chance() - 100.0;
    uint8_t data[3] = {status[dice() % 8], (uint8_t)(dice() % 128), (uint8_t)(dice() % 128)};
    switch (dice() % 24) {
    case 0: rp_timeline_choose(timeline, source); break;
    case 1: rp_timeline_start(timeline, source, when, own, 100.0 * chance()); break;
    case 2: rp_timeline_locate(timeline, source, when, own, 100.0 * chance()); break;
    case 3: rp_timeline_stop(timeline, source, when); break;
    case 4: rp_timeline_set_tempo(timeline, 1000.0 * chance()); break;
    case 5:
    case 6: rp_clock_in_hear(in, timeline, when, data, 3); break;
    default: rp_timeline_observe(timeline, source, when, own);
    }
}

static void check_pieces(const rp_timeline *timeline, uint64_t frame) {
    uint32_t count;
    const rp_timeline_piece *piece = rp_timeline_pieces(timeline, &count);
    CHECK(count >= 1 && count <= RP_TIMELINE_PIECES);
    for (uint32_t i = 0; i < count; i++) {
        CHECK(isfinite(piece[i].beat) && piece[i].rate > 0.0 && piece[i].rate < 10.0 * RP_BPM_MAX / 60.0 / RATE);
        if (i == 0) continue;
        double ended = piece[i - 1].beat + (piece[i].frame - piece[i - 1].frame) * piece[i - 1].rate;
        CHECK(piece[i].frame > piece[i - 1].frame);
        CHECK(piece[i].jumps != piece[i - 1].jumps || fabs(piece[i].beat - ended) < 1e-6);
    }
    CHECK(piece[0].frame <= (double)frame || count == 1 || frame == 0);
}

/* Whatever comes: it goes on without a jump that nobody asked for, and what is sent makes sense to who reads it. */
static void test_anything(void) {
    rp_timeline *timeline = rp_timeline_new();
    rp_clock_in in = {0};
    rp_clock_out out = {0};
    rp_clock_byte byte[ROOM];
    int rolls = 0;
    CHECK(timeline);
    forbid_waiting(1);
    for (uint64_t i = 0, frame = 0; i < 60000; i++, frame += 256) {
        rp_timeline_state before, after;
        for (int n = dice() % 3; n > 0; n--) anything(timeline, &in, frame);
        rp_timeline_get(timeline, &before);
        double ended = rp_timeline_beat(timeline, frame);
        rp_timeline_advance(timeline, frame);
        rp_timeline_get(timeline, &after);
        if (before.jumps == after.jumps) CHECK(fabs(rp_timeline_beat(timeline, frame) - ended) < 1e-6);
        CHECK(after.bpm >= RP_BPM_MIN - 1e-9 && after.bpm <= RP_BPM_MAX + 1e-9 && isfinite(after.residual));
        check_pieces(timeline, frame);
        uint32_t count = rp_clock_out_cycle(&out, timeline, frame, 256, byte, ROOM);
        for (uint32_t k = 0; k < count; k++) {
            uint8_t status = byte[k].byte[0];
            CHECK(status != 0xFC || rolls);
            CHECK((status != 0xFA && status != 0xFB && status != 0xF2) || !rolls);
            if (status != 0xF8 && status != 0xF2) rolls = status != 0xFC;
        }
    }
    forbid_waiting(0);
    rp_timeline_free(timeline);
}

typedef struct {
    const rp_timeline *timeline;
    atomic_int over;
    uint64_t reads;
} watcher;

static void watch(void *argument) {
    watcher *it = argument;
    do {
        rp_timeline_state state;
        rp_timeline_get(it->timeline, &state);
        CHECK(state.source < RP_CLOCKS && state.bpm > 99.0 && state.bpm < 301.0);
        it->reads++;
        rp_sleep_until(rp_now() + 1000); /* it may be real-time: others want to run */
    } while (!atomic_load(&it->over));
}

static void test_the_state_may_be_read_by_anyone(void) {
    rp_timeline *timeline = rp_timeline_new();
    watcher it = {.timeline = timeline};
    int realtime;
    CHECK(timeline);
    rp_thread *thread = rp_thread_start(watch, &it, RP_PRIORITY_WORKER, &realtime);
    CHECK(thread);
    for (uint64_t frame = 0; frame < 2000 * BLOCK; frame += BLOCK) {
        if (frame % (100 * BLOCK) == 0) rp_timeline_set_tempo(timeline, 100.0 + 200.0 * chance());
        rp_timeline_advance(timeline, frame);
    }
    atomic_store(&it.over, 1);
    rp_thread_join(thread);
    CHECK(it.reads > 0);
    rp_timeline_free(timeline);
}

int main(void) {
    seed = 11;
    test_within_two_milliseconds_after_two_beats();
    test_ramps();
    test_a_step_of_tempo();
    test_strays();
    test_drop_outs();
    test_taking_over();
    test_giving_back();
    test_others_move_nothing();
    test_jack_in_each_cycle();
    test_taps();
    test_song_position();
    test_joining_a_song_that_rolls();
    test_half_an_hour_out(120.0, 64);
    test_half_an_hour_out(123.456, 128);
    test_half_an_hour_out(77.7, 0);
    test_the_transport_out();
    test_a_start_between_sixteenths();
    test_little_room();
    test_there_and_back();
    test_anything();
    test_the_state_may_be_read_by_anyone();
    return 0;
}
