/* engine.h - the engine: what control hands to it and hears from it. */
#ifndef RIPIENO_ENGINE_H
#define RIPIENO_ENGINE_H
#include <stdint.h>
#include "continuation.h"
#include "instrumenter.h"
#include "rack.h"
#include "singing.h"
#include "tap.h"
#include "timeline.h"
#include "zone.h"

enum { RP_PORTS_MAX = 16, RP_INSTRUMENTS_MAX = 16, RP_CHANNELS = 16, RP_PITCHES = 128 };
enum { RP_ROUTE_THRU = 0, RP_ROUTE_ENSEMBLE = 1 };
/* The player's pedal: passed on to the instrument; turned into longer notes; left out. */
enum { RP_PEDAL_PASS = 0, RP_PEDAL_LENGTHEN = 1, RP_PEDAL_IGNORE = 2 };

/* Where one instrument's notes leave. */
typedef struct {
    uint8_t port, channel;
    uint8_t polyphony;    /* notes at once, 0: any number */
    uint8_t pedal;        /* RP_PEDAL_... */
    uint8_t send_program; /* 1: its program change leaves when the rig starts */
    uint8_t program;      /* General MIDI, 0-based */
    uint8_t mpe;          /* 1: it has all of its port as an MPE zone, whose manager is `channel` (0 or 15) */
    uint8_t bend;         /* semitones of a full pitch bend of a note; 0: 2, with mpe 48 */
    uint8_t level;        /* controller 7 of its channel, 0 to 127, plus 1; 0: as synthesisers begin (level.h) */
} rp_instrument;

typedef struct {
    uint32_t route;       /* RP_ROUTE_... */
    uint32_t in_channels; /* bit n: channel n is listened to */
    uint32_t instruments;
    rp_instrument instrument[16];
    uint32_t budget; /* notes the model may decide in one cycle */
    uint64_t expiry; /* frames after which a note nobody released is released, 0: never */
    uint32_t delay;  /* frames everything is delayed by (the chord window of RP_WHEN_WINDOW), else 0 */
    /* Of RP_ROUTE_THRU: the output that all inputs leave on, plus 1; 0: each leaves on its own number's or, where there
     * is none, on the last. */
    uint32_t through;
} rp_rig_config;

/* The set list: rigs that wait in slots, and what the player does to change to them. */
enum { RP_SLOTS_MAX = 128, RP_TRIGGERS_MAX = 32, RP_NO_SLOT = 0xFFFFFFFF, RP_NO_PROGRAM = 0xFFFFFFFF };
enum { RP_EVERY_CHANNEL = 16, RP_NEITHER_CHANNEL = 255 }; /* beside 0 to 15 */
/* Round and round: after the last slot comes the first; TAP changes nothing, it is a beat of RP_CLOCK_TAP. */
enum { RP_GO_NEXT = 0, RP_GO_PREVIOUS = 1, RP_GO_TAP = 2 };
/* A key, or a controller (a pedal) that goes from below 64 to 64 or above. It is not played. */
typedef struct {
    uint8_t go;         /* RP_GO_... */
    uint8_t controller; /* 1: a controller, 0: a key */
    uint8_t number;     /* of it */
    uint8_t channel;    /* 0 to 15, RP_EVERY_CHANNEL */
} rp_trigger;

/* What moves on the player's control surface: knobs, faders, wheels, pads. Control is told of those it asks for, and
 * what is bound to something else is not played. RP_MOVED_NRPN, RPN: parameters, put together from their parts; one
 * whose fine part does not come has its coarse one's bits in both. */
enum {
    RP_MOVED_CONTROLLER = 0, /* number: 0 to 119, without those that parameters are made of; value: 0 to 127 */
    RP_MOVED_NRPN = 1,       /* number and value: 0 to 16383 */
    RP_MOVED_RPN = 2,        /* likewise */
    RP_MOVED_BEND = 3,       /* number: 0; value: 0 to 16383, 8192 in the middle */
    RP_MOVED_PRESSURE = 4,   /* a channel's: number 0, value 0 to 127 */
    RP_MOVED_PROGRAM = 5,    /* number and value: the program, 0 to 127 */
    RP_MOVED_KEY = 6         /* number: the pitch; value: the velocity, 0: it is let go */
};
enum { RP_MOVED_KINDS = 7, RP_TAKEN_MAX = 128, RP_EVERY_PORT = 255, RP_EVERY_NUMBER = 65535 };
typedef struct {
    uint8_t kind;    /* RP_MOVED_... */
    uint8_t port;    /* an input; RP_EVERY_PORT */
    uint8_t channel; /* 0 to 15, RP_EVERY_CHANNEL */
    uint8_t reserved;
    uint16_t number; /* RP_EVERY_NUMBER */
} rp_control;

/* A rig: a preset made ready to play. The engine borrows it from load until RP_REPORT_RIG brings it back. */
typedef struct rp_rig rp_rig;
rp_rig *rp_rig_new(const rp_rig_config *config,
                   rp_instrumenter *instrumenter); /* owns it; NULL: bad config [control] */
/* Before it is loaded: this band hears the player and plays the rig's instruments. Borrowed: it must live until the rig
 * comes back. Several rigs may have it, one after the other. [control] */
void rp_rig_set_continuation(rp_rig *rig, rp_continuation *band);
/* Before it is loaded: this voice sings along, its line leaves as MIDI on `channel` of output `port`. Borrowed
 * likewise. 0: no such port or channel. [control] */
int rp_rig_set_singing(rp_rig *rig, rp_singing *singing, uint32_t port, uint32_t channel);
/* Before it is loaded: without a rack the voice sounds on these audio outputs, bit n is output n; else on all.
 * [control] */
void rp_rig_set_voice_outputs(rp_rig *rig, uint32_t outputs);
/* Before it is loaded: what leaves on a strip's port and channel plays this rack, the voice and the audio inputs go
 * through it. Borrowed: it must live until the rig comes back, which is when the rack has faded out, unless the rig
 * after it has the same. NULL: none. [control] */
void rp_rig_set_rack(rp_rig *rig, rp_rack *rack);
/* Before it is loaded: its inputs are split and merged so, up to RP_ZONES_MAX; none: all of them play the ensemble.
 * 0: a bad zone, or too many. [control] */
int rp_rig_set_zones(rp_rig *rig, const rp_zone *zone, uint32_t count);
void rp_rig_free(rp_rig *rig); /* and its instrumenter [control] */

/* What may be sounding beyond our ports. In shared memory it outlives a killed process; the next one silences it. */
typedef struct {
    uint8_t note[16][16][16]; /* [port][channel][pitch / 8], a bit a pitch */
    uint8_t pedal[16][16];    /* [port][channel], last sustain value sent */
} rp_blackbox;

typedef struct {
    uint32_t sample_rate;
    uint32_t inputs, outputs; /* MIDI ports */
    uint32_t audios;          /* audio output ports */
    uint32_t audio_inputs;    /* audio input ports, which a rack hears */
    rp_blackbox *blackbox;    /* NULL: the engine's own */
} rp_engine_config;

enum {
    RP_REPORT_NOTE_IN = 0,  /* a key: in port, channel, pitch, velocity */
    RP_REPORT_NOTE_ON = 1,  /* an instrument sounds: instrument (255: thru), port, channel, pitch, velocity */
    RP_REPORT_NOTE_OFF = 2, /* and ends */
    RP_REPORT_MOVE = 3,     /* a note went from one instrument (`from`) to a better one */
    RP_REPORT_RIG = 4,      /* pointer: a rig the engine has let go */
    RP_REPORT_STOPPED = 5,  /* every note is released; the driver may close after one more cycle */
    RP_REPORT_PANIC = 6,
    RP_REPORT_VOICE = 7,   /* an instrument's switch or hand changed: instrument, value: enabled */
    RP_REPORT_LOST = 8,    /* value: reports that found the ring full since the last one */
    RP_REPORT_SLOT = 9,    /* value: the slot whose rig plays from here on */
    RP_REPORT_WANTED = 10, /* value: the player wants to change to this slot, which is not armed */
    /* A control moved: from: RP_MOVED_..., port, channel, value: its number times 16384, plus its value. Where the ring
     * is full, the last value of each control is told as soon as there is room. */
    RP_REPORT_CONTROL = 11
};
/* Flags. BAND: the band's own; SUNG: of the line that the voice sings, whose instrument is 255. */
enum { RP_NOTE_FALLBACK = 1, RP_NOTE_LATE = 2, RP_NOTE_SHARED = 4, RP_NOTE_BAND = 8, RP_NOTE_SUNG = 16 };

typedef struct {
    uint64_t frame;
    uint64_t key_frame; /* when the key went down; frame - key_frame is the note's delay */
    void *pointer;
    uint32_t value;
    uint8_t kind;
    uint8_t port, channel, pitch, velocity;
    uint8_t instrument, from;
    uint8_t flags;
} rp_report;

/* Counts since the engine began. Every field is 64 bits wide. */
typedef struct {
    uint64_t cycles, frames;
    uint64_t notes_in, notes_out, offs_out;
    uint64_t fallback; /* notes not decided by the model */
    uint64_t moved;    /* notes moved by a revision */
    uint64_t shared;   /* notes a monophonic instrument took as its second (divisi) */
    uint64_t dropped;  /* notes that did not sound: the preset says so, or nobody is switched on */
    uint64_t late;     /* messages that left later than they were due: the port had no room */
    uint64_t lost;     /* messages (never note-offs) given up because the backlog was full */
    uint64_t stolen;   /* notes released early for want of room or voices */
    uint64_t expired;
    uint64_t orphans;   /* note-offs for notes nobody played */
    uint64_t malformed; /* bytes */
    uint64_t reports_lost;
    uint64_t max_delay; /* frames between a key and its first sound, the longest */
    uint64_t sounding;  /* now: notes in the ledger */
    uint64_t backlog;   /* now: messages waiting for room in a port */
    uint64_t latency;   /* now: frames that sound is late by in the rig's rack */
    uint64_t delay;     /* now: frames that what leaves on the MIDI outputs is held back by, to be in time with it */
    uint64_t changes;   /* from slot to slot */
    uint64_t lingering; /* now: racks of earlier rigs that still sound */
} rp_stats;

/* The clock (timeline.h): whom it follows, and who is told. */
typedef struct {
    uint32_t source;  /* RP_CLOCK_... */
    uint32_t inputs;  /* bit n: MIDI clock is heard on input n, and not passed on; of several, the one that speaks,
                       * until it falls silent */
    uint32_t outputs; /* bit n: MIDI clock leaves on output n */
    uint32_t on;      /* 1: there is a clock that the band follows and that is shown; 0: nobody looks at it */
    double bpm;       /* of the internal clock; 0: leave it */
} rp_conductor_config;
typedef struct {
    rp_timeline_state timeline;
    double confidence;    /* 0..1, the beat tracker's */
    uint64_t frame;       /* a cycle's first */
    uint64_t nanoseconds; /* when that cycle began, by rp_now (platform.h); 0: nothing ran yet, or it is not known */
    uint64_t ticks, lost; /* MIDI clock in: ticks heard, and ticks that must have been lost */
    uint64_t sent;        /* MIDI clock out: ticks */
    double player_bpm;    /* the tracker's; 0: none */
} rp_conductor_state;
enum { RP_TRANSPORT_START = 0, RP_TRANSPORT_LOCATE = 1, RP_TRANSPORT_STOP = 2 };

typedef struct rp_engine rp_engine;
rp_engine *rp_engine_new(const rp_engine_config *config); /* NULL: no memory or a bad config [control] */
void rp_engine_free(rp_engine *engine);                   /* no driver may run; frees the rigs it holds [control] */
/* What comes in and what leaves is copied to this tap from now on, NULL: to none. Borrowed. No driver may run.
 * [control] */
void rp_engine_set_tap(rp_engine *engine, rp_tap *tap);
/* Commands: 1 taken, 0 the ring is full (try again after polling). [control] */
int rp_engine_load(rp_engine *engine, rp_rig *rig); /* takes effect at the next cycle */
int rp_engine_panic(rp_engine *engine);
int rp_engine_stop(rp_engine *engine); /* release everything; nothing sounds after it */
int rp_engine_set_voice(rp_engine *engine, uint32_t instrument, const rp_voice *value);
/* Likewise of a rig that waits in a slot, or plays from it. */
int rp_engine_set_slot_voice(rp_engine *engine, uint32_t slot, uint32_t instrument, const rp_voice *value);
/* Of that rig, RP_NO_SLOT: of the one that plays: an instrument's controller 7, 0 to 127, which is sent at once if it
 * plays, and whenever it begins. [control] */
int rp_engine_set_level(rp_engine *engine, uint32_t slot, uint32_t instrument, uint32_t level);
/* A rig waits in a slot (below RP_SLOTS_MAX) from now on, NULL: none. It stays there while it plays and afterwards, and
 * may be changed to any number of times. One that was there before comes back by RP_REPORT_RIG: at once, or when it
 * plays no more. What the player wanted and was not armed is changed to at once. */
int rp_engine_arm(rp_engine *engine, uint32_t slot, rp_rig *rig);
/* Change to a slot's rig, as the player can: at once, or as soon as it is armed. */
int rp_engine_go(rp_engine *engine, uint32_t slot);
/* How many slots there are (0 at first), and the input channel whose program changes mean them: 0 to 15,
 * RP_EVERY_CHANNEL, RP_NEITHER_CHANNEL. Such program changes and bank selects are not played. */
int rp_engine_set_slots(rp_engine *engine, uint32_t count, uint32_t program_channel);
/* The program change that means a slot: (controller 0 * 128 + controller 32) * 128 + program; RP_NO_PROGRAM. */
int rp_engine_set_program(rp_engine *engine, uint32_t slot, uint32_t program);
/* What changes to the next or the previous slot. NULL: no such trigger. which: below RP_TRIGGERS_MAX. */
int rp_engine_set_trigger(rp_engine *engine, uint32_t which, const rp_trigger *trigger);
/* From now on control is told of these kinds of controls (bit n: RP_MOVED_... n), and what comes of those in `kept` is
 * not played, whatever it is, but pedals: somebody learns which knob he has moved. */
int rp_engine_hear_controls(rp_engine *engine, uint32_t told, uint32_t kept);
/* This control is not played while its kind is told; but what lets go (a pedal, a wheel, a key that sounds) always is.
 * NULL: no such one. which: below RP_TAKEN_MAX. */
int rp_engine_take_control(rp_engine *engine, uint32_t which, const rp_control *control);
/* A message of 1 to 3 bytes for somebody's faders and lamps, from a MIDI output at once: it is nobody's note, no rack
 * hears it, and no panic takes it back. */
int rp_engine_tell(rp_engine *engine, uint32_t port, const uint8_t *data, uint32_t size);
/* For devices that are quicker than others: what leaves on MIDI output `port`, or on all audio outputs, is so many
 * frames later from the next cycle on (sound by up to RP_LATENCY_MAX). 0: no such port, no audio outputs or no memory.
 * [control] */
int rp_engine_shift_port(rp_engine *engine, uint32_t port, uint32_t frames);
int rp_engine_shift_sound(rp_engine *engine, uint32_t frames);
/* The clock from the next cycle on. Where it was off it begins at beat 0, and does not roll. 0: no such source, too. */
int rp_engine_set_conductor(rp_engine *engine, const rp_conductor_config *config);
/* Of the clock's sources, those that control hears: at that frame, some ms in the past or in the future, it was a beat
 * of the source's own. */
int rp_engine_observe(rp_engine *engine, uint32_t source, uint64_t frame, double beat);
/* What the source's transport does at `frame`, 0: at once. Its own beat `own` is the timeline's `beat` there. What the
 * internal one does holds for taps, the player's beats and MIDI clock, too, which have no transport of their own or may
 * have begun before; what it has for `own` is not looked at. what: RP_TRANSPORT_... */
int rp_engine_transport(rp_engine *engine, uint32_t source, uint32_t what, uint64_t frame, double own, double beat);
int rp_engine_tap(rp_engine *engine, uint64_t frame); /* a tap at that frame, 0: now */
/* All of one cycle. [any] */
void rp_engine_get_conductor(const rp_engine *engine, rp_conductor_state *out);
uint32_t rp_engine_poll(rp_engine *engine, rp_report *out, uint32_t capacity); /* how many came [control] */
void rp_engine_get_stats(const rp_engine *engine, rp_stats *out);              /* [any] */
#endif
