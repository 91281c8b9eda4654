/* platform.h - what differs between systems: the monotonic clock, threads, libraries opened at run time. */
#ifndef RIPIENO_PLATFORM_H
#define RIPIENO_PLATFORM_H
#include <stdint.h>

uint64_t rp_now(void);                /* nanoseconds of a clock that never jumps; no system call on Linux [any] */
void rp_sleep_until(uint64_t moment); /* of rp_now [worker] */

typedef struct rp_thread rp_thread;
/* Where a thread stands among the real-time ones: a driver's is above a worker's, and both below JACK's server. */
enum { RP_PRIORITY_WORKER = 1, RP_PRIORITY_DRIVER = 15 };
/* Runs body(argument) on a thread of its own, at that real-time priority where the system allows it (`*realtime` says
 * so). NULL: no memory, no thread. [control] */
rp_thread *rp_thread_start(void (*body)(void *), void *argument, int priority, int *realtime);
void rp_thread_join(rp_thread *thread); /* waits for its end and frees it [control] */

typedef void (*rp_function)(void);
/* Opens the first of these libraries that is there; the list ends with NULL. NULL: none of them. [control] */
void *rp_library_open(const char *const names[]);
rp_function rp_library_find(void *library, const char *name); /* NULL: it has no such function [control] */
#endif
