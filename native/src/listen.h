/* listen.h - what the player does, brought into the context. */
#ifndef RIPIENO_LISTEN_H
#define RIPIENO_LISTEN_H
#include "continuation_state.h"

void rp_listen(rp_continuation *band);       /* everything that was heard since the last look [worker] */
void rp_listen_begin(rp_continuation *band); /* nothing was heard yet [control] */
/* The tempo map begins: tick 0 is at `frame`. [worker] */
void rp_listen_anchor(rp_continuation *band, uint64_t frame);
#endif
