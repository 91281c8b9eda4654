/* scene.h - what the models are told of a note: the ensemble as it stands, seen from that note. */
#ifndef RIPIENO_SCENE_H
#define RIPIENO_SCENE_H
#include "voices.h"

/* The notes of a chord that is known whole, lowest first. */
typedef struct {
    uint32_t count;
    uint8_t pitch[RP_CHORD_MAX];
} rp_chord_pitches;

typedef struct {
    const rp_voices *voices;
    const rp_voice *voice; /* [count] */
    uint32_t count, labels;
    float ms; /* of one frame */
} rp_scene;

typedef struct {
    uint64_t frame;
    uint32_t allowed; /* bits of the labels that may take the note */
    uint8_t pitch, velocity;
} rp_asked;

/* x [solo width] of a note that has just come, after rp_voices_enter. [any] */
void rp_features_solo(const rp_scene *scene, const rp_asked *note, float *x);
/* x [chord width] of the note at `rank` of the chord. [any] */
void rp_features_chord(const rp_scene *scene, const rp_asked *note, const rp_chord_pitches *chord, uint32_t rank,
                       float *x);
#endif
