/* recall.c - see recall.h. */
#include "recall.h"

#include <string.h>

enum { LAST_PITCH, PITCH_BEFORE, LAST_DURATION, LAST_VELOCITY, ENDS_BEATS, ENDS_POSITIONS, STATES, SOUNDING };
enum { BEATS_FAR = 17, PITCHES = 128, PITCH_VALUES = 129, LEVELS = 33, DRUMS = 65, DURATION_CODES = 33 };
enum { STATE_ON = 0, STATE_ENDS = 1, STATE_SILENT = 2, STATE_BEGUN = 3, STATE_COUNT = 4 };

const rp_hint_table rp_hint_tables[RP_HINT_TABLES] = {
    [LAST_PITCH] = {"recall", 0, RP_FIELD_PITCH, 2 * PITCH_VALUES},
    [PITCH_BEFORE] = {"recall", 1, RP_FIELD_PITCH, PITCH_VALUES},
    [LAST_DURATION] = {"recall", 2, RP_FIELD_DURATION, 2 * LEVELS},
    [LAST_VELOCITY] = {"recall", 3, RP_FIELD_VELOCITY, 2 * LEVELS},
    [ENDS_BEATS] = {"outlook", 0, RP_FIELD_BEAT, BEATS_FAR + 1},
    [ENDS_POSITIONS] = {"outlook", 1, RP_FIELD_POSITION, RP_TICKS_A_BEAT + 1},
    [STATES] = {"outlook", 2, RP_FIELD_INSTRUMENT, STATE_COUNT * RP_CODES_KNOWN},
    [SOUNDING] = {"outlook", 3, RP_FIELD_PITCH, PITCHES},
};

/* Lengths of the duration's codes in ticks (Dong et al. 2023). */
static const uint16_t DURATIONS[DURATION_CODES] = {0,  1,  2,  3,  4,  5,  6,   7,   8,   9,   10,
                                                   11, 12, 15, 16, 18, 20, 21,  24,  30,  36,  40,
                                                   42, 48, 60, 72, 84, 96, 120, 144, 168, 192, 384};

uint32_t rp_duration_ticks(uint32_t code) { return code < DURATION_CODES ? DURATIONS[code] : 0; }

int64_t rp_beat_of(int64_t tick) { return tick / RP_TICKS_A_BEAT - (tick % RP_TICKS_A_BEAT < 0); }

/* ---- what was heard ---- */

void rp_recall_clear(rp_recall *recall) {
    recall->length = 0;
    for (uint32_t code = 0; code < RP_CODES_KNOWN; code++) recall->last[code] = -1;
}

void rp_recall_add(rp_recall *recall, const rp_event *event) {
    const uint32_t at = recall->length++;
    recall->event[at] = *event;
    recall->end[at] = INT64_MIN;
    recall->before[at] = -1;
    if (event->column[RP_FIELD_TYPE] != RP_TYPE_NOTE) return;
    int32_t *last = &recall->last[event->column[RP_FIELD_INSTRUMENT]];
    recall->end[at] = event->tick + rp_duration_ticks((uint32_t)event->column[RP_FIELD_DURATION]);
    recall->before[at] = *last;
    *last = (int32_t)at;
}

void rp_recall_rewind(rp_recall *recall, uint32_t length) {
    while (recall->length > length) {
        const uint32_t at = --recall->length;
        const int16_t *column = recall->event[at].column;
        if (column[RP_FIELD_TYPE] == RP_TYPE_NOTE) recall->last[column[RP_FIELD_INSTRUMENT]] = recall->before[at];
    }
}

/* ---- hints ---- */

/* Rows of one table as they are found, each at most once. */
typedef struct {
    rp_hint *out;
    uint32_t count;
    uint8_t seen[STATE_COUNT * RP_CODES_KNOWN];
} found;

/* [worker] */
static void hint(found *it, uint32_t table, uint32_t row) {
    if (it->seen[row]) return;
    it->seen[row] = 1;
    it->out[it->count++] = (rp_hint){(uint16_t)table, (uint16_t)row};
}

/* The field that is raised in a table's row when the last note has the same tick. [worker] */
static uint32_t raised(const rp_event *last, const rp_event *next, uint32_t field, uint32_t values) {
    return (uint32_t)last->column[field] + (last->tick == next->tick ? values : 0);
}

/* What the chosen instrument played last; `none` is told where it has not played. [worker] */
static uint32_t recall_hints(const rp_recall *recall, uint32_t field, const rp_event *next, rp_hint *out) {
    const int note = next->column[RP_FIELD_TYPE] == RP_TYPE_NOTE;
    const int32_t last = note ? recall->last[next->column[RP_FIELD_INSTRUMENT]] : -1;
    const rp_event *event = last < 0 ? NULL : &recall->event[last];
    if (field == RP_FIELD_PITCH) {
        const int32_t before = event ? recall->before[last] : -1;
        out[0] = (rp_hint){LAST_PITCH, (uint16_t)(event ? raised(event, next, RP_FIELD_PITCH, PITCH_VALUES) : 0)};
        out[1] = (rp_hint){PITCH_BEFORE, (uint16_t)(before < 0 ? 0 : recall->event[before].column[RP_FIELD_PITCH])};
        return 2;
    }
    if (field != RP_FIELD_DURATION && field != RP_FIELD_VELOCITY) return 0;
    out[0].table = field == RP_FIELD_DURATION ? LAST_DURATION : LAST_VELOCITY;
    out[0].row = (uint16_t)(event ? raised(event, next, field, LEVELS) : 0);
    return 1;
}

/* In how many beats the instruments' last notes end, counted from the last event. [worker] */
static void see_beats(const rp_recall *recall, int32_t last, found *it) {
    const int64_t now = recall->length ? rp_beat_of(recall->event[recall->length - 1].tick) : 0;
    const int64_t ahead = rp_beat_of(recall->end[last]) - now;
    hint(it, ENDS_BEATS, (uint32_t)(ahead < 0 ? 0 : ahead > BEATS_FAR ? BEATS_FAR : ahead));
}

/* At which positions of the chosen beat they end. [worker] */
static void see_positions(const rp_recall *recall, int32_t last, int64_t tick, found *it) {
    const int64_t beat = rp_beat_of(recall->end[last]);
    if (beat == rp_beat_of(tick)) hint(it, ENDS_POSITIONS, (uint32_t)(recall->end[last] - beat * RP_TICKS_A_BEAT + 1));
}

/* What an instrument does at the chosen tick. [worker] */
static void see_state(const rp_recall *recall, int32_t last, uint32_t code, int64_t tick, found *it) {
    const int64_t end = recall->end[last];
    uint32_t state = end > tick ? STATE_ON : end == tick ? STATE_ENDS : STATE_SILENT;
    if (recall->event[last].tick == tick) state = STATE_BEGUN;
    hint(it, STATES, STATE_COUNT * code + state);
}

/* The pitches that sound at the chosen tick; drums have none. [worker] */
static void see_sounding(const rp_recall *recall, int64_t tick, found *it) {
    for (uint32_t i = 0; i < recall->length; i++) {
        if (recall->end[i] <= tick || recall->event[i].column[RP_FIELD_INSTRUMENT] == DRUMS) continue;
        if (recall->event[i].column[RP_FIELD_PITCH] > 0)
            hint(it, SOUNDING, (uint32_t)recall->event[i].column[RP_FIELD_PITCH] - 1);
    }
}

uint32_t rp_recall_hints(const rp_recall *recall, uint32_t field, const rp_event *next, rp_hint *out) {
    found it = {.out = out, .count = recall_hints(recall, field, next, out)};
    if (field == RP_FIELD_TYPE || next->column[RP_FIELD_TYPE] != RP_TYPE_NOTE) return it.count;
    for (uint32_t code = 0; code < RP_CODES_KNOWN; code++) {
        const int32_t last = recall->last[code];
        if (last < 0) continue;
        if (field == RP_FIELD_BEAT) see_beats(recall, last, &it);
        if (field == RP_FIELD_POSITION) see_positions(recall, last, next->tick, &it);
        if (field == RP_FIELD_INSTRUMENT) see_state(recall, last, code, next->tick, &it);
    }
    if (field == RP_FIELD_PITCH) see_sounding(recall, next->tick, &it);
    return it.count;
}

/* ---- pitch classes ---- */

static const double FADE = 0.985; /* a note counts half after about 45 others */
enum { FADED = 400 };             /* others, after which it counts no more */

void rp_recall_classes(const rp_recall *recall, double weight[12]) {
    double one = 1;
    uint32_t notes = 0;
    memset(weight, 0, 12 * sizeof *weight);
    for (uint32_t i = recall->length; i-- > 0 && notes < FADED;) {
        const int16_t *column = recall->event[i].column;
        if (column[RP_FIELD_TYPE] != RP_TYPE_NOTE || column[RP_FIELD_INSTRUMENT] == DRUMS) continue;
        if (column[RP_FIELD_PITCH] < 1) continue;
        weight[(column[RP_FIELD_PITCH] - 1) % 12] += one;
        one *= FADE;
        notes++;
    }
}
