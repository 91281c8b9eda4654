/* engine_state.h - the engine's own struct. The process thread owns all of it but the rings and `published`. */
#ifndef RIPIENO_ENGINE_STATE_H
#define RIPIENO_ENGINE_STATE_H
#include <stdatomic.h>

#include "bridge.h"
#include "ledger.h"
#include "midi.h"
#include "outlet.h"
#include "rack_state.h"
#include "rig.h"
#include "ring.h"
#include "scheduler.h"
#include "vocoder.h"

enum { RP_STATS_WORDS = sizeof(rp_stats) / sizeof(uint64_t) };

/* Commands from control. The body of each is below. */
enum { RP_COMMAND_LOAD, RP_COMMAND_PANIC, RP_COMMAND_STOP, RP_COMMAND_VOICE };
typedef struct {
    rp_rig *rig;    /* LOAD */
    uint32_t voice; /* VOICE */
    rp_voice value;
} rp_command;

/* A chord's note-ons of one frame, brought into order before they are decided. */
typedef struct {
    rp_midi_message message[RP_CHORD_MAX];
    uint32_t count, port;
} rp_gathered;

/* A note of the band's, from its commit to its end. */
typedef struct {
    rp_commit commit;
    uint32_t stamp;  /* counts the notes that had this place: a task of an old one means nothing */
    uint32_t serial; /* of its ledger entry */
    uint16_t id;
    uint8_t waiting, sounding;
} rp_band_note;

enum { RP_BAND_NOTES = 1024 };
typedef struct {
    rp_band_note note[RP_BAND_NOTES];
    uint32_t last; /* place given */
} rp_band;

/* The voice: blocks that wait, and the note it sings. */
enum { RP_VOCAL_BLOCKS = 64 };
typedef struct {
    rp_vocoder *vocoder; /* NULL: there is no audio port */
    rp_singing_block block[RP_VOCAL_BLOCKS];
    uint64_t taken, scheduled; /* blocks since the last that were forgotten, and how many have their note's task */
    uint64_t fed;              /* their frames that the vocoder has, or was to have */
    uint64_t expected;         /* number of the next block; 0: any */
    uint64_t until;            /* frame after which the note ends by itself */
    uint64_t held;             /* the vocoder's count, as of the last cycle */
    uint32_t lead, settled;    /* frames; 1: it holds until the voice is forgotten */
    uint32_t serial;           /* of the note's ledger entry, 0: none */
    uint16_t note, bend;
    uint8_t pitch, expression;
} rp_vocal;

/* What the audio ports' sound is made of. */
typedef struct {
    rp_rack *rack;          /* of the rig that plays, NULL: none */
    rp_rack *leaving;       /* of the rig before, until it has faded out */
    uint32_t period;        /* frames of the longest cycle to come */
    uint32_t voice_outputs; /* of the last rig without a rack */
    float direct, step;     /* how much of the voice goes straight to them, 0 to 1; and how fast that changes */
    float voice[RP_BLOCK_MAX];
} rp_audio;

struct rp_engine {
    rp_engine_config config;
    rp_ring *commands, *reports;
    rp_rig *rig;       /* NULL until the first load */
    rp_rig *returning; /* let go, but its rack still sounds, or the report has not found room yet */
    rp_rig *next;      /* to be loaded when that one is away; NULL: none */
    uint32_t rig_serial;
    uint32_t budget; /* notes the model may still decide in this cycle */
    int stopping, stopped;
    uint32_t connected;
    rp_midi_parser parser[RP_PORTS_MAX];
    uint8_t pedal[RP_PORTS_MAX][RP_CHANNELS]; /* of the inputs */
    rp_gathered gathered;
    rp_ledger ledger;
    rp_scheduler scheduler;
    rp_band band;
    rp_vocal vocal;
    rp_audio audio;
    rp_outlet outlet;
    rp_blackbox own_box;
    rp_stats stats;
    _Atomic uint64_t published[RP_STATS_WORDS]; /* a copy of stats, for the others */
};

/* Tell control; counted when the ring is full. 1: told. [process] */
int rp_engine_report(rp_engine *engine, rp_report report);
#endif
