#ifdef __linux__
#define _DEFAULT_SOURCE
#include <sys/mman.h>
#endif
#include "arena.h"

#include <stdint.h>
#include <stdlib.h>

/* Ask for large pages where there are many small ones, before any is touched: what reads megabytes in a row waits for
 * the pages' addresses else. A system that has none does without. [control] */
static void ask_for_large_pages(void *memory, size_t size) {
    enum { PAGE = 2 << 20 };
#ifdef __linux__
    const uintptr_t from = ((uintptr_t)memory + PAGE - 1) / PAGE * PAGE, to = ((uintptr_t)memory + size) / PAGE * PAGE;
    if (to > from) madvise((void *)from, to - from, MADV_HUGEPAGE);
#else
    (void)memory, (void)size;
#endif
}

void *rp_arena_take(rp_arena *arena, size_t count, size_t size) {
    const size_t largest = SIZE_MAX / 2 / RP_ARENA_ALIGN * RP_ARENA_ALIGN; /* as `used`: what fits, fits rounded up */
    if (size && count > (largest - arena->used) / size) arena->overflow = 1;
    if (arena->overflow) return NULL;
    void *place = arena->base ? arena->base + arena->used : NULL;
    arena->used += (count * size + RP_ARENA_ALIGN - 1) / RP_ARENA_ALIGN * RP_ARENA_ALIGN;
    return place;
}

int rp_arena_open(rp_arena *arena) {
    if (arena->overflow) return -1;
    /* calloc and not aligned_alloc: zeroed, and there on every system. */
    arena->memory = calloc(1, arena->used + RP_ARENA_ALIGN - 1);
    if (!arena->memory) return -1;
    ask_for_large_pages(arena->memory, arena->used);
    const uintptr_t past = (uintptr_t)arena->memory % RP_ARENA_ALIGN;
    arena->base = (unsigned char *)arena->memory + (past ? RP_ARENA_ALIGN - past : 0);
    arena->used = 0;
    return 0;
}
