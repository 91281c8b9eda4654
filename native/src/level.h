/* level.h - how loud each instrument is: controller 7 (channel volume) of its channel, with MPE of its zone's manager.
 *
 * Where nobody says, nothing is sent: a synthesiser begins at 100 (General MIDI 1, MMA 1991), and what a rig before
 * made of a channel is made 100 again where the rig that begins plays there. */
#ifndef RIPIENO_LEVEL_H
#define RIPIENO_LEVEL_H
#include "engine_state.h"

enum { RP_LEVEL_USUAL = 100 };
void rp_level_introduce(rp_engine *engine); /* the rig that begins: its levels [process] */
void rp_level_came(rp_engine *engine);      /* a cycle begins: who has come to an output is told [process] */
void rp_level_set(rp_engine *engine, const rp_command *command); /* as control says, by RP_COMMAND_LEVEL [process] */
#endif
