/* audio.h - a cycle's sound: the voice, straight or through the rig's rack, on the audio ports. */
#ifndef RIPIENO_AUDIO_H
#define RIPIENO_AUDIO_H
#include "engine_state.h"

void rp_audio_open(rp_engine *engine);                         /* [control] */
void rp_audio_begin(rp_engine *engine, const rp_cycle *cycle); /* a cycle begins [process] */
/* Another rig plays: its rack is heard from now on, the one before fades out. [process] */
void rp_audio_change(rp_engine *engine, const rp_rig *to);
/* Nothing sounds any more, faded. stop: for good; else what comes is heard again. [process] */
void rp_audio_silence(rp_engine *engine, int stop);
int rp_audio_changed(const rp_engine *engine); /* a rack that was let go has faded out [process] */
int rp_audio_silent(const rp_engine *engine);  /* after a stop [process] */
/* All of every audio port; silence where nothing sounds. [process] */
void rp_audio_render(rp_engine *engine, const rp_cycle *cycle);
#endif
