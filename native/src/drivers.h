/* drivers.h - what runs the engine: JACK, a clock thread, or as fast as it goes. */
#ifndef RIPIENO_DRIVERS_H
#define RIPIENO_DRIVERS_H
#include <stdint.h>
#include "engine.h"

/* A tape: MIDI events in time order, growable. [control] */
typedef struct rp_tape rp_tape;
typedef struct {
    uint64_t frame;
    uint32_t port;
    uint32_t size;
    const uint8_t *data; /* valid until the tape grows or is freed */
} rp_tape_event;
rp_tape *rp_tape_new(void);
void rp_tape_free(rp_tape *tape);
void rp_tape_clear(rp_tape *tape);
int rp_tape_add(rp_tape *tape, uint64_t frame, uint32_t port, const uint8_t *data, uint32_t size); /* 0: no memory */
uint32_t rp_tape_count(const rp_tape *tape);
rp_tape_event rp_tape_get(const rp_tape *tape, uint32_t index);

/* Run the engine from frame `from` up to `until` in blocks, reading `in` and adding to `out`. 0: no memory. [control] */
int rp_offline_run(rp_engine *engine, const rp_tape *in, rp_tape *out, uint64_t from, uint64_t until, uint32_t block);
#endif
