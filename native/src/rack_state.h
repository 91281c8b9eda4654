/* rack_state.h - a rack from within, and what the engine does with it. */
#ifndef RIPIENO_RACK_STATE_H
#define RIPIENO_RACK_STATE_H
#include <stdatomic.h>

#include "delay_line.h"
#include "rack.h"
#include "unit_state.h"

/* ---- around a unit (rack_unit.c) ---- */

typedef struct {
    rp_unit *unit;
    rp_delay_line dry; /* what came in, as late as what comes out; closed for an instrument, where that is silence */
    float bypass;      /* how much of it is heard, 0 to 1 */
    float gain;        /* of the unit's own sound, on the way to what was asked for */
    uint32_t fade;     /* frames that bypass takes */
} rp_rack_unit;

int rp_rack_unit_open(rp_rack_unit *place, rp_unit *unit, uint32_t sample_rate); /* 0: no memory [control] */
void rp_rack_unit_close(rp_rack_unit *place);                                    /* [control] */
/* dry: room for two channels of the block. [process] */
void rp_rack_unit_process(rp_rack_unit *place, const rp_unit_block *block, float *const dry[2]);
void rp_rack_unit_reset(const rp_rack_unit *place); /* [process] */
/* The highest sample of a channel, as of now, is kept until it is asked for. [process] */
void rp_rack_keep_peak(_Atomic float *peak, const float *audio, uint32_t frames);

/* ---- the rack ---- */

enum {
    RP_STRIP_EVENTS = 4096, /* in a cycle; the last three quarters are for what ends sounds */
    RP_STRIP_EVENTS_OTHERS = 1024,
    RP_AUTOMATIONS_MAX = 256,
    RP_MASTER_STRIP = RP_STRIPS_MAX /* its place in rp_rack's array */
};

typedef struct {
    rp_rack_unit unit[RP_STRIP_UNITS_MAX];
    uint32_t units;
    rp_delay_line align; /* to the slowest strip */
    rp_delay_line own;   /* and, on its own outputs, to the master's end; closed where it has none */
    uint32_t latency;
    rp_unit_event event[RP_STRIP_EVENTS];
    uint32_t events, next; /* next: the first that no unit has had */
    _Atomic uint32_t latency_seen;
    _Atomic float peak[2];
} rp_strip;

typedef struct {
    rp_unit *unit;
    uint32_t parameter;
    uint8_t channel, controller;
    double low, high;
} rp_automation;

/* OPEN: it is heard. FALLING: it fades out, then ENDED or DUE. DUE: its units are reset at the next block. HELD: what
 * was on its way still comes out, unheard. RISING: it fades in. */
typedef enum { RP_RACK_OPEN, RP_RACK_FALLING, RP_RACK_ENDED, RP_RACK_DUE, RP_RACK_HELD, RP_RACK_RISING } rp_rack_phase;

struct rp_rack {
    rp_rack_config config;
    rp_strip strip[RP_STRIPS_MAX + 1]; /* the last: the master */
    rp_delay_line voice;               /* of the voice, where no strip sings; else closed */
    uint32_t listeners[16][16];        /* [port][channel]: bit n is strip n */
    rp_automation automation[RP_AUTOMATIONS_MAX];
    uint32_t automations;
    float *memory;
    float *audio[2], *dry[2], *mix[2], *level, *opening; /* [RP_BLOCK_MAX] each */
    uint32_t period, slowest, latency;
    rp_rack_phase phase;
    int ending, used;
    int closing;     /* 1: its voice and its inputs are heard no more, what it was told to play is */
    float height;    /* of the fade, 0 to 1 */
    uint32_t held;   /* frames of HELD to go */
    uint32_t opened; /* frames since its sources were heard anew, up to `fade` */
    uint32_t fade;   /* frames */
    _Atomic uint32_t latency_seen;
};

/* A piece of a cycle. */
typedef struct {
    uint64_t frame;
    uint32_t at;            /* its place in the cycle */
    uint32_t frames;        /* 1 to RP_BLOCK_MAX */
    uint32_t period;        /* frames of the longest cycle to come */
    const float *voice;     /* [frames], NULL: nobody sings */
    const float *const *in; /* [ins], from the cycle's first frame on */
    float *const *out;      /* [outs], likewise; the rack adds to them */
    uint32_t ins, outs;
} rp_rack_piece;

/* From here on it is heard. period: frames of the longest cycle to come. [process] */
void rp_rack_begin(rp_rack *rack, uint32_t period);
void rp_rack_end(rp_rack *rack);    /* it fades out [process] */
void rp_rack_linger(rp_rack *rack); /* what it plays sounds on, but neither voice nor inputs [process] */
void rp_rack_resume(rp_rack *rack); /* it lingers or fades out, and is heard as before from here on [process] */
int rp_rack_listens(const rp_rack *rack, uint32_t port, uint32_t channel); /* is there a strip for it? [process] */
int rp_rack_ended(const rp_rack *rack);                                    /* it has [process] */
void rp_rack_silence(rp_rack *rack);                                       /* a panic [process] */
void rp_rack_process(rp_rack *rack, const rp_rack_piece *piece);           /* [process] */
uint32_t rp_rack_latency(const rp_rack *rack);                             /* [process] */
uint32_t rp_rack_midi_delay(const rp_rack *rack); /* frames MIDI outputs are to be late [process] */
/* A channel message leaves on a port, at a frame of the cycle that never decreases. [process] */
void rp_rack_hear(rp_rack *rack, uint32_t port, uint32_t offset, const uint8_t *byte, uint32_t size);
void rp_rack_control(const rp_rack *rack, const uint8_t byte[3]); /* a controller came in [process] */
void rp_rack_settle(const rp_rack *rack);                         /* off line: waits for its units [control] */
#endif
