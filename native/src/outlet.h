/* outlet.h - the way out: ports that may be full or unplugged, and what sounds beyond them. */
#ifndef RIPIENO_OUTLET_H
#define RIPIENO_OUTLET_H
#include <stdatomic.h>

#include "ledger.h"
#include "midi.h"
#include "process.h"
#include "rack_state.h"

enum {
    RP_BACKLOG_MAX = 4096,
    /* The backlog's last places are for what ends sounds: a note-off for each note, a pedal-up for each channel. */
    RP_BACKLOG_OTHERS = RP_BACKLOG_MAX - RP_NOTES_MAX - RP_PORTS_MAX * RP_CHANNELS,
    RP_LEAVING_MAX = 4,   /* racks of earlier rigs that still sound */
    RP_ENDED_MAX = 256,   /* ends that are remembered, for they may not have arrived */
    RP_DELAYED_MAX = 4096 /* messages on their way when outputs are delayed; one more, and the oldest is early */
};

typedef struct {
    uint64_t due;
    uint8_t port, size, byte[3];
    uint8_t ends;  /* 1: it ends a sound */
    uint16_t next; /* of those held back for the same port: place + 1, 0: none */
} rp_waiting;

/* A note that ended or, pitch RP_PITCHES, a pedal that was let go. */
typedef struct {
    uint64_t frame;
    uint8_t port, channel, pitch;
} rp_ended;

typedef struct {
    rp_sink *sink;
    rp_stats *stats;
    rp_blackbox *box;
    uint32_t ports;
    uint64_t start;     /* frame of the cycle's first sample */
    uint64_t now;       /* frame of what is being sent, never before start */
    uint32_t connected; /* bit n: port n has a listener in this cycle */
    rp_waiting backlog[RP_BACKLOG_MAX];
    uint32_t first, waiting;
    rp_waiting later[RP_DELAYED_MAX];
    uint16_t first_later[RP_PORTS_MAX], last_later[RP_PORTS_MAX]; /* place + 1: each port's, by their frames; 0: none */
    uint16_t spare, untouched;                                    /* places: given back, place + 1; never given yet */
    uint32_t delayed;                                             /* messages in `later` */
    uint32_t delay;                                               /* frames each message is held back by, but SysEx */
    uint32_t shift[RP_PORTS_MAX];                /* the same for a port alone, on top of it, in this cycle */
    _Atomic uint32_t wanted_shift[RP_PORTS_MAX]; /* what control wants it to be */
    rp_rack *rack;                               /* it hears what is sent, at once; NULL: none */
    rp_rack *leaving[RP_LEAVING_MAX]; /* these hear all but what begins a note of the rig that plays; NULL: none */
    uint32_t since;                   /* serial number of the first rig of `rack`: notes of older ones are not for it */
    int belated;                      /* 1: such a note begins */
    uint32_t blocked;                 /* bit n: port n has messages in the backlog */
    uint16_t sounding[RP_PORTS_MAX][RP_CHANNELS][RP_PITCHES]; /* notes that share an output pitch */
    uint8_t heard[RP_PORTS_MAX][RP_CHANNELS][16]; /* of these, a bit a pitch: begun while somebody listened */
    rp_ended ended[RP_ENDED_MAX];
    uint32_t ends;                            /* so far; each has the place after the one before, round and round */
    uint8_t pedal[RP_PORTS_MAX][RP_CHANNELS]; /* sustain value last sent */
    uint8_t pedal_from[RP_PORTS_MAX][RP_CHANNELS]; /* the input it came from: port * 16 + channel */
    uint16_t bent[RP_PORTS_MAX];                   /* channels whose bend is off its centre */
    uint16_t touched[RP_PORTS_MAX];                /* channels that were sent anything */
    rp_expression sent[RP_PORTS_MAX][RP_CHANNELS]; /* where their wheels are, as was sent last */
    uint32_t came;                                 /* bit n: port n has a listener since this cycle */
} rp_outlet;

/* From the next cycle on all that leaves on this port, but SysEx, is so many frames later. Where it becomes less, what
 * is held back still leaves in its order. [any] */
void rp_outlet_set_shift(rp_outlet *outlet, uint32_t port, uint32_t frames);
/* A cycle begins: what waited leaves first, and a listener who came anew, or may have missed some in an xrun, hears the
 * note-offs again. [process] */
void rp_outlet_begin(rp_outlet *outlet, const rp_cycle *cycle);
/* Its end: what was held back and is due in it leaves. [process] */
void rp_outlet_end(rp_outlet *outlet, const rp_cycle *cycle);
/* Nothing is held back any longer, in this cycle: what waits leaves now, but for notes that have not begun.
 * [process] */
void rp_outlet_hurry(rp_outlet *outlet);
int rp_outlet_empty(const rp_outlet *outlet); /* nothing waits [process] */
/* Send a message on a port, now, after the delay, or as soon as there is room; 0: given up (never what ends a
 * sound). [process] */
int rp_outlet_send(rp_outlet *outlet, uint32_t port, const rp_midi_message *message);
/* Send a message that is nobody's note or wheel: at once, never undone, and no rack hears it. 0: given up. [process] */
int rp_outlet_tell(rp_outlet *outlet, uint32_t port, const rp_midi_message *message);
/* The note begins to sound on its route. 0: given up. [process] */
int rp_outlet_note_on(rp_outlet *outlet, const rp_note *note, const rp_midi_message *raw);
/* The note's sound ends, unless another note shares its output pitch. `raw` is the note-off to pass on, NULL: a plain
 * one. [process] */
void rp_outlet_note_off(rp_outlet *outlet, const rp_note *note, const rp_midi_message *raw);
/* Send a channel message to every channel in `channels` ([port], bit a channel). [process] */
void rp_outlet_broadcast(rp_outlet *outlet, const uint16_t channels[RP_PORTS_MAX], const rp_midi_message *message);
/* Pedals up and bends straight on every channel touched; hard: all notes and all sound off as well. [process] */
void rp_outlet_silence(rp_outlet *outlet, int hard);
#endif
