/* singers.h - a singer in the place of singer.c, for tests of what surrounds it: it sings the highest key that sounds,
 * on one vowel, and counts. A block's note begins where that key changes or one is struck. */
#ifndef RIPIENO_TEST_SINGERS_H
#define RIPIENO_TEST_SINGERS_H
#include <stdatomic.h>

#include "rigs.h"
#include "singing.h"

typedef struct {
    _Atomic uint32_t made, steps, resets;
    _Atomic uint32_t broken; /* 1: its scores are no numbers */
} singer_log;
extern singer_log sung;

enum { VOICE_PORT = 1, VOICE_CHANNEL = 3, LEAD = 9 * RATE / 1000, SECOND = RATE / BLOCK }; /* SECOND: cycles */

/* The voice on a stage with two MIDI ports: thru on the first, its line on the second; and what it sounds like. */
typedef struct {
    stage at;
    rp_singing *singing;
    float *sound;   /* of the first audio port, since the beginning */
    uint64_t room;  /* samples */
    uint32_t looks; /* of the worker, after each cycle; 0: it is held up */
} recital;

void recital_open(recital *r, const rp_singing_config *config, uint64_t room);
rp_singing_config recital_config(void); /* without a thread: cycles are followed by looks */
void recital_close(recital *r);
rp_rig *recital_rig(rp_singing *singing); /* NULL: nobody sings */
/* Cycles, each followed by looks; what they sound like is kept. */
void recital_cycles(recital *r, uint32_t count);
void recital_key(recital *r, uint32_t offset, uint8_t pitch, uint8_t velocity); /* velocity 0: up */
rp_singing_stats recital_stats(const recital *r);
int recital_sings(const recital *r, uint8_t pitch); /* its note sounds at the synthesiser */
/* The greatest difference of two samples that follow each other, from one sample to another. */
float roughness(const float *sound, uint64_t from, uint64_t until);
float loudest(const float *sound, uint64_t from, uint64_t until);
#endif
