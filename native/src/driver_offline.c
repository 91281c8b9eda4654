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

/* Audio ports of one direction. */
typedef struct {
    float *memory, *port[RP_PORTS_MAX];
    uint32_t ports;
} audio_ports;

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

/* As many as the sound has channels; none where there is none. 0: no memory. [control] */
static int open_ports(audio_ports *out, const rp_sound *sound, uint32_t block) {
    *out = (audio_ports){.ports = sound ? rp_sound_channels(sound) : 0};
    if (!sound) return 1;
    out->memory = calloc((size_t)out->ports * block, sizeof *out->memory);
    if (!out->memory) return 0;
    for (uint32_t i = 0; i < out->ports; i++) out->port[i] = out->memory + (size_t)i * block;
    return 1;
}

/* What comes in at the audio inputs; silence after its end. at: frames since the beginning. [control] */
static void listen(const audio_ports *in, const rp_sound *sound, uint64_t at, uint32_t frames) {
    uint64_t length = sound ? rp_sound_frames(sound) : 0;
    for (uint32_t c = 0; c < in->ports; c++)
        for (uint32_t i = 0; i < frames; i++)
            in->port[c][i] = at + i < length ? rp_sound_samples(sound)[(at + i) * in->ports + c] : 0;
}

/* Those who think on threads of their own when live, do it now. [control] */
static void settle(rp_engine *engine, uint32_t frames) {
    rp_continuation *band = rp_process_band(engine);
    rp_singing *singing = rp_process_singing(engine);
    if (band && frames) rp_continuation_settle(band);
    if (singing) rp_singing_settle(singing);
    if (frames) rp_process_settle(engine);
}

/* How long the block is that begins here. [control] */
static uint32_t length(const rp_engine *engine, const rp_offline_span *span, uint64_t at) {
    const rp_singing *singing = rp_process_singing(engine);
    uint64_t end = span->until - at < span->block ? span->until : at + span->block;
    uint64_t next = singing ? rp_singing_next(singing, at) : end;
    return (uint32_t)((next < end ? next : end) - at);
}

/* The span, block by block. [control] */
static int run(rp_engine *engine, const rp_tape *in, const rp_offline_span *span, rp_cycle *cycle, tape_sink *sink,
               const audio_ports *heard) {
    rp_input events[EVENTS_MAX];
    uint32_t next = 0, frames;
    cycle->in = events;
    /* What was commanded takes effect before the first block: only then is it known where that ends. */
    rp_process(engine, cycle);
    settle(engine, 0);
    cycle->lost = 0;
    for (uint64_t at = span->from; at < span->until; at += frames) {
        frames = length(engine, span, at);
        cycle->frame = sink->start = at;
        cycle->frames = frames;
        cycle->inputs = collect(in, &next, at, frames, events);
        listen(heard, span->input, at - span->from, frames);
        memset(sink->used, 0, sizeof sink->used);
        rp_process(engine, cycle);
        settle(engine, frames);
        if (span->sound && !rp_sound_add(span->sound, (const float *const *)cycle->audio, frames)) sink->failed = 1;
    }
    cycle->in = NULL;
    return !sink->failed;
}

int rp_offline_run(rp_engine *engine, const rp_tape *in, rp_tape *out, const rp_offline_span *span) {
    tape_sink sink = {.sink = {record}, .tape = out, .start = span->from, .room = span->room};
    audio_ports played = {0}, heard = {0};
    rp_cycle cycle = {.frame = span->from, .period = span->block, .lost = span->lost, .connected = span->connected};
    int fine = open_ports(&played, span->sound, span->block) && open_ports(&heard, span->input, span->block);
    cycle.sink = &sink.sink;
    cycle.audio = played.port;
    cycle.audios = played.ports;
    cycle.audio_in = (const float *const *)heard.port;
    cycle.audio_ins = heard.ports;
    if (fine) fine = run(engine, in, span, &cycle, &sink, &heard);
    free(played.memory);
    free(heard.memory);
    return fine;
}
