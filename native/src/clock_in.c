/* clock_in.c - see clock_in.h. */
#include "clock_in.h"

#include <math.h>

enum { TICK = 0xF8, START = 0xFA, CONTINUE = 0xFB, STOP = 0xFC, POSITION = 0xF2 };
enum { PLACE = 1, ROLL = 2 };                       /* what waits for the next F8 */
enum { CONVINCED = 4 };                             /* F8 in a row that are as much too late: then some were lost */
static const double ALIKE = 0.3, BEYOND = 100000.0; /* ticks */

/* How many F8 were lost before this one, if the tempo is the same; 0: none, or it is another tempo. [process] */
static uint32_t seem_lost(const rp_clock_in *clock, const rp_timeline *timeline, uint64_t frame) {
    double expected = rp_timeline_expect(timeline, RP_CLOCK_MIDI, frame);
    double more = expected * RP_CLOCK_TICKS - (double)clock->ticks, whole = floor(more + 0.5);
    return expected >= 0.0 && whole >= 1.0 && whole < BEYOND && fabs(more - whole) < ALIKE ? (uint32_t)whole : 0;
}

/* A cable that was out for a while: the beat goes on as if none had been lost. [process] */
static void count_lost(rp_clock_in *clock, const rp_timeline *timeline, uint64_t frame) {
    uint32_t lost = seem_lost(clock, timeline, frame);
    clock->behind_for = lost && lost == clock->behind ? clock->behind_for + 1 : lost > 0;
    clock->behind = lost;
    if (clock->behind_for < CONVINCED) return;
    clock->ticks += lost;
    clock->lost += lost;
    if (clock->rolling) clock->position += lost;
    clock->behind = clock->behind_for = 0;
}

/* [process] */
static void tick(rp_clock_in *clock, rp_timeline *timeline, uint64_t frame) {
    count_lost(clock, timeline, frame);
    double own = (double)clock->ticks++ / RP_CLOCK_TICKS, place = (double)clock->position / RP_CLOCK_TICKS;
    rp_timeline_observe(timeline, RP_CLOCK_MIDI, frame, own);
    if (clock->pending == ROLL) rp_timeline_start(timeline, RP_CLOCK_MIDI, frame, own, place);
    if (clock->pending == PLACE) rp_timeline_locate(timeline, RP_CLOCK_MIDI, frame, own, place);
    if (clock->pending == ROLL) clock->rolling = 1;
    clock->pending = 0;
    if (clock->rolling) clock->position++;
}

/* [process] */
static void roll(rp_clock_in *clock, int64_t position) {
    clock->position = position;
    clock->pending = ROLL;
}

/* [process] */
static void stop(rp_clock_in *clock, rp_timeline *timeline, uint64_t frame) {
    clock->rolling = 0;
    clock->pending = 0;
    rp_timeline_stop(timeline, RP_CLOCK_MIDI, frame);
}

/* [process] */
static void locate(rp_clock_in *clock, const uint8_t *data) {
    clock->position = (int64_t)(data[1] | data[2] << 7) * RP_SONG_POSITION_TICKS;
    if (clock->pending != ROLL) clock->pending = PLACE;
}

void rp_clock_in_hear(rp_clock_in *clock, rp_timeline *timeline, uint64_t frame, const uint8_t *data, uint32_t size) {
    if (size == 0) return;
    if (data[0] == TICK) tick(clock, timeline, frame);
    else if (data[0] == START) roll(clock, 0);
    else if (data[0] == CONTINUE) roll(clock, clock->position);
    else if (data[0] == STOP) stop(clock, timeline, frame);
    else if (data[0] == POSITION && size >= 3) locate(clock, data);
}
