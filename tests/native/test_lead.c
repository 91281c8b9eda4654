/* The clock leads the band: bars and beats, ramps, stops, starts, places, and what becomes of it all without a clock. */
#include <math.h>
#include <string.h>

#include "bands.h"

enum { LOG_MAX = 1 << 15, BAR = 48, TICKS = 12 };

static concert c;
static rp_timeline_state log_of[LOG_MAX]; /* the clock, cycle by cycle */
static uint32_t logged;

static void open_band(uint32_t mode, uint32_t source, double bpm) {
    rp_continuation_config config = trio(mode);
    rp_conductor_config clock = {.source = source, .inputs = 1, .on = 1, .bpm = bpm};
    CHECK(concert_open(&c, &config, 1, 1));
    logged = 0;
    concert_set(&c, RP_SET_HUMANIZE, 0);
    concert_set(&c, RP_SET_DENSITY, 4);
    concert_set(&c, RP_SET_START_NOTES, 2);
    concert_set(&c, RP_SET_REST_BARS, 0);
    CHECK(rp_engine_set_conductor(c.at.engine, &clock));
}

static void set_tempo(double bpm) {
    rp_conductor_config clock = {.source = RP_CLOCK_INTERNAL, .inputs = 1, .on = 1, .bpm = bpm};
    CHECK(rp_engine_set_conductor(c.at.engine, &clock));
}

static void transport(uint32_t what, double beat) {
    CHECK(rp_engine_transport(c.at.engine, RP_CLOCK_INTERNAL, what, 0, 0.0, beat));
}

/* Cycles, and what the clock was in each. */
static void cycles(uint32_t count) {
    rp_conductor_state state;
    while (count--) {
        concert_cycles(&c, 1);
        rp_engine_get_conductor(c.at.engine, &state);
        CHECK(logged < LOG_MAX);
        log_of[logged++] = state.timeline;
    }
}

static void seconds(double count) { cycles((uint32_t)lround(count * RATE / BLOCK)); }

/* The clock's beat at a frame that has passed. */
static double beat_at(uint64_t frame) {
    for (uint32_t i = logged; i-- > 0;) {
        if (log_of[i].frame > frame) continue;
        return log_of[i].beat + (double)(frame - log_of[i].frame) / RATE * log_of[i].bpm / 60.0;
    }
    CHECK(!"the clock was there");
    return 0.0;
}

/* The player plays a bar, and has the band with him. */
static void band_joins(void) {
    for (uint32_t n = 0; n < 4; n++) {
        stage_send(&c.at, 0, 0x90, (uint8_t)(60 + n), 80);
        cycles(60);
        stage_send(&c.at, 0, 0x80, (uint8_t)(60 + n), 0);
        cycles(60);
    }
    CHECK(c.state == RP_STATE_COMPING);
}

/* How far in ms the notes that sounded between two frames are from their ticks of the clock, at most; -1: there are
 * none. The clock's bars are the band's. */
static double furthest(uint64_t from, uint64_t until) {
    double most = -1.0;
    for (uint32_t i = 0; i < c.notes; i++) {
        if (!c.note[i].sounded || c.note[i].on < from || c.note[i].on >= until) continue;
        double ticks = (double)c.note[i].tick - beat_at(c.note[i].on) * TICKS;
        double off = ticks - BAR * round(ticks / BAR), frames = RATE * 60.0 / 120.0 / TICKS;
        most = fmax(most, fabs(off * frames * 1000.0 / RATE));
    }
    return most;
}

static uint32_t band_sounding(void) {
    uint32_t count = 0;
    for (uint32_t channel = 1; channel < RP_CHANNELS; channel++)
        for (uint32_t pitch = 0; pitch < RP_PITCHES; pitch++) count += c.at.out.sounding[0][channel][pitch];
    return count;
}

static void close_in_silence(void) {
    rp_band_stats stats = concert_stats(&c);
    CHECK(stats.late == 0 && stats.refused == 0 && stats.reports_lost == 0 && stats.unheard == 0);
    CHECK(rp_engine_stop(c.at.engine));
    stage_cycles(&c.at, 2);
    CHECK(stage_sounding(&c.at) == 0);
    concert_close(&c);
}

static void test_notes_lie_on_the_clock(void) {
    open_band(RP_MODE_BAND, RP_CLOCK_INTERNAL, 93.0);
    cycles(7);
    transport(RP_TRANSPORT_START, 0.0);
    band_joins();
    seconds(20.0);
    double off = furthest(0, c.at.frame);
    CHECK(off >= 0.0 && off < 0.05); /* a frame or two */
    CHECK(concert_sounded(&c) > 20 && concert_stats(&c).missed == 0);
    CHECK(concert_stats(&c).clock == 1 && concert_stats(&c).millibpm == 93000);
    close_in_silence();
}

/* From tempo to tempo: it has settled two of the slower one's beats later. */
static void test_steps_of_the_tempo(void) {
    static const double tempo[] = {60, 200, 97, 98};
    open_band(RP_MODE_BAND, RP_CLOCK_INTERNAL, 120.0);
    transport(RP_TRANSPORT_START, 0.0);
    band_joins();
    for (uint32_t i = 0; i < sizeof tempo / sizeof *tempo; i++) {
        set_tempo(tempo[i]);
        seconds(3.0);
        uint64_t from = c.at.frame;
        seconds(4.0);
        double off = furthest(from, c.at.frame);
        CHECK(off >= 0.0 && off < 1.0);
    }
    CHECK(concert_stats(&c).missed == 0);
    close_in_silence();
}

/* 60 to 130 in 10 seconds and back: the beat that was settled before the tempo moved is beside it, no other. */
static void test_a_ramp(void) {
    open_band(RP_MODE_BAND, RP_CLOCK_INTERNAL, 60.0);
    transport(RP_TRANSPORT_START, 0.0);
    band_joins();
    seconds(3.0);
    uint64_t from = c.at.frame;
    for (uint32_t i = 0; i < 200; i++) {
        double way = i < 100 ? i / 100.0 : (200 - i) / 100.0;
        set_tempo(60.0 + 70.0 * way);
        seconds(0.1);
        if (i == 20) from = c.at.frame;
    }
    double off = furthest(from, c.at.frame);
    CHECK(off >= 0.0 && off < 3.0);
    seconds(3.0);
    from = c.at.frame;
    seconds(5.0);
    off = furthest(from, c.at.frame);
    CHECK(off >= 0.0 && off < 1.0);
    close_in_silence();
}

/* It stops with the clock, whatever the player does, and goes on at its start, from beat one. */
static void test_stop_and_start(void) {
    open_band(RP_MODE_BAND, RP_CLOCK_INTERNAL, 120.0);
    transport(RP_TRANSPORT_START, 0.0);
    band_joins();
    for (uint32_t round = 0; round < 3; round++) {
        seconds(2.0 + 0.07 * round);
        stage_send(&c.at, 0, 0x90, 50, 80); /* the player's own goes on */
        cycles(1);
        transport(RP_TRANSPORT_STOP, 0.0);
        cycles(1);
        CHECK(band_sounding() == 0 && c.at.out.sounding[0][0][50]);
        cycles(1);
        uint32_t notes = c.notes, sounded = concert_sounded(&c);
        CHECK(c.state == RP_STATE_LISTENING);
        seconds(2.0);
        concert_play(&c, 4, BEAT / 2);
        stage_send(&c.at, 0, 0x80, 50, 0);
        seconds(1.0);
        CHECK(c.notes == notes && concert_sounded(&c) == sounded && band_sounding() == 0);
        transport(RP_TRANSPORT_START, 0.0);
        uint64_t start = c.at.frame;
        seconds(4.0);
        CHECK(c.state == RP_STATE_COMPING && c.state_frame == start && c.state_tick % BAR == 0);
        CHECK(c.notes > notes && c.note[notes].tick >= c.state_tick);
        CHECK(furthest(start + RATE / 20, c.at.frame) < 0.05);
    }
    close_in_silence();
}

/* What is due at the very start is played, though a little late: nobody can have thought of it before. */
static void test_the_first_beat_of_an_answer(void) {
    open_band(RP_MODE_DUET, RP_CLOCK_INTERNAL, 120.0);
    cycles(4);
    CHECK(rp_continuation_hand_over(c.band)); /* it waits for the clock */
    seconds(1.0);
    CHECK(c.state == RP_STATE_LISTENING && c.notes == 0);
    transport(RP_TRANSPORT_START, 0.0);
    uint64_t start = c.at.frame;
    seconds(4.0);
    CHECK(c.state == RP_STATE_ANSWERING && c.note[0].sounded && c.note[0].tick == c.state_tick);
    CHECK(c.note[0].on >= start && c.note[0].on < start + 4 * BLOCK + RATE / 200);
    CHECK(rp_continuation_yield(c.band));
    seconds(1.0);
    uint32_t notes = c.notes;
    transport(RP_TRANSPORT_STOP, 0.0);
    concert_play(&c, 4, BEAT / 2); /* for nobody */
    seconds(1.0);
    transport(RP_TRANSPORT_START, 0.0);
    seconds(3.0);
    CHECK(c.state == RP_STATE_LISTENING && c.notes == notes); /* it had yielded */
    close_in_silence();
}

/* A start that is known before it comes is met to the frame. */
static void test_a_start_to_come(void) {
    open_band(RP_MODE_DUET, RP_CLOCK_INTERNAL, 120.0);
    cycles(4);
    CHECK(rp_continuation_hand_over(c.band));
    cycles(4);
    uint64_t start = c.at.frame + RATE / 2 + 77;
    CHECK(rp_engine_transport(c.at.engine, RP_CLOCK_INTERNAL, RP_TRANSPORT_START, start, 0.0, 0.0));
    seconds(3.0);
    CHECK(c.note[0].sounded && c.note[0].on == start && c.note[0].tick == c.state_tick);
    uint64_t stop = c.at.frame + RATE / 2 + 77;
    CHECK(rp_engine_transport(c.at.engine, RP_CLOCK_INTERNAL, RP_TRANSPORT_STOP, stop, 0.0, 0.0));
    seconds(0.4);
    CHECK(c.state == RP_STATE_ANSWERING);
    seconds(0.2);
    CHECK(c.state == RP_STATE_LISTENING && band_sounding() == 0);
    close_in_silence();
}

/* Elsewhere in the song: what was committed for the old place does not sound, and the new bars are kept. */
static void test_places(void) {
    static const double place[] = {32.0, 3.0, 0.0, 17.5, -4.0, 1000.0, 2.0 / 3.0};
    open_band(RP_MODE_BAND, RP_CLOCK_INTERNAL, 110.0);
    transport(RP_TRANSPORT_START, 0.0);
    band_joins();
    for (uint32_t i = 0; i < sizeof place / sizeof *place; i++) {
        seconds(1.3);
        transport(RP_TRANSPORT_LOCATE, place[i]);
        uint64_t from = c.at.frame;
        seconds(4.0);
        CHECK(c.state == RP_STATE_COMPING);
        double off = furthest(from + RATE / 16, c.at.frame);
        CHECK(off >= 0.0 && off < 0.05);
    }
    close_in_silence();
}

/* A clock that comes while the band plays, and goes again: it goes on, at the clock's tempo, and its own keys count. */
static void test_a_clock_comes_and_goes(void) {
    rp_conductor_config off = {.on = 0}, on = {.on = 1, .bpm = 90.0};
    open_band(RP_MODE_BAND, RP_CLOCK_INTERNAL, 90.0);
    CHECK(rp_engine_set_conductor(c.at.engine, &off));
    band_joins();
    seconds(3.0);
    CHECK(concert_stats(&c).clock == 0 && concert_stats(&c).millibpm == 120000 && concert_sounded(&c) > 3);
    CHECK(rp_engine_set_conductor(c.at.engine, &on));
    transport(RP_TRANSPORT_START, 0.0);
    uint64_t from = c.at.frame + RATE / 16;
    concert_set(&c, RP_SET_TEMPO, 55);
    CHECK(rp_continuation_tap(c.band, 0));
    seconds(4.0);
    CHECK(c.state == RP_STATE_COMPING && concert_stats(&c).millibpm == 90000);
    CHECK(furthest(from, c.at.frame) >= 0.0 && furthest(from, c.at.frame) < 0.05);
    CHECK(rp_engine_set_conductor(c.at.engine, &off));
    uint32_t sounded = concert_sounded(&c);
    seconds(4.0);
    CHECK(c.state == RP_STATE_COMPING && concert_stats(&c).clock == 0 && concert_sounded(&c) > sounded);
    concert_set(&c, RP_SET_TEMPO, 55);
    cycles(1);
    CHECK(concert_stats(&c).millibpm == 55000);
    close_in_silence();
}

/* A panic, another rig, the same band in another rig, and a clock that moved while it was away. */
static void test_panic_and_other_rigs(void) {
    open_band(RP_MODE_BAND, RP_CLOCK_INTERNAL, 120.0);
    transport(RP_TRANSPORT_START, 0.0);
    for (uint32_t round = 0; round < 6; round++) {
        band_joins();
        uint64_t from = c.at.frame;
        seconds(3.0);
        double off = furthest(from, c.at.frame);
        CHECK(off >= 0.0 && off < 0.05);
        if (round % 3 == 0) CHECK(rp_engine_panic(c.at.engine));
        else CHECK(rp_engine_load(c.at.engine, concert_rig(&c, round % 3 == 2)));
        cycles(1);
        if (round % 3 != 1) continue;
        set_tempo(90.0 + round);
        if (round > 1) transport(RP_TRANSPORT_LOCATE, 7.0);
        seconds(10.0);
        CHECK(rp_engine_load(c.at.engine, concert_rig(&c, 1)));
        cycles(2);
    }
    close_in_silence();
}

/* A worker that did nothing for a while hears in the end where the clock is. */
static void test_a_worker_held_up(void) {
    open_band(RP_MODE_BAND, RP_CLOCK_INTERNAL, 120.0);
    transport(RP_TRANSPORT_START, 0.0);
    band_joins();
    for (uint32_t round = 0; round < 4; round++) {
        rp_continuation_stall(c.band, 1);
        if (round % 2) transport(RP_TRANSPORT_STOP, 0.0);
        else transport(RP_TRANSPORT_LOCATE, 5.0);
        set_tempo(100.0 + 10.0 * round);
        seconds(2.0);
        if (round % 2) CHECK(band_sounding() == 0);
        if (round % 2) transport(RP_TRANSPORT_START, 0.0);
        rp_continuation_stall(c.band, 0);
        seconds(3.0);
        uint64_t from = c.at.frame;
        seconds(3.0);
        CHECK(c.state == RP_STATE_COMPING);
        CHECK(furthest(from, c.at.frame) >= 0.0 && furthest(from, c.at.frame) < 1.0);
    }
    close_in_silence();
}

/* A drum machine: its ticks come up to a millisecond beside their places. */
static void test_midi_clock(void) {
    double period = RATE * 60.0 / 104.0 / 24.0, next = 3000.0;
    open_band(RP_MODE_BAND, RP_CLOCK_MIDI, 0.0);
    cycles(2);
    stage_send(&c.at, 0, 0xFA, 0, 0);
    srand(7);
    uint64_t from = 0;
    for (uint32_t n = 0, tick = 0; n < 12 * RATE / BLOCK; n++) {
        double shift = (rand() % 96 - 48.0) * (tick > 0);
        while (next + shift < (double)(c.at.frame + BLOCK)) {
            double at = fmax(next + shift - (double)c.at.frame, 0.0);
            stage_send(&c.at, (uint32_t)at, 0xF8, 0, 0);
            next += period;
            tick++;
        }
        if (n % 120 == 60 && n < 1000) stage_send(&c.at, BLOCK - 1, 0x90, (uint8_t)(60 + n / 120), 80);
        if (n % 120 == 100 && n < 1000) stage_send(&c.at, BLOCK - 1, 0x80, (uint8_t)(60 + n / 120), 0);
        cycles(1);
        if (n == 2000) from = c.at.frame;
    }
    double off = 0.0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < c.notes; i++) {
        if (!c.note[i].sounded || c.note[i].on < from) continue;
        double tick = ((double)c.note[i].on - 3000.0) / period / 2.0, apart = (double)c.note[i].tick - tick;
        off = fmax(off, fabs(apart - BAR * round(apart / BAR)) * period * 2.0 * 1000.0 / RATE);
        count++;
    }
    CHECK(count > 10 && off < 5.0);
    close_in_silence();
}

int main(void) {
    test_notes_lie_on_the_clock();
    test_steps_of_the_tempo();
    test_a_ramp();
    test_stop_and_start();
    test_the_first_beat_of_an_answer();
    test_a_start_to_come();
    test_places();
    test_a_clock_comes_and_goes();
    test_panic_and_other_rigs();
    test_a_worker_held_up();
    test_midi_clock();
    return 0;
}
