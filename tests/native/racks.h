/* racks.h - units of known behaviour, and a hall to hear a rack in, for its C tests. */
#ifndef RIPIENO_TEST_RACKS_H
#define RIPIENO_TEST_RACKS_H
#include "rigs.h"
#include "unit_state.h"

enum { SEEN_MAX = 4096, DELAY_MAX = 4096 };

/* Gives what came in, times parameter 0, `latency` frames later; an instrument clicks at each note-on instead, as high
 * as its velocity is. It keeps what it was told. */
typedef struct {
    rp_unit unit; /* first */
    float held[2][DELAY_MAX];
    uint32_t at;
    uint64_t seen_frame[SEEN_MAX];
    rp_unit_event seen[SEEN_MAX];
    uint32_t events, resets, resizes, settles;
    uint32_t period, longest; /* frames: as told last; of the longest block */
    int follows;              /* 1: its latency is the period */
    int denormals;            /* 1: numbers close to zero were numbers to it */
} test_unit;
test_unit *make_unit(uint32_t role, uint32_t latency); /* parameter 0 is 1 */

enum { HALL_FRAMES = 48000, HALL_OUTPUTS = 8 };
/* An engine with a recorder on its audio outputs: MIDI port 0 is a synth, all audio comes in at input 0. */
typedef struct {
    rp_engine *engine;
    synth out;
    uint64_t frame;
    uint32_t block, period, outputs, came_back, stopped;
    rp_input event[SEEN_MAX];
    uint8_t bytes[SEEN_MAX][3];
    uint32_t events; /* to come, at frames of their own */
    uint64_t event_frame[SEEN_MAX];
    float in[HALL_FRAMES];
    float sound[HALL_OUTPUTS][HALL_FRAMES]; /* from frame 0 on */
    uint64_t left_frame[SEEN_MAX];          /* of each MIDI message that left */
    uint8_t left[SEEN_MAX][3];
    uint32_t lefts;
} hall;
void hall_open(hall *at, uint32_t outputs, uint32_t block);
void hall_close(hall *at);
void hall_load(hall *at, rp_rack *rack); /* a rig with this rack: what comes in at MIDI goes straight through */
void hall_send(hall *at, uint64_t frame, uint8_t status, uint8_t first, uint8_t second); /* in order of frames */
void hall_run(hall *at, uint64_t until); /* nothing in it may allocate or lock */
/* The highest step from one sample to the next. */
float hall_step(const hall *at, uint32_t output, uint64_t from, uint64_t until);
#endif
