/* bands.h - a band on a stage, for the continuation's C tests: a network that was taught nothing, a player, and a
 * listener who compares what was committed with what sounds. */
#ifndef RIPIENO_TEST_BANDS_H
#define RIPIENO_TEST_BANDS_H
#include "continuation.h"
#include "rigs.h"

enum { NOTES_MAX = 4096, PLAYER_CODE = 1, BEAT = RATE / 2 }; /* frames, at 120 beats a minute */

/* A note that was committed, and what became of it. */
typedef struct {
    uint64_t on, off;
    int64_t tick;
    uint32_t serial;
    uint8_t instrument, pitch, velocity, stale;
    uint8_t sounded, dropped;
} promise;

typedef struct {
    stage at;
    rp_continuation *band;
    rp_transformer *transformer;
    promise note[NOTES_MAX];
    uint32_t notes;
    uint32_t heard, planned, dropped, faults, missed;
    uint32_t state;
    uint64_t state_frame;
    int64_t state_tick;
} concert;

/* A tiny network that was taught nothing but to play often; not sane: its scores are no numbers. NULL: no memory. */
rp_transformer *tiny_transformer(int sane);
/* What a duet of three (piano, bass, flute on channels 1 to 3) is made of; the player is the piano on channel 0. */
rp_continuation_config trio(uint32_t mode);
/* Opens the stage; watched: every sound is compared with what was promised. */
int concert_open(concert *c, const rp_continuation_config *config, int sane, int watched);
void concert_close(concert *c);
rp_rig *concert_rig(concert *c, int with_band);
/* Cycles, each followed by the worker's work. */
void concert_cycles(concert *c, uint32_t count);
/* A slow worker: so many cycles to each look. */
void concert_looks(concert *c, uint32_t count, uint32_t cycles);
void concert_seconds(concert *c, double seconds);
void concert_set(concert *c, uint32_t parameter, double value);
/* Notes one after the other, each `frames` long, from this cycle on. */
void concert_play(concert *c, uint32_t notes, uint32_t frames);
uint32_t concert_sounded(const concert *c);
rp_band_stats concert_stats(const concert *c);
#endif
