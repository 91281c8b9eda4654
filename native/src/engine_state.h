/* engine_state.h - the engine's own struct. The process thread owns all of it but the rings and `published`. */
#ifndef RIPIENO_ENGINE_STATE_H
#define RIPIENO_ENGINE_STATE_H
#include <stdatomic.h>

#include "alignment.h"
#include "bridge.h"
#include "conductor.h"
#include "flight_state.h"
#include "ledger.h"
#include "midi.h"
#include "mpe_in.h"
#include "outlet.h"
#include "rack_state.h"
#include "rig.h"
#include "ring.h"
#include "scheduler.h"
#include "tap_cycle.h"
#include "vocoder.h"

enum { RP_STATS_WORDS = sizeof(rp_stats) / sizeof(uint64_t) };

/* Commands from control. The body of each is below. */
enum {
    RP_COMMAND_LOAD,
    RP_COMMAND_PANIC,
    RP_COMMAND_STOP,
    RP_COMMAND_VOICE,
    RP_COMMAND_ARM,
    RP_COMMAND_GO,
    RP_COMMAND_SLOTS,
    RP_COMMAND_PROGRAM,
    RP_COMMAND_TRIGGER,
    RP_COMMAND_CONDUCTOR,
    RP_COMMAND_OBSERVE,
    RP_COMMAND_TRANSPORT,
    RP_COMMAND_TAP,
    RP_COMMAND_LEVEL,
    RP_COMMAND_HEAR,
    RP_COMMAND_TAKE,
    RP_COMMAND_TELL
};
struct rp_command {
    rp_rig *rig;   /* LOAD, ARM */
    uint32_t slot; /* ARM, GO, PROGRAM; VOICE, LEVEL: RP_NO_SLOT for the rig that plays; SLOTS: how many */
    uint32_t
        number; /* VOICE, LEVEL: the instrument; SLOTS: the channel; PROGRAM; TRIGGER: which, RP_TRIGGERS_MAX on: none;
                 * TAKE likewise, RP_TAKEN_MAX on: none; TELL: the port */
    rp_voice value; /* VOICE */
    rp_trigger trigger;
    rp_conductor_config conductor; /* CONDUCTOR */
    uint32_t source, what;         /* OBSERVE, TRANSPORT; LEVEL has it in `what`; HEAR: told, kept; TELL: bytes, size */
    rp_control control;            /* TAKE */
    uint64_t frame;                /* these and TAP */
    double own, beat;              /* TRANSPORT; OBSERVE has `own` */
};

enum { RP_AWAY_MAX = 8 };
/* The set list. */
typedef struct {
    rp_rig *rig[RP_SLOTS_MAX];      /* NULL: not armed */
    uint32_t program[RP_SLOTS_MAX]; /* as rp_engine_set_program has it, plus 1; 0: none */
    rp_trigger trigger[RP_TRIGGERS_MAX];
    uint8_t set[RP_TRIGGERS_MAX];  /* 1: there is such a trigger */
    uint8_t down[RP_TRIGGERS_MAX]; /* 1: its controller is at 64 or above */
    uint16_t bank[RP_PORTS_MAX][RP_CHANNELS];
    uint32_t count; /* slots */
    uint32_t program_channel;
    uint32_t playing;        /* the slot that was changed to last, RP_NO_SLOT */
    uint32_t wanted;         /* to be changed to as soon as it can be, RP_NO_SLOT */
    uint64_t arrivals, told; /* changes, and changes that were wanted and given up; those that control knows of */
    int wanted_told;
} rp_slots;

/* A registered or non-registered parameter, as an input's channel has chosen it. */
typedef struct {
    uint64_t due;         /* HALF: the frame at which no fine part is waited for any longer */
    uint8_t kind;         /* RP_MOVED_NRPN, RP_MOVED_RPN; 0: neither was chosen yet */
    uint8_t coarse, fine; /* its number; 127 both: none; above: not known */
    uint8_t value, half;  /* the coarse part of its value; 1: that is not told yet */
} rp_parameter_in;

/* A control whose last value found no room among the reports. */
typedef struct {
    uint64_t frame;
    uint32_t key; /* which one, 0: a free place */
    uint32_t value;
    uint8_t kind, port, channel, waits; /* waits: 0 once it is told */
} rp_moved;

enum { RP_MOVED_MAX = 4096 };
/* The control surface. */
typedef struct {
    uint32_t told, kept; /* bit n: RP_MOVED_... n */
    rp_control taken[RP_TAKEN_MAX];
    uint8_t set[RP_TAKEN_MAX]; /* 1: there is such a one */
    uint32_t halves;           /* parameters that wait for their fine part */
    uint32_t waiting;          /* of `moved` */
    rp_parameter_in parameter[RP_PORTS_MAX][RP_CHANNELS];
    rp_moved moved[RP_MOVED_MAX]; /* by their keys' hash */
} rp_surface;

/* A chord's note-ons of one frame, brought into order before they are decided. */
typedef struct {
    rp_midi_message message;
    uint32_t instruments; /* bit n: instrument n plays it; 0: the ensemble does */
    uint8_t pitch;        /* as its zone has it */
} rp_struck;

typedef struct {
    rp_struck note[RP_CHORD_MAX];
    uint32_t count, port;
} rp_gathered;

/* A note of the band's, from its commit to its end. */
typedef struct {
    rp_commit commit;
    uint32_t stamp;  /* counts the notes that had this place: a task of an old one means nothing */
    uint32_t serial; /* of its ledger entry */
    uint16_t id;
    uint8_t waiting, sounding;
} rp_band_note;

enum { RP_BAND_NOTES = 1024 };
typedef struct {
    rp_band_note note[RP_BAND_NOTES];
    uint32_t last;        /* place given */
    rp_heard_clock clock; /* as its worker was told last */
    uint32_t jumps;       /* the timeline's, then */
    uint32_t places;      /* of the clock, so far */
    int untold;           /* 1: the worker does not know of it yet */
} rp_band;

/* The voice: blocks that wait, and the note it sings. */
enum { RP_VOCAL_BLOCKS = 64 };
typedef struct {
    rp_vocoder *vocoder; /* NULL: there is no audio port */
    rp_singing_block block[RP_VOCAL_BLOCKS];
    uint64_t taken, scheduled; /* blocks since the last that were forgotten, and how many have their note's task */
    uint64_t fed;              /* their frames that the vocoder has, or was to have */
    uint64_t expected;         /* number of the next block; 0: any */
    uint64_t until;            /* frame after which the note ends by itself */
    uint64_t held;             /* the vocoder's count, as of the last cycle */
    uint32_t lead, settled;    /* frames; 1: it holds until the voice is forgotten */
    uint32_t serial;           /* of the note's ledger entry, 0: none */
    uint16_t note, bend;
    uint8_t pitch, expression;
} rp_vocal;

/* A rack that leaves: its notes are held, by keys or a pedal; they ring; it fades out, and may yet return; it ends. */
enum { RP_LINGERS, RP_RINGS, RP_FADES, RP_ENDS };
/* What the audio ports' sound is made of. */
typedef struct {
    rp_rack *rack;                  /* of the rig that plays, NULL: none */
    uint8_t phase[RP_LEAVING_MAX];  /* of the racks that leave (see outlet.h): RP_LINGERS ... */
    uint64_t until[RP_LEAVING_MAX]; /* frame at which each left or, RINGS, fades out */
    uint32_t period;                /* frames of the longest cycle to come */
    uint32_t voice_outputs;         /* of the last rig without a rack */
    float direct, step;             /* how much of the voice goes straight to them, 0 to 1; and how fast that changes */
    float voice[RP_BLOCK_MAX];
} rp_audio;

/* An MPE zone as an output port was told of it. bend: of its members, semitones; 0: there is none. */
typedef struct {
    uint8_t manager, bend;
} rp_mpe_zone;

typedef struct {
    rp_mpe_in in[RP_PORTS_MAX];
    rp_mpe_zone zone[RP_PORTS_MAX];
    rp_expression base[RP_PORTS_MAX][RP_CHANNELS]; /* where the player's wheels are, for all notes of a channel */
    uint16_t owned[RP_PORTS_MAX];                  /* channels whose wheels are elsewhere: a note's own */
    uint16_t unknown[RP_PORTS_MAX];                /* channels of which a new listener may think anything */
    uint32_t freed[RP_PORTS_MAX][RP_CHANNELS];     /* the turn in which a note ended there last */
    uint32_t turn;
} rp_mpe;

struct rp_engine {
    rp_engine_config config;
    rp_ring *commands, *reports;
    rp_rig *rig;               /* NULL until the first load */
    rp_rig *away[RP_AWAY_MAX]; /* let go, but its rack still sounds, or the report has not found room yet */
    uint32_t aways;
    rp_rig *next; /* to be loaded when there is room for another of these; NULL: none */
    rp_slots slots;
    rp_surface surface;
    rp_conductor conductor;
    uint32_t rig_serial;
    uint32_t budget; /* notes the model may still decide in this cycle */
    int stopping, stopped;
    uint32_t connected;
    rp_midi_parser parser[RP_PORTS_MAX];
    uint8_t pedal[RP_PORTS_MAX][RP_CHANNELS]; /* of the inputs */
    uint8_t level[RP_PORTS_MAX][RP_CHANNELS]; /* of the outputs: as level.h sent it last, plus 1; 0: never */
    rp_gathered gathered;
    rp_ledger ledger;
    rp_mpe mpe;
    rp_scheduler scheduler;
    rp_band band;
    rp_vocal vocal;
    rp_audio audio;
    rp_outlet outlet;
    _Atomic(rp_alignment *) alignment; /* of the audio outputs, NULL: none; made by control, once */
    rp_tapped tapped;
    rp_blackbox own_box;
    rp_flight *flight; /* records or replays each cycle, NULL: none; borrowed */
    rp_stats stats;
    _Atomic uint64_t published[RP_STATS_WORDS]; /* a copy of stats, for the others */
};

/* Tell control; counted when the ring is full. 1: told. [process] */
int rp_engine_report(rp_engine *engine, rp_report report);
#endif
