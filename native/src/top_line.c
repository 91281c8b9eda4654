/* top_line.c - see top_line.h. */
#include "top_line.h"

#include <string.h>

#include "piano.h"

enum {
    SETTLE = 3,    /* blocks that a note lasts before another takes its place: a broken chord does not chatter */
    NEAR = 7,      /* semitones below the line's note where a stroke still counts as the line's, not the left hand's */
    LEAP = 12,     /* the same when the line's key is up */
    SINK = 3,      /* blocks of rest that let it leap a semitone further */
    FORGET = 150,  /* blocks that the line's note lasts before any stroke may take its place */
    LONGEST = 375, /* blocks: a note that the pedal holds is not sung for ever */
    RESTED_MAX = 375 /* blocks that are counted */
};
/* Of a key struck since the row before, at most 16 ms ago: its fading trace against its steady one, e^(-0.016 / 0.25)
 * and a little less for the frames' rounding. */
static const float FRESH = 0.9379f;

void rp_top_line_clear(rp_top_line *line) { *line = (rp_top_line){0}; }

/* The highest key struck since the row before; 0: none. [worker] */
static uint32_t highest_struck(const float *row) {
    for (uint32_t key = RP_PIANO_KEYS; key-- > 0;)
        if (row[key] > 0 && row[RP_PIANO_KEYS + key] >= FRESH * row[key]) return RP_PIANO_LOW + key;
    return 0;
}

/* Whether a stroke continues the line: not what the left hand does far below it. [worker] */
static int belongs(const rp_top_line *line, uint32_t key) {
    const uint32_t near = line->key ? NEAR : LEAP + line->rested / SINK;
    return key + near >= line->last || (line->key && line->held >= FORGET);
}

/* [worker] */
static void begin(rp_top_line *line, uint32_t key) {
    line->key = line->last = key;
    line->waiting = line->held = line->rested = 0;
}

/* The line's note ends with its key. [worker] */
static void age(rp_top_line *line, const float *row) {
    line->held++;
    line->rested += line->rested < RESTED_MAX;
    if (line->key && (row[line->key - RP_PIANO_LOW] <= 0 || line->held > LONGEST)) line->key = line->rested = 0;
    if (line->waiting && row[line->waiting - RP_PIANO_LOW] <= 0) line->waiting = 0;
}

int rp_top_line_hear(rp_top_line *line, const float *row) {
    const uint32_t struck = highest_struck(row);
    age(line, row);
    if (struck && belongs(line, struck) && (struck > line->waiting || !line->waiting)) line->waiting = struck;
    if (!line->waiting || (line->key && line->held < SETTLE)) return 0;
    begin(line, line->waiting);
    return 1;
}

/* A pitch moved by octaves into a range; 0: no octave lies in it. [worker] */
static uint32_t within(int32_t pitch, uint32_t low, uint32_t high) {
    while (pitch > (int32_t)high) pitch -= 12;
    while (pitch < (int32_t)low) pitch += 12;
    return pitch <= (int32_t)high ? (uint32_t)pitch : 0;
}

uint32_t rp_top_line_double(const rp_top_line *line, int32_t octaves, uint32_t low, uint32_t high) {
    return line->key ? within((int32_t)line->key + 12 * octaves, low, high) : 0;
}

/* ---- harmony ---- */

static const uint8_t MAJOR[12] = {1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1};

/* How much of what sounded in the last seconds lies in a major scale (its relative minor's notes are the same). The
 * slower of the piano's two means. [worker] */
static float fit(const float *row, uint32_t tonic) {
    const float *heard = row + RP_PIANO_SLOW + 12;
    float sum = 0;
    for (uint32_t i = 0; i < 12; i++) sum += MAJOR[(i + 12 - tonic) % 12] ? heard[i] : 0;
    return sum;
}

/* Another scale must fit clearly better than the one so far, so that a passing note changes nothing. [worker] */
static void hear_scale(rp_top_line *line, const float *row) {
    float best = fit(row, line->scale) * 1.03f;
    for (uint32_t tonic = 0; tonic < 12; tonic++)
        if (fit(row, tonic) > best) {
            best = fit(row, tonic);
            line->scale = tonic;
        }
}

/* The third above a pitch, or below: the one that lies in the scale; if both or none do, the smaller. [worker] */
static int32_t third(const rp_top_line *line, int32_t pitch, int32_t way) {
    const uint32_t small = (uint32_t)(pitch + 3 * way + 24) % 12, large = (uint32_t)(pitch + 4 * way + 24) % 12;
    const int fits = MAJOR[(small + 12 - line->scale) % 12], other = MAJOR[(large + 12 - line->scale) % 12];
    return pitch + (other && !fits ? 4 : 3) * way;
}

uint32_t rp_top_line_harmony(rp_top_line *line, const float *row, uint32_t interval, uint32_t low, uint32_t high) {
    if (!line->key) return 0;
    hear_scale(line, row);
    const int32_t pitch = (int32_t)line->key, below = third(line, pitch, -1), sixth = third(line, pitch, 1) - 12;
    const int third_sounds = row[RP_PIANO_CHROMA + below % 12] > 0,
              sixth_sounds = row[RP_PIANO_CHROMA + sixth % 12] > 0;
    if (interval == 3 || interval == 6) line->sixth = interval == 6;
    else if (third_sounds != sixth_sounds) line->sixth = (uint32_t)sixth_sounds;
    return within(line->sixth ? sixth : below, low, high);
}
