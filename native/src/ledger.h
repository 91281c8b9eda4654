/* ledger.h - every sounding note, who owns it and where it went. */
#ifndef RIPIENO_LEDGER_H
#define RIPIENO_LEDGER_H
#include <stdint.h>
#include "engine.h"

enum { RP_NOTES_MAX = 1024, RP_NO_NOTE = 0xFFFF, RP_NO_INSTRUMENT = 255 };
/* Input ports that no keyboard has: what the band plays (its channel is the instrument), what the voice sings. */
enum { RP_BAND_PORT = RP_PORTS_MAX, RP_VOICE_PORT, RP_LEDGER_PORTS };

typedef enum {
    RP_NOTE_FREE = 0,
    RP_NOTE_PENDING,  /* its key is down, its instrument not decided yet */
    RP_NOTE_DUE,      /* decided; sounds when its delay is over */
    RP_NOTE_SOUNDING, /* its key is down */
    RP_NOTE_SUSTAINED /* its key is up, the pedal holds it */
} rp_note_state;

/* What MPE lets each note have of its own: where the wheels of a channel are. */
typedef struct {
    uint16_t bend;            /* 0 to 16383 */
    uint8_t pressure, timbre; /* timbre: controller 74 */
} rp_expression;
enum { RP_STRAIGHT = 8192 };
#define RP_NEUTRAL ((rp_expression){.bend = RP_STRAIGHT, .timbre = 64})

/* A note-on's key, and the route its sound took. Whatever belongs to the note follows this route. */
typedef struct {
    uint8_t in_port, in_channel, in_pitch; /* the key */
    uint8_t port, channel, pitch;          /* the route */
    /* Where its wheels and pedals come in and leave: the manager of its MPE zone, or the channels above. */
    uint8_t in_manager, manager;
    uint8_t mpe;        /* 1: it leaves on a member channel of its own */
    uint8_t bend;       /* semitones of a full bend there */
    uint8_t expressive; /* 1: it has an expression of its own, which comes in on in_channel */
    rp_expression own;  /* for its route */
    uint8_t instrument; /* of the rig; RP_NO_INSTRUMENT for thru */
    uint8_t velocity, pedal, state;
    uint8_t released;       /* the key is up, the note-off waits for its delay */
    uint8_t flags;          /* RP_NOTE_FALLBACK ... */
    uint8_t joined;         /* 1: the key that struck the note before struck it, too: one note-off ends them all */
    uint16_t newer;         /* the next note of the same key, RP_NO_NOTE: none */
    uint16_t before, after; /* in the list of live notes, oldest first */
    uint32_t serial;        /* of the note: an id is given again, a serial number is not */
    uint32_t rig;           /* serial number of the rig that routed it */
    uint32_t delay;         /* frames between its key and its sound, at both ends */
    uint64_t key_frame;
    uint64_t expires; /* frame at which it is released if nobody did, UINT64_MAX: never */
} rp_note;

typedef struct {
    rp_note note[RP_NOTES_MAX];
    uint16_t key[RP_LEDGER_PORTS][RP_CHANNELS][RP_PITCHES]; /* oldest note of a key */
    uint16_t oldest, newest, free, live;
    uint16_t expressive; /* of the live ones */
    uint32_t serial;     /* of the newest note */
} rp_ledger;

void rp_ledger_reset(rp_ledger *ledger); /* [any] */
/* A new note for a key; RP_NO_NOTE when all are live. [process] */
uint16_t rp_ledger_add(rp_ledger *ledger, uint8_t in_port, uint8_t in_channel, uint8_t in_pitch);
/* Forget a note whose sound has ended. [process] */
void rp_ledger_remove(rp_ledger *ledger, uint16_t id);
/* Its route, from here on, is the way of an instrument. [process] */
void rp_ledger_route(rp_note *note, uint8_t instrument, const rp_instrument *to);
/* The oldest note of this key whose key is still down, RP_NO_NOTE: none. [process] */
uint16_t rp_ledger_find(const rp_ledger *ledger, uint8_t in_port, uint8_t in_channel, uint8_t in_pitch);
#endif
