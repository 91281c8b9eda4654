/* surface.c - see surface.h. */
#include "surface.h"

#include <string.h>

enum { CC_DATA = 6, CC_DATA_FINE = 38, CC_NRPN_FINE = 98, CC_RPN_FINE = 100, CC_RPN = 101, CC_MODES = 120 };
enum { CC_PEDAL_LAST = 67, DOWN = 64, CENTRE = 8192, NO_NUMBER = 127, UNKNOWN = 255 };
enum { VALUE_BITS = 14, WAITS_A_SECOND = 100 }; /* a fine part that follows does so within 10 ms */
enum { PROBES = 64 };

/* ---- told ---- */

/* Of a program change, which one it was is no part of it: only the last one counts. [any] */
static uint32_t key_of(const rp_control *of) {
    uint32_t number = of->kind == RP_MOVED_PROGRAM ? 0 : of->number;
    return 1 + ((uint32_t)(of->kind << 8 | of->port << 4 | of->channel) << VALUE_BITS | number);
}

/* The place of a control among those that wait, or a free one; NULL: there is none near its hash. [process] */
static rp_moved *place_of(rp_surface *surface, uint32_t key) {
    uint32_t at = key * 2654435761u >> 20; /* the golden ratio's bits: Knuth, The Art of Computer Programming 3, 6.4 */
    for (uint32_t n = 0; n < PROBES; n++, at = (at + 1) % RP_MOVED_MAX)
        if (!surface->moved[at].key || surface->moved[at].key == key) return &surface->moved[at];
    return NULL;
}

/* [process] */
static int write(rp_engine *engine, const rp_moved *moved) {
    rp_report report = {.frame = moved->frame, .kind = RP_REPORT_CONTROL, .value = moved->value};
    report.port = moved->port;
    report.channel = moved->channel;
    report.from = moved->kind;
    return rp_ring_write(engine->reports, report.kind, &report, sizeof report);
}

/* Control is told now or, where an older value of it waits or there is no room, later. [process] */
static void tell(rp_engine *engine, const rp_control *of, uint32_t value) {
    rp_surface *surface = &engine->surface;
    rp_moved moved = {.frame = engine->outlet.now, .key = key_of(of), .kind = of->kind, .waits = 1};
    if (!(surface->told >> of->kind & 1)) return;
    moved.value = (uint32_t)of->number << VALUE_BITS | value;
    moved.port = of->port;
    moved.channel = of->channel;
    rp_moved *place = surface->waiting ? place_of(surface, moved.key) : NULL;
    int waits = place && place->key && place->waits;
    if (!waits && write(engine, &moved)) return;
    if (!place) place = place_of(surface, moved.key);
    if (!place) engine->stats.reports_lost++;
    else *place = moved;
    surface->waiting += place && !waits;
}

/* Those that waited, as many as find room. [process] */
static void catch_up(rp_engine *engine) {
    rp_surface *surface = &engine->surface;
    for (uint32_t i = 0; surface->waiting && i < RP_MOVED_MAX; i++) {
        rp_moved *moved = &surface->moved[i];
        if (!moved->waits) continue;
        if (!write(engine, moved)) return;
        moved->waits = 0;
        surface->waiting--;
    }
    memset(surface->moved, 0, sizeof surface->moved);
}

/* ---- parameters ---- */

/* [any] */
static int is_chosen(const rp_parameter_in *at) {
    int none = at->coarse == NO_NUMBER && at->fine == NO_NUMBER;
    return at->kind && at->coarse < 128 && at->fine < 128 && !none;
}

/* A part of the number of a parameter. What is known of another's value is nothing to it. [process] */
static void choose(rp_parameter_in *at, uint8_t controller, uint8_t number) {
    uint8_t kind = controller >= CC_RPN_FINE ? RP_MOVED_RPN : RP_MOVED_NRPN;
    if (at->kind != kind) *at = (rp_parameter_in){.kind = kind, .coarse = UNKNOWN, .fine = UNKNOWN};
    uint8_t *part = controller == CC_RPN_FINE || controller == CC_NRPN_FINE ? &at->fine : &at->coarse;
    if (*part != number) at->value = 0;
    *part = number;
}

/* [any] */
static rp_control parameter_of(const rp_parameter_in *at, uint8_t port, uint8_t channel) {
    uint16_t number = (uint16_t)(at->coarse << 7 | at->fine);
    return (rp_control){.kind = at->kind, .port = port, .channel = channel, .number = number};
}

/* The value that is under way is told; fine: its other part. [process] */
static void finish(rp_engine *engine, uint8_t port, uint8_t channel, uint8_t fine) {
    rp_parameter_in *at = &engine->surface.parameter[port][channel];
    rp_control of = parameter_of(at, port, channel);
    engine->surface.halves -= at->half;
    at->half = 0;
    tell(engine, &of, (uint32_t)at->value << 7 | fine);
}

/* A part of the value. [process] */
static void enter(rp_engine *engine, uint8_t port, const rp_midi_message *message) {
    uint8_t channel = message->byte[0] & 15, value = message->byte[2];
    rp_parameter_in *at = &engine->surface.parameter[port][channel];
    if (message->byte[1] == CC_DATA_FINE) {
        finish(engine, port, channel, value);
        return;
    }
    engine->surface.halves += !at->half;
    at->half = 1;
    at->value = value;
    at->due = engine->outlet.now + engine->config.sample_rate / WAITS_A_SECOND;
}

/* ---- heard ---- */

/* What a message says, but parameters. 0: nothing that can be bound. [any] */
static int read(const rp_midi_message *message, rp_control *of, uint32_t *value) {
    static const uint8_t kinds[8] = {RP_MOVED_KEY,     RP_MOVED_KEY,      UNKNOWN,       RP_MOVED_CONTROLLER,
                                     RP_MOVED_PROGRAM, RP_MOVED_PRESSURE, RP_MOVED_BEND, UNKNOWN};
    uint8_t first = message->byte[1], second = message->byte[2];
    of->kind = kinds[message->byte[0] >> 4 & 7];
    of->number = of->kind == RP_MOVED_BEND || of->kind == RP_MOVED_PRESSURE ? 0 : first;
    *value = second;
    if (of->kind == RP_MOVED_BEND) *value = (uint32_t)second << 7 | first;
    else if (of->kind == RP_MOVED_PRESSURE || of->kind == RP_MOVED_PROGRAM) *value = first;
    else if (rp_midi_is_note_off(message)) *value = 0;
    return of->kind != UNKNOWN && !(of->kind == RP_MOVED_CONTROLLER && first >= CC_MODES);
}

/* [any] */
static int fits(const rp_control *taken, const rp_control *of) {
    return taken->kind == of->kind && (taken->port == RP_EVERY_PORT || taken->port == of->port) &&
           (taken->channel == RP_EVERY_CHANNEL || taken->channel == of->channel) &&
           (taken->number == RP_EVERY_NUMBER || taken->number == of->number);
}

/* [process] */
static int is_taken(const rp_surface *surface, const rp_control *of) {
    int pedal = of->kind == RP_MOVED_CONTROLLER && of->number >= RP_CC_SUSTAIN && of->number <= CC_PEDAL_LAST;
    if (!(surface->told >> of->kind & 1)) return 0;
    if (surface->kept >> of->kind & 1 && !pedal) return 1;
    for (uint32_t i = 0; i < RP_TAKEN_MAX; i++)
        if (surface->set[i] && fits(&surface->taken[i], of)) return 1;
    return 0;
}

/* A pedal goes up. Of one that has many positions none is played that would hold what it does not hold already.
 * [process] */
static int goes_up(const rp_engine *engine, const rp_control *of, uint32_t value) {
    uint8_t stands = engine->pedal[of->port][of->channel];
    if (of->number == RP_CC_SUSTAIN) return !value || (value < DOWN && value < stands);
    return of->number > RP_CC_SUSTAIN && of->number <= CC_PEDAL_LAST && value < DOWN;
}

/* Does it end what may have begun before it was bound? [process] */
static int lets_go(const rp_engine *engine, const rp_control *of, uint32_t value) {
    switch (of->kind) {
    case RP_MOVED_CONTROLLER: return goes_up(engine, of, value);
    case RP_MOVED_BEND: return value == CENTRE;
    case RP_MOVED_PRESSURE: return value == 0;
    case RP_MOVED_KEY:
        return !value && rp_ledger_find(&engine->ledger, of->port, of->channel, (uint8_t)of->number) != RP_NO_NOTE;
    default: return 0;
    }
}

/* A controller of which parameters are made. 1: it is one, and `of` the parameter whose value it is a part of, or
 * whose number, which is played. [process] */
static int hear_parameter(rp_engine *engine, uint8_t port, const rp_midi_message *message, int *taken) {
    uint8_t channel = message->byte[0] & 15, number = message->byte[1];
    rp_parameter_in *at = &engine->surface.parameter[port][channel];
    int control = rp_midi_kind(message) == RP_MIDI_CONTROL;
    int value = control && (number == CC_DATA || number == CC_DATA_FINE) && is_chosen(at);
    if (at->half && !(value && number == CC_DATA_FINE)) finish(engine, port, channel, at->value);
    if (control && number >= CC_NRPN_FINE && number <= CC_RPN) choose(at, number, message->byte[2]);
    else if (value) enter(engine, port, message);
    else return 0;
    rp_control of = parameter_of(at, port, channel);
    *taken = value && is_taken(&engine->surface, &of);
    return 1;
}

int rp_surface_hear(rp_engine *engine, uint8_t in_port, const rp_midi_message *message) {
    rp_control of = {.port = in_port, .channel = message->byte[0] & 15};
    uint32_t value;
    int taken = 0;
    if (message->data || message->byte[0] >= RP_MIDI_SYSEX) return 0;
    if (hear_parameter(engine, in_port, message, &taken)) return taken; /* known to who asks later, too */
    if (!engine->surface.told || !read(message, &of, &value)) return 0;
    tell(engine, &of, value);
    return is_taken(&engine->surface, &of) && !lets_go(engine, &of, value);
}

void rp_surface_unplug(rp_engine *engine, uint8_t in_port) {
    for (uint8_t channel = 0; channel < RP_CHANNELS; channel++) {
        rp_parameter_in *at = &engine->surface.parameter[in_port][channel];
        if (at->half) finish(engine, in_port, channel, at->value);
        *at = (rp_parameter_in){0};
    }
}

/* [process] */
static void finish_due(rp_engine *engine, uint64_t now) {
    for (uint8_t port = 0; port < engine->config.inputs; port++) {
        for (uint8_t channel = 0; channel < RP_CHANNELS; channel++) {
            const rp_parameter_in *at = &engine->surface.parameter[port][channel];
            if (at->half && at->due <= now) finish(engine, port, channel, at->value);
        }
    }
}

void rp_surface_end(rp_engine *engine, const rp_cycle *cycle) {
    if (engine->surface.halves) finish_due(engine, cycle->frame + cycle->frames);
    if (engine->surface.waiting) catch_up(engine);
}

/* [process] */
static void take(rp_surface *surface, const rp_command *command) {
    uint32_t which = command->number % RP_TAKEN_MAX;
    surface->taken[which] = command->control;
    surface->set[which] = command->number < RP_TAKEN_MAX;
}

/* [process] */
static void say(rp_engine *engine, const rp_command *command) {
    rp_midi_message message = {.size = command->what};
    for (uint32_t i = 0; i < sizeof message.byte; i++) message.byte[i] = (uint8_t)(command->source >> 8 * i);
    rp_outlet_tell(&engine->outlet, command->number, &message);
}

void rp_surface_obey(rp_engine *engine, uint32_t type, const rp_command *command) {
    rp_surface *surface = &engine->surface;
    if (type == RP_COMMAND_TAKE) take(surface, command);
    if (type == RP_COMMAND_TELL) say(engine, command);
    if (type != RP_COMMAND_HEAR) return;
    surface->told = command->source;
    surface->kept = command->what;
}
