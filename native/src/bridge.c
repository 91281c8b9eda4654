/* bridge.c - see bridge.h. */
#include "bridge.h"

enum { HEARD = 1 << 17, COMMITTED = 1 << 15 }; /* bytes: 4,000 notes of the player's while the worker is held up */

int rp_bridge_open(rp_bridge *bridge) {
    bridge->heard = rp_ring_new(HEARD);
    bridge->committed = rp_ring_new(COMMITTED);
    return bridge->heard && bridge->committed;
}

void rp_bridge_close(rp_bridge *bridge) {
    rp_ring_free(bridge->heard);
    rp_ring_free(bridge->committed);
}

void rp_bridge_count(_Atomic uint64_t *count) { atomic_fetch_add_explicit(count, 1, memory_order_relaxed); }

void rp_bridge_tell(rp_bridge *bridge, uint32_t type, rp_heard heard) {
    heard.epoch = atomic_load_explicit(&bridge->epoch, memory_order_relaxed);
    if (!rp_ring_write(bridge->heard, type, &heard, sizeof heard)) rp_bridge_count(&bridge->unheard);
}

int rp_bridge_tell_clock(rp_bridge *bridge, const rp_heard_clock *clock) {
    return rp_ring_write(bridge->heard, RP_HEARD_CLOCK, clock, sizeof *clock);
}
