/* history.h - what was sung until now, as the networks are told of it: models/singing/representation.py in C. */
#ifndef RIPIENO_HISTORY_H
#define RIPIENO_HISTORY_H
#include "singer.h"

enum { RP_HISTORY_PHONATION = 0, RP_HISTORY_AGE = 1, RP_HISTORY_NOTE = 2, RP_HISTORY_INTERVAL = 3, RP_HISTORY = 4 };
enum {
    RP_AGES = 24,
    RP_INTERVAL_WIDEST = 24, /* semitones either way */
    RP_INTERVALS = 2 * RP_INTERVAL_WIDEST + 1,
    RP_NO_INTERVAL = RP_INTERVALS, /* fewer than two notes were sung */
    RP_BREATH_LONGEST = 21         /* blocks: 350 ms; a model that runs free got stuck here */
};
extern const uint32_t rp_history_sizes[4]; /* values of each column */

typedef struct {
    uint32_t column[4]; /* tokens, by RP_HISTORY_... */
    uint32_t blocks;    /* since the phonation last changed its class; onset and sustain of a note are one */
    uint32_t pair[2];   /* the last two different notes, the older first; RP_SUNG_NOTES: none */
    uint32_t strikes;   /* in a row of no other notes than these two, after the first of each */
} rp_history;

void rp_history_clear(rp_history *history); /* nothing was sung, a rest has just begun [any] */
/* One more block. note: 0..47, of an onset; else it is not looked at. [any] */
void rp_history_add(rp_history *history, uint32_t phonation, uint32_t note);
/* Whether a note is sung. [any] */
int rp_history_sings(const rp_history *history);
/* Whether a phonation may come next: only a note goes on, and a breath ends in time. [any] */
int rp_history_may(const rp_history *history, uint32_t phonation);
#endif
