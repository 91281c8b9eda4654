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

/* What was heard so far, beyond what the timeline knows. */
typedef struct {
    rp_clock_in clock;                   /* MIDI clock, of the input that speaks */
    rp_midi_parser parser[RP_PORTS_MAX]; /* of the inputs */
    uint32_t speaker;                    /* input + 1; 0: none */
    uint64_t spoke, ticks;               /* frame at which it did last; F8 so far */
    uint64_t taps, tapped;               /* of this row of taps; frame of the last one */
    rp_transport transport;              /* JACK's, in the cycle before; its beat is its own even if it told none */
    double more;                         /* quarter notes that ours is ahead of JACK's */
    uint64_t frame;                      /* of the cycle before, its first */
    uint32_t frames;                     /* and how many */
    rp_beat beat;                        /* the player's last */
} rp_conductor_heard;

typedef struct {
    uint64_t frame;
    uint8_t pitch, velocity;
} rp_conductor_press;

typedef struct {
    rp_conductor_config set;
    rp_timeline *timeline;
    _Atomic(rp_beats *) beats; /* NULL: not prepared, or this sample rate is beyond it */
    double sample_rate, bpm;   /* bpm: of the internal clock */
    rp_conductor_heard heard;
    rp_clock_out out;
    rp_clock_byte byte[RP_CONDUCTOR_BYTES];    /* of this cycle */
    uint32_t bytes, left;                      /* how many, and how many of them have left */
    uint64_t frame;                            /* the cycle's first */
    rp_conductor_press key[RP_CONDUCTOR_KEYS]; /* that went down in this cycle; of more than these the first */
    uint32_t keys;
    _Atomic uint64_t version;                          /* of the state: cycles since the engine began */
    _Atomic uint64_t published[2][RP_CONDUCTOR_WORDS]; /* the last, and the one before */
} rp_conductor;

void rp_conductor_open(rp_conductor *conductor, uint32_t sample_rate); /* no memory: timeline is NULL [control] */
void rp_conductor_prepare(rp_conductor *conductor); /* before it is on: it can hear the player's beats [control] */
void rp_conductor_close(rp_conductor *conductor);   /* [control] */
void rp_conductor_get(const rp_conductor *conductor, rp_conductor_state *out); /* see rp_engine_get_conductor [any] */

typedef struct rp_command rp_command;
/* A command of control's. [process] */
void rp_conductor_obey(rp_engine *engine, uint32_t type, const rp_command *command);
/* The engine stops: those who follow are told, and the clock is off. [process] */
void rp_conductor_stop(rp_engine *engine);
/* The timeline comes to this cycle, with what came in in it. [process] */
void rp_conductor_begin(rp_engine *engine, const rp_cycle *cycle);
/* Of this cycle's MIDI clock, what is due up to and including `frame`, leaves. [process] */
void rp_conductor_send(rp_engine *engine, uint64_t frame);
/* Everything has left: whoever asks is told. [process] */
void rp_conductor_end(rp_engine *engine, const rp_cycle *cycle);

/* conductor_hear.c */
void rp_conductor_forget(rp_conductor *conductor); /* the clock begins anew: nothing was heard [process] */
/* A message of an input. 1: it was for the clock, which has heard it already, and is not played. [process] */
int rp_conductor_takes(const rp_conductor *conductor, uint32_t in_port, const rp_midi_message *message);
/* MIDI clock of this cycle, to the timeline. [process] */
void rp_conductor_hear_clocks(rp_conductor *conductor, const rp_cycle *cycle);
/* JACK's transport. [process] */
void rp_conductor_hear_transport(rp_conductor *conductor, const rp_cycle *cycle, const rp_transport *transport);
void rp_conductor_tap(rp_conductor *conductor, uint64_t frame); /* [process] */
/* A key goes down. [process] */
void rp_conductor_key(rp_conductor *conductor, uint64_t frame, uint8_t pitch, uint8_t velocity);
/* The keys of this cycle, which ends at `end`, to the beat tracker, and its beats to the timeline. [process] */
void rp_conductor_hear_player(rp_conductor *conductor, uint64_t end);
#endif
