/* process.c - one cycle, from its first frame to its last. Nothing here allocates, locks, logs, waits or makes a system
 * call; setting up is in engine.c. */
#include "process.h"

#include <string.h>

#include "audio.h"
#include "band.h"
#include "engine_state.h"
#include "hear.h"
#include "player.h"
#include "vocal.h"

int rp_engine_report(rp_engine *engine, rp_report report) {
    int told = rp_ring_write(engine->reports, report.kind, &report, sizeof report);
    engine->stats.reports_lost += !told;
    return told;
}

/* Programs, and the pedal that is down already, for the channels of a rig that begins. [process] */
static void introduce(rp_engine *engine) {
    const rp_rig *rig = engine->rig;
    for (uint32_t i = 0; i < rig->config.instruments; i++) {
        const rp_instrument *to = &rig->config.instrument[i];
        rp_midi_message program = rp_midi_short(RP_MIDI_PROGRAM | to->channel, to->program, 0);
        if (to->send_program) rp_outlet_send(&engine->outlet, to->port, &program);
    }
    for (uint8_t in_port = 0; in_port < engine->config.inputs; in_port++) {
        for (uint8_t channel = 0; channel < RP_CHANNELS; channel++) {
            rp_midi_message down =
                rp_midi_short(RP_MIDI_CONTROL | channel, RP_CC_SUSTAIN, engine->pedal[in_port][channel]);
            if (down.byte[2]) rp_player_message(engine, in_port, &down);
        }
    }
}

/* Is the voice of the rig that begins another one, or on another port? [process] */
static int sings_elsewhere(const rp_rig *from, const rp_rig *to) {
    if (!from || from->voice != to->voice) return 1;
    return to->voice && (from->voice_port != to->voice_port || from->voice_channel != to->voice_channel);
}

/* Notes that sound keep their routes; a chord that is open is decided by the rig that heard it. [process] */
static void change_rig(rp_engine *engine, rp_rig *rig) {
    while (engine->rig && engine->rig->instrumenter &&
           rp_instrumenter_deadline(engine->rig->instrumenter) != UINT64_MAX)
        rp_player_close_chord(engine);
    rp_player_hurry(engine);
    int other = !engine->rig || engine->rig->bridge != rig->bridge, other_voice = sings_elsewhere(engine->rig, rig);
    if (other) rp_band_forget(engine, 0);
    if (other_voice) rp_vocal_forget(engine);
    engine->returning = engine->rig;
    engine->rig = rig;
    rp_audio_change(engine, rig);
    rig->serial = ++engine->rig_serial;
    if (other) rp_band_forget(engine, 0);
    if (other_voice) rp_vocal_forget(engine);
    introduce(engine);
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
    memset(engine->pedal, 0, sizeof engine->pedal);
}

/* [process] */
static void set_voice(rp_engine *engine, const rp_command *command) {
    rp_report report = {.frame = engine->outlet.now, .kind = RP_REPORT_VOICE, .value = command->value.enabled};
    report.instrument = (uint8_t)command->voice;
    if (!engine->rig || !engine->rig->instrumenter || command->voice >= engine->rig->config.instruments) return;
    rp_instrumenter_set_voice(engine->rig->instrumenter, command->voice, &command->value);
    rp_engine_report(engine, report);
}

/* A rig takes over at once, or when the one before is away: control has one to look after at a time. [process] */
static void load(rp_engine *engine, rp_rig *rig) {
    if (engine->returning) {
        engine->next = rig;
        return;
    }
    engine->next = NULL;
    change_rig(engine, rig);
}

/* What control asked for since the last cycle; what comes after a rig that has to wait, waits too. [process] */
static void obey(rp_engine *engine) {
    rp_command command;
    uint32_t type;
    if (engine->next) load(engine, engine->next);
    while (!engine->next && rp_ring_read(engine->commands, &type, &command, sizeof command) >= 0) {
        if (type == RP_COMMAND_LOAD) load(engine, command.rig);
        else if (type == RP_COMMAND_VOICE) set_voice(engine, &command);
        else silence(engine, type == RP_COMMAND_PANIC);
        if (type == RP_COMMAND_PANIC)
            rp_engine_report(engine, (rp_report){.frame = engine->outlet.now, .kind = RP_REPORT_PANIC});
        if (type == RP_COMMAND_STOP) engine->stopping = 1;
    }
}

/* Reports that must not be lost are tried again each cycle. [process] */
static void answer(rp_engine *engine) {
    rp_report rig = {.frame = engine->outlet.now, .kind = RP_REPORT_RIG, .pointer = engine->returning};
    rp_report stopped = {.frame = engine->outlet.now, .kind = RP_REPORT_STOPPED};
    if (engine->returning && rp_audio_changed(engine) && rp_engine_report(engine, rig)) engine->returning = NULL;
    if (engine->stopping && !engine->stopped && rp_outlet_empty(&engine->outlet) && rp_audio_silent(engine))
        engine->stopped = rp_engine_report(engine, stopped);
}

/* Everything scheduled up to and including `frame`, in order of time. [process] */
static void run_until(rp_engine *engine, uint64_t frame) {
    rp_player_flush(engine);
    for (;;) {
        const rp_task *next = rp_scheduler_next(&engine->scheduler);
        uint64_t task = next ? next->frame : UINT64_MAX, chord = UINT64_MAX;
        if (engine->rig->instrumenter) chord = rp_instrumenter_deadline(engine->rig->instrumenter);
        uint64_t due = chord < task ? chord : task;
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

/* [process] */
static void read_event(rp_engine *engine, const rp_input *event) {
    rp_midi_message message;
    for (uint32_t n = 0; n < event->size;) {
        n += rp_midi_parse(&engine->parser[event->port], event->data + n, event->size - n, &message);
        if (!message.size) continue;
        if (engine->audio.rack && rp_midi_kind(&message) == RP_MIDI_CONTROL)
            rp_rack_control(engine->audio.rack, message.byte);
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
    engine->stats.malformed = 0;
    for (uint32_t i = 0; i < engine->config.inputs; i++) engine->stats.malformed += engine->parser[i].malformed;
    memcpy(words, &engine->stats, sizeof words);
    for (uint32_t i = 0; i < RP_STATS_WORDS; i++)
        atomic_store_explicit(&engine->published[i], words[i], memory_order_relaxed);
}

void rp_process(rp_engine *engine, const rp_cycle *cycle) {
    rp_outlet_begin(&engine->outlet, cycle);
    rp_audio_begin(engine, cycle);
    obey(engine);
    for (uint8_t port = 0; engine->rig && port < engine->config.inputs; port++)
        if (cycle->lost >> port & 1) rp_player_unplug(engine, port);
    if (cycle->lost) rp_vocal_forget(engine);
    if (engine->rig && !engine->stopping) {
        rp_band_begin(engine);
        rp_vocal_begin(engine, cycle);
        play(engine, cycle);
    }
    rp_outlet_end(&engine->outlet, cycle);
    rp_audio_render(engine, cycle);
    rp_hear_end(engine, cycle);
    answer(engine);
    publish(engine, cycle);
}

rp_continuation *rp_process_band(const rp_engine *engine) { return engine->rig ? engine->rig->band : NULL; }

rp_singing *rp_process_singing(const rp_engine *engine) { return engine->rig ? engine->rig->singing : NULL; }

void rp_process_settle(const rp_engine *engine) {
    if (engine->audio.leaving) rp_rack_settle(engine->audio.leaving);
    if (engine->audio.rack) rp_rack_settle(engine->audio.rack);
}
