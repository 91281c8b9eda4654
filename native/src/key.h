/* key.h - which of the twelve pitch classes may be played. */
#ifndef RIPIENO_KEY_H
#define RIPIENO_KEY_H
#include <stdint.h>

typedef struct {
    double weight[12]; /* how much of each was heard, fading */
    double notes;
} rp_key;

void rp_key_hear(rp_key *key, uint8_t pitch); /* [any] */
/* The key that fits best what was heard: its root, 0 to 11 from C, and whether it is minor. 0: too little was. [any] */
int rp_key_find(const rp_key *key, uint32_t *root, uint32_t *minor);
/* 1 for each class of the scale. mode: RP_KEY_... (minor: natural, harmonic and melodic together); auto: the best
 * scale of what was heard, every class while too little was. [worker] */
void rp_key_allow(const rp_key *key, uint32_t root, uint32_t mode, uint8_t allowed[12]);
#endif
