/* surface.h - the player's control surface: what moves there is told to control, and what is bound is not played.
 *
 * Parameters (NRPN, RPN) are put together as MIDI 1.0 Detailed Specification 4.2 (MMA 1996) has them: their number by
 * controllers 98 to 101, their value by 6 and 38. */
#ifndef RIPIENO_SURFACE_H
#define RIPIENO_SURFACE_H
#include "engine_state.h"

/* A command of control's, from RP_COMMAND_HEAR on. [process] */
void rp_surface_obey(rp_engine *engine, uint32_t type, const rp_command *command);
/* A message of an input at outlet.now. 1: it is bound, and not played. [process] */
int rp_surface_hear(rp_engine *engine, uint8_t in_port, const rp_midi_message *message);
/* Whoever plays into this input has gone: the parameters that he has chosen are no longer. [process] */
void rp_surface_unplug(rp_engine *engine, uint8_t in_port);
/* A cycle ends: parameters whose fine part does not come are told, and what found no room before. [process] */
void rp_surface_end(rp_engine *engine, const rp_cycle *cycle);
#endif
