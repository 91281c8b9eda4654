/* rigs.h - rigs, a synthesiser and a player for the engine's C tests. */
#ifndef RIPIENO_TEST_RIGS_H
#define RIPIENO_TEST_RIGS_H
#include "check.h"
#include "midi.h"
#include "process.h"

enum { RATE = 48000, BLOCK = 128, EVENTS_MAX = 512, SPEAKERS = 2 };

/* What a receiver makes of the messages: which notes sound, on each port and channel. */
typedef struct {
    rp_sink sink; /* first: the engine hands this pointer back */
    uint8_t sounding[RP_PORTS_MAX][RP_CHANNELS][RP_PITCHES];
    uint8_t pedal[RP_PORTS_MAX][RP_CHANNELS];
    uint64_t messages, ons, offs, bytes;
    uint32_t last_offset, room, used; /* room: bytes a block, 0: any number */
    uint32_t connected;               /* bit n: the cable of port n is in */
    uint8_t last[3];
} synth;

/* An engine, its synthesiser, and the events of the cycle to come. */
typedef struct {
    rp_engine *engine;
    synth out;
    uint64_t frame;
    rp_input event[EVENTS_MAX];
    uint8_t bytes[EVENTS_MAX][4];
    uint32_t events, lost;
    uint32_t speakers;            /* audio ports */
    float sound[SPEAKERS][BLOCK]; /* of the last cycle */
} stage;

rp_rig *thru_rig(void);
/* Four voices on channels 0 to 3 by closest pitch, bass first; decided as `when` says. */
rp_rig *quartet_rig(uint32_t when, uint8_t pedal);
/* A stage with one input and `outputs` outputs that plays by `rig`. */
void stage_open(stage *at, uint32_t outputs, rp_rig *rig, rp_blackbox *box);
/* The same with `speakers` audio ports. */
void stage_open_loud(stage *at, uint32_t outputs, uint32_t speakers, rp_rig *rig);
void stage_close(stage *at);
/* Add a short message to the cycle to come. */
void stage_send(stage *at, uint32_t offset, uint8_t status, uint8_t first, uint8_t second);
/* Run the cycle with the events added. */
void stage_cycle(stage *at);
void stage_cycles(stage *at, uint32_t count);
/* Notes that sound at the synthesiser, a held pedal counting as one. */
uint32_t stage_sounding(const stage *at);
/* Read the reports away; how many of `kind` there were. Frees rigs that come back. */
uint32_t stage_poll(stage *at, uint8_t kind);
#endif
