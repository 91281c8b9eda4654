/* history.c - see history.h. */
#include "history.h"

const uint32_t rp_history_sizes[RP_HISTORY] = {RP_PHONATIONS, RP_AGES, RP_SUNG_NOTES + 1, RP_INTERVALS + 1};

/* Of each bucket of ages, the least. */
static const uint32_t AGE_FROM[RP_AGES] = {0,  1,  2,   3,   4,   6,   8,   11,  16,   23,   32,   45,
                                           64, 90, 128, 181, 256, 362, 512, 724, 1024, 1448, 2048, 2896};

void rp_history_clear(rp_history *history) {
    *history =
        (rp_history){.column = {RP_REST, 0, RP_SUNG_NOTES, RP_NO_INTERVAL}, .pair = {RP_SUNG_NOTES, RP_SUNG_NOTES}};
}

/* [any] */
static uint32_t bucket_of(uint32_t blocks) {
    uint32_t bucket = RP_AGES - 1;
    while (blocks < AGE_FROM[bucket]) bucket--;
    return bucket;
}

/* [any] */
static uint32_t interval_of(uint32_t before, uint32_t note) {
    if (before >= RP_SUNG_NOTES) return RP_NO_INTERVAL;
    const int32_t steps = (int32_t)note - (int32_t)before, widest = RP_INTERVAL_WIDEST;
    return (uint32_t)((steps > widest ? widest : steps < -widest ? -widest : steps) + widest);
}

int rp_history_sings(const rp_history *history) { return history->column[RP_HISTORY_PHONATION] >= RP_ONSET; }

/* [any] */
static void strike(rp_history *history, uint32_t note) {
    uint32_t *pair = history->pair;
    if (note == pair[0] || note == pair[1]) {
        history->strikes++;
        return;
    }
    pair[0] = history->column[RP_HISTORY_NOTE];
    pair[1] = note;
    history->strikes = 0;
}

void rp_history_add(rp_history *history, uint32_t phonation, uint32_t note) {
    uint32_t *column = history->column;
    const int goes_on = phonation == RP_SUSTAIN ? rp_history_sings(history) : phonation == column[RP_HISTORY_PHONATION];
    history->blocks = phonation == RP_ONSET || !goes_on ? 0 : history->blocks + (history->blocks < UINT32_MAX);
    if (phonation == RP_ONSET) {
        strike(history, note);
        column[RP_HISTORY_INTERVAL] = interval_of(column[RP_HISTORY_NOTE], note);
        column[RP_HISTORY_NOTE] = note;
    }
    column[RP_HISTORY_PHONATION] = phonation;
    column[RP_HISTORY_AGE] = bucket_of(history->blocks);
}

int rp_history_may(const rp_history *history, uint32_t phonation) {
    if (phonation == RP_SUSTAIN) return rp_history_sings(history);
    const int breathes = history->column[RP_HISTORY_PHONATION] == RP_BREATH;
    return phonation != RP_BREATH || !breathes || history->blocks + 1 < RP_BREATH_LONGEST;
}
