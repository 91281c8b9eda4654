/* lead.h - the engine's clock leads the band: its bars and beats are the plan's, where it stands the band rests. */
#ifndef RIPIENO_LEAD_H
#define RIPIENO_LEAD_H
#include "continuation_state.h"

/* The clock told how it goes on. [worker] */
void rp_lead_hear(rp_continuation *band, const rp_heard_clock *clock);
/* Once a look: what is not committed yet goes by the clock. [worker] */
void rp_lead_follow(rp_continuation *band);
/* Ticks from now on that are settled: as many as is set or, while the clock's tempo is on the move, few. [worker] */
double rp_lead_horizon(const rp_continuation *band);
int rp_lead_stands(const rp_continuation *band); /* there is a clock, and it does not roll [worker] */
#endif
