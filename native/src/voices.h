/* voices.h - what an ensemble is doing and did last: the notes held, and each part's memory. */
#ifndef RIPIENO_VOICES_H
#define RIPIENO_VOICES_H
#include "instrumenter.h"

/* More keys at once than any player holds; beyond it the oldest is forgotten. */
enum { RP_HELD_MAX = 128 };

typedef struct {
    uint64_t onset;
    uint32_t tag;
    uint8_t pitch, velocity, voice;
} rp_held;

/* What is remembered of one voice, or of all voices that share a label of the model. */
typedef struct {
    uint64_t onset, release;    /* of its last note; frames */
    uint64_t gap, length;       /* between its last two onsets; of its last released note; frames */
    float slow, fast, velocity; /* running means of pitch (two speeds) and of velocity */
    uint16_t held, in_chord;    /* keys down; notes taken in the present chord */
    uint8_t pitch, before;      /* last and last but one */
    uint8_t notes, releases;    /* counted up to 255 */
} rp_track;

typedef struct {
    uint64_t onset, chord; /* the last note-on; the first of the present chord */
    uint32_t notes;        /* since the reset, counted up to UINT32_MAX */
    uint32_t in_chord;     /* notes of the present chord so far */
    uint32_t helds;
    uint64_t gap;                   /* between the starts of the last two chords; frames */
    float velocity;                 /* running mean */
    float beat;                     /* running mean of the gaps between chords; frames, 0: not known yet */
    float lately[12], long_ago[12]; /* how much of each pitch class was heard: over some notes, over some phrases */
    uint8_t pitch;                  /* of the last note-on */
    rp_track voice[RP_VOICES_MAX];
    rp_track label[RP_VOICES_MAX];
    rp_held held[RP_HELD_MAX]; /* [helds], oldest first */
} rp_voices;

void rp_voices_reset(rp_voices *voices); /* [any] */
/* A note begins a chord, or goes on with it: one of window frames. Before any note of that frame is taken. [any] */
void rp_voices_enter(rp_voices *voices, uint64_t frame, uint64_t window);
/* A voice takes a note. [any] */
void rp_voices_take(rp_voices *voices, const rp_voice voice[RP_VOICES_MAX], const rp_held *note);
/* The key of a note went up: the voice that held it, or RP_NO_VOICE where no such note is held. [any] */
uint8_t rp_voices_release(rp_voices *voices, const rp_voice voice[RP_VOICES_MAX], uint64_t frame, uint32_t tag);
/* Bits of the voices that have room for another note, whatever its pitch. [any] */
uint32_t rp_voices_free(const rp_voices *voices, const rp_voice voice[RP_VOICES_MAX], uint32_t count);
/* The same, but for those that divide as the present chord found them: what was struck in it and is still held does not
 * count there. [any] */
uint32_t rp_voices_free_divided(const rp_voices *voices, const rp_voice voice[RP_VOICES_MAX], uint32_t count);
/* Bits of the enabled voices whose range a pitch lies in. [any] */
uint32_t rp_voices_fit(const rp_voice voice[RP_VOICES_MAX], uint32_t count, uint8_t pitch);
#endif
