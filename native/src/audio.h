/* audio.h - a cycle's sound: the voice, straight or through the rig's rack, on the audio ports. */
#ifndef RIPIENO_AUDIO_H
#define RIPIENO_AUDIO_H
#include "engine_state.h"

void rp_audio_open(rp_engine *engine);                         /* [control] */
void rp_audio_begin(rp_engine *engine, const rp_cycle *cycle); /* a cycle begins [process] */
/* 1: there is room for a change to this rack, NULL: none; 0: soon, ask again in the next cycle. [process] */
int rp_audio_may_change(rp_engine *engine, const rp_rack *rack);
/* Another rig plays: its rack is heard from now on. The one before sounds on as long as something holds its notes, and
 * then for a while; where nothing does, it fades out. [process] */
void rp_audio_change(rp_engine *engine, const rp_rig *to);
void rp_audio_hurry(rp_engine *engine); /* the rack that left first fades out, whatever holds its notes [process] */
/* Nothing sounds any more, faded. stop: for good; else what comes is heard again. [process] */
void rp_audio_silence(rp_engine *engine, int stop);
int rp_audio_leaves(const rp_engine *engine, const rp_rack *rack); /* was it let go, and still sounds? [process] */
uint32_t rp_audio_lingering(const rp_engine *engine);              /* how many such there are [process] */
int rp_audio_silent(const rp_engine *engine);                      /* after a stop [process] */
/* All of every audio port; silence where nothing sounds. [process] */
void rp_audio_render(rp_engine *engine, const rp_cycle *cycle);
#endif
