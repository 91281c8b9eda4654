/* ring.h - a queue of messages from one thread to another; neither ever waits. */
#ifndef RIPIENO_RING_H
#define RIPIENO_RING_H
#include <stdint.h>

/* One thread writes, one thread reads. A message is {type, size} and its bytes; it is seen whole or not at all. */
typedef struct rp_ring rp_ring;

rp_ring *rp_ring_new(uint32_t capacity); /* bytes, a power of two of at least 64; NULL: no memory, bad size [control] */
void rp_ring_free(rp_ring *ring);        /* [control] */
/* Returns 1, or 0 when there is no room (nothing is written then). [any] */
int rp_ring_write(rp_ring *ring, uint32_t type, const void *body, uint32_t size);
/* The oldest message's body goes to `body`, its type to `*type`. Returns its size, -1 when the ring is empty, -2 when
 * the body is larger than `capacity` (the message is dropped). [any] */
int32_t rp_ring_read(rp_ring *ring, uint32_t *type, void *body, uint32_t capacity);
#endif
