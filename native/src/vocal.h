/* vocal.h - the voice as the process thread has it: its blocks become sound, and notes on a MIDI port.
 *
 * The vocoder's clock is the engine's, later by the lead and four seconds, so that it never is before its beginning. */
#ifndef RIPIENO_VOCAL_H
#define RIPIENO_VOCAL_H
#include "engine_state.h"

/* A cycle begins: what the worker has decided is taken, and its notes are scheduled. [process] */
void rp_vocal_begin(rp_engine *engine, const rp_cycle *cycle);
void rp_vocal_task(rp_engine *engine, const rp_task *task); /* a task of kind RP_TASK_VOICE is due [process] */
/* The voice's sound from a frame on, out [frames], NULL: nobody listens. 0: silence, nothing was written. [process] */
int rp_vocal_render(rp_engine *engine, uint64_t frame, uint32_t frames, float *out);
/* Nothing that was decided will sound: a panic, another rig, an input that went away. What sounds fades. [process] */
void rp_vocal_forget(rp_engine *engine);
int rp_vocal_silent(const rp_engine *engine); /* [process] */
#endif
