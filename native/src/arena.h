/* arena.h - many aligned arrays in one allocation, measured by the same code that lays them out. */
#ifndef RIPIENO_ARENA_H
#define RIPIENO_ARENA_H
#include <stddef.h>

enum { RP_ARENA_ALIGN = 64 }; /* bytes: a cache line, and the widest vector */

/* Start with all zero: rp_arena_take then only measures. After rp_arena_open the same calls give the memory. */
typedef struct {
    void *memory; /* to be freed; the arena's base lies at the first aligned byte in it */
    unsigned char *base;
    size_t used;
    int overflow; /* 1: the sizes do not fit a size_t */
} rp_arena;

/* count * size zeroed and aligned bytes; NULL while measuring. [any] */
void *rp_arena_take(rp_arena *arena, size_t count, size_t size);
/* Allocate what was measured; 0: done, -1: no memory or an overflow. [control] */
int rp_arena_open(rp_arena *arena);
#endif
