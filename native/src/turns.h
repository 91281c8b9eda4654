/* turns.h - whose turn it is: when the band answers, comps and listens. */
#ifndef RIPIENO_TURNS_H
#define RIPIENO_TURNS_H
#include "continuation_state.h"

void rp_turns_take(rp_continuation *band);      /* once a look, after hearing [worker] */
void rp_turns_hand_over(rp_continuation *band); /* the band answers from the next beat on [worker] */
void rp_turns_yield(rp_continuation *band);     /* it listens from the next beat on [worker] */
/* Nothing sounds any more, and nothing committed will: it listens, from now on. [worker] */
void rp_turns_reset(rp_continuation *band);
/* From this tick on it does something else: RP_STATE_... told: the process thread lets nothing sound that was committed
 * for then. [worker] */
void rp_turns_change(rp_continuation *band, uint32_t state, int64_t tick, int told);
#endif
