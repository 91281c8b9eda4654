/* mpe_in.h - MIDI Polyphonic Expression as it comes in: an input's zones, and what each channel's wheels say.
 *
 * Source: MIDI Polyphonic Expression 1.1 (M1-100-UM, AMEI and The MIDI Association, 2022; first as RP-053). A zone is
 * a manager channel, whose wheels and pedals are all its notes', and member channels beside it with a note each: the
 * lower zone counts up from channel 0, the upper one down from channel 15. */
#ifndef RIPIENO_MPE_IN_H
#define RIPIENO_MPE_IN_H
#include "ledger.h"
#include "midi.h"

enum { RP_MPE_LOWER = 0, RP_MPE_UPPER = 15, RP_MPE_MEMBERS = 15 }; /* the managers' channels; members at most */
enum { RP_MPE_BEND = 48, RP_MANAGER_BEND = 2 };                    /* semitones of a full bend, unless told */
enum { RP_RPN_BEND = 0, RP_RPN_MPE = 6 };                          /* registered parameters */
/* What a controller was. */
enum { RP_MPE_OTHER = 0, RP_MPE_PARAMETER = 1, RP_MPE_ZONES = 2 }; /* ZONES: and the zones are others now */

typedef struct {
    uint8_t coarse[RP_CHANNELS], fine[RP_CHANNELS]; /* the registered parameter that was chosen; 127: none */
    uint8_t lower, upper;                           /* members of the zones, 0: no such zone */
    uint8_t told;                                   /* 0: no configuration message came yet, the lower zone has all */
    uint16_t range[RP_CHANNELS];                    /* hundredths of a semitone that a full bend is */
    rp_expression channel[RP_CHANNELS];
} rp_mpe_in;

void rp_mpe_in_reset(rp_mpe_in *in); /* nothing was heard yet [any] */
/* The channel whose wheels and pedals hold for a note of this channel: a member's manager, else the channel itself.
 * [any] */
uint8_t rp_mpe_in_manager(const rp_mpe_in *in, uint8_t channel);
/* A controller, as it says something of zones or bends: RP_MPE_... [process] */
int rp_mpe_in_control(rp_mpe_in *in, const rp_midi_message *message);
/* A wheel of a channel moves. 0: the message is none of those that MPE gives to a note. [process] */
int rp_mpe_in_move(rp_mpe_in *in, const rp_midi_message *message);
/* Is it a bend, a channel's pressure or controller 74? [any] */
int rp_mpe_is_wheel(const rp_midi_message *message);
/* Put a wheel's value into `at`. [any] */
void rp_mpe_turn(rp_expression *at, const rp_midi_message *message);
/* A bend, 0 to 16383, that is meant for a range of `from` hundredths, for one of `to`. [any] */
uint16_t rp_mpe_scale(uint16_t bend, uint32_t from, uint32_t to);
#endif
