/* band.h - the continuation as the process thread sees it: it is told what the player does, and its notes sound. */
#ifndef RIPIENO_BAND_H
#define RIPIENO_BAND_H
#include "engine_state.h"

/* A cycle begins: what the worker committed since the last one is scheduled. [process] */
void rp_band_begin(rp_engine *engine);
void rp_band_end(rp_engine *engine, const rp_cycle *cycle); /* and ends: the worker may know the time [process] */
/* A note of the player's begins, its key is up, a pedal moves. [process] */
void rp_band_hear_on(rp_engine *engine, uint16_t id);
void rp_band_hear_off(rp_engine *engine, uint16_t id);
void rp_band_hear_control(rp_engine *engine, const rp_midi_message *message);
/* A task of kind RP_TASK_BAND_... is due. [process] */
void rp_band_task(rp_engine *engine, const rp_task *task);
/* Nothing that was committed will sound: another rig; silenced: a panic or a stop, everything has ended. [process] */
void rp_band_forget(rp_engine *engine, int silenced);
#endif
