/* isolate.c - see isolate.h: the plugin's process's side of the shared memory, and what both sides do alike. */
#include "isolate.h"

#include <string.h>

#include "isolate_state.h"
#include "platform.h"

enum { MILLISECOND = 1000000 }; /* nanoseconds */
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a lock would be of one process only");

int rp_isolate_in_order(const rp_isolate_shared *shared) {
    if (!shared || (uintptr_t)shared % RP_ISOLATE_LINE) return 0;
    return atomic_load(&shared->order) == RP_ISOLATE_ORDER;
}

/* Whoever sleeps has said so before it looked at the bell the last time; all of it is in one order for both. */
void rp_isolate_ring(_Atomic uint32_t *bell, _Atomic uint32_t *sleeping) {
    atomic_fetch_add(bell, 1);
    if (atomic_load(sleeping) && atomic_exchange(sleeping, 0)) rp_wake(bell);
}

/* Frames from a position up to the ring's end, at most so many. [any] */
static uint32_t up_to_the_end(uint64_t position, uint32_t frames) {
    uint32_t room = RP_ISOLATE_FRAMES - (uint32_t)(position % RP_ISOLATE_FRAMES);
    return frames < room ? frames : room;
}

void rp_isolate_put(float *ring, uint64_t position, const float *from, uint32_t frames) {
    uint32_t first = up_to_the_end(position, frames);
    memcpy(ring + position % RP_ISOLATE_FRAMES, from, first * sizeof *from);
    memcpy(ring, from + first, (frames - first) * sizeof *from);
}

void rp_isolate_get(const float *ring, uint64_t position, float *to, uint32_t frames) {
    uint32_t first = up_to_the_end(position, frames);
    memcpy(to, ring + position % RP_ISOLATE_FRAMES, first * sizeof *to);
    memcpy(to + first, ring, (frames - first) * sizeof *to);
}

uint32_t rp_isolate_size(void) { return sizeof(rp_isolate_shared); }

void rp_isolate_init(void *shared) {
    rp_isolate_shared *it = shared;
    atomic_store(&it->order, RP_ISOLATE_ORDER);
}

/* `begun` before `done`: whoever sees that nothing is left to be done sees why. */
int rp_isolate_begin(void *shared) {
    rp_isolate_shared *it = shared;
    if (!rp_isolate_in_order(it)) return 0;
    uint64_t given = atomic_load(&it->given);
    atomic_store(&it->taken, given);
    atomic_store(&it->sleeping, 0);
    atomic_fetch_add(&it->begun, 1);
    atomic_store(&it->done, given);
    rp_isolate_ring(&it->answer, &it->awaited);
    return 1;
}

/* The block that is rendered now; what it says is kept within bounds. [worker] */
static const rp_isolate_slot *block_of(rp_isolate_shared *it, uint32_t *frames, uint32_t *events) {
    uint64_t taken = atomic_load_explicit(&it->taken, memory_order_relaxed);
    const rp_isolate_slot *slot = &it->slot[taken % RP_ISOLATE_BLOCKS];
    *frames = slot->frames < RP_BLOCK_MAX ? slot->frames : RP_BLOCK_MAX;
    *events = slot->events < RP_ISOLATE_EVENTS ? slot->events : RP_ISOLATE_EVENTS;
    return slot;
}

/* Is there a block? [worker] */
static int next(rp_isolate_shared *it, rp_isolate_block *out) {
    uint64_t taken = atomic_load_explicit(&it->taken, memory_order_relaxed);
    if (atomic_load_explicit(&it->given, memory_order_acquire) == taken) return 0;
    out->resets = block_of(it, &out->frames, &out->events)->resets;
    return 1;
}

int rp_isolate_wait(void *shared, uint32_t timeout, rp_isolate_block *out) {
    rp_isolate_shared *it = shared;
    uint64_t until = 0;
    for (;;) {
        uint32_t bell = atomic_load(&it->bell);
        if (atomic_load(&it->closed)) return -1;
        if (next(it, out)) return 1;
        uint64_t now = rp_now();
        if (!until) until = now + (uint64_t)timeout * MILLISECOND;
        if (now >= until) return 0;
        atomic_store(&it->sleeping, 1);
        if (atomic_load(&it->bell) == bell) rp_wait_on(&it->bell, bell, until);
        atomic_store(&it->sleeping, 0);
    }
}

void rp_isolate_read(void *shared, float *left, float *right, int32_t *event, float *value, uint32_t parameters) {
    rp_isolate_shared *it = shared;
    uint32_t frames, events;
    const rp_isolate_slot *slot = block_of(it, &frames, &events);
    rp_isolate_get(it->in[0], slot->position, left, frames);
    rp_isolate_get(it->in[1], slot->position, right, frames);
    for (uint32_t i = 0; i < events; i++, event += 4) {
        const rp_isolate_event *one = &it->event[(slot->event + i) % RP_ISOLATE_EVENTS];
        event[0] = one->offset;
        for (uint32_t n = 0; n < 3; n++) event[1 + n] = one->byte[n];
    }
    if (parameters > RP_UNIT_PARAMETERS_MAX) parameters = RP_UNIT_PARAMETERS_MAX;
    if (parameters) memcpy(value, slot->value, parameters * sizeof *value);
}

void rp_isolate_write(void *shared, const float *left, const float *right) {
    rp_isolate_shared *it = shared;
    uint32_t frames, events;
    const rp_isolate_slot *slot = block_of(it, &frames, &events);
    rp_isolate_put(it->out[0], slot->position, left, frames);
    rp_isolate_put(it->out[1], slot->position, right, frames);
    uint64_t done = atomic_load_explicit(&it->taken, memory_order_relaxed) + 1;
    atomic_store_explicit(&it->taken, done, memory_order_relaxed);
    atomic_store_explicit(&it->done, done, memory_order_release);
    rp_isolate_ring(&it->answer, &it->awaited);
}

uint64_t rp_isolate_beat(const void *shared) {
    const rp_isolate_shared *it = shared;
    return atomic_load(&it->done);
}

uint64_t rp_isolate_given(const void *shared) {
    const rp_isolate_shared *it = shared;
    return atomic_load(&it->given);
}

void rp_isolate_close(void *shared) {
    rp_isolate_shared *it = shared;
    atomic_store(&it->closed, 1);
    rp_isolate_ring(&it->bell, &it->sleeping);
}

int rp_isolate_prioritise(void) { return rp_thread_prioritise(RP_PRIORITY_PLUGIN); }
