/* One thread writes messages of many sizes, one reads; each must arrive once, whole and in order. */
#include "ring.h"
#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

enum { MESSAGES = 100000, LONGEST = 90 };

static uint32_t size_of(uint32_t i) { return i * 7 % (LONGEST + 1); }

static void *write_all(void *ring) {
    uint8_t body[LONGEST];
    for (uint32_t i = 0; i < MESSAGES;) {
        memset(body, (int)(i & 255), sizeof body);
        if (rp_ring_write(ring, i, body, size_of(i))) i++;
        else sched_yield();
    }
    return NULL;
}

static void read_all(rp_ring *ring) {
    uint8_t body[LONGEST];
    uint32_t type;
    for (uint32_t i = 0; i < MESSAGES;) {
        int32_t size = rp_ring_read(ring, &type, body, sizeof body);
        if (size == -1) {
            sched_yield();
            continue;
        }
        CHECK(type == i && size == (int32_t)size_of(i));
        for (int32_t n = 0; n < size; n++) CHECK(body[n] == (i & 255));
        i++;
    }
}

static void test_threads(void) {
    rp_ring *ring = rp_ring_new(256);
    pthread_t thread;
    pthread_create(&thread, NULL, write_all, ring);
    read_all(ring);
    pthread_join(thread, NULL);
    rp_ring_free(ring);
}

static void test_edges(void) {
    uint8_t body[64] = {0};
    uint32_t type;
    CHECK(!rp_ring_new(0) && !rp_ring_new(63) && !rp_ring_new(100));
    rp_ring *ring = rp_ring_new(64);
    CHECK(rp_ring_read(ring, &type, body, sizeof body) == -1);
    CHECK(!rp_ring_write(ring, 1, body, 57)); /* with its head it would need 65 bytes */
    CHECK(!rp_ring_write(ring, 1, body, UINT32_MAX));
    CHECK(rp_ring_write(ring, 1, body, 56));
    CHECK(!rp_ring_write(ring, 2, body, 0));
    CHECK(rp_ring_read(ring, &type, body, 10) == -2); /* too large for the reader: dropped whole */
    CHECK(rp_ring_read(ring, &type, body, 10) == -1);
    CHECK(rp_ring_write(ring, 3, NULL, 0));
    CHECK(rp_ring_read(ring, &type, body, 0) == 0 && type == 3);
    rp_ring_free(ring);
    rp_ring_free(NULL);
}

int main(void) {
    test_edges();
    test_threads();
    return 0;
}
