/* band.h - the continuation as the process thread sees it: its notes sound. */
#ifndef RIPIENO_BAND_H
#define RIPIENO_BAND_H
#include "engine_state.h"

/* A cycle begins: what the worker committed since the last one is scheduled. [process] */
void rp_band_begin(rp_engine *engine);
/* A task of kind RP_TASK_BAND_... is due. [process] */
void rp_band_task(rp_engine *engine, const rp_task *task);
/* Nothing that was committed will sound: another rig; silenced: a panic or a stop, everything has ended. [process] */
void rp_band_forget(rp_engine *engine, int silenced);
#endif
