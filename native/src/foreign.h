/* foreign.h - somebody's compiled function as a unit, called in the process thread. */
#ifndef RIPIENO_FOREIGN_H
#define RIPIENO_FOREIGN_H
#include <stdint.h>
#include "unit.h"

/* left, right [frames]: in and out. event [events][4]: offset in frames, and the three bytes of a MIDI message.
 * parameter [parameters]. state: its own memory. With 0 frames it begins anew: nothing sounds any more. It must neither
 * allocate, wait nor fail. */
typedef void (*rp_foreign)(float *left, float *right, int64_t frames, const int32_t *event, int64_t events,
                           const float *parameter, void *state, double sample_rate);
/* The function and its state are borrowed: they live longer. value [parameters]: what they are at first. NULL: no
 * memory, too many parameters. [control] */
rp_unit *rp_unit_foreign(rp_foreign call, void *state, uint32_t role, uint32_t parameters, const float *value,
                         uint32_t latency, uint32_t sample_rate);
#endif
