/* singer_state.h - the singer's parts, for the files that make it up. */
#ifndef RIPIENO_SINGER_STATE_H
#define RIPIENO_SINGER_STATE_H
#include "codec.h"
#include "delivery.h"
#include "line.h"
#include "top_line.h"
#include "vibrato.h"

struct rp_singer_weights {
    rp_line line;
    rp_delivery delivery;
    rp_codec codec;
    rp_sampling sampling[RP_VOICE_FIELDS];
    float cents[RP_DEVIATIONS];    /* what each deviation is */
    float octave[RP_VOCAL_BANDS];  /* of each band's centre above 1 kHz */
    float breadth[RP_VOCAL_BANDS]; /* of each band, as a share of all frequencies */
    void *memory;
};

struct rp_singer {
    const rp_singer_weights *weights;
    rp_line_state line;
    rp_delivery_state delivery;
    rp_codec_state codec;
    rp_history history;
    rp_random random;
    rp_vibrato vibrato;
    rp_top_line top;
    double seed;     /* that `random` began with */
    int seeded;      /* 0: it begins anew at the next block */
    uint32_t target; /* by rule: the MIDI pitch that is sung; 0: none */
    uint32_t rule;   /* the mode that chose it */
    /* Of the block before. */
    int pitched;
    float cents;
    uint32_t loudness;
    void *memory;
};

/* A block of the line, chosen among what may be. at: two random numbers. 0: a score is no number. [worker] */
int rp_singer_choose_line(rp_singer *singer, const float *row, const rp_singer_controls *set, const double *at,
                          rp_sung *out);
/* The same by rule, with the player's top line. begins: a note of it does. [worker] */
void rp_singer_follow_line(rp_singer *singer, const float *row, const rp_singer_controls *set, int begins,
                           rp_sung *out);
/* How it is delivered. at: RP_SAID_MAX random numbers. 0: a score is no number. [worker] */
int rp_singer_deliver(rp_singer *singer, const float *row, const rp_singer_controls *set, const double *at,
                      rp_sung *out);
/* What the bands are, and the deviations. [control] */
void rp_singer_tables(rp_singer_weights *weights);
/* The block's two frames, of its tokens and the controls. [worker] */
void rp_singer_sound(rp_singer *singer, const rp_singer_controls *set, rp_sung *out);
#endif
