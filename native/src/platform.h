/* platform.h - what differs between systems: the monotonic clock, threads, words of memory to wait on, libraries opened
 * at run time. */
#ifndef RIPIENO_PLATFORM_H
#define RIPIENO_PLATFORM_H
#include <stdatomic.h>
#include <stdint.h>

uint64_t rp_now(void);                /* nanoseconds of a clock that never jumps; no system call on Linux [any] */
void rp_sleep_until(uint64_t moment); /* of rp_now [worker] */

typedef struct rp_thread rp_thread;
/* Where a thread stands among the real-time ones. JACK's clients are at 5 where its server is at its usual 10: a
 * plugin's process is below our own process thread, and above the workers, which have more time. */
enum { RP_PRIORITY_WORKER = 1, RP_PRIORITY_PLUGIN = 3, RP_PRIORITY_DRIVER = 15 };
/* Runs body(argument) on a thread of its own, at that real-time priority where the system allows it (`*realtime` says
 * so). NULL: no memory, no thread. [control] */
rp_thread *rp_thread_start(void (*body)(void *), void *argument, int priority, int *realtime);
void rp_thread_join(rp_thread *thread); /* waits for its end and frees it [control] */
/* The calling thread has that real-time priority from now on. 1: it has; 0: the system does not allow it. [worker] */
int rp_thread_prioritise(int priority);

/* Sleeps while the word is what was seen, until that moment of rp_now at the latest; it may wake without a reason. The
 * word may lie in memory that processes share. [worker] */
void rp_wait_on(_Atomic uint32_t *word, uint32_t seen, uint64_t moment);
/* Wakes whoever sleeps on the word, after it was changed, in whatever process. On Linux a system call, the only one
 * that the process thread makes: it waits for nobody. Elsewhere nothing: who waits looks every 0.2 ms. [any] */
void rp_wake(_Atomic uint32_t *word);

typedef void (*rp_function)(void);
/* Opens the first of these libraries that is there; the list ends with NULL. NULL: none of them. [control] */
void *rp_library_open(const char *const names[]);
rp_function rp_library_find(void *library, const char *name); /* NULL: it has no such function [control] */
#endif
