/* allow.h - what the next event may be: the parameters and the state, as a mask for the sampler. */
#ifndef RIPIENO_ALLOW_H
#define RIPIENO_ALLOW_H
#include "continuation_state.h"

/* Notes from tick `earliest` to `latest`. [worker] */
void rp_allow(const rp_continuation *band, int64_t earliest, int64_t latest, rp_choice *choice);
#endif
