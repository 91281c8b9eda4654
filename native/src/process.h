/* process.h - one cycle of the engine: MIDI in, MIDI and audio out, in the same cycle. What drivers call. */
#ifndef RIPIENO_PROCESS_H
#define RIPIENO_PROCESS_H
#include <stdint.h>
#include "engine.h"

/* One event of the cycle; `data` holds whole messages or any piece of a byte stream. */
typedef struct {
    uint32_t offset; /* frames from the start of the cycle */
    uint32_t port;
    uint32_t size;
    const uint8_t *data;
} rp_input;

/* Where output goes. write: 1 taken, 0 no room (the engine sends it again in the next cycle). Offsets never decrease
 * within a cycle. [process] */
typedef struct rp_sink rp_sink;
/* In `lost` of a cycle: what left lately may not have arrived (an xrun). */
#define RP_LOST_OUTPUT (1u << 31)
struct rp_sink {
    int (*write)(rp_sink *sink, uint32_t port, uint32_t offset, const uint8_t *data, uint32_t size);
};

/* Another program's transport, as of the cycle's first frame. A beat is a quarter note. */
typedef struct {
    uint32_t known;    /* 0: there is none */
    uint32_t rolling;  /* 1: it rolls */
    uint32_t has_beat; /* 1: it has a tempo, and knows which beat it is at */
    uint32_t reserved; /* 0 */
    uint64_t frame;    /* where it is, in frames of its own */
    double beat, bpm;
} rp_transport;

typedef struct {
    uint64_t frame;         /* of the cycle's first sample */
    uint64_t nanoseconds;   /* when it began, by rp_now (platform.h); 0: not known */
    rp_transport transport; /* JACK's */
    uint32_t frames;
    uint32_t period;    /* frames of the longest cycle to come; 0: no longer than this one */
    const rp_input *in; /* sorted by offset */
    uint32_t inputs;
    uint32_t lost;      /* bit n: input port n went away (unplugged) since the last cycle; or RP_LOST_OUTPUT */
    uint32_t connected; /* bit n: output port n has a listener */
    rp_sink *sink;
    float *const *audio; /* [audios][frames]: the engine writes all of each */
    uint32_t audios;
    const float *const *audio_in; /* [audio_ins][frames] */
    uint32_t audio_ins;
} rp_cycle;

void rp_process(rp_engine *engine, const rp_cycle *cycle); /* [process] */
/* The band of the rig that plays, NULL: none. [process] */
rp_continuation *rp_process_band(const rp_engine *engine);
rp_singing *rp_process_singing(const rp_engine *engine); /* likewise [process] */
/* Off line: waits until all units have done what they were given. [control] */
void rp_process_settle(const rp_engine *engine);
#endif
