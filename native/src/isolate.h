/* isolate.h - the memory that a unit shares with a plugin's process, as that process has it.
 *
 * One block in, one block out. The unit gives a block in each cycle and takes the one given a cycle before: isolation
 * costs one block of latency. Samples lie in rings by their position; blocks are told one by one, so that the plugin
 * gets them as they were cut. Neither side waits for the other: the process sleeps until a block is there, the unit
 * replaces what is not there in time. */
#ifndef RIPIENO_ISOLATE_H
#define RIPIENO_ISOLATE_H
#include <stdint.h>

enum { RP_ISOLATE_EVENTS = 4096 }; /* most in all blocks that wait */
typedef struct {
    uint32_t frames; /* at most RP_BLOCK_MAX */
    uint32_t events;
    uint32_t resets; /* how often it was told to be silent; another number than before: now */
} rp_isolate_block;

uint32_t rp_isolate_size(void); /* bytes of shared memory [any] */
/* Before anybody else has it; shared: zeroes. [control] */
void rp_isolate_init(void *shared);
/* The process takes over: what lies there is left out, blocks given from now on are its own. 0: not in order.
 * [control] */
int rp_isolate_begin(void *shared);
/* Waits for a block, at most so many milliseconds. 1: there is one; 0: none; -1: the unit is gone, end. [worker] */
int rp_isolate_wait(void *shared, uint32_t timeout, rp_isolate_block *out);
/* Of that block: left and right [frames] each; event [events][4] as of rp_foreign; value: all parameters [parameters].
 * [worker] */
void rp_isolate_read(void *shared, float *left, float *right, int32_t *event, float *value, uint32_t parameters);
/* The same, rendered; it is the unit's from now on. [worker] */
void rp_isolate_write(void *shared, const float *left, const float *right);
uint64_t rp_isolate_beat(const void *shared);  /* blocks that were rendered since the beginning [any] */
uint64_t rp_isolate_given(const void *shared); /* blocks that were given [any] */
/* The unit is gone, or in no rack any more: whoever waits is woken. [control] */
void rp_isolate_close(void *shared);
/* This thread runs at real-time priority, below the audio server's, where the system allows it. 1: it does. [worker] */
int rp_isolate_prioritise(void);
#endif
