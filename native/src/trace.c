/* trace.c - a performance played through an instrumenter as fast as it goes. */
#include <string.h>

#include "instrumenter_state.h"

enum { ALWAYS = 1000 };

/* [control] */
static void note_decision(rp_trace *trace, const rp_decision *decision, int is_move) {
    trace->voice[decision->tag] = decision->voice;
    trace->fallbacks += decision->fallback;
    if (is_move) {
        trace->moves[decision->tag]++;
        return;
    }
    trace->first[decision->tag] = decision->voice;
    trace->times[decision->tag]++;
}

/* [control] */
static void close_chord(rp_instrumenter *it, uint64_t frame, rp_trace *trace) {
    rp_decision out[RP_CHORD_MAX];
    uint32_t n = rp_instrumenter_close(it, frame, out, ALWAYS);
    for (uint32_t i = 0; i < n; i++) note_decision(trace, &out[i], out[i].from != RP_NO_VOICE);
}

/* Close what is due. Notes that wait for others of their frame wait on while those may come. [control] */
static void close_until(rp_instrumenter *it, uint64_t frame, int on, rp_trace *trace) {
    for (;;) {
        uint64_t deadline = rp_instrumenter_deadline(it);
        int waits = on && deadline == frame && it->trial && rp_chord_waiting(&it->chord) && !rp_instrumenter_full(it);
        if (deadline > frame || waits) return;
        close_chord(it, deadline, trace);
    }
}

/* [control] */
static void play(rp_instrumenter *it, const rp_performance *performance, uint32_t event, rp_trace *trace) {
    uint64_t frame = performance->frame[event];
    uint32_t note = performance->note[event];
    close_until(it, frame, performance->on[event], trace);
    if (!performance->on[event]) {
        rp_instrumenter_note_off(it, frame, note);
        return;
    }
    rp_decision decision =
        rp_instrumenter_note_on(it, frame, note, performance->pitch[event], performance->velocity[event], ALWAYS);
    if (!decision.pending) note_decision(trace, &decision, 0);
}

void rp_instrumenter_trace(rp_instrumenter *it, const rp_performance *performance, rp_trace *trace) {
    memset(trace->first, RP_NO_VOICE, performance->notes);
    memset(trace->voice, RP_NO_VOICE, performance->notes);
    memset(trace->times, 0, performance->notes);
    memset(trace->moves, 0, performance->notes);
    trace->rows = trace->fallbacks = 0;
    rp_instrumenter_reset(it);
    it->forced = performance->forced;
    it->trace = trace;
    for (uint32_t event = 0; event < performance->events; event++) play(it, performance, event, trace);
    close_until(it, UINT64_MAX - 1, 0, trace);
    it->forced = NULL;
    it->trace = NULL;
}
