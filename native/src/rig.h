/* rig.h - a preset made ready to play. Read only on the process thread, but for its instrumenter and the levels of its
 * instruments. */
#ifndef RIPIENO_RIG_H
#define RIPIENO_RIG_H
#include "bridge.h"
#include "engine.h"
#include "singing_bridge.h"

struct rp_rig {
    rp_rig_config config;
    rp_instrumenter *instrumenter; /* NULL: thru, or notes go to the first instrument */
    rp_continuation *band;         /* NULL: none; borrowed */
    rp_bridge *bridge;             /* to it, or NULL */
    rp_singing *singing;           /* NULL: nobody sings; borrowed */
    rp_singing_link *voice;        /* to it, or NULL */
    uint8_t voice_port, voice_channel;
    uint32_t voice_outputs; /* audio outputs, bit n: output n; where there is no rack */
    rp_rack *rack;          /* NULL: none; borrowed */
    rp_zones zones;         /* how its inputs are split and merged */
    uint32_t mpe_inputs;    /* bit n: input port n speaks MPE */
    uint32_t serial;        /* given by the engine */
    uint16_t channels[16];  /* [port]: bit n is channel n of an instrument */
    uint16_t pedalled[16];  /* the same for instruments that take the pedal as it is */
};
#endif
