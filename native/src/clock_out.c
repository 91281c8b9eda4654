/* clock_out.c - see clock_out.h. */
#include "clock_out.h"

#include <math.h>

#include "clock_in.h"

enum { TICK = 0xF8, START = 0xFA, CONTINUE = 0xFB, STOP = 0xFC, POSITION = 0xF2, LAST_POSITION = 0x3FFF };
enum { TICK_BYTES = 4 };          /* messages that leave with one F8, at most */
static const double WHOLE = 1e-6; /* frames or ticks: as good as reached, for rounding's sake */

/* Where the messages of a cycle go. */
typedef struct {
    rp_clock_byte *byte;
    uint32_t count, capacity;
    double frame; /* of the cycle */
} page;

/* The first whole number that is not below. [process] */
static double up(double number) { return -floor(WHOLE - number); }

/* 0: no room. [process] */
static int put(page *to, double frame, uint8_t status, int64_t value) {
    uint8_t low = (uint8_t)(value & 0x7F), high = (uint8_t)(value >> 7 & 0x7F);
    if (to->count == to->capacity) return 0;
    to->byte[to->count++] =
        (rp_clock_byte){(uint32_t)(frame - to->frame), status == POSITION ? 3 : 1, {status, low, high}};
    return 1;
}

/* The song rolls from tick `start` on; beyond what song position can say, from where they are. [process] */
static void announce(rp_clock_out *clock, page *to, double frame) {
    int64_t place = clock->start / RP_SONG_POSITION_TICKS;
    if (place > 0 && place <= LAST_POSITION) put(to, frame, POSITION, place);
    clock->told = (uint32_t)put(to, frame, place == 0 ? START : CONTINUE, 0);
}

/* [process] */
static void take_back(rp_clock_out *clock, page *to, double frame) {
    if (clock->told && put(to, frame, STOP, 0)) clock->told = 0;
}

/* The song can be told to roll at the next sixteenth note that it has. [process] */
static void set_start(rp_clock_out *clock) {
    int64_t steps = (clock->next + RP_SONG_POSITION_TICKS - 1) / RP_SONG_POSITION_TICKS;
    clock->start = steps > 0 ? steps * RP_SONG_POSITION_TICKS : 0;
}

/* A piece begins, or the cycle does. [process] */
static void enter(rp_clock_out *clock, const rp_timeline_piece *piece, page *to, double frame) {
    int elsewhere = !clock->begun || piece->jumps != clock->jumps;
    if (elsewhere || !piece->rolling) take_back(clock, to, frame);
    if (elsewhere) clock->next = (int64_t)up((piece->beat + (frame - piece->frame) * piece->rate) * RP_CLOCK_TICKS);
    if (elsewhere || (piece->rolling && !clock->rolling)) set_start(clock);
    clock->begun = 1;
    clock->jumps = piece->jumps;
    clock->rolling = piece->rolling;
}

/* F8 of a piece before frame `end`. [process] */
static void tick(rp_clock_out *clock, const rp_timeline_piece *piece, page *to, double from, double end) {
    while (to->count + TICK_BYTES <= to->capacity) {
        double due = ((double)clock->next / RP_CLOCK_TICKS - piece->beat) / piece->rate;
        double frame = fmax(piece->frame + up(due), from);
        if (frame >= end) return;
        if (clock->rolling && !clock->told && clock->next == clock->start) announce(clock, to, frame);
        put(to, frame, TICK, 0);
        clock->sent++;
        clock->next++;
        if (clock->rolling && !clock->told && clock->next == clock->start) announce(clock, to, frame);
    }
}

uint32_t rp_clock_out_cycle(rp_clock_out *clock, const rp_timeline *timeline, uint64_t frame, uint32_t frames,
                            rp_clock_byte *out, uint32_t capacity) {
    uint32_t count;
    const rp_timeline_piece *piece = rp_timeline_pieces(timeline, &count);
    page to = {out, 0, capacity, (double)frame};
    for (uint32_t i = 0; i < count; i++) {
        double from = fmax(piece[i].frame, to.frame), end = to.frame + frames;
        if (i + 1 < count) end = fmin(end, piece[i + 1].frame);
        if (from >= end) continue;
        enter(clock, &piece[i], &to, from);
        tick(clock, &piece[i], &to, from, end);
    }
    return to.count;
}
