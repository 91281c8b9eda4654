/* flight_watch.h - numbers that control sets while it plays and that are no commands, recorded and replayed. */
#ifndef RIPIENO_FLIGHT_WATCH_H
#define RIPIENO_FLIGHT_WATCH_H
#include "engine_state.h"

/* The outlet's cycle begins, with how late each MIDI output, and all sound, is to be. [process] */
void rp_flight_begin_outlet(rp_engine *engine, const rp_cycle *cycle);
/* The parameters, bypass and gain of the plugins that play, before they do. [process] */
void rp_flight_watch_units(rp_engine *engine);
#endif
