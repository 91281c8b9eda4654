/* driver_offline.c - the engine as fast as it goes, from a tape to a tape. See drivers.h. */
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

int rp_offline_run(rp_engine *engine, const rp_tape *in, rp_tape *out, const rp_offline_span *span) {
    tape_sink sink = {.sink = {record}, .tape = out, .room = span->room};
    rp_input events[EVENTS_MAX];
    uint32_t next = 0, lost = span->lost;
    for (uint64_t at = span->from; at < span->until; at += span->block, lost = 0) {
        uint32_t frames = span->until - at < span->block ? (uint32_t)(span->until - at) : span->block;
        rp_cycle cycle = {.frame = at, .frames = frames, .in = events, .lost = lost, .sink = &sink.sink};
        cycle.connected = span->connected;
        sink.start = at;
        memset(sink.used, 0, sizeof sink.used);
        cycle.inputs = collect(in, &next, at, frames, events);
        rp_process(engine, &cycle);
        rp_continuation *band = rp_process_band(engine);
        if (band) rp_continuation_settle(band);
    }
    return !sink.failed;
}
