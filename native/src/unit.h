/* unit.h - a plugin as the engine has it: one step of a chain, whatever it is made of.
 *
 * Every unit takes and gives two channels, in place. Its sound is late by its latency, bypassed or not, so that paths
 * beside it can be aligned. Parameters have numbers from 0; their meaning is their maker's. */
#ifndef RIPIENO_UNIT_H
#define RIPIENO_UNIT_H
#include <stdint.h>
#include "parameter.h"

enum { RP_UNIT_EFFECT = 0, RP_UNIT_INSTRUMENT = 1 };
enum { RP_UNIT_PARAMETERS_MAX = 256, RP_BLOCK_MAX = 8192, RP_LATENCY_MAX = 65536 };
/* Why a unit is cut off: its chain goes on without it until it is renewed. */
enum {
    RP_UNIT_FINE = 0,
    RP_UNIT_LATE = 1,   /* its blocks do not come in time */
    RP_UNIT_WILD = 2,   /* samples that are no numbers */
    RP_UNIT_LOUD = 3,   /* samples far over full scale */
    RP_UNIT_BROKEN = 4, /* what it wrote into the shared memory makes no sense */
    RP_UNIT_AWAY = 5    /* its process has not begun yet */
};

typedef struct rp_unit rp_unit;
typedef struct {
    uint64_t blocks; /* asked for so far */
    uint64_t missed; /* of them replaced, since they were not there or were not fit to be heard */
    uint32_t role, parameters;
    uint32_t latency; /* frames, now */
    uint32_t bypassed;
    uint32_t fault; /* RP_UNIT_FINE... */
    float peak[2];  /* highest sample of left and right since this was asked last; 1 is full scale */
} rp_unit_state;

void rp_unit_free(rp_unit *unit);                                  /* no rack may hold it [control] */
void rp_unit_set(rp_unit *unit, uint32_t parameter, double value); /* heard from the next cycle on [any] */
double rp_unit_get(const rp_unit *unit, uint32_t parameter);       /* what it was set to last [any] */
void rp_unit_set_bypass(rp_unit *unit, uint32_t bypassed);         /* 1: what comes in goes out [any] */
void rp_unit_set_gain(rp_unit *unit, double gain);                 /* of what comes out, linear [any] */
void rp_unit_get_state(rp_unit *unit, rp_unit_state *out);         /* one thread asks [control] */
#endif
