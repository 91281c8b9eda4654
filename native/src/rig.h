/* rig.h - a preset made ready to play. Read only on the process thread, but for its instrumenter. */
#ifndef RIPIENO_RIG_H
#define RIPIENO_RIG_H
#include "bridge.h"
#include "engine.h"

struct rp_rig {
    rp_rig_config config;
    rp_instrumenter *instrumenter; /* NULL: thru, or notes go to the first instrument */
    rp_continuation *band;         /* NULL: none; borrowed */
    rp_bridge *bridge;             /* to it, or NULL */
    uint32_t serial;               /* given by the engine */
    uint16_t channels[16];         /* [port]: bit n is channel n of an instrument */
    uint16_t pedalled[16];         /* the same for instruments that take the pedal as it is */
};
#endif
