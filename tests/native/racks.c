#include "racks.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

static void process(rp_unit *unit, const rp_unit_block *block) {
    test_unit *it = (test_unit *)unit;
    volatile float tiny = 1e-30F;
    float gain = atomic_load(&unit->value[0]);
    uint32_t latency = atomic_load(&unit->latency);
    if (tiny * tiny * 1e10F > 0) it->denormals = 1;
    if (block->frames > it->longest) it->longest = block->frames;
    for (uint32_t i = 0; i < block->events && it->events < SEEN_MAX; i++) {
        const rp_unit_event *event = &block->event[i];
        CHECK(event->offset < block->frames);
        it->seen_frame[it->events] = block->frame + event->offset;
        it->seen[it->events++] = *event;
        if (unit->role != RP_UNIT_INSTRUMENT || (event->byte[0] & 0xF0) != 0x90 || !event->byte[2]) continue;
        for (uint32_t c = 0; c < 2; c++) block->audio[c][event->offset] += (float)event->byte[2] / 127;
    }
    for (uint32_t i = 0; i < block->frames; i++, it->at++) {
        for (uint32_t c = 0; c < 2; c++) {
            it->held[c][it->at % DELAY_MAX] = block->audio[c][i] * gain;
            block->audio[c][i] = it->held[c][(it->at - latency) % DELAY_MAX];
        }
    }
}

static void reset(rp_unit *unit) {
    test_unit *it = (test_unit *)unit;
    memset(it->held, 0, sizeof it->held);
    it->resets++;
}

static void resize(rp_unit *unit, uint32_t period) {
    test_unit *it = (test_unit *)unit;
    it->period = period;
    it->resizes++;
    if (it->follows) atomic_store(&unit->latency, period);
}

static void settle(rp_unit *unit) { ((test_unit *)unit)->settles++; }

static void release(rp_unit *unit) { free(unit); }

test_unit *make_unit(uint32_t role, uint32_t latency) {
    static const rp_unit_kind kind = {process, reset, resize, settle, release};
    test_unit *it = (test_unit *)rp_unit_new(&kind, sizeof(test_unit), role, 2);
    CHECK(it);
    atomic_store(&it->unit.latency, latency);
    rp_unit_set(&it->unit, 0, 1);
    return it;
}

static int take(rp_sink *sink, uint32_t port, uint32_t offset, const uint8_t *data, uint32_t size) {
    hall *at = (hall *)((char *)sink - offsetof(hall, out)); /* the synth begins with its sink */
    CHECK(offset >= at->out.last_offset && offset < at->block);
    if (at->out.room && at->out.used + size > at->out.room) return 0;
    at->out.last_offset = offset;
    at->out.used += size;
    if (at->lefts == SEEN_MAX || port != 0 || size > 3) return 1;
    at->left_frame[at->lefts] = at->frame + offset;
    memcpy(at->left[at->lefts++], data, size);
    uint8_t channel = data[0] & 15;
    rp_midi_message message = {.size = size, .byte = {data[0], data[1], size > 2 ? data[2] : 0}};
    if (rp_midi_is_note_on(&message)) at->out.sounding[0][channel][data[1]] = 1;
    if (rp_midi_is_note_off(&message)) at->out.sounding[0][channel][data[1]] = 0;
    return 1;
}

void hall_open(hall *at, uint32_t outputs, uint32_t block) {
    rp_engine_config config = {.sample_rate = RATE, .inputs = 1, .outputs = 1, .audios = outputs, .audio_inputs = 1};
    memset(at, 0, sizeof *at);
    at->out.sink.write = take;
    at->block = at->period = block;
    at->outputs = outputs;
    at->engine = rp_engine_new(&config);
    CHECK(at->engine);
}

static void poll(hall *at) {
    rp_report report;
    while (rp_engine_poll(at->engine, &report, 1)) {
        at->stopped += report.kind == RP_REPORT_STOPPED;
        if (report.kind != RP_REPORT_RIG) continue;
        at->came_back++;
        rp_rig_free(report.pointer);
    }
}

void hall_close(hall *at) {
    poll(at);
    rp_engine_free(at->engine);
}

void hall_load(hall *at, rp_rack *rack) {
    rp_rig *rig = thru_rig();
    rp_rig_set_rack(rig, rack);
    CHECK(rp_engine_load(at->engine, rig));
}

void hall_send(hall *at, uint64_t frame, uint8_t status, uint8_t first, uint8_t second) {
    uint32_t i = at->events++;
    CHECK(i < SEEN_MAX);
    uint8_t bytes[3] = {status, first, second};
    memcpy(at->bytes[i], bytes, 3);
    at->event_frame[i] = frame;
}

/* The events of the cycle, which are not to come any more. */
static uint32_t gather(hall *at, uint32_t frames, rp_input *in, uint8_t (*bytes)[3]) {
    uint32_t n = 0;
    for (; n < at->events && at->event_frame[n] < at->frame + frames; n++) {
        memcpy(bytes[n], at->bytes[n], 3);
        in[n] = (rp_input){.offset = (uint32_t)(at->event_frame[n] - at->frame), .data = bytes[n]};
        in[n].size = rp_midi_size(bytes[n][0]);
    }
    at->events -= n;
    memmove(at->bytes, at->bytes + n, at->events * sizeof *at->bytes);
    memmove(at->event_frame, at->event_frame + n, at->events * sizeof *at->event_frame);
    return n;
}

void hall_run(hall *at, uint64_t until) {
    static uint8_t bytes[SEEN_MAX][3];
    float *out[HALL_OUTPUTS];
    CHECK(until <= HALL_FRAMES);
    while (at->frame < until) {
        uint32_t frames = until - at->frame < at->block ? (uint32_t)(until - at->frame) : at->block;
        const float *in = at->in + at->frame;
        for (uint32_t o = 0; o < at->outputs; o++) out[o] = at->sound[o] + at->frame;
        rp_cycle cycle = {.frame = at->frame, .frames = frames, .period = at->period, .in = at->event};
        cycle.inputs = gather(at, frames, at->event, bytes);
        cycle.connected = 1;
        cycle.sink = &at->out.sink;
        cycle.audio = out;
        cycle.audios = at->outputs;
        cycle.audio_in = &in;
        cycle.audio_ins = 1;
        at->out.last_offset = at->out.used = 0;
        forbid_waiting(1);
        rp_process(at->engine, &cycle);
        forbid_waiting(0);
        at->frame += frames;
        poll(at);
    }
}

float hall_step(const hall *at, uint32_t output, uint64_t from, uint64_t until) {
    float highest = 0;
    for (uint64_t i = from + 1; i < until; i++)
        highest = fmaxf(highest, fabsf(at->sound[output][i] - at->sound[output][i - 1]));
    return highest;
}
