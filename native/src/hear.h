/* hear.h - what the player does, told to those who listen on threads of their own: the continuation and the singer. */
#ifndef RIPIENO_HEAR_H
#define RIPIENO_HEAR_H
#include "engine_state.h"

/* A note of the player's begins, its key is up, a pedal moves. [process] */
void rp_hear_on(rp_engine *engine, uint16_t id);
void rp_hear_off(rp_engine *engine, uint16_t id);
void rp_hear_control(rp_engine *engine, const rp_midi_message *message);
/* A cycle ends: those who listen may know the time. [process] */
void rp_hear_end(rp_engine *engine, const rp_cycle *cycle);
#endif
