#include "rigs.h"

#include <string.h>

static int hear(rp_sink *sink, uint32_t port, uint32_t offset, const uint8_t *data, uint32_t size) {
    synth *out = (synth *)sink;
    rp_midi_message message = {.size = size, .byte = {data[0], size > 1 ? data[1] : 0, size > 2 ? data[2] : 0}};
    uint8_t channel = data[0] & 15;
    if (out->room && out->used + size > out->room) return 0;
    CHECK(port < RP_PORTS_MAX && size > 0 && offset >= out->last_offset);
    out->last_offset = offset;
    out->used += size;
    if (!(out->connected >> port & 1)) return 1;
    out->messages++;
    out->bytes += size;
    memcpy(out->last, message.byte, sizeof out->last);
    if (data[0] < 0x80 || data[0] >= RP_MIDI_SYSEX) return 1;
    CHECK(size == rp_midi_size(data[0]) && message.byte[1] < 128 && message.byte[2] < 128);
    out->ons += (uint64_t)rp_midi_is_note_on(&message);
    out->offs += (uint64_t)rp_midi_is_note_off(&message);
    if (rp_midi_is_note_on(&message)) out->sounding[port][channel][data[1]] = 1;
    if (rp_midi_is_note_off(&message)) out->sounding[port][channel][data[1]] = 0;
    if (rp_midi_kind(&message) != RP_MIDI_CONTROL) return 1;
    if (data[1] == RP_CC_SUSTAIN) out->pedal[port][channel] = data[2];
    if (data[1] == RP_CC_ALL_NOTES_OFF || data[1] == RP_CC_ALL_SOUND_OFF)
        memset(out->sounding[port][channel], 0, RP_PITCHES);
    return 1;
}

rp_rig *thru_rig(void) {
    rp_rig_config config = {.route = RP_ROUTE_THRU, .in_channels = 0xFFFF};
    return rp_rig_new(&config, NULL);
}

rp_rig *quartet_rig(uint32_t when, uint8_t pedal) {
    static const uint8_t lowest[4] = {36, 48, 55, 55}, highest[4] = {72, 84, 100, 103};
    rp_instrumenter_config players = {.voices = 4, .decide = RP_DECIDE_CLOSEST, .when = when, .sample_rate = RATE};
    rp_rig_config config = {.route = RP_ROUTE_ENSEMBLE, .in_channels = 0xFFFF, .instruments = 4, .budget = 32};
    players.window = when == RP_WHEN_NOTE ? 0 : RATE / 40;
    config.delay = when == RP_WHEN_WINDOW ? players.window : 0;
    for (uint8_t i = 0; i < 4; i++) {
        players.voice[i] =
            (rp_voice){.lowest = lowest[i], .highest = highest[i], .polyphony = 1, .label = i, .enabled = 1};
        config.instrument[i] = (rp_instrument){.channel = i, .polyphony = 1, .pedal = pedal};
    }
    return rp_rig_new(&config, rp_instrumenter_new(&players));
}

static void open_stage(stage *at, const rp_engine_config *config, rp_rig *rig) {
    memset(at, 0, sizeof *at);
    at->out.sink.write = hear;
    at->out.connected = UINT32_MAX;
    at->speakers = config->audios;
    at->engine = rp_engine_new(config);
    CHECK(at->engine && rig && rp_engine_load(at->engine, rig));
    stage_cycle(at);
}

void stage_open(stage *at, uint32_t outputs, rp_rig *rig, rp_blackbox *box) {
    rp_engine_config config = {.sample_rate = RATE, .inputs = 1, .outputs = outputs, .blackbox = box};
    open_stage(at, &config, rig);
}

void stage_open_loud(stage *at, uint32_t outputs, uint32_t speakers, rp_rig *rig) {
    rp_engine_config config = {.sample_rate = RATE, .inputs = 1, .outputs = outputs, .audios = speakers};
    open_stage(at, &config, rig);
}

void stage_close(stage *at) {
    stage_poll(at, 0);
    rp_engine_free(at->engine);
}

void stage_send(stage *at, uint32_t offset, uint8_t status, uint8_t first, uint8_t second) {
    uint32_t i = at->events++;
    CHECK(i < EVENTS_MAX);
    uint8_t *bytes = at->bytes[i];
    bytes[0] = status;
    bytes[1] = first;
    bytes[2] = second;
    at->event[i] = (rp_input){.offset = offset, .size = rp_midi_size(status), .data = bytes};
}

void stage_cycle(stage *at) {
    rp_cycle cycle = {.frame = at->frame, .frames = BLOCK, .in = at->event, .inputs = at->events, .lost = at->lost};
    cycle.connected = at->out.connected;
    cycle.sink = &at->out.sink;
    float *const speakers[SPEAKERS] = {at->sound[0], at->sound[1]};
    cycle.audio = speakers;
    cycle.audios = at->speakers;
    at->out.last_offset = at->out.used = 0;
    rp_process(at->engine, &cycle);
    at->frame += BLOCK;
    at->events = at->lost = 0;
}

void stage_cycles(stage *at, uint32_t count) {
    while (count--) stage_cycle(at);
}

uint32_t stage_sounding(const stage *at) {
    uint32_t count = 0;
    for (uint32_t port = 0; port < RP_PORTS_MAX; port++)
        for (uint32_t channel = 0; channel < RP_CHANNELS; channel++) {
            count += at->out.pedal[port][channel] > 0;
            for (uint32_t pitch = 0; pitch < RP_PITCHES; pitch++) count += at->out.sounding[port][channel][pitch];
        }
    return count;
}

uint32_t stage_poll(stage *at, uint8_t kind) {
    rp_report report;
    uint32_t count = 0;
    while (rp_engine_poll(at->engine, &report, 1)) {
        count += report.kind == kind;
        if (report.kind == RP_REPORT_RIG) rp_rig_free(report.pointer);
    }
    return count;
}
