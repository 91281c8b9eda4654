/* check.h - what every C test uses: a check that says where it failed, and an allocator that can be made to fail. */
#ifndef RIPIENO_CHECK_H
#define RIPIENO_CHECK_H
#include <stdio.h>
#include <stdlib.h>

/* Not assert: a release build must check too. */
#define CHECK(condition)                                                            \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                                \
        }                                                                           \
    } while (0)

/* Make the allocation after `after` others return NULL, once; -1: none. Returns 0 where the linker cannot wrap. */
int fail_allocation(long after);
/* 1: the failure asked for has happened. */
int allocation_failed(void);
/* While on, any allocation, release or lock ends the program. */
void forbid_waiting(int on);
/* Allocations minus releases since the program began. */
long allocations_held(void);
#endif
