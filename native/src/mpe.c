/* mpe.c - see mpe.h. */
#include "mpe.h"

#include <string.h>

enum { CC_DATA = 6, CC_DATA_FINE = 38, CC_INCREASE = 96, CC_RPN_FINE = 100, CC_RPN = 101 };
enum { BEND_MAX = 16383, VALUE_MAX = 127, TIMBRE = 64, DRUM_CHANNEL = 9 };

void rp_mpe_open(rp_engine *engine) {
    for (uint32_t port = 0; port < RP_PORTS_MAX; port++) {
        rp_mpe_in_reset(&engine->mpe.in[port]);
        for (uint32_t channel = 0; channel < RP_CHANNELS; channel++)
            engine->mpe.base[port][channel] = engine->outlet.sent[port][channel] = RP_NEUTRAL;
    }
}

/* ---- what comes in ---- */

/* [process] */
static int speaks(const rp_engine *engine, uint8_t in_port) {
    return engine->rig->config.route == RP_ROUTE_ENSEMBLE && (engine->rig->mpe_inputs >> in_port & 1);
}

int rp_mpe_hear(rp_engine *engine, uint8_t in_port, const rp_midi_message *message) {
    if (rp_midi_kind(message) != RP_MIDI_CONTROL) return RP_MPE_OTHER;
    int heard = rp_mpe_in_control(&engine->mpe.in[in_port], message);
    return speaks(engine, in_port) ? heard : RP_MPE_OTHER;
}

int rp_mpe_is_member(const rp_engine *engine, uint8_t in_port, uint8_t in_channel) {
    return speaks(engine, in_port) && rp_mpe_in_manager(&engine->mpe.in[in_port], in_channel) != in_channel;
}

void rp_mpe_enter(rp_engine *engine, rp_note *note) {
    if (!rp_mpe_is_member(engine, note->in_port, note->in_channel)) return;
    note->expressive = 1;
    note->in_manager = rp_mpe_in_manager(&engine->mpe.in[note->in_port], note->in_channel);
    engine->ledger.expressive++;
}

/* The note's own wheels, as its input has them, for the bend of its instrument. [process] */
static void take_own(const rp_engine *engine, rp_note *note) {
    const rp_mpe_in *in = &engine->mpe.in[note->in_port];
    note->own = in->channel[note->in_channel];
    note->own.bend = rp_mpe_scale(note->own.bend, in->range[note->in_channel], note->bend * 100u);
}

/* ---- what leaves ---- */

/* [process] */
static uint16_t bit_of(uint8_t channel) { return (uint16_t)(1u << channel); }

/* Do two notes' sounds have one channel? [process] */
static int sounds_on(const rp_note *note, uint8_t port, uint8_t channel) {
    return note->state >= RP_NOTE_SOUNDING && note->port == port && note->channel == channel;
}

/* The last of the notes that sound on a channel, NULL: none. [process] */
static const rp_note *last_on(const rp_engine *engine, uint8_t port, uint8_t channel, uint32_t *count) {
    const rp_note *last = NULL;
    *count = 0;
    for (uint16_t id = engine->ledger.oldest; id != RP_NO_NOTE; id = engine->ledger.note[id].after) {
        const rp_note *note = &engine->ledger.note[id];
        if (!sounds_on(note, port, channel)) continue;
        last = note;
        ++*count;
    }
    return last;
}

/* The wheels of the player's, and those of a note alone. [process] */
static rp_expression add(rp_expression base, rp_expression own) {
    int bend = base.bend + own.bend - RP_STRAIGHT, timbre = base.timbre + own.timbre - TIMBRE;
    rp_expression sum = {.pressure = own.pressure > base.pressure ? own.pressure : base.pressure};
    sum.bend = (uint16_t)(bend < 0 ? 0 : bend > BEND_MAX ? BEND_MAX : bend);
    sum.timbre = (uint8_t)(timbre < 0 ? 0 : timbre > VALUE_MAX ? VALUE_MAX : timbre);
    return sum;
}

/* Where a channel's wheels should be; coming: a note that will sound there next, NULL: none. [process] */
static rp_expression wanted(const rp_engine *engine, uint8_t port, uint8_t channel, const rp_note *coming) {
    uint32_t count;
    const rp_note *last = last_on(engine, port, channel, &count);
    rp_expression base = engine->mpe.base[port][channel];
    if (coming) last = coming;
    if (last && last->mpe) return last->own;
    int alone = count + (coming != NULL) == 1;
    return last && alone && last->expressive ? add(base, last->own) : base;
}

/* [process] */
static void send(rp_engine *engine, uint8_t port, uint8_t status, uint8_t first, uint8_t second) {
    rp_midi_message message = rp_midi_short(status, first, second);
    rp_outlet_send(&engine->outlet, port, &message);
}

/* Move a channel's wheels to where they should be. [process] */
static void express(rp_engine *engine, uint8_t port, uint8_t channel, const rp_note *coming) {
    rp_mpe *mpe = &engine->mpe;
    rp_expression want = wanted(engine, port, channel, coming), *base = &mpe->base[port][channel];
    const rp_expression *sent = &engine->outlet.sent[port][channel];
    int unknown = mpe->unknown[port] >> channel & 1;
    if (unknown || sent->bend != want.bend)
        send(engine, port, RP_MIDI_BEND | channel, want.bend & 127, (uint8_t)(want.bend >> 7));
    if (unknown || sent->pressure != want.pressure) send(engine, port, RP_MIDI_PRESSURE | channel, want.pressure, 0);
    if (unknown || sent->timbre != want.timbre)
        send(engine, port, RP_MIDI_CONTROL | channel, RP_CC_TIMBRE, want.timbre);
    mpe->unknown[port] &= (uint16_t)~bit_of(channel);
    int own = want.bend != base->bend || want.pressure != base->pressure || want.timbre != base->timbre;
    if (own) mpe->owned[port] |= bit_of(channel);
    else mpe->owned[port] &= (uint16_t)~bit_of(channel);
}

void rp_mpe_follow(rp_engine *engine, uint8_t in_port, const rp_midi_message *message) {
    uint8_t in_channel = message->byte[0] & 15;
    if (!rp_mpe_in_move(&engine->mpe.in[in_port], message) || !engine->ledger.expressive) return;
    for (uint16_t id = engine->ledger.oldest; id != RP_NO_NOTE; id = engine->ledger.note[id].after) {
        rp_note *note = &engine->ledger.note[id];
        if (!note->expressive || note->state != RP_NOTE_SOUNDING) continue;
        if (note->in_port != in_port || note->in_channel != in_channel) continue;
        take_own(engine, note);
        express(engine, note->port, note->channel, NULL);
    }
}

int rp_mpe_press(rp_engine *engine, rp_note *note, uint8_t pressure) {
    if (!note->mpe) return 0;
    note->own.pressure = pressure;
    express(engine, note->port, note->channel, NULL);
    return 1;
}

/* The instrument of the rig whose own channel this is, NULL: none. [process] */
static const rp_instrument *instrument_on(const rp_engine *engine, uint32_t port, uint8_t channel) {
    const rp_rig_config *config = &engine->rig->config;
    for (uint32_t i = 0; i < config->instruments; i++)
        if (config->instrument[i].port == port && config->instrument[i].channel == channel)
            return &config->instrument[i];
    return NULL;
}

/* Is it the choice of a parameter, or its value? [process] */
static int is_parameter(const rp_midi_message *message) {
    uint8_t number = message->byte[1];
    return rp_midi_kind(message) == RP_MIDI_CONTROL &&
           (number == CC_DATA || number == CC_DATA_FINE || (number >= CC_INCREASE && number <= CC_RPN));
}

/* A manager's bend, for what the instrument makes of it. [process] */
static void fit_bend(const rp_engine *engine, uint8_t in_port, const rp_instrument *to, rp_midi_message *message) {
    uint32_t bend = !to || to->mpe ? RP_MANAGER_BEND : to->bend;
    rp_expression fitted = RP_NEUTRAL;
    if (rp_midi_kind(message) != RP_MIDI_BEND || !speaks(engine, in_port)) return;
    rp_mpe_turn(&fitted, message);
    fitted.bend = rp_mpe_scale(fitted.bend, engine->mpe.in[in_port].range[message->byte[0] & 15], bend * 100);
    message->byte[1] = fitted.bend & 127;
    message->byte[2] = (uint8_t)(fitted.bend >> 7);
}

/* One channel's copy of what holds for all. An MPE zone's parameters are ours. [process] */
static void send_copy(rp_engine *engine, uint8_t in_port, uint8_t port, uint8_t channel, rp_midi_message copy) {
    const rp_instrument *to = instrument_on(engine, port, channel);
    if (to && to->mpe && is_parameter(&copy)) return;
    fit_bend(engine, in_port, to, &copy);
    copy.byte[0] = (copy.byte[0] & 0xF0) | channel;
    if (rp_mpe_is_wheel(&copy)) rp_mpe_turn(&engine->mpe.base[port][channel], &copy);
    if (rp_mpe_is_wheel(&copy) && (engine->mpe.owned[port] >> channel & 1)) express(engine, port, channel, NULL);
    else rp_outlet_send(&engine->outlet, port, &copy);
}

void rp_mpe_broadcast(rp_engine *engine, uint8_t in_port, const uint16_t channels[RP_PORTS_MAX],
                      const rp_midi_message *message) {
    for (uint8_t port = 0; port < engine->config.outputs; port++)
        for (uint8_t channel = 0; channels[port] >> channel; channel++)
            if (channels[port] >> channel & 1) send_copy(engine, in_port, port, channel, *message);
}

/* ---- members ---- */

/* The member channel with the fewest notes and, of several such, the longest rest. The tenth comes last: what knows
 * nothing of MPE has its drums there. [process] */
static uint8_t choose_member(const rp_engine *engine, const rp_note *coming) {
    uint32_t freed[RP_CHANNELS], notes[RP_CHANNELS] = {0};
    uint8_t best = coming->manager ? 0 : 1;
    memcpy(freed, engine->mpe.freed[coming->port], sizeof freed);
    freed[DRUM_CHANNEL] = UINT32_MAX;
    for (uint16_t id = engine->ledger.oldest; id != RP_NO_NOTE; id = engine->ledger.note[id].after) {
        const rp_note *note = &engine->ledger.note[id];
        notes[note->channel] += sounds_on(note, coming->port, note->channel);
    }
    for (uint8_t channel = 0; channel < RP_CHANNELS; channel++) {
        int fewer = notes[channel] < notes[best] || (notes[channel] == notes[best] && freed[channel] < freed[best]);
        if (channel != coming->manager && fewer) best = channel;
    }
    return best;
}

void rp_mpe_begin(rp_engine *engine, rp_note *note) {
    if (note->mpe) note->channel = choose_member(engine, note);
    if (note->expressive) take_own(engine, note);
    int owned = engine->mpe.owned[note->port] >> note->channel & 1;
    if (note->mpe || note->expressive || owned) express(engine, note->port, note->channel, note);
}

/* ---- zones of the outputs ---- */

/* The instrument that has a port as its zone, NULL: none. [process] */
static const rp_instrument *owner_of(const rp_engine *engine, uint32_t port) {
    const rp_rig_config *config = &engine->rig->config;
    for (uint32_t i = 0; i < config->instruments; i++)
        if (config->instrument[i].mpe && config->instrument[i].port == port) return &config->instrument[i];
    return NULL;
}

/* rack: it alone is told, NULL: whoever hears the port. [process] */
static void set_parameter(rp_engine *engine, uint8_t port, rp_rack *rack, uint8_t channel, uint8_t parameter,
                          uint8_t value) {
    const uint8_t byte[3][2] = {{CC_RPN, 0}, {CC_RPN_FINE, parameter}, {CC_DATA, value}};
    for (uint32_t i = 0; i < 3; i++) {
        rp_midi_message message = rp_midi_short(RP_MIDI_CONTROL | channel, byte[i][0], byte[i][1]);
        uint32_t offset = (uint32_t)(engine->outlet.now - engine->outlet.start);
        if (rack) rp_rack_hear(rack, port, offset, message.byte, message.size);
        else rp_outlet_send(&engine->outlet, port, &message);
    }
}

/* Tell a port of its zone. Each member is told its bend: not every synthesiser hears it from one for all. [process] */
static void announce(rp_engine *engine, uint8_t port, rp_rack *rack) {
    const rp_mpe_zone *zone = &engine->mpe.zone[port];
    set_parameter(engine, port, rack, zone->manager, RP_RPN_MPE, RP_MPE_MEMBERS);
    set_parameter(engine, port, rack, zone->manager, RP_RPN_BEND, RP_MANAGER_BEND);
    for (uint8_t channel = 0; channel < RP_CHANNELS; channel++)
        if (channel != zone->manager) set_parameter(engine, port, rack, channel, RP_RPN_BEND, zone->bend);
    engine->mpe.unknown[port] = (uint16_t)~bit_of(zone->manager);
}

/* Does a note sound on a member channel of this port? [process] */
static int has_notes(const rp_engine *engine, uint8_t port) {
    for (uint16_t id = engine->ledger.oldest; id != RP_NO_NOTE; id = engine->ledger.note[id].after) {
        const rp_note *note = &engine->ledger.note[id];
        if (note->mpe && sounds_on(note, port, note->channel)) return 1;
    }
    return 0;
}

/* A port's zone is as the rig has it; one that goes waits for its notes, which its end would cut. So would telling of a
 * zone again: one that stands is told to a new rack alone, NULL: there is none. [process] */
static void settle_zone(rp_engine *engine, uint8_t port, rp_rack *rack) {
    const rp_instrument *to = owner_of(engine, port);
    rp_mpe_zone *zone = &engine->mpe.zone[port];
    if (to && zone->bend == to->bend && zone->manager == to->channel) {
        if (rack) announce(engine, port, rack);
    } else if (to) {
        *zone = (rp_mpe_zone){.manager = to->channel, .bend = to->bend};
        announce(engine, port, NULL);
    } else if (zone->bend && !has_notes(engine, port)) {
        set_parameter(engine, port, NULL, zone->manager, RP_RPN_MPE, 0);
        *zone = (rp_mpe_zone){0};
    }
}

void rp_mpe_came(rp_engine *engine) {
    for (uint8_t port = 0; engine->outlet.came && port < engine->config.outputs; port++)
        if ((engine->outlet.came >> port & 1) && engine->mpe.zone[port].bend) announce(engine, port, NULL);
}

/* ---- ends ---- */

void rp_mpe_end(rp_engine *engine, rp_note *note) {
    uint32_t left;
    int owned = engine->mpe.owned[note->port] >> note->channel & 1, leaves = note->rig != engine->rig->serial;
    if (!note->mpe && !owned && !engine->ledger.expressive) return;
    const rp_note *last = last_on(engine, note->port, note->channel, &left);
    if (note->mpe) engine->mpe.freed[note->port][note->channel] = ++engine->mpe.turn;
    if ((last && last->expressive) || (owned && (last || leaves))) express(engine, note->port, note->channel, NULL);
    if (note->mpe && leaves) settle_zone(engine, note->port, NULL);
}

/* Channels that a note had for itself are given back; all: every bend is straight, but those of such notes that sound.
 * [process] */
static void settle(rp_engine *engine, int all) {
    for (uint8_t port = 0; port < engine->config.outputs; port++) {
        for (uint8_t channel = 0; channel < RP_CHANNELS; channel++) {
            int bent = all && engine->outlet.sent[port][channel].bend != RP_STRAIGHT;
            if (all) engine->mpe.base[port][channel].bend = RP_STRAIGHT;
            if (bent || (engine->mpe.owned[port] >> channel & 1)) express(engine, port, channel, NULL);
        }
    }
}

void rp_mpe_straighten(rp_engine *engine) { settle(engine, 1); }

void rp_mpe_introduce(rp_engine *engine, const rp_rig *before) {
    settle(engine, before && before->mpe_inputs != engine->rig->mpe_inputs);
    rp_rack *rack = before && before->rack == engine->rig->rack ? NULL : engine->rig->rack;
    for (uint8_t port = 0; port < engine->config.outputs; port++) settle_zone(engine, port, rack);
}

void rp_mpe_unplug(rp_engine *engine, uint8_t in_port) { rp_mpe_in_reset(&engine->mpe.in[in_port]); }
