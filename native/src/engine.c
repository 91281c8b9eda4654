/* engine.c - setting the engine up, and the other side of its rings. See engine.h. */
#include <stdlib.h>
#include <string.h>

#include "audio.h"
#include "engine_state.h"
#include "mpe.h"
#include "slots.h"

enum { FADES_A_SECOND = 100 };
enum { COMMANDS = 1 << 14, REPORTS = 1 << 18 }; /* bytes; reports: some ten seconds of very busy music */

/* [control] */
static int valid(const rp_engine_config *config) {
    return config->sample_rate > 0 && config->inputs >= 1 && config->inputs <= RP_PORTS_MAX && config->outputs >= 1 &&
           config->outputs <= RP_PORTS_MAX && config->audios <= RP_PORTS_MAX && config->audio_inputs <= RP_PORTS_MAX;
}

rp_engine *rp_engine_new(const rp_engine_config *config) {
    rp_engine *engine = valid(config) ? calloc(1, sizeof *engine) : NULL;
    if (!engine) return NULL;
    engine->config = *config;
    engine->commands = rp_ring_new(COMMANDS);
    engine->reports = rp_ring_new(REPORTS);
    engine->outlet.box = config->blackbox ? config->blackbox : &engine->own_box;
    engine->outlet.stats = &engine->stats;
    engine->outlet.ports = config->outputs;
    rp_ledger_reset(&engine->ledger);
    rp_mpe_open(engine);
    engine->vocal.bend = 8192;
    rp_audio_open(engine);
    rp_slots_open(engine);
    rp_conductor_open(&engine->conductor, config->sample_rate);
    if (config->audios) engine->vocal.vocoder = rp_vocoder_new(config->sample_rate);
    int voiced = engine->vocal.vocoder || !config->audios;
    if (engine->commands && engine->reports && engine->conductor.timeline && voiced) return engine;
    rp_engine_free(engine);
    return NULL;
}

void rp_engine_free(rp_engine *engine) {
    rp_command command;
    uint32_t type;
    if (!engine) return;
    while (engine->commands && rp_ring_read(engine->commands, &type, &command, sizeof command) >= 0)
        if (type == RP_COMMAND_LOAD || type == RP_COMMAND_ARM) rp_rig_free(command.rig);
    while (engine->aways) rp_rig_free(engine->away[--engine->aways]);
    rp_rig_free(engine->next);
    rp_slots_free(engine);
    rp_conductor_close(&engine->conductor);
    rp_vocoder_free(engine->vocal.vocoder);
    rp_alignment_free(engine->alignment);
    rp_ring_free(engine->commands);
    rp_ring_free(engine->reports);
    free(engine);
}

/* [control] */
static int ask(rp_engine *engine, uint32_t type, rp_command command) {
    return rp_ring_write(engine->commands, type, &command, sizeof command);
}

void rp_engine_set_tap(rp_engine *engine, rp_tap *tap) { engine->tapped.tap = tap; }

int rp_engine_load(rp_engine *engine, rp_rig *rig) { return ask(engine, RP_COMMAND_LOAD, (rp_command){.rig = rig}); }

int rp_engine_panic(rp_engine *engine) { return ask(engine, RP_COMMAND_PANIC, (rp_command){0}); }

int rp_engine_stop(rp_engine *engine) { return ask(engine, RP_COMMAND_STOP, (rp_command){0}); }

int rp_engine_set_voice(rp_engine *engine, uint32_t instrument, const rp_voice *value) {
    rp_command command = {.slot = RP_NO_SLOT, .number = instrument, .value = *value};
    return ask(engine, RP_COMMAND_VOICE, command);
}

int rp_engine_set_slot_voice(rp_engine *engine, uint32_t slot, uint32_t instrument, const rp_voice *value) {
    rp_command command = {.slot = slot, .number = instrument, .value = *value};
    return slot < RP_SLOTS_MAX && ask(engine, RP_COMMAND_VOICE, command);
}

int rp_engine_set_level(rp_engine *engine, uint32_t slot, uint32_t instrument, uint32_t level) {
    rp_command command = {.slot = slot, .number = instrument, .what = level};
    int there = slot < RP_SLOTS_MAX || slot == RP_NO_SLOT;
    return there && level <= 127 && ask(engine, RP_COMMAND_LEVEL, command);
}

int rp_engine_arm(rp_engine *engine, uint32_t slot, rp_rig *rig) {
    return slot < RP_SLOTS_MAX && ask(engine, RP_COMMAND_ARM, (rp_command){.rig = rig, .slot = slot});
}

int rp_engine_go(rp_engine *engine, uint32_t slot) {
    return slot < RP_SLOTS_MAX && ask(engine, RP_COMMAND_GO, (rp_command){.slot = slot});
}

int rp_engine_set_slots(rp_engine *engine, uint32_t count, uint32_t program_channel) {
    rp_command command = {.slot = count, .number = program_channel};
    return count <= RP_SLOTS_MAX && ask(engine, RP_COMMAND_SLOTS, command);
}

int rp_engine_set_program(rp_engine *engine, uint32_t slot, uint32_t program) {
    rp_command command = {.slot = slot, .number = program};
    return slot < RP_SLOTS_MAX && ask(engine, RP_COMMAND_PROGRAM, command);
}

int rp_engine_set_trigger(rp_engine *engine, uint32_t which, const rp_trigger *trigger) {
    rp_command command = {.number = which + (trigger ? 0 : RP_TRIGGERS_MAX)};
    if (trigger) command.trigger = *trigger;
    return which < RP_TRIGGERS_MAX && ask(engine, RP_COMMAND_TRIGGER, command);
}

int rp_engine_hear_controls(rp_engine *engine, uint32_t told, uint32_t kept) {
    return ask(engine, RP_COMMAND_HEAR, (rp_command){.source = told, .what = kept});
}

int rp_engine_take_control(rp_engine *engine, uint32_t which, const rp_control *control) {
    rp_command command = {.number = which + (control ? 0 : RP_TAKEN_MAX)};
    if (control) command.control = *control;
    return which < RP_TAKEN_MAX && ask(engine, RP_COMMAND_TAKE, command);
}

int rp_engine_tell(rp_engine *engine, uint32_t port, const uint8_t *data, uint32_t size) {
    rp_command command = {.number = port, .what = size};
    for (uint32_t i = 0; i < size && i < 3; i++) command.source |= (uint32_t)data[i] << 8 * i;
    return port < engine->config.outputs && size >= 1 && size <= 3 && ask(engine, RP_COMMAND_TELL, command);
}

int rp_engine_set_conductor(rp_engine *engine, const rp_conductor_config *config) {
    if (config->on) rp_conductor_prepare(&engine->conductor);
    return config->source < RP_CLOCKS && ask(engine, RP_COMMAND_CONDUCTOR, (rp_command){.conductor = *config});
}

int rp_engine_observe(rp_engine *engine, uint32_t source, uint64_t frame, double beat) {
    return ask(engine, RP_COMMAND_OBSERVE, (rp_command){.source = source, .frame = frame, .own = beat});
}

int rp_engine_transport(rp_engine *engine, uint32_t source, uint32_t what, uint64_t frame, double own, double beat) {
    rp_command command = {.source = source, .what = what, .frame = frame, .own = own, .beat = beat};
    return ask(engine, RP_COMMAND_TRANSPORT, command);
}

int rp_engine_tap(rp_engine *engine, uint64_t frame) {
    return ask(engine, RP_COMMAND_TAP, (rp_command){.frame = frame});
}

void rp_engine_get_conductor(const rp_engine *engine, rp_conductor_state *out) {
    rp_conductor_get(&engine->conductor, out);
}

int rp_engine_shift_port(rp_engine *engine, uint32_t port, uint32_t frames) {
    if (port >= engine->config.outputs) return 0;
    rp_outlet_set_shift(&engine->outlet, port, frames);
    return 1;
}

int rp_engine_shift_sound(rp_engine *engine, uint32_t frames) {
    rp_alignment *alignment = atomic_load(&engine->alignment);
    if (frames > RP_LATENCY_MAX || !engine->config.audios) return 0;
    if (!alignment && !frames) return 1;
    if (!alignment) alignment = rp_alignment_new(engine->config.audios, engine->config.sample_rate / FADES_A_SECOND);
    if (!alignment) return 0;
    rp_alignment_set(alignment, frames);
    atomic_store_explicit(&engine->alignment, alignment, memory_order_release);
    return 1;
}

/* Sound is aligned from the beginning, by nothing, and the clock can follow the player: a replay cannot begin these
 * amid a cycle. */
void rp_engine_set_flight(rp_engine *engine, rp_flight *flight) {
    engine->flight = flight;
    if (flight) rp_conductor_prepare(&engine->conductor);
    if (flight && !engine->alignment && rp_engine_shift_sound(engine, 1)) rp_engine_shift_sound(engine, 0);
}

uint32_t rp_engine_poll(rp_engine *engine, rp_report *out, uint32_t capacity) {
    uint32_t n = 0, type;
    while (n < capacity && rp_ring_read(engine->reports, &type, &out[n], sizeof *out) >= 0) n++;
    return n;
}

void rp_engine_get_stats(const rp_engine *engine, rp_stats *out) {
    uint64_t words[RP_STATS_WORDS];
    for (uint32_t i = 0; i < RP_STATS_WORDS; i++)
        words[i] = atomic_load_explicit(&engine->published[i], memory_order_relaxed);
    memcpy(out, words, sizeof words);
}
