/* instrumenter.h - gives each note to an instrument (a voice) of the ensemble. */
#ifndef RIPIENO_INSTRUMENTER_H
#define RIPIENO_INSTRUMENTER_H
#include <stdint.h>
#include "lstm.h"

/* Which features the weights were trained on: see scene.c. */
enum { RP_FEATURES_VERSION = 1 };
enum { RP_VOICES_MAX = 16, RP_CHORD_MAX = 16, RP_NO_VOICE = 255 };
/* What decides. ZONE and CLOSEST need no weights, and are what a model falls back to. */
enum { RP_DECIDE_ZONE = 0, RP_DECIDE_CLOSEST = 1, RP_DECIDE_MODEL = 2 };
/* When it decides: at the note; when the chord's window closes; at the note, mended when the window closes. */
enum { RP_WHEN_NOTE = 0, RP_WHEN_WINDOW = 1, RP_WHEN_REVISE = 2 };
enum { RP_FALLBACK_LAST = 0, RP_FALLBACK_CLOSEST = 1 };
/* More notes than voices: the nearest instrument takes a second note, one that divides before any that does not; the
 * note held longest gives way; silence. */
enum { RP_OVERFLOW_DIVISI = 0, RP_OVERFLOW_STEAL = 1, RP_OVERFLOW_DROP = 2 };

typedef struct {
    uint8_t lowest, highest; /* MIDI numbers, inclusive */
    uint8_t polyphony;       /* notes at once, 0: any number */
    uint8_t label;           /* the model's output for this voice */
    uint8_t enabled;         /* the player's switch (the paper's entry hint) */
    uint8_t centre;          /* where its hand lies (the paper's pitch hint), 0: not said */
    uint8_t divides;         /* 1, with DIVISI: it may take a second note of a chord (25 ms) that has just begun */
} rp_voice;

typedef struct {
    uint32_t voices;
    rp_voice voice[RP_VOICES_MAX];
    uint32_t decide, when, fallback, overflow;
    uint32_t window; /* frames; WINDOW and REVISE */
    uint32_t sample_rate;
    const rp_lstm *solo;  /* decides a note by itself; NULL unless MODEL */
    const rp_lstm *chord; /* decides a chord known whole; NULL: none, and no window */
    uint32_t together;    /* NOTE, REVISE, with a chord model: 1: notes of one frame are decided together */
    float stay;           /* REVISE: a note moves only to a voice better than its own by this much (log probability) */
} rp_instrumenter_config;

typedef struct {
    uint32_t tag;     /* the caller's own number for the note */
    uint8_t voice;    /* RP_NO_VOICE: not decided yet, or dropped */
    uint8_t from;     /* the voice it had before (a revision), or RP_NO_VOICE */
    uint8_t fallback; /* 1: not by the model */
    uint8_t pending;  /* 1: decided when the window closes */
    uint8_t steals;   /* 1: `stolen` gives way to this note */
    uint32_t stolen;  /* a tag */
} rp_decision;

typedef struct rp_instrumenter rp_instrumenter;

rp_instrumenter *
rp_instrumenter_new(const rp_instrumenter_config *config); /* NULL: no memory or bad config [control] */
void rp_instrumenter_free(rp_instrumenter *it);            /* [control] */
void rp_instrumenter_reset(rp_instrumenter *it);           /* nothing held, nothing remembered [any] */
/* A switch or a hand moved. [process] */
void rp_instrumenter_set_voice(rp_instrumenter *it, uint32_t voice, const rp_voice *value);
int rp_instrumenter_plays(const rp_instrumenter *it, uint32_t voice); /* Is it switched on? [process] */
/* A key went down. afford: 0 takes the fallback at once (the cycle's budget is spent). [process] */
rp_decision rp_instrumenter_note_on(rp_instrumenter *it, uint64_t frame, uint32_t tag, uint8_t pitch, uint8_t velocity,
                                    uint32_t afford);
/* The key of that note went up (its sound may last longer by the pedal). [process] */
void rp_instrumenter_note_off(rp_instrumenter *it, uint64_t frame, uint32_t tag);
/* 1: the open chord has RP_CHORD_MAX notes, and must be closed before the next. [process] */
int rp_instrumenter_full(const rp_instrumenter *it);
/* The frame at which the open chord closes, UINT64_MAX where none is open. A full chord (RP_CHORD_MAX notes) closes at
 * once: before the next note. A note of that frame or later begins a new chord. With `together` it is the frame of the
 * notes that wait for a decision: close then, once that frame's notes have all come, and ask again. [process] */
uint64_t rp_instrumenter_deadline(const rp_instrumenter *it);
/* Close the open chord: the decisions of its notes (WINDOW), the moves (REVISE), or none (NOTE with a chord model,
 * which by it learns who should have played what). With `together`, the decisions of the notes that wait. Returns how
 * many. [process] */
uint32_t rp_instrumenter_close(rp_instrumenter *it, uint64_t frame, rp_decision out[16], uint32_t afford);

/* ---- many notes at once, for training and evaluation ---- */

/* Key events in time order, and which voice each note must get while it is being taught. */
typedef struct {
    uint32_t events, notes;
    const uint64_t *frame;   /* [events] */
    const uint8_t *on;       /* [events] 1: key down */
    const uint8_t *pitch;    /* [events] */
    const uint8_t *velocity; /* [events] */
    const uint32_t *note;    /* [events] 0 .. notes - 1: the tag */
    const uint8_t *forced;   /* [notes] a label, or RP_NO_VOICE: its own choice; NULL: all its own */
} rp_performance;

/* What became of them. A row is one note as a model saw it, in the order in which that model saw them. */
typedef struct {
    uint8_t *first;       /* [notes] the voice that sounded first */
    uint8_t *voice;       /* [notes] the voice in the end */
    uint8_t *times;       /* [notes] how often it was decided; a move does not count */
    uint8_t *moves;       /* [notes] */
    uint32_t of_chord;    /* rows of the chord model; else of the solo model */
    uint32_t rows_max;    /* 0: no rows wanted */
    uint32_t rows;        /* written */
    float *x;             /* [rows_max][width] */
    float *scores;        /* [rows_max][labels] what the model said */
    uint32_t *row_note;   /* [rows_max] */
    uint32_t *row_labels; /* [rows_max] bits of the labels that could take it */
    uint32_t fallbacks;
} rp_trace;

/* Width of the models' input for so many labels. [any] */
uint32_t rp_features_solo_width(uint32_t labels);
uint32_t rp_features_chord_width(uint32_t labels);
/* Play from a fresh start. The last chord is closed at the end. [control] */
void rp_instrumenter_trace(rp_instrumenter *it, const rp_performance *performance, rp_trace *trace);
#endif
