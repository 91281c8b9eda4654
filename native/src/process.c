/* process.c - one cycle, from its first frame to its last. Nothing here allocates, locks, logs, waits or makes a system
 * call; setting up is in engine.c. */
#include "process.h"

#include <string.h>

#include "audio.h"
#include "band.h"
#include "change.h"
#include "engine_state.h"
#include "flight_watch.h"
#include "hear.h"
#include "level.h"
#include "mpe.h"
#include "player.h"
#include "slots.h"
#include "surface.h"
#include "vocal.h"

int rp_engine_report(rp_engine *engine, rp_report report) {
    int told = rp_ring_write(engine->reports, report.kind, &report, sizeof report);
    engine->stats.reports_lost += !told;
    return told;
}

/* End every note, pedal and bend. hard: all sound off too. [process] */
static void silence(rp_engine *engine, int hard) {
    rp_outlet_hurry(&engine->outlet);
    while (engine->ledger.oldest != RP_NO_NOTE) rp_player_end(engine, engine->ledger.oldest);
    rp_scheduler_clear(&engine->scheduler);
    rp_band_forget(engine, 1);
    rp_vocal_forget(engine);
    rp_audio_silence(engine, !hard);
    engine->gathered.count = 0;
    if (engine->rig && engine->rig->instrumenter) rp_instrumenter_reset(engine->rig->instrumenter);
    rp_outlet_silence(&engine->outlet, hard);
    rp_mpe_straighten(engine);
    memset(engine->pedal, 0, sizeof engine->pedal);
}

/* [process] */
static void set_voice(rp_engine *engine, const rp_command *command) {
    rp_report report = {.frame = engine->outlet.now, .kind = RP_REPORT_VOICE, .value = command->value.enabled};
    report.instrument = (uint8_t)command->number;
    const rp_rig *rig = command->slot == RP_NO_SLOT ? engine->rig : engine->slots.rig[command->slot];
    if (!rig || !rig->instrumenter || command->number >= rig->config.instruments) return;
    rp_instrumenter_set_voice(rig->instrumenter, command->number, &command->value);
    if (rig == engine->rig) rp_engine_report(engine, report);
}

/* A rig takes over at once, or when there is room for the one before among those that leave. [process] */
static void load(rp_engine *engine, rp_rig *rig) { engine->next = rp_change(engine, rig) ? NULL : rig; }

/* [process] */
static int next_command(rp_engine *engine, uint32_t *type, rp_command *command) {
    return rp_flight_pull(engine->flight, RP_FLIGHT_COMMAND, engine->commands, type, command, sizeof *command) >= 0;
}

/* What control asked for since the last cycle; what comes after a rig that has to wait, waits too. [process] */
static void obey(rp_engine *engine) {
    rp_command command;
    uint32_t type;
    if (engine->next) load(engine, engine->next);
    while (!engine->next && rp_change_has_room(engine) && next_command(engine, &type, &command)) {
        if (type == RP_COMMAND_LOAD) load(engine, command.rig);
        else if (type == RP_COMMAND_VOICE) set_voice(engine, &command);
        else if (type == RP_COMMAND_LEVEL) rp_level_set(engine, &command);
        else if (type >= RP_COMMAND_HEAR) rp_surface_obey(engine, type, &command);
        else if (type >= RP_COMMAND_CONDUCTOR) rp_conductor_obey(engine, type, &command);
        else if (type >= RP_COMMAND_ARM) rp_slots_obey(engine, type, &command);
        else silence(engine, type == RP_COMMAND_PANIC);
        if (type == RP_COMMAND_PANIC)
            rp_engine_report(engine, (rp_report){.frame = engine->outlet.now, .kind = RP_REPORT_PANIC});
        if (type != RP_COMMAND_STOP) continue;
        rp_conductor_stop(engine);
        engine->stopping = 1;
    }
    if (!rp_change_has_room(engine)) rp_audio_hurry(engine);
    if (!engine->stopping) rp_slots_tend(engine);
}

/* After a stop: nothing sounds, and nothing that left is still held back. [process] */
static int over(const rp_engine *engine) {
    const rp_alignment *alignment = atomic_load_explicit(&engine->alignment, memory_order_acquire);
    int played = !alignment || rp_alignment_silent(alignment);
    return played && rp_outlet_empty(&engine->outlet) && rp_audio_silent(engine);
}

/* Reports that must not be lost are tried again each cycle. [process] */
static void answer(rp_engine *engine) {
    rp_report stopped = {.frame = engine->outlet.now, .kind = RP_REPORT_STOPPED};
    rp_change_answer(engine);
    if (engine->stopping && !engine->stopped && over(engine)) engine->stopped = rp_engine_report(engine, stopped);
}

/* Everything scheduled up to and including `frame`, in order of time. [process] */
static void run_until(rp_engine *engine, uint64_t frame) {
    rp_player_flush(engine);
    for (;;) {
        const rp_task *next = rp_scheduler_next(&engine->scheduler);
        uint64_t task = next ? next->frame : UINT64_MAX, chord = UINT64_MAX;
        if (engine->rig->instrumenter) chord = rp_instrumenter_deadline(engine->rig->instrumenter);
        uint64_t due = chord < task ? chord : task;
        rp_conductor_send(engine, due < frame ? due : frame);
        if (due > frame) return;
        if (due > engine->outlet.now) engine->outlet.now = due;
        if (chord <= task) {
            rp_player_close_chord(engine);
        } else {
            rp_task taken = rp_scheduler_take(&engine->scheduler);
            rp_player_task(engine, &taken);
        }
    }
}

/* Its beats are the player's. [process] */
static void hear_key(rp_engine *engine, const rp_midi_message *on) {
    int heard = engine->rig->config.in_channels >> (on->byte[0] & 15) & 1;
    if (heard) rp_conductor_key(&engine->conductor, engine->outlet.now, on->byte[1], on->byte[2]);
}

/* [process] */
static void read_event(rp_engine *engine, const rp_input *event) {
    rp_midi_message message;
    for (uint32_t n = 0; n < event->size;) {
        n += rp_midi_parse(&engine->parser[event->port], event->data + n, event->size - n, &message);
        if (!message.size) continue;
        if (engine->audio.rack && rp_midi_kind(&message) == RP_MIDI_CONTROL)
            rp_rack_control(engine->audio.rack, message.byte);
        if (rp_conductor_takes(&engine->conductor, event->port, &message)) continue;
        if (rp_slots_hear(engine, (uint8_t)event->port, &message)) continue;
        if (rp_surface_hear(engine, (uint8_t)event->port, &message)) continue;
        if (rp_midi_is_note_on(&message)) hear_key(engine, &message);
        rp_player_message(engine, (uint8_t)event->port, &message);
    }
}

/* [process] */
static void play(rp_engine *engine, const rp_cycle *cycle) {
    engine->budget = engine->rig->config.budget;
    rp_player_expire(engine);
    for (uint32_t i = 0; i < cycle->inputs; i++) {
        uint64_t at = cycle->frame + cycle->in[i].offset;
        if (cycle->in[i].port >= engine->config.inputs) continue;
        if (at != engine->outlet.now || i == 0) run_until(engine, at);
        if (at > engine->outlet.now) engine->outlet.now = at;
        read_event(engine, &cycle->in[i]);
    }
    if (cycle->frames) run_until(engine, cycle->frame + cycle->frames - 1);
    rp_player_flush(engine);
}

/* A copy of the counts, word by word, that others may read at any time. [process] */
static void publish(rp_engine *engine, const rp_cycle *cycle) {
    uint64_t words[RP_STATS_WORDS];
    engine->stats.cycles++;
    engine->stats.frames += cycle->frames;
    engine->stats.sounding = engine->ledger.live;
    engine->stats.backlog = engine->outlet.waiting;
    engine->stats.latency = engine->audio.rack ? rp_rack_latency(engine->audio.rack) : 0;
    engine->stats.delay = engine->outlet.delay;
    engine->stats.lingering = rp_audio_lingering(engine);
    engine->stats.malformed = 0;
    for (uint32_t i = 0; i < engine->config.inputs; i++) engine->stats.malformed += engine->parser[i].malformed;
    memcpy(words, &engine->stats, sizeof words);
    for (uint32_t i = 0; i < RP_STATS_WORDS; i++)
        atomic_store_explicit(&engine->published[i], words[i], memory_order_relaxed);
}

/* Sound waits for devices that are slower than its own. [process] */
static void align(rp_engine *engine, const rp_cycle *cycle) {
    rp_alignment *alignment = atomic_load_explicit(&engine->alignment, memory_order_acquire);
    if (alignment) rp_alignment_process(alignment, cycle->audio, cycle->audios, cycle->frames);
}

/* [process] */
static void run(rp_engine *engine, const rp_cycle *cycle) {
    rp_flight_begin_outlet(engine, cycle);
    rp_audio_begin(engine, cycle);
    rp_mpe_came(engine);
    rp_level_came(engine);
    obey(engine);
    uint32_t unplugged = cycle->lost & ~RP_LOST_OUTPUT;
    for (uint8_t port = 0; engine->rig && port < engine->config.inputs; port++) {
        if (!(unplugged >> port & 1)) continue;
        rp_player_unplug(engine, port);
        rp_surface_unplug(engine, port);
    }
    if (unplugged) rp_vocal_forget(engine);
    if (unplugged) rp_slots_unplug(engine);
    rp_conductor_begin(engine, cycle);
    if (engine->rig && !engine->stopping) {
        rp_band_begin(engine);
        rp_vocal_begin(engine, cycle);
        play(engine, cycle);
    }
    rp_surface_end(engine, cycle);
    if (cycle->frames) rp_conductor_send(engine, cycle->frame + cycle->frames - 1);
    rp_outlet_end(&engine->outlet, cycle);
    rp_flight_watch_units(engine);
    rp_audio_render(engine, cycle);
    align(engine, cycle);
    rp_hear_end(engine, cycle);
    answer(engine);
    rp_conductor_end(engine, cycle);
    publish(engine, cycle);
}

/* [process] */
static void run_recorded(rp_engine *engine, const rp_cycle *cycle) {
    rp_cycle listened = rp_flight_begin(engine->flight, cycle);
    run(engine, &listened);
    rp_flight_end(engine->flight, &listened);
}

void rp_process(rp_engine *engine, const rp_cycle *cycle) {
    const rp_cycle *tapped = rp_tapped_begin(&engine->tapped, cycle);
    if (engine->flight) run_recorded(engine, tapped);
    else run(engine, tapped);
    rp_tapped_end(&engine->tapped);
}

rp_continuation *rp_process_band(const rp_engine *engine) { return engine->rig ? engine->rig->band : NULL; }

rp_singing *rp_process_singing(const rp_engine *engine) { return engine->rig ? engine->rig->singing : NULL; }

void rp_process_settle(const rp_engine *engine) {
    for (uint32_t i = 0; i < RP_LEAVING_MAX; i++)
        if (engine->outlet.leaving[i]) rp_rack_settle(engine->outlet.leaving[i]);
    if (engine->audio.rack) rp_rack_settle(engine->audio.rack);
}
