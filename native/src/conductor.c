/* conductor.c - see conductor.h. */
#include "conductor.h"

#include <math.h>
#include <string.h>

#include "engine_state.h"

static const double FURTHEST = 1e12;                /* beats */
static const double USUAL_BPM = 120.0, STALE = 4.0; /* beats of the player's, after which he has no tempo */

_Static_assert(sizeof(rp_conductor_state) % sizeof(uint64_t) == 0, "the state is published in whole words");

void rp_conductor_open(rp_conductor *conductor, uint32_t sample_rate) {
    conductor->sample_rate = sample_rate;
    conductor->bpm = USUAL_BPM;
    conductor->timeline = rp_timeline_new();
}

void rp_conductor_prepare(rp_conductor *conductor) {
    if (atomic_load(&conductor->beats)) return;
    rp_beats *beats = rp_beats_new((uint32_t)conductor->sample_rate);
    atomic_store_explicit(&conductor->beats, beats, memory_order_release);
}

void rp_conductor_close(rp_conductor *conductor) {
    rp_timeline_free(conductor->timeline);
    rp_beats_free(atomic_load(&conductor->beats));
}

/* ---- who looks at it ---- */

/* The process thread writes into the place that is not read: nobody waits for it. Read again where it came round. */
void rp_conductor_get(const rp_conductor *conductor, rp_conductor_state *out) {
    uint64_t words[RP_CONDUCTOR_WORDS], before, after;
    do {
        before = atomic_load_explicit(&conductor->version, memory_order_acquire);
        const _Atomic uint64_t *place = conductor->published[before % 2];
        for (uint32_t i = 0; i < RP_CONDUCTOR_WORDS; i++)
            words[i] = atomic_load_explicit(&place[i], memory_order_acquire);
        after = atomic_load_explicit(&conductor->version, memory_order_relaxed);
    } while (before != after);
    memcpy(out, words, sizeof words);
}

/* [process] */
static void put(rp_conductor *conductor, const rp_conductor_state *state) {
    uint64_t words[RP_CONDUCTOR_WORDS], next = atomic_load_explicit(&conductor->version, memory_order_relaxed) + 1;
    memcpy(words, state, sizeof words);
    for (uint32_t i = 0; i < RP_CONDUCTOR_WORDS; i++)
        atomic_store_explicit(&conductor->published[next % 2][i], words[i], memory_order_release);
    atomic_store_explicit(&conductor->version, next, memory_order_release);
}

/* [process] */
static void publish(rp_conductor *conductor, const rp_cycle *cycle) {
    const rp_beat *beat = &conductor->heard.beat;
    double since = ((double)cycle->frame - beat->frame) / conductor->sample_rate;
    int plays = beat->bpm > 0.0 && since < STALE * 60.0 / beat->bpm;
    rp_conductor_state state = {
        .confidence = plays ? beat->confidence : 0.0,
        .frame = cycle->frame,
        .nanoseconds = cycle->nanoseconds,
        .ticks = conductor->heard.ticks,
        .lost = conductor->heard.clock.lost,
        .sent = conductor->out.sent,
        .player_bpm = plays ? beat->bpm : 0.0,
    };
    rp_timeline_get(conductor->timeline, &state.timeline);
    put(conductor, &state);
}

/* ---- MIDI clock out ---- */

/* To these outputs. [process] */
static void send(rp_engine *engine, uint32_t outputs, const uint8_t byte[3], uint32_t size) {
    rp_midi_message message = {.size = size, .byte = {byte[0], byte[1], byte[2]}};
    for (uint32_t port = 0; port < engine->config.outputs; port++)
        if (outputs >> port & 1) rp_outlet_send(&engine->outlet, port, &message);
}

/* These outputs have MIDI clock no longer: nothing rolls there. [process] */
static void leave(rp_engine *engine, uint32_t outputs) {
    static const uint8_t stop[3] = {0xFC};
    if (engine->conductor.out.told) send(engine, outputs, stop, 1);
}

void rp_conductor_send(rp_engine *engine, uint64_t frame) {
    rp_conductor *conductor = &engine->conductor;
    for (; conductor->left < conductor->bytes; conductor->left++) {
        const rp_clock_byte *byte = &conductor->byte[conductor->left];
        uint64_t due = conductor->frame + byte->offset;
        if (due > frame) return;
        if (due > engine->outlet.now) engine->outlet.now = due;
        send(engine, conductor->set.outputs, byte->byte, byte->size);
    }
}

/* ---- what control says ---- */

/* [process] */
static void begin(rp_conductor *conductor, uint64_t frame) {
    rp_timeline_begin(conductor->timeline, conductor->sample_rate, frame, conductor->bpm);
    rp_timeline_choose(conductor->timeline, conductor->set.source);
    rp_conductor_forget(conductor);
    conductor->out.begun = 0;
}

/* Outputs that are new are told everything, which the others hear again. [process] */
static void set(rp_engine *engine, const rp_conductor_config *config) {
    rp_conductor *conductor = &engine->conductor;
    uint32_t before = conductor->set.on ? conductor->set.outputs : 0, after = config->on ? config->outputs : 0;
    int begins = config->on && !conductor->set.on;
    leave(engine, before & ~after);
    if (!after) conductor->out = (rp_clock_out){.sent = conductor->out.sent};
    if (after & ~before) conductor->out.begun = 0;
    conductor->bytes = conductor->left = 0;
    conductor->set = *config;
    if (config->bpm > 0.0) conductor->bpm = fmin(fmax(config->bpm, RP_BPM_MIN), RP_BPM_MAX);
    if (begins) begin(conductor, engine->outlet.now);
    if (!config->on) return;
    rp_timeline_choose(conductor->timeline, config->source);
    if (config->bpm > 0.0) rp_timeline_set_tempo(conductor->timeline, conductor->bpm);
}

/* [process] */
static void apply(rp_timeline *timeline, uint32_t source, uint32_t what, uint64_t frame, double own, double beat) {
    if (what == RP_TRANSPORT_START) rp_timeline_start(timeline, source, frame, own, beat);
    else if (what == RP_TRANSPORT_LOCATE) rp_timeline_locate(timeline, source, frame, own, beat);
    else if (what == RP_TRANSPORT_STOP) rp_timeline_stop(timeline, source, frame);
}

/* Taps, and the player, have no transport, nor may MIDI clock that began before we heard it: the internal one starts
 * them, at the nearest of their beats or, of MIDI clock, of its ticks; where there are none yet, the internal clock
 * goes on until there are. [process] */
static void apply_to_beats(rp_timeline *timeline, uint32_t source, uint32_t what, uint64_t frame, double beat) {
    double own = rp_timeline_expect(timeline, source, frame), grid = source == RP_CLOCK_MIDI ? RP_CLOCK_TICKS : 1.0;
    if (own >= 0.0) {
        apply(timeline, source, what, frame, own, beat + own - floor(own * grid + 0.5) / grid);
        return;
    }
    rp_timeline_choose(timeline, RP_CLOCK_INTERNAL);
    apply(timeline, RP_CLOCK_INTERNAL, what, frame, 0.0, beat);
    rp_timeline_choose(timeline, source);
}

/* [process] */
static int sound(double beat) { return isfinite(beat) && fabs(beat) < FURTHEST; }

/* [process] */
static void move(const rp_conductor *conductor, uint64_t frame, const rp_command *command) {
    uint32_t source = command->source, chosen = conductor->set.source;
    int lends = chosen == RP_CLOCK_TAP || chosen == RP_CLOCK_PLAYER || chosen == RP_CLOCK_MIDI;
    if (source == RP_CLOCK_INTERNAL && lends)
        apply_to_beats(conductor->timeline, chosen, command->what, frame, command->beat);
    else apply(conductor->timeline, source, command->what, frame, command->own, command->beat);
}

void rp_conductor_obey(rp_engine *engine, uint32_t type, const rp_command *command) {
    rp_conductor *conductor = &engine->conductor;
    uint64_t frame = command->frame ? command->frame : engine->outlet.now;
    if (type == RP_COMMAND_CONDUCTOR && !engine->stopping) set(engine, &command->conductor);
    if (!conductor->set.on || !sound(command->own) || !sound(command->beat)) return;
    if (type == RP_COMMAND_OBSERVE) rp_timeline_observe(conductor->timeline, command->source, frame, command->own);
    else if (type == RP_COMMAND_TRANSPORT) move(conductor, frame, command);
    else if (type == RP_COMMAND_TAP) rp_conductor_tap(conductor, frame);
}

void rp_conductor_stop(rp_engine *engine) {
    rp_conductor_config off = engine->conductor.set;
    off.on = 0;
    set(engine, &off);
}

/* ---- a cycle ---- */

void rp_conductor_begin(rp_engine *engine, const rp_cycle *cycle) {
    rp_conductor *conductor = &engine->conductor;
    uint64_t before = conductor->frame;
    conductor->frame = cycle->frame;
    conductor->keys = conductor->bytes = conductor->left = 0;
    if (!conductor->set.on) return;
    if (cycle->frame < before) begin(conductor, cycle->frame);
    rp_transport transport = rp_flight_transport(engine->flight, &cycle->transport);
    rp_conductor_hear_transport(conductor, cycle, &transport);
    rp_conductor_hear_clocks(conductor, cycle);
    rp_timeline_advance(conductor->timeline, cycle->frame);
    rp_tapped_clock(&engine->tapped, conductor->timeline);
    if (conductor->set.outputs)
        conductor->bytes = rp_clock_out_cycle(&conductor->out, conductor->timeline, cycle->frame, cycle->frames,
                                              conductor->byte, RP_CONDUCTOR_BYTES);
}

void rp_conductor_end(rp_engine *engine, const rp_cycle *cycle) {
    rp_conductor *conductor = &engine->conductor;
    if (conductor->set.on) rp_conductor_hear_player(conductor, cycle->frame + cycle->frames);
    publish(conductor, cycle);
}
