/* mpe.h - MIDI Polyphonic Expression, from the inputs that speak it to the instruments.
 *
 * An instrument with MPE has all of its port: each note gets the member channel that rests longest, and takes its own
 * bend, pressure and controller 74 there, wherever it came from; the player's wheels and pedals go to the manager. On
 * any other instrument a note has its own expression while it is the only one that sounds there. */
#ifndef RIPIENO_MPE_H
#define RIPIENO_MPE_H
#include "engine_state.h"

void rp_mpe_open(rp_engine *engine); /* [control] */
/* What a controller of an input says of zones and bends, RP_MPE_...; RP_MPE_OTHER also where the rig does not care.
 * [process] */
int rp_mpe_hear(rp_engine *engine, uint8_t in_port, const rp_midi_message *message);
/* Is this a member channel of an input that speaks MPE? [process] */
int rp_mpe_is_member(const rp_engine *engine, uint8_t in_port, uint8_t in_channel);
/* A wheel moves, by a message of an input: notes that have it for themselves follow. [process] */
void rp_mpe_follow(rp_engine *engine, uint8_t in_port, const rp_midi_message *message);
/* Send what holds for all notes to output channels ([port], bit a channel): a wheel, a pedal or another controller.
 * [process] */
void rp_mpe_broadcast(rp_engine *engine, uint8_t in_port, const uint16_t channels[RP_PORTS_MAX],
                      const rp_midi_message *message);
/* Pressure on a note's key alone; 0: it has no channel of its own. [process] */
int rp_mpe_press(rp_engine *engine, rp_note *note, uint8_t pressure);
void rp_mpe_enter(rp_engine *engine, rp_note *note); /* a new note of the ledger [process] */
/* It will sound next, on its route: its channel is chosen, and the wheels there are moved. [process] */
void rp_mpe_begin(rp_engine *engine, rp_note *note);
void rp_mpe_end(rp_engine *engine, rp_note *note); /* it sounds no more, and its state says so [process] */
/* A rig begins: its zones are told to their ports. [process] */
void rp_mpe_introduce(rp_engine *engine, const rp_rig *before);
void rp_mpe_came(rp_engine *engine);                    /* ports that have a new listener: likewise [process] */
void rp_mpe_unplug(rp_engine *engine, uint8_t in_port); /* what was heard of it is forgotten [process] */
/* All wheels are where they begin, but those of notes that sound with an expression of their own. [process] */
void rp_mpe_straighten(rp_engine *engine);
#endif
