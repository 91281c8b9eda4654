/* plan.h - the band's plan: made by the model, kept in reserve when it is redone, committed when its time is near. */
#ifndef RIPIENO_PLAN_H
#define RIPIENO_PLAN_H
#include "continuation_state.h"

/* What is planned is no longer true of what the player does: it becomes the reserve. [worker] */
void rp_plan_drop(rp_continuation *band);
/* Nothing is planned, nor in reserve. [worker] */
void rp_plan_forget(rp_continuation *band);
/* Decide one event. 0: enough is planned, or nothing can be. The context lacks no rows. [worker] */
int rp_plan_decide(rp_continuation *band);
/* Send what is planned for the time up to the horizon; where the plan is late, what the older one has. [worker] */
void rp_plan_commit(rp_continuation *band);
/* Take back what was committed for `tick` and later. told: the process thread has done so already. [worker] */
void rp_plan_cancel(rp_continuation *band, int64_t tick, int told);
/* What was to sound at this frame or later will not: the process thread let go of it. [worker] */
void rp_plan_recall(rp_continuation *band, uint64_t frame);
/* Forget what the model imagined the player would play up to now, since he did not; the plan goes with it. [worker] */
void rp_plan_wake(rp_continuation *band, int64_t tick);
#endif
