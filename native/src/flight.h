/* flight.h - the flight recorder: what enters the process thread, cycle by cycle, and what leaves; and its replay.
 *
 * A recording is a row of cycles, each an rp_flight_cycle and its items, each an rp_flight_item and its bytes, with
 * nothing between them and as this machine lays its numbers. What the process thread takes from a ring (commands,
 * commits of the band, blocks of the voice) is an item of the cycle that took it: played again with the same items,
 * the same engine sends the same bytes, whoever they came from. */
#ifndef RIPIENO_FLIGHT_H
#define RIPIENO_FLIGHT_H
#include <stdint.h>
#include "engine.h"

enum {
    RP_FLIGHT_NOTHING = 0,
    RP_FLIGHT_IN = 1,      /* MIDI came in */
    RP_FLIGHT_COMMAND = 2, /* from control; its body begins with the address of a rig, or NULL */
    RP_FLIGHT_BAND = 3,    /* from the band's worker */
    RP_FLIGHT_VOICE = 4,   /* from the voice's */
    RP_FLIGHT_OUT = 5,     /* MIDI left */
    RP_FLIGHT_REFUSED = 6, /* it was to leave, and its port had no room */
    RP_FLIGHT_AUDIO = 7,   /* an audio output that was not silent: 8 bytes that stand for its samples */
    RP_FLIGHT_VALUE = 8, /* control has set a number that is no command: `port` says which (flight_watch.c), 4 bytes */
    RP_FLIGHT_SOUND = 9, /* sound came in at an audio input, and is kept: its samples, 4 bytes each */
    RP_FLIGHT_TRANSPORT = 10 /* JACK's, an rp_transport, where a clock hears it and it is another than before */
};
typedef struct {
    uint32_t kind;   /* RP_FLIGHT_... */
    uint32_t port;   /* of COMMAND, BAND and VOICE: the message's type */
    uint32_t offset; /* frames from the cycle's first; of IN, OUT and REFUSED */
    uint32_t size;   /* bytes that follow */
} rp_flight_item;
typedef struct {
    uint64_t frame; /* of its first sample */
    uint32_t frames, period;
    uint32_t gone;      /* bit n: input port n went away before it */
    uint32_t connected; /* bit n: output port n has a listener */
    uint32_t cycles;    /* so many like this one, one after another; more than one where nothing came in or left */
    uint32_t missed;    /* cycles before it that are not here: there was no room */
    uint32_t size;      /* bytes of the items that follow */
    uint8_t audios, audio_ins;
    uint8_t heard; /* 1: sound came in, and is not kept */
    uint8_t unused;
} rp_flight_cycle;

typedef struct rp_flight rp_flight;
/* Of every field, counts since it began. */
typedef struct {
    uint64_t cycles; /* recorded */
    uint64_t missed; /* not recorded: nobody read, and there was no more room */
} rp_flight_stats;
rp_flight *rp_flight_new(uint32_t room);      /* bytes, a power of two; NULL: no memory, bad size [control] */
void rp_flight_free(rp_flight *flight);       /* no engine has it [control] */
void rp_flight_keep_sound(rp_flight *flight); /* what comes in as sound, too; before an engine has it [control] */
/* From now on the engine's cycles are recorded; NULL: no longer. No driver may run. Borrowed. [control] */
void rp_engine_set_flight(rp_engine *engine, rp_flight *flight);
/* What is left to be written: silence is written later than it was. No driver may run. [control] */
void rp_flight_flush(rp_flight *flight);
/* Whole cycles, as many as there are and go into `capacity`, which must be RP_FLIGHT_LARGEST at least; returns their
 * bytes. [control] */
enum { RP_FLIGHT_LARGEST = 262144 };
uint32_t rp_flight_read(rp_flight *flight, uint8_t *out, uint32_t capacity);
void rp_flight_get_stats(const rp_flight *flight, rp_flight_stats *out); /* [any] */

/* A recording played again by an engine that begins like the one that was recorded, and the first difference. */
typedef struct rp_replay rp_replay;
enum {
    RP_REPLAY_ALL = 0,     /* all of it was played */
    RP_REPLAY_RIG = 1,     /* a command of the next cycle wants a rig: give it, and go on */
    RP_REPLAY_DIFFERS = 2, /* the last cycle left otherwise: `was` and `is` say how; going on is possible */
    RP_REPLAY_MISSED = 3,  /* before the next cycle some are missing; going on is possible */
    RP_REPLAY_BAD = 4,     /* the bytes make no sense from here on */
    RP_REPLAY_NO_MEMORY = 5
};
typedef struct {
    uint64_t cycles;        /* played so far */
    uint64_t frame;         /* of the first sample of the last one, or of the one that wants a rig */
    uint64_t wanted;        /* RIG: the rig's address, as it was recorded */
    uint32_t missed;        /* MISSED: how many */
    rp_flight_item was, is; /* DIFFERS: the first item that did, as it was and as it is now; kind NOTHING: none */
    uint8_t was_bytes[16], is_bytes[16]; /* as many of theirs as go in here */
} rp_replay_state;
rp_replay *rp_replay_new(rp_engine *engine); /* the engine is its own from now on; NULL: no memory [control] */
void rp_replay_free(rp_replay *replay);      /* before the engine is [control] */
/* The rig that is wanted, which must not be freed before the engine lets it go. [control] */
void rp_replay_give(rp_replay *replay, rp_rig *rig);
/* Plays whole cycles from here on, some of those that are there, so that control may read the engine's reports; `*used`
 * is how many bytes they took. Returns why it stopped. [control] */
uint32_t rp_replay_play(rp_replay *replay, const uint8_t *data, uint32_t size, uint32_t *used);
void rp_replay_get_state(const rp_replay *replay, rp_replay_state *out); /* [control] */
#endif
