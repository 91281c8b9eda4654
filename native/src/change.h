/* change.h - from one rig to another while somebody plays. */
#ifndef RIPIENO_CHANGE_H
#define RIPIENO_CHANGE_H
#include "engine_state.h"

/* The rig plays from outlet.now on; notes that sound keep their routes. 1: it does; 0: there is no room yet, ask again
 * in the next cycle. [process] */
int rp_change(rp_engine *engine, rp_rig *rig);
int rp_change_has_room(const rp_engine *engine); /* for one more rig that is let go [process] */
/* Control gets it back when nothing of it sounds any more. There is room. [process] */
void rp_change_let_go(rp_engine *engine, rp_rig *rig);
void rp_change_answer(rp_engine *engine); /* at a cycle's end: reports of those [process] */
#endif
