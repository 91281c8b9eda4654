/* mpe_in.c - see mpe_in.h. */
#include "mpe_in.h"

enum { CC_DATA = 6, CC_DATA_FINE = 38, CC_NRPN_FINE = 98, CC_NRPN = 99, CC_RPN_FINE = 100, CC_RPN = 101 };
enum { NONE = 127, BOTH = 14, HIGHEST = 16383 }; /* BOTH: members of two zones together, at most */

/* Does a zone have this channel, manager and members? [any] */
static int has(const rp_mpe_in *in, uint8_t manager, uint8_t channel) {
    if (manager == RP_MPE_LOWER) return in->lower && channel <= in->lower;
    return in->upper && channel + in->upper >= RP_MPE_UPPER;
}

uint8_t rp_mpe_in_manager(const rp_mpe_in *in, uint8_t channel) {
    if (has(in, RP_MPE_LOWER, channel)) return RP_MPE_LOWER;
    return has(in, RP_MPE_UPPER, channel) ? RP_MPE_UPPER : channel;
}

/* Bends have the ranges that they begin with, but those of the other zone. [any] */
static void reset_ranges(rp_mpe_in *in, uint8_t manager) {
    for (uint8_t channel = 0; channel < RP_CHANNELS; channel++) {
        if (has(in, RP_MPE_UPPER - manager, channel)) continue;
        int member = has(in, manager, channel) && channel != manager;
        in->range[channel] = (member ? RP_MPE_BEND : RP_MANAGER_BEND) * 100;
    }
}

void rp_mpe_in_reset(rp_mpe_in *in) {
    *in = (rp_mpe_in){.lower = RP_MPE_MEMBERS};
    for (uint8_t channel = 0; channel < RP_CHANNELS; channel++) {
        in->coarse[channel] = in->fine[channel] = NONE;
        in->channel[channel] = RP_NEUTRAL;
    }
    reset_ranges(in, RP_MPE_LOWER);
}

/* The configuration message: the zone has so many members, and the other one gives way. 1: something changed.
 * [process] */
static int configure(rp_mpe_in *in, uint8_t manager, uint8_t members) {
    uint8_t lower = in->told ? in->lower : 0, upper = in->told ? in->upper : 0;
    uint8_t *own = manager == RP_MPE_LOWER ? &lower : &upper, *other = manager == RP_MPE_LOWER ? &upper : &lower;
    *own = members;
    if (*other + members > BOTH) *other = members < BOTH ? (uint8_t)(BOTH - members) : 0;
    int changed = lower != in->lower || upper != in->upper;
    in->lower = lower;
    in->upper = upper;
    in->told = 1;
    reset_ranges(in, manager);
    return changed;
}

/* A bend's range, on a member for all members of its zone. [process] */
static void set_range(rp_mpe_in *in, uint8_t channel, uint16_t range) {
    uint8_t manager = rp_mpe_in_manager(in, channel);
    in->range[channel] = range;
    for (uint8_t other = 0; manager != channel && other < RP_CHANNELS; other++)
        if (other != manager && has(in, manager, other)) in->range[other] = range;
}

/* The chosen parameter's value. [process] */
static int enter(rp_mpe_in *in, uint8_t channel, uint8_t value, int fine) {
    if (in->coarse[channel] == NONE || in->fine[channel] == NONE) return RP_MPE_OTHER;
    int parameter = in->coarse[channel] << 7 | in->fine[channel];
    if (parameter == RP_RPN_BEND) {
        uint16_t whole = in->range[channel] / 100, cents = value < 100 ? value : 99;
        set_range(in, channel, (uint16_t)(fine ? whole * 100 + cents : value * 100));
    }
    int manages = channel == RP_MPE_LOWER || channel == RP_MPE_UPPER;
    int zones = parameter == RP_RPN_MPE && manages && !fine && value <= RP_MPE_MEMBERS && configure(in, channel, value);
    return zones ? RP_MPE_ZONES : RP_MPE_PARAMETER;
}

int rp_mpe_in_control(rp_mpe_in *in, const rp_midi_message *message) {
    uint8_t channel = message->byte[0] & 15, value = message->byte[2];
    switch (message->byte[1]) {
    case CC_RPN: in->coarse[channel] = value; return RP_MPE_PARAMETER;
    case CC_RPN_FINE: in->fine[channel] = value; return RP_MPE_PARAMETER;
    case CC_NRPN:
    case CC_NRPN_FINE: in->coarse[channel] = in->fine[channel] = NONE; return RP_MPE_OTHER;
    case CC_DATA: return enter(in, channel, value, 0);
    case CC_DATA_FINE: return enter(in, channel, value, 1);
    default: return RP_MPE_OTHER;
    }
}

int rp_mpe_is_wheel(const rp_midi_message *message) {
    uint8_t kind = rp_midi_kind(message);
    return kind == RP_MIDI_BEND || kind == RP_MIDI_PRESSURE ||
           (kind == RP_MIDI_CONTROL && message->byte[1] == RP_CC_TIMBRE);
}

void rp_mpe_turn(rp_expression *at, const rp_midi_message *message) {
    uint8_t kind = rp_midi_kind(message);
    if (kind == RP_MIDI_BEND) at->bend = (uint16_t)(message->byte[1] | message->byte[2] << 7);
    else if (kind == RP_MIDI_PRESSURE) at->pressure = message->byte[1];
    else at->timbre = message->byte[2];
}

int rp_mpe_in_move(rp_mpe_in *in, const rp_midi_message *message) {
    if (!rp_mpe_is_wheel(message)) return 0;
    rp_mpe_turn(&in->channel[message->byte[0] & 15], message);
    return 1;
}

uint16_t rp_mpe_scale(uint16_t bend, uint32_t from, uint32_t to) {
    int64_t off = (int64_t)bend - RP_STRAIGHT;
    if (from == to || !to) return bend;
    off = (off * (int64_t)from + (off < 0 ? -(int64_t)(to / 2) : (int64_t)(to / 2))) / (int64_t)to + RP_STRAIGHT;
    return off < 0 ? 0 : off > HIGHEST ? HIGHEST : (uint16_t)off;
}
