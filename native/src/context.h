/* context.h - the music so far and to come, as the model hears it: a sorted list, and a decoder's cache that follows.
 *
 * A change anywhere rolls the cache back to there; what follows is absorbed again. When the room is used up, a second
 * decoder that was brought up with the newer half takes the first one's place. */
#ifndef RIPIENO_CONTEXT_H
#define RIPIENO_CONTEXT_H
#include <stdint.h>
#include "transformer.h"

/* Where an entry comes from: the player; the band, sent to sound; the band's plan; the player as the model imagines
 * him. */
enum { RP_FROM_PLAYER, RP_FROM_BAND, RP_FROM_PLAN, RP_FROM_FANCY };
enum { RP_PREFIX_MAX = 34, RP_LONGEST_REST = 16 }; /* prefix: every member's and every channel's code, and two */

typedef struct {
    int64_t tick;
    uint64_t on;                   /* RP_FROM_BAND: the frame at which it sounds */
    int32_t length;                /* ticks */
    uint32_t serial;               /* what reports call it */
    uint32_t order;                /* RP_FROM_BAND: of its commit */
    uint8_t code, pitch, velocity; /* velocity: MIDI, 0 not known */
    uint8_t member;                /* of the band; 255: the player's */
    uint8_t origin, stale;
} rp_entry;

/* A decoder, and which entries it holds. */
typedef struct {
    rp_decoder *decoder;
    uint32_t first; /* its first entry */
    uint32_t valid; /* rows of its cache that are still true */
    int64_t start;  /* tick of its first beat */
} rp_view;

typedef struct {
    rp_view main, spare;
    int moving; /* the spare is being brought up */
    rp_entry *entry;
    uint32_t count, room; /* entries, and rows of a decoder */
    uint32_t settled;     /* entries before this one stay; what follows is planned */
    int16_t prefix[RP_PREFIX_MAX][RP_COLUMNS];
    uint32_t prefix_rows, meter;
    uint64_t rows, rolled_back, moves; /* counts */
} rp_context;

/* 0: no memory; what was made is freed by rp_context_close. [control] */
int rp_context_open(rp_context *context, const rp_transformer *transformer, uint32_t room);
void rp_context_close(rp_context *context); /* [control] */
/* The rows before the notes. playing: 1 for each code that may play. [control] */
void rp_context_introduce(rp_context *context, const uint8_t playing[66], uint32_t style, uint32_t meter);

uint8_t rp_duration_code(int64_t length);   /* ticks to 1..32; back: rp_duration_ticks [worker] */
uint8_t rp_velocity_code(uint8_t velocity); /* MIDI to 1..32; 0: not known [worker] */
uint8_t rp_velocity_of(uint32_t code);      /* and back [worker] */

/* The first entry that is not before this place in the order of (tick, code, pitch). [worker] */
uint32_t rp_context_find(const rp_context *context, int64_t tick, uint32_t code, uint32_t pitch);
/* Put an entry where it belongs among the settled; its place. Nothing may be planned, and there is room: see
 * rp_context_full. [worker] */
uint32_t rp_context_insert(rp_context *context, rp_entry entry);
void rp_context_plan(rp_context *context, rp_entry entry); /* put a planned one at the end; there is room [worker] */
void rp_context_remove(rp_context *context, uint32_t at);  /* [worker] */
void rp_context_changed(rp_context *context, uint32_t at); /* this entry is another now [worker] */
void rp_context_cut(rp_context *context, uint32_t count);  /* forget the entries from there on [worker] */
/* Before the first entry: its beat, for the model, is counted from this tick's. [worker] */
void rp_context_begin(rp_context *context, int64_t tick);
int rp_context_full(const rp_context *context); /* [worker] */
/* Absorb at most so many rows that the main decoder lacks; 1: it lacks none. [worker] */
int rp_context_sync(rp_context *context, uint32_t most);
uint32_t rp_context_lacks(const rp_context *context); /* rows it lacks [worker] */
/* When three quarters are used: bring the spare up by so many rows, and let it take over when it is there. 1: it did
 * something. [worker] */
int rp_context_move(rp_context *context, uint32_t most);
/* The row of the event at `at` of a view that begins with entry `first` at tick `start`. [worker] */
rp_event rp_context_event(const rp_context *context, uint32_t at, uint32_t first, int64_t start);
#endif
