/* conductor.h - the clock within the engine: the timeline (timeline.h) hears MIDI clock, JACK's transport, taps, the
 * player's beats and what control observed; MIDI clock leaves by it. While it is off it costs nothing. See engine.h.
 *
 * A cycle: what control said (rp_conductor_obey), then rp_conductor_begin, which brings the timeline to this cycle;
 * then notes, with the clock's bytes among them (rp_conductor_send); and when all has left, the beat tracker. */
#ifndef RIPIENO_CONDUCTOR_H
#define RIPIENO_CONDUCTOR_H
#include <stdatomic.h>

#include "beats.h"
#include "clock_in.h"
#include "clock_out.h"
#include "midi.h"
#include "process.h"

enum { RP_CONDUCTOR_BYTES = 64, RP_CONDUCTOR_KEYS = 64 };
enum { RP_CONDUCTOR_WORDS = sizeof(rp_conductor_state) / sizeof(uint64_t) };

/* What one that was heard has said so far, beyond what the timeline knows. */
typedef struct {
    rp_clock_in clock;                   /* MIDI clock, of the input that speaks */
    rp_midi_parser parser[RP_PORTS_MAX]; /* of the inputs */
    uint32_t speaker;                    /* input + 1; 0: none */
    uint64_t spoke;                      /* frame at which it did last */
    uint64_t ticks;
    uint64_t taps, tapped;  /* taps of this row, and the frame of the last */
    rp_transport transport; /* JACK's, in the cycle before */
    uint64_t frames;        /* of the cycle before */
    double beat;            /* JACK's own */
} rp_conductor_heard;

typedef struct {
    uint64_t frame;
    uint8_t pitch, velocity;
} rp_conductor_key;

typedef struct {
    rp_conductor_config set;
    rp_timeline *timeline;
    _Atomic(rp_beats *) beats; /* NULL: not prepared, or this sample rate is beyond it */
    double sample_rate, bpm;   /* bpm: of the internal clock */
    rp_conductor_heard heard;
    rp_clock_out out;
    rp_clock_byte byte[RP_CONDUCTOR_BYTES];  /* of this cycle */
    uint32_t bytes, left;                    /* how many, and how many of them have left */
    uint64_t frame;                          /* the cycle's first */
    rp_conductor_key key[RP_CONDUCTOR_KEYS]; /* of this cycle */
    uint32_t keys;
    rp_beat beat;             /* the player's, said last */
    _Atomic uint64_t version; /* odd while `published` is written */
    _Atomic uint64_t published[RP_CONDUCTOR_WORDS];
} rp_conductor;

void rp_conductor_open(rp_conductor *conductor, uint32_t sample_rate); /* no memory: timeline is NULL [control] */
void rp_conductor_prepare(rp_conductor *conductor); /* before it is on: it can hear the player's beats [control] */
void rp_conductor_close(rp_conductor *conductor);   /* [control] */
void rp_conductor_get(const rp_conductor *conductor, rp_conductor_state *out); /* see rp_engine_get_conductor [any] */
#endif
