/* isolated.h - a plugin in a process of its own, as a unit: the other side of isolate.h. */
#ifndef RIPIENO_ISOLATED_H
#define RIPIENO_ISOLATED_H
#include <stdint.h>
#include "unit.h"

/* The memory that a unit and its process share (isolate.h), borrowed. latency: the plugin's own, without the block that
 * isolation takes. NULL: no memory, the memory is not in order or has been used, such a latency is too long.
 * [control] */
rp_unit *rp_unit_isolated(void *shared, uint32_t role, uint32_t parameters, uint32_t latency);
/* Another process has taken over the shared memory, and the one before is dead: the unit is heard again as soon as
 * blocks come in time. [any] */
void rp_unit_renew(rp_unit *unit);
#endif
