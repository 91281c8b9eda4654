/* delivery.h - how a sung line is delivered: loudness, codes of the sound and deviation from the note, block by block.
 *
 * models/singing/delivery.py in C: a tower hears what the line does and what was said before; the fields are then
 * chosen one after another, each knowing those before and what it was in the block before. */
#ifndef RIPIENO_DELIVERY_H
#define RIPIENO_DELIVERY_H
#include "history.h"
#include "tower.h"

enum {
    RP_LOUDNESSES = 48,
    RP_DEVIATIONS = 65,
    RP_SAID_MAX = 2 + RP_CODES_MAX, /* loudness, codes, deviation */
    RP_DELIVERY_VALUES_MAX = 1024   /* of a field */
};

typedef struct {
    rp_tower tower;
    uint32_t stages, codes, voices;
    uint32_t said;               /* fields: 2 + stages */
    uint32_t field;              /* width of the layer that chooses one */
    const float *line[4];        /* [rows][dim] */
    const float *heard[6];       /* [values of the field][dim] what was said before */
    const float *voice, *touch;  /* [voices][dim], [dim][2] */
    const float *keep;           /* [1] of the echo, a block */
    rp_matrix wanted;            /* [said * field][dim] */
    const float *wanted_bias;    /* [said * field] */
    const float *before[6];      /* [values][field] what the same field of the block before says to it */
    const float *known[6][6];    /* [f][g][values of g][field]: what g, chosen before, says to f */
    rp_matrix scores[6];         /* [values][field] */
    const float *scores_bias[6]; /* [values] */
} rp_delivery;

typedef struct {
    rp_tower_state tower;
    uint16_t before[6]; /* what the block before said */
    float *x;           /* [dim] */
    float *echo;        /* [dim] sum of the vectors of the codes that were said, of which each block keeps a share */
    float *wanted;      /* [said * field] */
    float *hidden;      /* [field] */
    float *scores;      /* [RP_DELIVERY_VALUES_MAX] */
} rp_delivery_state;

typedef struct {
    uint32_t line[4]; /* phonation, age, note, interval, as the line has them in this block */
    float touch[2];   /* the piano's strongest stroke since the row before; the strongest of what was struck, fading */
    uint32_t voice;
} rp_delivery_input;

/* [control] */
void rp_delivery_lay(rp_store *store, const rp_tower_shape *shape, rp_delivery *delivery);
void rp_delivery_state_lay(rp_arena *arena, const rp_delivery *delivery,
                           rp_delivery_state *state); /* twice [control] */
/* Nothing was said. [worker] */
void rp_delivery_clear(const rp_delivery *delivery, rp_delivery_state *state);
/* How many values a field has. [any] */
uint32_t rp_delivery_values(const rp_delivery *delivery, uint32_t field);
/* A block begins; what is out of range counts as 0. [worker] */
void rp_delivery_hear(const rp_delivery *delivery, rp_delivery_state *state, const rp_delivery_input *input);
/* Scores of one of this block's fields, those before it being in said. They may be changed. [worker] */
float *rp_delivery_scores(const rp_delivery *delivery, rp_delivery_state *state, uint32_t field, const uint16_t *said);
/* The block is settled. [worker] */
void rp_delivery_say(const rp_delivery *delivery, rp_delivery_state *state, const uint16_t *said);
#endif
