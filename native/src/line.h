/* line.h - whether to sing, and what note: models/singing/line.py in C, one block at a time. */
#ifndef RIPIENO_LINE_H
#define RIPIENO_LINE_H
#include "history.h"
#include "tower.h"

enum { RP_LINE_FACTS = 96 }; /* numbers told of a note */

typedef struct {
    rp_tower tower;
    uint32_t field;             /* width of a head's hidden layer */
    const float *embed[4];      /* [values of the column][dim] */
    rp_matrix row;              /* [dim][RP_PIANO_ROW] */
    const float *row_bias;      /* [dim] */
    rp_matrix phonation_stream; /* [field][dim] */
    rp_matrix phonation_facts;  /* [field][RP_LINE_FACTS] */
    rp_matrix phonation_scores; /* [4][field] */
    rp_matrix note_stream;      /* [field][dim] */
    rp_matrix note_facts;       /* [field][RP_LINE_FACTS] */
    rp_matrix interval;         /* [RP_INTERVALS][dim] */
    const float *phonation_bias, *phonation_scores_bias, *note_bias, *interval_bias;
    const float *phonation_state; /* [4 * RP_AGES][field] */
    const float *note_score;      /* [field] */
    const float *at_pitch;        /* [RP_SUNG_NOTES] how well each note lies */
} rp_line;

typedef struct {
    rp_tower_state tower;
    const float *stream; /* [dim] of this block */
    float *x;            /* [dim] */
    float *facts;        /* [RP_SUNG_NOTES][RP_LINE_FACTS] */
    float *hidden;       /* [RP_SUNG_NOTES][field] */
    float *scores;       /* [64] */
} rp_line_state;

void rp_line_lay(rp_store *store, const rp_tower_shape *shape, rp_line *line);      /* [control] */
void rp_line_state_lay(rp_arena *arena, const rp_line *line, rp_line_state *state); /* twice [control] */
void rp_line_clear(rp_line_state *state);                                           /* nothing heard [worker] */
/* A block begins: the piano's row [RP_PIANO_ROW] and what was sung before. [worker] */
void rp_line_hear(const rp_line *line, rp_line_state *state, const float *row, const rp_history *history);
/* Scores of phonation in out [4], guided: while a note is sung whose pitch class does not sound, and others do, the
 * beginning of a note gains `guidance`. Which may come next is not asked here. [worker] */
void rp_line_phonation(const rp_line *line, rp_line_state *state, const float *row, const rp_history *history,
                       float guidance, float *out);
/* Scores of the note that begins in out [RP_SUNG_NOTES], guided: those whose pitch class sounds gain half. [worker] */
void rp_line_notes(const rp_line *line, rp_line_state *state, const float *row, const rp_history *history,
                   float guidance, float *out);
#endif
