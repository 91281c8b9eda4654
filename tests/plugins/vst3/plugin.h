/* plugin.h - the test plugin: an effect and an instrument that fail when they are told to.
 *
 * Effect: what comes in, by its gain, late by its latency. Instrument: a cosine a note, at the note's pitch and a quarter
 * of its velocity, from the frame of its note-on up to that of its note-off; then gain and latency as with the effect.
 * Both say their latency to the host and are really late by it. All parameters are taken over at a block's begin.
 *
 * Faults are asked for by the parameter "Fault", or once by a file `Contents/fault` in the bundle with the fault's name in
 * it, which the plugin that takes it removes; faults at load by a file `Contents/at-load` that says "crash" or "hang". A
 * file `Contents/latency` says how late a new plugin is.
 */
#ifndef RIPIENO_TEST_PLUGIN_H
#define RIPIENO_TEST_PLUGIN_H

#include <stdatomic.h>
#include <stdbool.h>

#include "vst3.h"

enum { GAIN, LATENCY, FAULT, ALL_NOTES_OFF, PARAMETERS };
enum { CHANNELS = 2, LATENCY_MAX = 1000, RING = 1024, VOICES = 64, EVENTS = 1024, BUNDLE_WORD = 32 };
enum { NO_FAULT, CRASH, HANG, LEAK, NOT_A_NUMBER, LOUD, SLOW, HANG_STATE, SPIN, FAULTS };

/* A parameter in plain values; steps: 0 for a continuous one. */
struct parameter {
    const char *name, *unit;
    double low, high, usual;
    int32_t steps, flags;
};

/* One of the two plugins; events: it takes notes. */
struct kind {
    uint8_t id[16];
    const char *name, *kinds;
    bool events;
};

struct voice {
    int16_t channel, pitch;
    double level, step; /* step: radians a frame */
    uint64_t frames;    /* since it began */
};

/* A note-on (level > 0), a note-off (0), or the end of all notes (pitch < 0), at a frame of the block. */
struct note {
    int32_t frame;
    int16_t channel, pitch;
    double level;
};

struct plugin;

/* One interface of a plugin: what the host's pointer points to. */
struct face {
    const void *functions;
    struct plugin *plugin;
};

struct plugin {
    struct face component, processor, controller, midi_mapping;
    const struct kind *kind;
    const struct vst_handler **handler;
    atomic_uint references;
    _Atomic double value[PARAMETERS]; /* plain */
    atomic_uint told_latency;         /* to the host */
    double sample_rate;
    float ring[CHANNELS][RING];
    uint32_t at; /* where the ring is written next */
    struct voice voice[VOICES];
    int32_t voices;
    struct note note[EVENTS]; /* of this block, in the order of their frames */
    int32_t notes;
    unsigned begun; /* notes begun, or blocks with sound heard, since ever: a part of the state that is no parameter */
};

extern const struct kind KINDS[2];
extern const struct parameter PARAMETER[PARAMETERS];

/* component.c: a new plugin, with one reference; NULL where there is no memory. */
struct plugin *plugin_new(const struct kind *kind);
int32_t plugin_query(struct plugin *plugin, const uint8_t *id, void **found);
void plugin_release(struct plugin *plugin);
int32_t parameter_count(const struct plugin *plugin);

/* controller.c: the value that a new plugin has, plain. */
double parameter_usual(int id);
extern const struct vst_controller CONTROLLER;
extern const struct vst_midi_mapping MIDI_MAPPING;

/* sound.c: forget every note and what is in the delay line. */
void sound_reset(struct plugin *plugin);
/* Keep a note for the block to come, in the order of frames. */
void sound_note(struct plugin *plugin, struct note note);
/* The next block: out[CHANNELS][frames]; in: NULL for an instrument, else as long, perhaps the same memory. */
void sound_block(struct plugin *plugin, float *const *in, float *const *out, int32_t frames);

/* bundle.c: the first word of a file of the bundle's folder `Contents`; false where there is none. take: remove the file;
 * false where somebody else did. */
bool bundle_word(const char *name, char word[BUNDLE_WORD], bool take);

/* fault.c: at load, what the bundle's file `at-load` says. */
void fault_at_load(void);
/* The fault that a block shall have: the parameter's, or the one that the file asks for once. */
int fault_now(const struct plugin *plugin);
/* Do it, on a block that is done: out[CHANNELS][frames]. */
void fault_do(int fault, float *const *out, int32_t frames);
/* As it tells its state: hang, if that is the fault. */
void fault_of_state(const struct plugin *plugin);

/* The functions that every interface begins with. */
int32_t face_query(void *self, const uint8_t *id, void **found);
uint32_t face_add(void *self);
uint32_t face_release(void *self);

static inline struct plugin *of(void *self) { return ((struct face *)self)->plugin; }

#endif
