/* ring.c - see ring.h. Positions count bytes and never wrap back; the mask finds the place in the buffer. */
#include "ring.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint32_t type, size;
} header;

enum { CACHE_LINE = 64, LARGEST = 1 << 30 };

struct rp_ring {
    _Atomic uint32_t written;                  /* moved by the writer alone */
    char apart[CACHE_LINE - sizeof(uint32_t)]; /* the two threads' positions stand on lines of their own */
    _Atomic uint32_t read;                     /* moved by the reader alone */
    uint32_t mask;
    uint8_t *buffer;
};

rp_ring *rp_ring_new(uint32_t capacity) {
    if (capacity < 64 || capacity > LARGEST || (capacity & (capacity - 1)) != 0) return NULL;
    rp_ring *ring = calloc(1, sizeof *ring);
    if (!ring) return NULL;
    ring->buffer = calloc(1, capacity);
    ring->mask = capacity - 1;
    if (ring->buffer) return ring;
    free(ring);
    return NULL;
}

void rp_ring_free(rp_ring *ring) {
    if (!ring) return;
    free(ring->buffer);
    free(ring);
}

/* Copy in at a position, in two parts where the buffer's end lies between. [any] */
static void put(rp_ring *ring, uint32_t at, const void *from, uint32_t size) {
    uint32_t start = at & ring->mask, room = ring->mask + 1 - start, first = size < room ? size : room;
    if (first) memcpy(ring->buffer + start, from, first);
    if (size > first) memcpy(ring->buffer, (const uint8_t *)from + first, size - first);
}

/* [any] */
static void get(const rp_ring *ring, uint32_t at, void *to, uint32_t size) {
    uint32_t start = at & ring->mask, room = ring->mask + 1 - start, first = size < room ? size : room;
    if (first) memcpy(to, ring->buffer + start, first);
    if (size > first) memcpy((uint8_t *)to + first, ring->buffer, size - first);
}

int rp_ring_write(rp_ring *ring, uint32_t type, const void *body, uint32_t size) {
    header head = {type, size};
    uint32_t read = atomic_load_explicit(&ring->read, memory_order_acquire);
    uint32_t written = atomic_load_explicit(&ring->written, memory_order_relaxed);
    uint32_t room = ring->mask + 1 - (written - read);
    if (size > ring->mask || sizeof head + size > room) return 0;
    put(ring, written, &head, sizeof head);
    put(ring, written + (uint32_t)sizeof head, body, size);
    atomic_store_explicit(&ring->written, written + (uint32_t)sizeof head + size, memory_order_release);
    return 1;
}

int32_t rp_ring_read(rp_ring *ring, uint32_t *type, void *body, uint32_t capacity) {
    header head;
    uint32_t written = atomic_load_explicit(&ring->written, memory_order_acquire);
    uint32_t read = atomic_load_explicit(&ring->read, memory_order_relaxed);
    if (written == read) return -1;
    get(ring, read, &head, sizeof head);
    if (head.size <= capacity) get(ring, read + (uint32_t)sizeof head, body, head.size);
    *type = head.type;
    atomic_store_explicit(&ring->read, read + (uint32_t)sizeof head + head.size, memory_order_release);
    return head.size <= capacity ? (int32_t)head.size : -2;
}
