/* flight_state.h - the flight recorder's own struct, and what the process thread asks of it. */
#ifndef RIPIENO_FLIGHT_STATE_H
#define RIPIENO_FLIGHT_STATE_H
#include <stdatomic.h>

#include "flight.h"
#include "process.h"
#include "ring.h"

enum { RP_FLIGHT_RIGS = 16, RP_FLIGHT_KINDS = RP_FLIGHT_TRANSPORT + 1 };
/* Cycles, and frames, under one head, at most: what a crash may take of a silence is a quarter of a second. */
enum { RP_FLIGHT_STILL = 1024, RP_FLIGHT_STILL_FRAMES = 12000 };

/* The numbers that are recorded, as bits: of the MIDI ports, and of the units of the rack that plays. */
enum { RP_FLIGHT_UNIT_VALUES = RP_UNIT_PARAMETERS_MAX + 2 };
struct rp_flight_known {
    rp_transport transport;
    uint32_t shift[RP_PORTS_MAX], sound;
    const rp_rack *rack;
    uint32_t unit[RP_STRIPS_MAX + 1][RP_STRIP_UNITS_MAX][RP_FLIGHT_UNIT_VALUES];
};

/* What a replay plays in a cycle, and the first thing that was otherwise. */
typedef struct {
    const uint8_t *items;
    uint32_t size;
    uint32_t at[RP_FLIGHT_KINDS]; /* bytes of the items that are behind, for each kind */
    rp_rig *rig[RP_FLIGHT_RIGS];  /* for the commands that want one, in turn */
    uint32_t rigs, rigs_used;
    rp_transport transport; /* JACK's, as it was last */
    int differs;
    rp_flight_item was, is;
    uint8_t was_bytes[16], is_bytes[16];
} rp_flight_script;

struct rp_flight {
    rp_sink sink; /* first: the engine hands this pointer back */
    rp_sink *to;
    rp_flight_script *script; /* NULL: it records */
    rp_ring *ring;
    rp_flight_cycle cycle;         /* under way */
    rp_flight_cycle still;         /* cycles without items that wait to be written together */
    uint8_t *record;               /* [RP_FLIGHT_LARGEST] the cycle under way: head and items */
    uint32_t used;                 /* of it */
    uint32_t missed;               /* cycles since the last that was written */
    int full;                      /* the cycle under way does not fit */
    int sound;                     /* 1: what comes in as sound is kept */
    uint8_t *leaving;              /* [RP_FLIGHT_LARGEST] read, and not given to control yet */
    uint32_t waiting;              /* bytes of it */
    struct rp_flight_known *known; /* what numbers are recorded to be */
    _Atomic uint64_t cycles, all_missed;
};

/* Around a cycle. begin: the cycle as the engine must be given it, its sink listened to. [process] */
rp_cycle rp_flight_begin(rp_flight *flight, const rp_cycle *cycle);
void rp_flight_end(rp_flight *flight, const rp_cycle *cycle);
/* rp_ring_read, of a ring whose messages are of that kind, and remembered; in a replay it gives what was remembered.
 * flight NULL: only rp_ring_read. [process] */
int32_t rp_flight_pull(rp_flight *flight, uint32_t kind, rp_ring *ring, uint32_t *type, void *body, uint32_t capacity);
/* A number as it is now; it is recorded where it is not as `known` says. [process] */
void rp_flight_note(rp_flight *flight, uint32_t key, uint32_t *known, uint32_t value);
/* JACK's transport as it is now, remembered; in a replay, as it was then. flight NULL: as it is. [process] */
rp_transport rp_flight_transport(rp_flight *flight, const rp_transport *now);
/* A replay's next number at `*at` or behind it: 1, or 0 where there is none. `*at` begins at 0. [process] */
int rp_flight_value(const rp_flight *flight, uint32_t *at, uint32_t *key, uint32_t *value);
/* 0 for silence; else a number that stands for these samples. [any] */
uint64_t rp_flight_sum(const float *samples, uint32_t frames);
/* A replay's part of them. [process] */
int32_t rp_flight_give(rp_flight_script *script, uint32_t kind, uint32_t *type, void *body, uint32_t capacity);
rp_transport rp_flight_give_transport(rp_flight_script *script);
int rp_flight_compare(rp_flight_script *script, const rp_flight_item *is, const uint8_t *bytes);
void rp_flight_compare_end(rp_flight_script *script);
#endif
