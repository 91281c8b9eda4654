/* instrumenter_state.h - an instrumenter from the inside. */
#ifndef RIPIENO_INSTRUMENTER_STATE_H
#define RIPIENO_INSTRUMENTER_STATE_H
#include "scene.h"

/* A note of the open chord. */
typedef struct {
    rp_held held;     /* voice: what it has so far */
    uint8_t should;   /* REVISE: the voice it should have had, where it was over before it could move; or RP_NO_VOICE */
    uint64_t release; /* when its key went up, where `released` */
    uint32_t free;    /* bits of the voices that had room when it came, the chord's own notes aside */
    uint8_t released, given;
} rp_chord_note;

typedef struct {
    uint64_t start;
    uint32_t count; /* 0: no chord is open */
    rp_chord_note note[RP_CHORD_MAX];
} rp_chord;

struct rp_instrumenter {
    rp_instrumenter_config config;
    uint32_t labels;
    uint64_t chord_frames; /* notes this near belong to one chord, as far as the features are concerned */
    float frame_ms;
    uint8_t last_voice;
    rp_voices sounding; /* who plays what */
    rp_voices voices;   /* who plays what and should have played it: what the models see; differs with hindsight only */
    rp_voices before;   /* the same as the open chord found it, with the keys that went up since */
    rp_chord chord;
    rp_lstm_state *solo, *whole, *trial; /* trial: for a chord that may not be whole yet */
    float *x, *scores;                   /* [widest input], [labels] */
    const uint8_t *forced;               /* training: a label by tag, or NULL */
    rp_trace *trace;                     /* training: where rows go, or NULL */
};

/* ---- choosing, by constraints and by scores (choose.c) ---- */

/* Bits of the voices that may take a pitch while `free` have room. None is free and fits: by the preset's word for too
 * many notes, those that must take it nevertheless; 0: it is dropped. [any] */
uint32_t rp_choose_from(const rp_instrumenter *it, uint32_t free, uint8_t pitch);
/* Bits of the labels of these voices. [any] */
uint32_t rp_choose_labels(const rp_instrumenter *it, uint32_t voices);
/* The one of some voices (not none) that the scores [labels] favour; voices of one label by nearness. [any] */
uint8_t rp_choose_by_scores(const rp_instrumenter *it, uint32_t voices, uint8_t pitch, const float *scores);
/* The same without scores: the rule of the configuration, or the fallback where a model is missing its turn. [any] */
uint8_t rp_choose_by_rule(const rp_instrumenter *it, uint32_t voices, uint8_t pitch);
/* How far a pitch lies from where a voice was, or belongs: semitones. [any] */
float rp_choose_distance(const rp_instrumenter *it, uint32_t voice, uint8_t pitch);
/* Those of the voices that teaching wants to have the note, all where it does not say. [any] */
uint32_t rp_choose_forced(const rp_instrumenter *it, uint32_t voices, uint32_t tag);

/* ---- asking a model (ask.c) ---- */

/* The solo model's scores into it->scores; 0: it had no turn, or gave no numbers. [any] */
int rp_ask_solo(rp_instrumenter *it, const rp_asked *note, uint32_t tag);
/* The chord model's scores of the chord's notes in `order` [count], into scores [count][labels]; allowed [count] are
 * bits of voices. trial: the model forgets the question. 0: it gave no numbers. [any] */
int rp_ask_chord(rp_instrumenter *it, const uint8_t *order, const uint32_t *allowed, int trial, float *scores);

/* ---- the open chord (chord.c) ---- */

/* Take a note into the chord; voice RP_NO_VOICE: not decided yet. [any] */
void rp_chord_add(rp_instrumenter *it, const rp_held *held);
/* Notes of the chord that wait for a decision. [any] */
uint32_t rp_chord_waiting(const rp_chord *chord);
/* 1: a chord that is over tells who should have played what, though what sounded stays. [any] */
int rp_chord_hindsight(const rp_instrumenter *it);
/* Decide the notes that wait, all of one frame. [any] */
uint32_t rp_chord_settle(rp_instrumenter *it, rp_decision *out, uint32_t afford);
/* A key of the chord, or one that was held before it, went up. [any] */
void rp_chord_release(rp_instrumenter *it, uint64_t frame, uint32_t tag);
/* Decide the chord; see rp_instrumenter_close. [any] */
uint32_t rp_chord_close(rp_instrumenter *it, rp_decision *out, uint32_t afford);

/* Decide a note by itself. wanted: the voice it must get, RP_NO_VOICE: the solo model's choice. [any] */
void rp_instrumenter_decide(rp_instrumenter *it, const rp_held *held, uint8_t wanted, uint32_t afford,
                            rp_decision *decision);
/* A voice takes a note; where it must, another note gives way, and the decision says which. [any] */
void rp_instrumenter_take(rp_instrumenter *it, const rp_held *held, rp_decision *decision);
#endif
