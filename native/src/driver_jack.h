/* driver_jack.h - what the JACK driver's callbacks (driver_jack.c) and its set-up (driver_jack_setup.c) share. */
#ifndef RIPIENO_DRIVER_JACK_H
#define RIPIENO_DRIVER_JACK_H
#include <stdatomic.h>

#include "drivers.h"
#include "libjack.h"
#include "process.h"
#include "ring.h"

/* Who plays: the engine, or a probe. [process] */
typedef void (*rp_jack_player)(void *player, const rp_cycle *cycle);

enum { RP_JACK_NAME_MAX = 64, RP_JACK_REASON_MAX = 128 };

/* The audio ports of one direction, and their buffers in this cycle. */
typedef struct {
    uint32_t count;
    rp_jack_port *port[RP_PORTS_MAX];
    float *buffer[RP_PORTS_MAX];
    char name[RP_PORTS_MAX][RP_JACK_NAME_MAX];
} rp_jack_audio;

/* One input port within a cycle. */
typedef struct {
    void *buffer;
    uint32_t next, count;
    rp_jack_event head; /* event `next`, while there is one */
} rp_jack_cursor;

enum { RP_JACK_LATE = 32 };

struct rp_jack {
    rp_sink sink; /* the first member: the engine's sink is the driver */
    rp_libjack lib;
    rp_jack_client *client;
    rp_jack_player play;
    void *player;
    uint32_t inputs, outputs;
    rp_jack_port *in[RP_PORTS_MAX], *out[RP_PORTS_MAX];
    rp_jack_audio audio_in, audio_out;
    int counts_links; /* 1: port_connected takes no lock in this libjack and may be asked in the cycle */

    /* The process thread's own. */
    rp_jack_cursor cursor[RP_PORTS_MAX];
    void *out_buffer[RP_PORTS_MAX];
    rp_input *events;
    uint32_t capacity;
    uint32_t losing;            /* bit n: input port n is lost from the next cycle on */
    uint32_t last_time;         /* of the server's clock, which wraps around, at the last cycle */
    uint64_t clock;             /* the same going on for ever */
    int begun;                  /* 0: these two are not set yet */
    int64_t late[RP_JACK_LATE]; /* us by which we were woken late in the last cycles, by the server's clock; a ring */
    uint32_t woken;             /* cycles in there so far */
    int raw; /* 1: cycles begin at `clock`, even where it goes back: a probe compares clients by it */

    /* Written by one thread each, read by any. */
    _Atomic uint64_t frame, cycles, xruns, unread;
    _Atomic uint32_t state, period, rate, load_max, load_sum, overruns, changes;
    _Atomic uint32_t lost; /* bit n: input port n lost a connection; the process thread takes it */
    _Atomic uint32_t sound_latency, midi_latency; /* frames, of our own */
    _Atomic uint32_t shift[RP_PORTS_MAX];         /* of each MIDI output, on top */
    _Atomic int32_t links[RP_PORTS_MAX];          /* listeners of each output port, as the notifications say */

    rp_ring *news; /* rp_jack_news: JACK's thread for notifications writes */
    uint32_t engine_rate;
    char name[RP_JACK_NAME_MAX];
    char in_name[RP_PORTS_MAX][RP_JACK_NAME_MAX], out_name[RP_PORTS_MAX][RP_JACK_NAME_MAX];
    char reason[RP_JACK_REASON_MAX];
};

uint32_t rp_jack_begin(rp_jack *jack, rp_jack_player play, void *player); /* RP_JACK_FINE... [control] */

enum { RP_LOAD_CYCLES = 128, RP_WHOLE_PERIOD = 1000 }; /* load_sum is the mean times the first, in the second's parts */

int rp_jack_write(rp_sink *sink, uint32_t port, uint32_t offset, const uint8_t *data, uint32_t size); /* [process] */
int rp_jack_process(uint32_t frames, void *argument);                                                 /* [process] */
/* JACK's other callbacks; it calls them from threads of its own. */
int rp_jack_on_period(uint32_t frames, void *argument);                         /* [any] */
int rp_jack_on_rate(uint32_t rate, void *argument);                             /* [any] */
void rp_jack_on_latency(int mode, void *argument);                              /* [any] */
int rp_jack_on_xrun(void *argument);                                            /* [any] */
void rp_jack_on_connect(uint32_t a, uint32_t b, int connected, void *argument); /* [any] */
void rp_jack_on_registration(uint32_t port, int registered, void *argument);    /* [any] */
void rp_jack_on_shutdown(int code, const char *reason, void *argument);         /* [any] */
#endif
