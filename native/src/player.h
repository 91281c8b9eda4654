/* player.h - what the player does, turned into what the instruments do. */
#ifndef RIPIENO_PLAYER_H
#define RIPIENO_PLAYER_H
#include "engine_state.h"

/* A message from an input port at outlet.now. [process] */
void rp_player_message(rp_engine *engine, uint8_t in_port, const rp_midi_message *message);
/* Decide the note-ons gathered from one frame, low to high. [process] */
void rp_player_flush(rp_engine *engine);
/* A task of the scheduler, or the open chord, is due at outlet.now. [process] */
void rp_player_task(rp_engine *engine, const rp_task *task);
void rp_player_close_chord(rp_engine *engine);
/* Controls that wait for their delay have their effect now: what follows them does not wait. [process] */
void rp_player_hurry(rp_engine *engine);
/* A decided note sounds now; 0: there was no room, it is forgotten. [process] */
int rp_player_start(rp_engine *engine, uint16_t id);
/* End a live note's sound and forget it. [process] */
void rp_player_end(rp_engine *engine, uint16_t id);
/* The input port went away: what it held is let go. [process] */
void rp_player_unplug(rp_engine *engine, uint8_t in_port);
/* Let go what is held too long. [process] */
void rp_player_expire(rp_engine *engine);
#endif
