/* rack.h - chains of units beside each other, from what they hear to the audio ports.
 *
 * A strip hears an instrument's notes, the voice or an audio input, and sends it through its units, one after the
 * other. Strips are aligned: each is delayed by what the slowest needs more. Their sum goes through the master's units
 * to two audio outputs; each strip may leave on two of its own, too, before the master. */
#ifndef RIPIENO_RACK_H
#define RIPIENO_RACK_H
#include <stdint.h>
#include "unit.h"

enum { RP_STRIPS_MAX = 20, RP_STRIP_UNITS_MAX = 8, RP_MASTER = 255, RP_NO_OUTPUT = 255, RP_ANY_CHANNEL = 16 };
enum { RP_SOURCE_NOTES = 0, RP_SOURCE_VOICE = 1, RP_SOURCE_INPUT = 2 };
typedef struct {
    uint32_t source;       /* RP_SOURCE_... */
    uint8_t port, channel; /* NOTES: what leaves there; RP_ANY_CHANNEL */
    uint8_t input[2];      /* INPUT: the engine's audio inputs, left and right; the same twice: one for both */
    uint8_t output[2];     /* audio outputs of its own, RP_NO_OUTPUT: none */
} rp_strip_config;
typedef struct {
    uint32_t sample_rate;
    uint32_t strips;
    rp_strip_config strip[20];
    uint8_t output[2];  /* the master's audio outputs; the same twice: both channels, half each, on one */
    uint8_t delay_midi; /* 1: MIDI outputs are late by the rack's latency, so that what they play is in time with it */
} rp_rack_config;

typedef struct rp_rack rp_rack;
typedef struct {
    uint32_t latency; /* frames from a key to the sound it makes, the slowest path's */
    uint32_t strip_latency[20], master_latency;
    float peak[2]; /* of the master's outputs since asked last */
    float strip_peak[20][2];
} rp_rack_state;
rp_rack *rp_rack_new(const rp_rack_config *config); /* NULL: no memory or a bad config [control] */
void rp_rack_free(rp_rack *rack);                   /* its units stay their owner's [control] */
/* Before it is loaded: one more unit at the end of a strip, RP_MASTER: the master. Borrowed: it must live until the
 * rack comes back with its rig, and is in one rack only. 0: there is no room, no such strip. [control] */
int rp_rack_add(rp_rack *rack, uint32_t strip, rp_unit *unit);
/* Likewise: a controller of any input moves a parameter of a unit from low (0) to high (127). channel: 0 to 15,
 * RP_ANY_CHANNEL. 0: no room. [control] */
int rp_rack_automate(rp_rack *rack, rp_unit *unit, uint32_t parameter, uint32_t channel, uint32_t controller,
                     double low, double high);
void rp_rack_get_state(rp_rack *rack, rp_rack_state *out); /* one thread asks [control] */
#endif
