/* singing_bridge.h - what the singing worker sends to the process thread, over a bridge as the continuation's. */
#ifndef RIPIENO_SINGING_BRIDGE_H
#define RIPIENO_SINGING_BRIDGE_H
#include "bridge.h"
#include "singing.h"

enum { RP_NO_PITCH = 255 };

/* The message: one block, ready to sound. */
typedef struct {
    uint64_t block; /* its frames are 2 block and 2 block + 1 of the vocoder's */
    uint32_t epoch;
    uint16_t bend;      /* 14 bits, 8192: none */
    uint8_t expression; /* controller 11 */
    uint8_t pitch;      /* MIDI; RP_NO_PITCH: no note sounds */
    uint8_t onset;      /* 1: the note begins in this block, even if the same one sounded before */
    rp_vocal_frame frame[2];
} rp_singing_block;

/* Both sides of it: rings, time, and what the process thread has counted. */
typedef struct {
    rp_bridge bridge;
    uint32_t own_lead, synchronous, in_channels; /* of the config */
    _Atomic uint64_t held;
    _Atomic uint32_t lead, sounding;
} rp_singing_link;

rp_singing_link *rp_singing_get_link(rp_singing *singing); /* [any] */
#endif
