/* band.c - see band.h. A committed note waits in a place of its own; two tasks of the scheduler point at it. What
 * sounds has a ledger entry like any note, under an input port that no keyboard has. */
#include "band.h"

#include <math.h>
#include <string.h>

#include "player.h"

enum { MESSAGES = 256, ROOM = 2 * RP_NOTES_MAX }; /* read in one cycle; the scheduler's last places, for the player */
/* The worker is told how the clock goes where it goes otherwise by so much, and so often at most. */
static const double OFF_SECONDS = 0.00025, OFF_TEMPO = 0.0005, TELL_SECONDS = 0.01;

/* [process] */
static rp_bridge *bridge_of(const rp_engine *engine) { return engine->rig ? engine->rig->bridge : NULL; }

/* A place for a note, NULL: all are taken. The search begins behind the last one given. [process] */
static rp_band_note *find_place(rp_band *band) {
    for (uint32_t n = 0; n < RP_BAND_NOTES; n++) {
        rp_band_note *note = &band->note[++band->last % RP_BAND_NOTES];
        if (!note->waiting && !note->sounding) return note;
    }
    return NULL;
}

/* Was it committed before a panic, or before the clock began elsewhere? [process] */
static int outdated(const rp_engine *engine, const rp_commit *commit) {
    uint32_t epoch = atomic_load_explicit(&bridge_of(engine)->epoch, memory_order_relaxed);
    return commit->epoch != epoch || commit->place != engine->band.clock.place;
}

/* [process] */
static void schedule(rp_engine *engine, const rp_commit *commit) {
    rp_bridge *bridge = bridge_of(engine);
    if (outdated(engine, commit)) return;
    if (commit->on < engine->outlet.start) {
        rp_bridge_count(&bridge->late);
        return;
    }
    rp_band_note *note = engine->scheduler.count + ROOM < RP_SCHEDULE_MAX ? find_place(&engine->band) : NULL;
    if (!note || commit->instrument >= engine->rig->config.instruments) {
        rp_bridge_count(&bridge->refused);
        return;
    }
    *note = (rp_band_note){.commit = *commit, .waiting = 1, .stamp = note->stamp + 1};
    rp_task task = {.frame = commit->on, .kind = RP_TASK_BAND_ON, .serial = note->stamp};
    task.note = (uint16_t)(note - engine->band.note);
    rp_scheduler_add(&engine->scheduler, task);
    task.frame = commit->off;
    task.kind = RP_TASK_BAND_OFF;
    rp_scheduler_add(&engine->scheduler, task);
}

/* [process] */
static void cancel(rp_engine *engine, const rp_commit *commit) {
    if (outdated(engine, commit)) return;
    for (uint32_t i = 0; i < RP_BAND_NOTES; i++) {
        rp_band_note *note = &engine->band.note[i];
        if (note->waiting && (int32_t)(note->commit.order - commit->order) >= 0) note->waiting = 0;
    }
}

/* [process] */
static void finish(rp_engine *engine, rp_band_note *place) {
    const rp_note *note = &engine->ledger.note[place->id];
    int live = place->sounding && note->state != RP_NOTE_FREE && note->serial == place->serial;
    place->sounding = 0;
    if (live) rp_player_end(engine, place->id);
}

/* Nothing that waits will sound; rest: what sounds ends. [process] */
static void drop(rp_engine *engine, int rest) {
    for (uint32_t i = 0; i < RP_BAND_NOTES; i++) {
        engine->band.note[i].waiting = 0;
        if (rest) finish(engine, &engine->band.note[i]);
    }
}

/* What the timeline does as this cycle begins; while it stands, what it will do next, so that a start is known as soon
 * as can be. [process] */
static const rp_timeline_piece *piece_of(const rp_engine *engine) {
    uint32_t count;
    const rp_timeline_piece *piece = rp_timeline_pieces(engine->conductor.timeline, &count), *last = piece + count - 1;
    while (piece < last && (piece[1].frame <= (double)engine->outlet.start || !piece->rolling)) piece++;
    return piece;
}

/* The line that the clock will be on when the correction of its phase is over, which is soon but where it slews from
 * one source to another: then only he who is led by the player's own beats hurries to meet them. [process] */
static rp_heard_clock line_of(const rp_engine *engine, uint32_t *jumps) {
    const rp_timeline_piece *piece = piece_of(engine);
    double from = piece->jumps == *jumps ? fmax(piece->frame, (double)engine->outlet.start) : piece->frame;
    rp_heard_clock line = {.frame = (uint64_t)from, .on = 1, .rolling = piece->rolling != 0};
    rp_timeline_state state;
    rp_timeline_get(engine->conductor.timeline, &state);
    int own = state.source == RP_CLOCK_PLAYER || state.source == RP_CLOCK_TAP;
    double ahead = state.slewing && !own ? 0.0 : state.away / 60000.0 * state.bpm;
    line.beat = piece->beat + ((double)line.frame - piece->frame) * piece->rate + ahead;
    line.bpm = state.bpm;
    *jumps = piece->jumps;
    return line;
}

/* Does the line go otherwise than the one that was told? [process] */
static int differs(const rp_engine *engine, const rp_heard_clock *line) {
    const rp_heard_clock *told = &engine->band.clock;
    double seconds = (double)(line->frame - told->frame) / engine->config.sample_rate;
    double off = (line->beat - told->beat) * 60.0 / told->bpm - seconds;
    if (line->frame < told->frame || seconds < TELL_SECONDS) return 0;
    return fabs(off) > OFF_SECONDS || fabs(line->bpm / told->bpm - 1.0) > OFF_TEMPO;
}

/* The worker is told how the clock goes. Where it begins elsewhere what was committed for the old place is dropped;
 * where it stops, so does the band. [process] */
static void conduct(rp_engine *engine) {
    rp_band *band = &engine->band;
    if (!engine->conductor.set.on && !band->clock.on && !band->untold) return;
    rp_heard_clock line = {.frame = engine->outlet.start};
    uint32_t jumps = band->jumps;
    if (engine->conductor.set.on) line = line_of(engine, &jumps);
    int moved = line.on != band->clock.on || line.rolling != band->clock.rolling || jumps != band->jumps;
    if (!moved && !band->untold && !differs(engine, &line)) return;
    if (moved) drop(engine, line.on && !line.rolling);
    if (line.on) line.place = moved ? ++band->places : band->clock.place;
    line.since = moved ? engine->outlet.start : band->clock.since;
    band->clock = line;
    band->jumps = jumps;
    band->untold = !rp_bridge_tell_clock(bridge_of(engine), &line);
}

void rp_band_begin(rp_engine *engine) {
    rp_bridge *bridge = bridge_of(engine);
    rp_commit commit;
    uint32_t type;
    if (bridge) conduct(engine);
    for (uint32_t n = 0; bridge && n < MESSAGES; n++) {
        if (rp_flight_pull(engine->flight, RP_FLIGHT_BAND, bridge->committed, &type, &commit, sizeof commit) < 0)
            return;
        if (type == RP_COMMIT_NOTE) schedule(engine, &commit);
        else cancel(engine, &commit);
    }
}

/* An instrument that has its number of notes already ends the oldest of the band's. [process] */
static void make_room(rp_engine *engine, uint8_t instrument) {
    uint32_t polyphony = engine->rig->config.instrument[instrument].polyphony, sounding = 0;
    uint16_t after;
    if (!polyphony) return;
    for (uint16_t id = engine->ledger.oldest; id != RP_NO_NOTE; id = engine->ledger.note[id].after) {
        const rp_note *note = &engine->ledger.note[id];
        sounding += note->in_port == RP_BAND_PORT && note->in_channel == instrument;
    }
    for (uint16_t id = engine->ledger.oldest; id != RP_NO_NOTE && sounding >= polyphony; id = after) {
        const rp_note *note = &engine->ledger.note[id];
        after = note->after;
        if (note->in_port != RP_BAND_PORT || note->in_channel != instrument) continue;
        rp_player_end(engine, id);
        sounding--;
    }
}

/* A ledger entry for a note of the band; RP_NO_NOTE: the player has them all. [process] */
static uint16_t enter(rp_engine *engine, const rp_commit *commit) {
    const rp_instrument *to = &engine->rig->config.instrument[commit->instrument];
    make_room(engine, commit->instrument);
    uint16_t id = rp_ledger_add(&engine->ledger, RP_BAND_PORT, commit->instrument, commit->pitch);
    if (id == RP_NO_NOTE) return id;
    rp_note *note = &engine->ledger.note[id];
    rp_ledger_route(note, commit->instrument, to);
    note->pitch = commit->pitch;
    note->velocity = commit->velocity;
    note->pedal = RP_PEDAL_IGNORE;
    note->flags = RP_NOTE_BAND;
    note->key_frame = commit->on;
    note->rig = engine->rig->serial;
    if (engine->rig->config.expiry) note->expires = engine->outlet.now + engine->rig->config.expiry;
    return id;
}

/* [process] */
static void sound(rp_engine *engine, rp_band_note *place) {
    rp_bridge *bridge = bridge_of(engine);
    place->waiting = 0;
    uint16_t id = bridge && place->commit.instrument < engine->rig->config.instruments ? enter(engine, &place->commit)
                                                                                       : RP_NO_NOTE;
    if (id == RP_NO_NOTE) {
        if (bridge) rp_bridge_count(&bridge->refused);
        return;
    }
    if (!rp_player_start(engine, id)) {
        rp_bridge_count(&bridge->refused);
        return;
    }
    place->sounding = 1;
    place->id = id;
    place->serial = engine->ledger.note[id].serial;
    rp_bridge_count(&bridge->sounded);
}

void rp_band_task(rp_engine *engine, const rp_task *task) {
    rp_band_note *place = &engine->band.note[task->note];
    if (place->stamp != task->serial) return; /* taken back, and given to another */
    if (task->kind == RP_TASK_BAND_ON) {
        if (place->waiting) sound(engine, place);
        return;
    }
    finish(engine, place);
}

void rp_band_forget(rp_engine *engine, int silenced) {
    rp_bridge *bridge = bridge_of(engine);
    for (uint32_t i = 0; i < RP_BAND_NOTES; i++) {
        engine->band.note[i].waiting = 0;
        if (silenced) engine->band.note[i].sounding = 0;
    }
    if (!silenced) engine->band.untold = 1; /* the next worker has heard of another clock, or none */
    if (!silenced && engine->band.clock.on) engine->band.clock.place = ++engine->band.places;
    if (!silenced) engine->band.clock.since = engine->outlet.now;
    if (bridge) atomic_fetch_add_explicit(&bridge->epoch, 1, memory_order_release);
}
