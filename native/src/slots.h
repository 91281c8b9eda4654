/* slots.h - the set list: rigs that wait, and what of the player's changes to them. See engine.h. */
#ifndef RIPIENO_SLOTS_H
#define RIPIENO_SLOTS_H
#include "engine_state.h"

void rp_slots_open(rp_engine *engine); /* [control] */
void rp_slots_free(rp_engine *engine); /* all rigs that wait, and the one that plays [control] */

/* Does the slot of this rig keep it? [process] */
int rp_slots_keep(const rp_engine *engine, const rp_rig *rig);
/* A command of control's; there is room for a rig that is let go. [process] */
void rp_slots_obey(rp_engine *engine, uint32_t type, const rp_command *command);
/* Each cycle: what is wanted and could not be had before; control is told. [process] */
void rp_slots_tend(rp_engine *engine);
/* A message of an input at outlet.now. 1: it was for the set list, and is not played. [process] */
int rp_slots_hear(rp_engine *engine, uint8_t in_port, const rp_midi_message *message);
void rp_slots_unplug(rp_engine *engine); /* an input went away: no pedal is down [process] */
#endif
