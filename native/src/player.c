/* player.c - see player.h. */
#include "player.h"

#include <string.h>

#include "band.h"
#include "hear.h"
#include "mpe.h"
#include "vocal.h"

/* Controls leave the scheduler's last places to notes, which need two each. */
enum { CONTROLS_MAX = RP_SCHEDULE_MAX - 2 * RP_NOTES_MAX, PEDAL_DOWN = 64 };

/* [process] */
static rp_note *note_of(rp_engine *engine, uint16_t id) { return &engine->ledger.note[id]; }

/* The instrumenter's name for a note: an old name never means a new note. [process] */
static uint32_t tag_of(const rp_note *note, uint16_t id) { return (note->serial << 16) | id; }

/* [process] */
static rp_report report_of(const rp_engine *engine, const rp_note *note, uint8_t kind) {
    rp_report report = {.frame = engine->outlet.now, .key_frame = note->key_frame, .kind = kind};
    report.port = note->port;
    report.channel = note->channel;
    report.pitch = note->pitch;
    report.velocity = note->velocity;
    report.instrument = note->instrument;
    report.from = RP_NO_INSTRUMENT;
    report.flags = note->flags;
    return report;
}

/* The key is up: the instrumenter may give its instrument another note. Once a note. [process] */
static void key_up(rp_engine *engine, uint16_t id) {
    rp_note *note = note_of(engine, id);
    if (note->released || note->in_port >= RP_BAND_PORT) return;
    note->released = 1;
    if (!note->joined) rp_hear_off(engine, id);
    if (engine->rig && engine->rig->instrumenter && note->rig == engine->rig->serial)
        rp_instrumenter_note_off(engine->rig->instrumenter, engine->outlet.now, tag_of(note, id));
}

/* End a note with the note-off `raw`, NULL: a plain one. [process] */
static void end_with(rp_engine *engine, uint16_t id, const rp_midi_message *raw) {
    rp_note *note = note_of(engine, id);
    key_up(engine, id);
    if (note->state == RP_NOTE_SOUNDING || note->state == RP_NOTE_SUSTAINED) {
        rp_outlet_note_off(&engine->outlet, note, raw);
        engine->stats.offs_out++;
        rp_engine_report(engine, report_of(engine, note, RP_REPORT_NOTE_OFF));
        note->state = RP_NOTE_PENDING;
        rp_mpe_end(engine, note);
    }
    rp_ledger_remove(&engine->ledger, id);
}

void rp_player_end(rp_engine *engine, uint16_t id) { end_with(engine, id, NULL); }

/* A monophonic instrument does not let an old note ring on under the pedal when it begins a new one. [process] */
static void make_room(rp_engine *engine, uint8_t instrument) {
    uint32_t polyphony = engine->rig->config.instrument[instrument].polyphony, sounding = 0;
    uint16_t id = engine->ledger.oldest;
    if (!polyphony) return;
    for (; id != RP_NO_NOTE; id = note_of(engine, id)->after) {
        const rp_note *note = note_of(engine, id);
        sounding +=
            note->instrument == instrument && note->rig == engine->rig->serial && note->state >= RP_NOTE_SOUNDING;
    }
    for (id = engine->ledger.oldest; id != RP_NO_NOTE && sounding >= polyphony;) {
        const rp_note *note = note_of(engine, id);
        uint16_t after = note->after;
        if (note->instrument == instrument && note->state == RP_NOTE_SUSTAINED && note->rig == engine->rig->serial) {
            rp_player_end(engine, id);
            sounding--;
        }
        id = after;
    }
}

/* The note sounds, now, on its route. [process] */
static void sound(rp_engine *engine, uint16_t id, const rp_midi_message *raw) {
    rp_note *note = note_of(engine, id);
    uint64_t delay = engine->outlet.now - note->key_frame;
    if (note->instrument != RP_NO_INSTRUMENT && note->rig == engine->rig->serial) make_room(engine, note->instrument);
    rp_mpe_begin(engine, note);
    if (!rp_outlet_note_on(&engine->outlet, note, raw)) {
        rp_player_end(engine, id); /* not sounding: nothing is sent */
        return;
    }
    note->state = RP_NOTE_SOUNDING;
    engine->stats.notes_out++;
    if (delay > engine->stats.max_delay) engine->stats.max_delay = delay;
    if (delay > note->delay) note->flags |= RP_NOTE_LATE;
    rp_engine_report(engine, report_of(engine, note, RP_REPORT_NOTE_ON));
}

int rp_player_start(rp_engine *engine, uint16_t id) {
    uint32_t serial = note_of(engine, id)->serial;
    sound(engine, id, NULL);
    return note_of(engine, id)->serial == serial;
}

/* Send the note the way of an instrument of the rig. [process] */
static void give(rp_engine *engine, rp_note *note, uint8_t instrument) {
    rp_ledger_route(note, instrument, &engine->rig->config.instrument[instrument]);
}

/* Notes of this rig whose key is down on an instrument. [process] */
static uint32_t held_by(rp_engine *engine, uint8_t instrument) {
    uint32_t count = 0;
    for (uint16_t id = engine->ledger.oldest; id != RP_NO_NOTE; id = note_of(engine, id)->after) {
        const rp_note *note = note_of(engine, id);
        count += note->instrument == instrument && note->rig == engine->rig->serial && !note->released;
    }
    return count;
}

/* The live note of a tag, RP_NO_NOTE where it ended since. [process] */
static uint16_t find_tag(rp_engine *engine, uint32_t tag) {
    uint16_t id = (uint16_t)(tag & 0xFFFF);
    int live = id < RP_NOTES_MAX && note_of(engine, id)->state != RP_NOTE_FREE;
    return live && tag_of(note_of(engine, id), id) == tag ? id : RP_NO_NOTE;
}

/* The note that gives way to another, where the preset says so. [process] */
static void steal(rp_engine *engine, const rp_decision *decision) {
    uint16_t id = decision->steals ? find_tag(engine, decision->stolen) : RP_NO_NOTE;
    if (id == RP_NO_NOTE) return;
    rp_player_end(engine, id);
    engine->stats.stolen++;
}

/* What the instrumenter said of a note that has not sounded yet. [process] */
static void settle(rp_engine *engine, uint16_t id, const rp_decision *decision) {
    rp_note *note = note_of(engine, id);
    steal(engine, decision);
    if (decision->voice >= engine->rig->config.instruments) {
        engine->stats.dropped++;
        note->state = RP_NOTE_PENDING;
        rp_player_end(engine, id);
        return;
    }
    uint32_t polyphony = engine->rig->config.instrument[decision->voice].polyphony;
    if (polyphony && held_by(engine, decision->voice) >= polyphony) {
        note->flags |= RP_NOTE_SHARED;
        engine->stats.shared++;
    }
    if (decision->fallback) {
        note->flags |= RP_NOTE_FALLBACK;
        engine->stats.fallback++;
    }
    give(engine, note, decision->voice);
    rp_task task = {
        .frame = note->key_frame + note->delay, .kind = RP_TASK_NOTE_ON, .note = id, .serial = note->serial};
    note->state = RP_NOTE_DUE;
    if (task.frame <= engine->outlet.now || !rp_scheduler_add(&engine->scheduler, task)) sound(engine, id, NULL);
}

/* Ask the instrumenter who plays the note; without one the first instrument does. A full chord closes before its time,
 * at the next note. [process] */
static void decide(rp_engine *engine, uint16_t id) {
    const rp_note *note = note_of(engine, id);
    while (engine->rig->instrumenter && rp_instrumenter_full(engine->rig->instrumenter)) rp_player_close_chord(engine);
    rp_decision decision = {.tag = tag_of(note, id), .voice = 0, .from = RP_NO_VOICE};
    if (engine->rig->instrumenter)
        decision = rp_instrumenter_note_on(engine->rig->instrumenter, engine->outlet.now, decision.tag, note->pitch,
                                           note->velocity, engine->budget);
    if (engine->budget && !decision.fallback && !decision.pending) engine->budget--;
    if (!decision.pending) settle(engine, id, &decision);
}

/* Did the same key strike another note of its zones in this frame? [process] */
static int joins(rp_engine *engine, uint8_t in_port, const rp_midi_message *message) {
    uint16_t id = engine->ledger.key[in_port][message->byte[0] & 15][message->byte[1]];
    for (; engine->rig->zones.count && id != RP_NO_NOTE; id = note_of(engine, id)->newer)
        if (note_of(engine, id)->key_frame == engine->outlet.now && !note_of(engine, id)->released) return 1;
    return 0;
}

/* A ledger entry for a key, at the price of the oldest note when all are taken. [process] */
static uint16_t enter(rp_engine *engine, uint8_t in_port, const rp_struck *struck) {
    const rp_midi_message *message = &struck->message;
    int joined = joins(engine, in_port, message);
    if (engine->ledger.free == RP_NO_NOTE) {
        rp_player_end(engine, engine->ledger.oldest);
        engine->stats.stolen++;
    }
    uint16_t id = rp_ledger_add(&engine->ledger, in_port, message->byte[0] & 15, message->byte[1]);
    const rp_rig *rig = engine->rig;
    rp_note *note = note_of(engine, id);
    note->velocity = message->byte[2];
    note->pitch = struck->pitch;
    note->joined = (uint8_t)joined;
    rp_mpe_enter(engine, note);
    note->key_frame = engine->outlet.now;
    note->rig = rig->serial;
    note->delay = rig->config.delay;
    if (rig->config.expiry) note->expires = note->key_frame + rig->config.expiry;
    return id;
}

/* Tell of a key, once, however many notes it strikes. [process] */
static void tell_key(rp_engine *engine, uint16_t id) {
    const rp_note *note = note_of(engine, id);
    if (note->joined) return;
    engine->stats.notes_in++;
    rp_report report = report_of(engine, note, RP_REPORT_NOTE_IN);
    report.port = note->in_port;
    report.channel = note->in_channel;
    rp_engine_report(engine, report);
    rp_hear_on(engine, id);
}

/* The output that an input leaves on, straight through. [process] */
static uint8_t output_of(const rp_engine *engine, uint8_t in_port) {
    uint32_t through = engine->rig->config.through, last = engine->config.outputs - 1;
    uint32_t output = through ? through - 1 : in_port;
    return (uint8_t)(output < last ? output : last);
}

/* Straight through, as it came in but for its pitch. [process] */
static void note_through(rp_engine *engine, uint8_t in_port, const rp_struck *struck) {
    rp_midi_message raw = struck->message;
    uint16_t id = enter(engine, in_port, struck);
    rp_note *note = note_of(engine, id);
    tell_key(engine, id);
    raw.byte[1] = struck->pitch;
    note->port = output_of(engine, in_port);
    note->channel = note->manager = note->in_channel;
    sound(engine, id, &raw);
}

/* For the ensemble, which decides who plays it. [process] */
static void note_on(rp_engine *engine, uint8_t in_port, const rp_struck *struck) {
    uint16_t id = enter(engine, in_port, struck);
    tell_key(engine, id);
    decide(engine, id);
}

/* For an instrument, whoever else might play it better; one that is switched off rests. [process] */
static void note_on_instrument(rp_engine *engine, uint8_t in_port, const rp_struck *struck, uint8_t instrument) {
    const rp_instrumenter *instrumenter = engine->rig->instrumenter;
    if (instrumenter && !rp_instrumenter_plays(instrumenter, instrument)) return;
    uint16_t id = enter(engine, in_port, struck);
    rp_decision decision = {.tag = tag_of(note_of(engine, id), id), .voice = instrument, .from = RP_NO_VOICE};
    tell_key(engine, id);
    settle(engine, id, &decision);
}

/* [process] */
static void strike(rp_engine *engine, uint8_t in_port, const rp_struck *struck) {
    if (engine->rig->config.route == RP_ROUTE_THRU) note_through(engine, in_port, struck);
    else if (!struck->instruments) note_on(engine, in_port, struck);
    for (uint8_t i = 0; struck->instruments >> i; i++)
        if (struck->instruments >> i & 1) note_on_instrument(engine, in_port, struck, i);
}

/* The note-off of a note has its effect now: it ends, or the pedal holds it. [process] */
static void release(rp_engine *engine, uint16_t id, const rp_midi_message *raw) {
    rp_note *note = note_of(engine, id);
    int held = note->pedal == RP_PEDAL_LENGTHEN && note->instrument != RP_NO_INSTRUMENT &&
               engine->pedal[note->in_port][note->in_manager] >= PEDAL_DOWN;
    if (!held || note->state != RP_NOTE_SOUNDING) {
        end_with(engine, id, raw);
        return;
    }
    key_up(engine, id);
    note->state = RP_NOTE_SUSTAINED;
}

/* Where a message goes that no ledger entry routes: straight through. [process] */
static void pass(rp_engine *engine, uint8_t in_port, const rp_midi_message *message) {
    rp_outlet_send(&engine->outlet, output_of(engine, in_port), message);
}

/* Does the rig pass on, untouched, what belongs to no note of ours? [process] */
static int passes(const rp_engine *engine) {
    return engine->rig->config.route == RP_ROUTE_THRU && !engine->rig->zones.count;
}

/* The key of a note is up. [process] */
static void let_go(rp_engine *engine, uint16_t id, const rp_midi_message *message) {
    rp_note *note = note_of(engine, id);
    if (!note->delay) {
        release(engine, id, message);
        return;
    }
    key_up(engine, id);
    rp_task task = {
        .frame = engine->outlet.now + note->delay, .kind = RP_TASK_NOTE_OFF, .note = id, .serial = note->serial};
    memcpy(task.byte, message->byte, sizeof task.byte);
    if (!rp_scheduler_add(&engine->scheduler, task)) release(engine, id, message);
}

/* Ends the oldest note of its key, and those that were struck with it. [process] */
static void note_off(rp_engine *engine, uint8_t in_port, const rp_midi_message *message) {
    uint8_t channel = message->byte[0] & 15, key = message->byte[1];
    uint16_t id = rp_ledger_find(&engine->ledger, in_port, channel, key);
    if (id == RP_NO_NOTE) {
        engine->stats.orphans++;
        if (passes(engine)) pass(engine, in_port, message);
        return;
    }
    uint64_t struck = note_of(engine, id)->key_frame;
    do {
        let_go(engine, id, message);
        id = rp_ledger_find(&engine->ledger, in_port, channel, key);
    } while (id != RP_NO_NOTE && note_of(engine, id)->joined && note_of(engine, id)->key_frame == struck);
}

/* The instruments that a channel reaches: of its zones, or without any, all. [process] */
static uint32_t reached(const rp_rig *rig, uint8_t in_port, uint8_t in_channel) {
    uint32_t players = rig->zones.count ? 0 : UINT32_MAX;
    for (uint32_t i = 0; i < rig->zones.count; i++) {
        const rp_zone *zone = &rig->zones.zone[i];
        if (rp_zone_hears(zone, in_port, in_channel)) players |= zone->instruments ? zone->instruments : UINT32_MAX;
    }
    return players;
}

/* Where a channel's wheels and pedals go: the rig's instruments, or the same channel, straight through. [process] */
static void find_routes(rp_engine *engine, uint8_t in_port, uint8_t in_channel, const uint16_t ensemble[RP_PORTS_MAX],
                        uint16_t channels[RP_PORTS_MAX]) {
    uint32_t players = reached(engine->rig, in_port, in_channel);
    memset(channels, 0, RP_PORTS_MAX * sizeof *channels);
    if (engine->rig->config.route == RP_ROUTE_THRU) {
        if (players) channels[output_of(engine, in_port)] = (uint16_t)(1u << in_channel);
        return;
    }
    for (uint32_t i = 0; i < engine->rig->config.instruments; i++) {
        const rp_instrument *to = &engine->rig->config.instrument[i];
        if (players >> i & 1) channels[to->port] |= ensemble[to->port] & (uint16_t)(1u << to->channel);
    }
}

/* The channels of an earlier rig on which notes of this input still sound, added. [process] */
static void add_old_routes(rp_engine *engine, uint8_t in_port, uint8_t in_channel, uint16_t channels[RP_PORTS_MAX]) {
    for (uint16_t id = engine->ledger.oldest; id != RP_NO_NOTE; id = note_of(engine, id)->after) {
        const rp_note *note = note_of(engine, id);
        if (note->in_port != in_port || note->in_manager != in_channel || note->rig == engine->rig->serial) continue;
        channels[note->port] |= (uint16_t)(1u << note->manager);
    }
}

/* The channels that this input's pedal holds down, added: an earlier rig's too. [process] */
static void add_pedalled(rp_outlet *outlet, uint8_t from, uint16_t channels[RP_PORTS_MAX]) {
    for (uint32_t port = 0; port < outlet->ports; port++) {
        for (uint8_t channel = 0; channel < RP_CHANNELS; channel++) {
            uint16_t bit = (uint16_t)(1u << channel);
            if (outlet->pedal[port][channel] && outlet->pedal_from[port][channel] == from) channels[port] |= bit;
            if (channels[port] & bit) outlet->pedal_from[port][channel] = from;
        }
    }
}

/* The player's pedal. Instruments without one keep their notes until it is up. [process] */
static void sustain(rp_engine *engine, uint8_t in_port, const rp_midi_message *message) {
    uint8_t in_channel = message->byte[0] & 15;
    uint16_t channels[RP_PORTS_MAX], after;
    engine->pedal[in_port][in_channel] = message->byte[2];
    find_routes(engine, in_port, in_channel, engine->rig->pedalled, channels);
    add_pedalled(&engine->outlet, (uint8_t)(in_port << 4 | in_channel), channels);
    rp_outlet_broadcast(&engine->outlet, channels, message);
    if (message->byte[2] >= PEDAL_DOWN) return;
    for (uint16_t id = engine->ledger.oldest; id != RP_NO_NOTE; id = after) {
        const rp_note *note = note_of(engine, id);
        after = note->after;
        if (note->in_port == in_port && note->in_manager == in_channel && note->state == RP_NOTE_SUSTAINED)
            rp_player_end(engine, id);
    }
}

/* Nothing of this input channel may sound any more. told: the keyboard's own message, which follows, says so to what
 * went straight through; that gets no note-offs of ours. [process] */
static void all_off(rp_engine *engine, uint8_t in_port, uint8_t in_channel, int told) {
    uint16_t after;
    for (uint16_t id = engine->ledger.oldest; id != RP_NO_NOTE; id = after) {
        const rp_note *note = note_of(engine, id);
        after = note->after;
        if (note->in_port != in_port || (note->in_channel != in_channel && note->in_manager != in_channel)) continue;
        if (!told || note->instrument != RP_NO_INSTRUMENT) rp_player_end(engine, id);
    }
}

/* Pressure on one key goes where its notes went. [process] */
static void poly_pressure(rp_engine *engine, uint8_t in_port, const rp_midi_message *message) {
    uint16_t id = engine->ledger.key[in_port][message->byte[0] & 15][message->byte[1]];
    for (; id != RP_NO_NOTE; id = note_of(engine, id)->newer) {
        rp_note *note = note_of(engine, id);
        if (note->state != RP_NOTE_SOUNDING || rp_mpe_press(engine, note, message->byte[2])) continue;
        rp_midi_message copy = rp_midi_short(RP_MIDI_POLY_PRESSURE | note->channel, note->pitch, message->byte[2]);
        rp_outlet_send(&engine->outlet, note->port, &copy);
    }
}

/* A channel message that is no note. Instruments share the player's wheels and pedals; their programs are the preset's,
 * so a program change goes nowhere but straight through. [process] */
static void control(rp_engine *engine, uint8_t in_port, const rp_midi_message *message) {
    static const uint16_t nowhere[RP_PORTS_MAX];
    uint8_t kind = rp_midi_kind(message), in_channel = message->byte[0] & 15, number = message->byte[1];
    int ends = kind == RP_MIDI_CONTROL && (number == RP_CC_ALL_SOUND_OFF || number >= RP_CC_ALL_NOTES_OFF);
    uint16_t channels[RP_PORTS_MAX];
    if (kind == RP_MIDI_CONTROL) rp_hear_control(engine, message);
    rp_mpe_follow(engine, in_port, message);
    if (kind == RP_MIDI_CONTROL && number == RP_CC_SUSTAIN) {
        sustain(engine, in_port, message);
        return;
    }
    if (rp_mpe_is_member(engine, in_port, in_channel)) { /* the manager has all that is not a note's own */
        if (ends) all_off(engine, in_port, in_channel, 0);
        return;
    }
    find_routes(engine, in_port, in_channel, kind == RP_MIDI_PROGRAM ? nowhere : engine->rig->channels, channels);
    if (kind != RP_MIDI_PROGRAM) add_old_routes(engine, in_port, in_channel, channels);
    if (ends) all_off(engine, in_port, in_channel, 1);
    rp_mpe_broadcast(engine, in_port, channels, message);
}

/* Clock, song position, SysEx: to every port an instrument stands on. [process] */
static void system_message(rp_engine *engine, uint8_t in_port, const rp_midi_message *message) {
    if (engine->rig->config.route == RP_ROUTE_THRU) {
        pass(engine, in_port, message);
        return;
    }
    for (uint32_t port = 0; port < engine->config.outputs; port++)
        if (engine->rig->channels[port]) rp_outlet_send(&engine->outlet, port, message);
}

/* Controls keep their distance to the notes: they wait as long as notes do. [process] */
static void control_in_time(rp_engine *engine, uint8_t in_port, const rp_midi_message *message) {
    uint32_t delay = engine->rig->config.delay;
    rp_task task = {.frame = engine->outlet.now + delay, .kind = RP_TASK_CONTROL, .in_port = in_port};
    memcpy(task.byte, message->byte, sizeof task.byte);
    if (delay && engine->scheduler.count < CONTROLS_MAX && rp_scheduler_add(&engine->scheduler, task)) return;
    if (rp_midi_kind(message) == RP_MIDI_POLY_PRESSURE) poly_pressure(engine, in_port, message);
    else control(engine, in_port, message);
}

/* A note-on waits for the others of its frame: a chord sent at once is decided from its lowest note up, as the models
 * were trained, or all together where the rig says so. [process] */
static void gather(rp_engine *engine, uint8_t in_port, const rp_struck *struck) {
    rp_gathered *chord = &engine->gathered;
    if (chord->count == RP_CHORD_MAX || (chord->count && chord->port != in_port)) rp_player_flush(engine);
    uint32_t i = chord->count++;
    for (; i > 0 && chord->note[i - 1].pitch > struck->pitch; i--) chord->note[i] = chord->note[i - 1];
    chord->note[i] = *struck;
    chord->port = in_port;
}

/* [process] */
static void take(rp_engine *engine, uint8_t in_port, const rp_struck *struck) {
    if (engine->rig->config.route == RP_ROUTE_ENSEMBLE) gather(engine, in_port, struck);
    else strike(engine, in_port, struck);
}

/* A note-on, as each of the zones that take it has it; without zones, as it is. [process] */
static void split(rp_engine *engine, uint8_t in_port, const rp_midi_message *message) {
    const rp_zones *zones = &engine->rig->zones;
    uint8_t channel = message->byte[0] & 15;
    rp_struck struck = {.message = *message, .pitch = message->byte[1]};
    if (!zones->count) take(engine, in_port, &struck);
    for (uint32_t i = 0; i < zones->count; i++) {
        const rp_zone *zone = &zones->zone[i];
        int pitch = rp_zone_pitch(zone, message->byte[1], message->byte[2]);
        if (pitch < 0 || !rp_zone_hears(zone, in_port, channel)) continue;
        struck.pitch = (uint8_t)pitch;
        struck.instruments = zone->instruments;
        take(engine, in_port, &struck);
    }
}

void rp_player_flush(rp_engine *engine) {
    rp_gathered chord = engine->gathered;
    engine->gathered.count = 0;
    for (uint32_t i = 0; i < chord.count; i++) strike(engine, (uint8_t)chord.port, &chord.note[i]);
    rp_instrumenter *instrumenter = chord.count ? engine->rig->instrumenter : NULL;
    while (instrumenter && rp_instrumenter_deadline(instrumenter) <= engine->outlet.now) rp_player_close_chord(engine);
}

/* What the input held is let go. [process] */
static void let_go_input(rp_engine *engine, uint8_t in_port) {
    rp_player_hurry(engine);
    for (uint8_t channel = 0; channel < RP_CHANNELS; channel++) {
        all_off(engine, in_port, channel, 0);
        if (!engine->pedal[in_port][channel]) continue;
        rp_midi_message up = rp_midi_short(RP_MIDI_CONTROL | channel, RP_CC_SUSTAIN, 0);
        control(engine, in_port, &up);
    }
}

/* A controller that sets up MPE is for us alone; where it gives out the channels anew, it ends what they held.
 * [process] */
static int hear_zones(rp_engine *engine, uint8_t in_port, const rp_midi_message *message) {
    int heard = rp_mpe_hear(engine, in_port, message);
    if (heard != RP_MPE_ZONES) return heard == RP_MPE_PARAMETER;
    rp_player_flush(engine);
    let_go_input(engine, in_port);
    return 1;
}

void rp_player_message(rp_engine *engine, uint8_t in_port, const rp_midi_message *message) {
    uint8_t kind = rp_midi_kind(message);
    int is_off = rp_midi_is_note_off(message), is_on = rp_midi_is_note_on(message);
    int heard = kind >= RP_MIDI_SYSEX || (engine->rig->config.in_channels >> (message->byte[0] & 15) & 1);
    if (hear_zones(engine, in_port, message)) return;
    if (is_on && heard && engine->rig->config.route == RP_ROUTE_ENSEMBLE) {
        split(engine, in_port, message);
        return;
    }
    if (!rp_mpe_is_wheel(message) || !rp_mpe_is_member(engine, in_port, message->byte[0] & 15)) rp_player_flush(engine);
    if (is_off) note_off(engine, in_port, message);
    else if (!heard) return;
    else if (is_on) split(engine, in_port, message);
    else if (kind >= RP_MIDI_SYSEX) system_message(engine, in_port, message);
    else if (kind == RP_MIDI_POLY_PRESSURE && passes(engine)) pass(engine, in_port, message);
    else control_in_time(engine, in_port, message);
}

void rp_player_task(rp_engine *engine, const rp_task *task) {
    rp_midi_message message = rp_midi_short(task->byte[0], task->byte[1], task->byte[2]);
    if (task->kind == RP_TASK_VOICE) {
        rp_vocal_task(engine, task);
        return;
    }
    if (task->kind >= RP_TASK_BAND_ON) {
        rp_band_task(engine, task);
        return;
    }
    if (task->kind == RP_TASK_CONTROL) {
        if (rp_midi_kind(&message) == RP_MIDI_POLY_PRESSURE) poly_pressure(engine, task->in_port, &message);
        else control(engine, task->in_port, &message);
        return;
    }
    const rp_note *note = note_of(engine, task->note);
    if (note->serial != task->serial) return;                        /* it ended before */
    if (note->state == RP_NOTE_DUE) sound(engine, task->note, NULL); /* also one released in the frame it was struck */
    if (task->kind == RP_TASK_NOTE_OFF && note->serial == task->serial) release(engine, task->note, &message);
}

void rp_player_hurry(rp_engine *engine) {
    const rp_task *next;
    rp_scheduler_hurry(&engine->scheduler, RP_TASK_CONTROL, engine->outlet.now);
    while ((next = rp_scheduler_next(&engine->scheduler)) && next->frame <= engine->outlet.now) {
        rp_task taken = rp_scheduler_take(&engine->scheduler);
        rp_player_task(engine, &taken);
    }
}

/* Take a sounding note from its instrument, since the whole chord says that another is better. [process] */
static void lift(rp_engine *engine, uint16_t id, const rp_decision *decision) {
    rp_note *note = note_of(engine, id);
    if (note->state != RP_NOTE_SOUNDING || note->released || decision->voice >= engine->rig->config.instruments) return;
    if (decision->voice == note->instrument) return;
    rp_outlet_note_off(&engine->outlet, note, NULL);
    note->state = RP_NOTE_PENDING; /* it is silent now */
    rp_mpe_end(engine, note);
}

/* Let a lifted note sound on its better instrument. [process] */
static void land(rp_engine *engine, uint16_t id, const rp_decision *decision) {
    rp_note *note = note_of(engine, id);
    uint8_t from = note->instrument;
    make_room(engine, decision->voice);
    give(engine, note, decision->voice);
    rp_mpe_begin(engine, note);
    if (!rp_outlet_note_on(&engine->outlet, note, NULL)) {
        rp_player_end(engine, id);
        return;
    }
    note->state = RP_NOTE_SOUNDING;
    engine->stats.moved++;
    rp_report report = report_of(engine, note, RP_REPORT_MOVE);
    report.from = from;
    rp_engine_report(engine, report);
}

void rp_player_close_chord(rp_engine *engine) {
    rp_decision decision[RP_CHORD_MAX];
    uint32_t n = rp_instrumenter_close(engine->rig->instrumenter, engine->outlet.now, decision, engine->budget);
    /* Notes that change places: all leave before one arrives, so that no instrument has two for a moment. */
    for (uint32_t i = 0; i < n; i++) {
        uint16_t id = find_tag(engine, decision[i].tag);
        if (id != RP_NO_NOTE && decision[i].from != RP_NO_VOICE) lift(engine, id, &decision[i]);
    }
    for (uint32_t i = 0; i < n; i++) {
        uint16_t id = find_tag(engine, decision[i].tag);
        if (id == RP_NO_NOTE || note_of(engine, id)->state != RP_NOTE_PENDING) continue;
        if (decision[i].from == RP_NO_VOICE) settle(engine, id, &decision[i]);
        else land(engine, id, &decision[i]);
    }
    engine->budget -= n < engine->budget ? n : engine->budget;
}

void rp_player_unplug(rp_engine *engine, uint8_t in_port) {
    engine->parser[in_port] = (rp_midi_parser){.malformed = engine->parser[in_port].malformed};
    let_go_input(engine, in_port);
    rp_mpe_unplug(engine, in_port);
    rp_mpe_straighten(engine);
}

void rp_player_expire(rp_engine *engine) {
    uint16_t after;
    for (uint16_t id = engine->ledger.oldest; id != RP_NO_NOTE; id = after) {
        const rp_note *note = note_of(engine, id);
        after = note->after;
        if (note->expires > engine->outlet.now) continue;
        rp_player_end(engine, id);
        engine->stats.expired++;
    }
}
