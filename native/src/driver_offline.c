/* driver_offline.c - the engine as fast as it goes, from a tape to a tape and to sound. See drivers.h. */
#include <stdlib.h>
#include <string.h>

#include "drivers.h"
#include "process.h"

enum { EVENTS_MAX = 4096 };

typedef struct {
    rp_sink sink; /* first: the engine hands this pointer back */
    rp_tape *tape;
    uint64_t start;
    uint32_t room, used[RP_PORTS_MAX]; /* bytes, in this block */
    int failed;
} tape_sink;

/* The audio ports, and where their sound goes. */
typedef struct {
    rp_sound *sound; /* NULL: nowhere, there are none */
    float *memory, *port[RP_PORTS_MAX];
    uint32_t ports;
} speakers;

/* [process] of the off-line driver, which may allocate */
static int record(rp_sink *sink, uint32_t port, uint32_t offset, const uint8_t *data, uint32_t size) {
    tape_sink *out = (tape_sink *)sink;
    if (out->room && out->used[port] + size > out->room) return 0;
    out->used[port] += size;
    if (!rp_tape_add(out->tape, out->start + offset, port, data, size)) out->failed = 1;
    return 1;
}

/* The events of one block; `*next` is the first not read yet. [control] */
static uint32_t collect(const rp_tape *in, uint32_t *next, uint64_t start, uint32_t frames,
                        rp_input events[EVENTS_MAX]) {
    uint32_t n = 0;
    for (; n < EVENTS_MAX && *next < rp_tape_count(in); (*next)++) {
        rp_tape_event event = rp_tape_get(in, *next);
        if (event.frame >= start + frames) break;
        uint32_t offset = event.frame > start ? (uint32_t)(event.frame - start) : 0;
        events[n++] = (rp_input){.offset = offset, .port = event.port, .size = event.size, .data = event.data};
    }
    return n;
}

/* [control] */
static int set_up(speakers *out, const rp_offline_span *span) {
    *out = (speakers){.sound = span->sound};
    if (!out->sound) return 1;
    out->ports = rp_sound_channels(out->sound);
    out->memory = calloc((size_t)out->ports * span->block, sizeof *out->memory);
    if (!out->memory) return 0;
    for (uint32_t i = 0; i < out->ports; i++) out->port[i] = out->memory + (size_t)i * span->block;
    return 1;
}

/* Those who think on threads of their own when live, do it now. [control] */
static void settle(rp_engine *engine, uint32_t frames) {
    rp_continuation *band = rp_process_band(engine);
    rp_singing *singing = rp_process_singing(engine);
    if (band && frames) rp_continuation_settle(band);
    if (singing) rp_singing_settle(singing);
}

/* How long the block is that begins here. [control] */
static uint32_t length(const rp_engine *engine, const rp_offline_span *span, uint64_t at) {
    const rp_singing *singing = rp_process_singing(engine);
    uint64_t end = span->until - at < span->block ? span->until : at + span->block;
    uint64_t next = singing ? rp_singing_next(singing, at) : end;
    return (uint32_t)((next < end ? next : end) - at);
}

int rp_offline_run(rp_engine *engine, const rp_tape *in, rp_tape *out, const rp_offline_span *span) {
    tape_sink sink = {.sink = {record}, .tape = out, .start = span->from, .room = span->room};
    rp_input events[EVENTS_MAX];
    speakers sound;
    uint32_t next = 0, frames;
    if (!set_up(&sound, span)) return 0;
    rp_cycle cycle = {.in = events, .lost = span->lost, .connected = span->connected, .sink = &sink.sink};
    cycle.audio = sound.port;
    cycle.audios = sound.ports;
    /* What was commanded takes effect before the first block: only then is it known where that ends. */
    cycle.frame = span->from;
    rp_process(engine, &cycle);
    settle(engine, 0);
    cycle.lost = 0;
    for (uint64_t at = span->from; at < span->until; at += frames) {
        frames = length(engine, span, at);
        cycle.frame = sink.start = at;
        cycle.frames = frames;
        cycle.inputs = collect(in, &next, at, frames, events);
        memset(sink.used, 0, sizeof sink.used);
        rp_process(engine, &cycle);
        settle(engine, frames);
        if (sound.sound && !rp_sound_add(sound.sound, (const float *const *)sound.port, frames)) sink.failed = 1;
    }
    free(sound.memory);
    return !sink.failed;
}
