/* zone.h - what comes in, split and merged: keys, channels and velocities of an input port, and whom they reach. */
#ifndef RIPIENO_ZONE_H
#define RIPIENO_ZONE_H
#include <stdint.h>

enum { RP_ZONES_MAX = 32 };

/* Bounds belong to it. */
typedef struct {
    uint8_t in_port;
    uint8_t lowest, highest;  /* pitches, as they come in */
    uint8_t softest, loudest; /* velocities of note-ons */
    int8_t transpose;         /* semitones; a key that would leave 0 to 127 is not taken */
    uint16_t channels;        /* bit n: channel n */
    uint32_t instruments;     /* bit n: instrument n plays all of it; 0: the ensemble does */
    uint32_t mpe;             /* 1: its input port speaks MPE */
} rp_zone;

/* All of a rig's; none: everything reaches the ensemble. */
typedef struct {
    uint32_t count;
    rp_zone zone[RP_ZONES_MAX];
} rp_zones;

int rp_zone_valid(const rp_zone *zone);                                      /* [any] */
int rp_zone_hears(const rp_zone *zone, uint8_t in_port, uint8_t in_channel); /* of that port and channel [any] */
/* The pitch that a key of such a channel sounds at, -1: it is another zone's. [any] */
int rp_zone_pitch(const rp_zone *zone, uint8_t key, uint8_t velocity);
#endif
