/* vocal.c - see vocal.h. Blocks wait in a queue in the order of their numbers. Each is taken twice: its note at the
 * frame at which it sounds, by a task of the scheduler; its two frames of sound as soon as the vocoder takes them. */
#include "vocal.h"

#include <string.h>

#include "player.h"

enum { SECONDS_AHEAD = 4, FRAMES_A_SECOND = 125, CENTRE = 8192, VELOCITY = 100, NOT_SENT = 255, RP_CC_EXPRESSION = 11 };
static const double LEAD_SECONDS = 0.009, FADE_SECONDS = 0.015;
static const double RING_OUT_SECONDS = 0.25; /* from a block's beginning, if none follows, until the voice has faded */

/* [process] */
static rp_singing_link *link_of(const rp_engine *engine) { return engine->rig ? engine->rig->voice : NULL; }

/* [process] */
static rp_vocoder_state sound_of(const rp_engine *engine) {
    rp_vocoder_state state = {0};
    if (engine->vocal.vocoder) rp_vocoder_get_state(engine->vocal.vocoder, &state);
    return state;
}

int rp_vocal_silent(const rp_engine *engine) { return !sound_of(engine).sounding; }

/* The engine's frame at which a block sounds. [process] */
static uint64_t start_of(const rp_engine *engine, const rp_singing_block *block) {
    return rp_vocoder_start(engine->config.sample_rate, 2 * block->block) + engine->vocal.lead;
}

/* Does the note still sound that the voice began? [process] */
static int is_live(const rp_engine *engine) {
    const rp_note *note = &engine->ledger.note[engine->vocal.note];
    return engine->vocal.serial && note->state != RP_NOTE_FREE && note->serial == engine->vocal.serial;
}

/* [process] */
static void end_note(rp_engine *engine) {
    if (is_live(engine)) rp_player_end(engine, engine->vocal.note);
    engine->vocal.serial = 0;
}

/* [process] */
static void send(rp_engine *engine, uint8_t kind, uint8_t first, uint8_t second) {
    rp_midi_message message = rp_midi_short(kind | engine->rig->voice_channel, first, second);
    rp_outlet_send(&engine->outlet, engine->rig->voice_port, &message);
}

/* [process] */
static void send_bend(rp_engine *engine, uint16_t bend) {
    if (engine->vocal.bend == bend) return;
    engine->vocal.bend = bend;
    send(engine, RP_MIDI_BEND, bend & 127, (uint8_t)(bend >> 7));
}

/* [process] */
static void begin_note(rp_engine *engine, uint8_t pitch) {
    uint16_t id = rp_ledger_add(&engine->ledger, RP_VOICE_PORT, engine->rig->voice_channel, pitch);
    if (id == RP_NO_NOTE) {
        rp_bridge_count(&link_of(engine)->bridge.refused);
        return;
    }
    rp_note *note = &engine->ledger.note[id];
    note->port = engine->rig->voice_port;
    note->channel = note->manager = engine->rig->voice_channel;
    note->pitch = pitch;
    note->velocity = VELOCITY; /* how loud it is, the expression says */
    note->pedal = RP_PEDAL_IGNORE;
    note->flags = RP_NOTE_SUNG;
    note->key_frame = engine->outlet.now;
    note->rig = engine->rig->serial;
    engine->vocal.note = id;
    engine->vocal.serial = note->serial;
    engine->vocal.pitch = pitch;
    rp_bridge_count(rp_player_start(engine, id) ? &link_of(engine)->bridge.sounded : &link_of(engine)->bridge.refused);
}

void rp_vocal_task(rp_engine *engine, const rp_task *task) {
    rp_vocal *vocal = &engine->vocal;
    const rp_singing_block *block = &vocal->block[task->note];
    if (!link_of(engine) || block->epoch != task->serial) return;
    int sounds = block->pitch != RP_NO_PITCH;
    if (!sounds || block->onset || block->pitch != vocal->pitch) end_note(engine);
    if (!sounds) return;
    vocal->until = task->frame + (uint64_t)(RING_OUT_SECONDS * engine->config.sample_rate);
    send_bend(engine, block->bend);
    if (vocal->expression != block->expression) send(engine, RP_MIDI_CONTROL, RP_CC_EXPRESSION, block->expression);
    vocal->expression = block->expression;
    if (!is_live(engine)) begin_note(engine, block->pitch);
}

/* A block joins the queue, unless it is from before a panic. What the worker left out counts as late. [process] */
static void take(rp_engine *engine, const rp_singing_block *block) {
    rp_vocal *vocal = &engine->vocal;
    rp_singing_link *link = link_of(engine);
    if (block->epoch != atomic_load_explicit(&link->bridge.epoch, memory_order_relaxed)) return;
    if (!vocal->settled) return; /* the sound before has not faded yet */
    uint64_t missed = vocal->expected ? block->block - vocal->expected : 0;
    missed += start_of(engine, block) < engine->outlet.start;
    atomic_fetch_add_explicit(&link->bridge.late, missed, memory_order_relaxed);
    vocal->expected = block->block + 1;
    vocal->block[vocal->taken++ % RP_VOCAL_BLOCKS] = *block;
}

/* The lead, which the voice keeps while it sounds: two cycles at least, where the worker has a thread. [process] */
static void settle_lead(rp_engine *engine, uint32_t frames) {
    rp_vocal *vocal = &engine->vocal;
    rp_singing_link *link = link_of(engine);
    uint32_t lead = link->own_lead ? link->own_lead : (uint32_t)(LEAD_SECONDS * engine->config.sample_rate + 0.5);
    if (!link->synchronous && 2 * frames > lead) lead = 2 * frames;
    if (vocal->settled && lead > vocal->lead) rp_vocal_forget(engine);
    if (vocal->settled || !rp_vocal_silent(engine)) return;
    vocal->lead = lead;
    vocal->settled = 1;
    atomic_store_explicit(&link->lead, lead, memory_order_relaxed);
}

/* The notes of the blocks that begin in this cycle. [process] */
static void schedule(rp_engine *engine, uint64_t end) {
    rp_vocal *vocal = &engine->vocal;
    for (; vocal->scheduled < vocal->taken; vocal->scheduled++) {
        uint32_t place = vocal->scheduled % RP_VOCAL_BLOCKS;
        uint64_t start = start_of(engine, &vocal->block[place]);
        rp_task task = {.frame = start > engine->outlet.start ? start : engine->outlet.start, .kind = RP_TASK_VOICE};
        if (task.frame >= end) return;
        task.note = (uint16_t)place;
        task.serial = vocal->block[place].epoch;
        if (!rp_scheduler_add(&engine->scheduler, task)) rp_bridge_count(&link_of(engine)->bridge.refused);
    }
}

void rp_vocal_begin(rp_engine *engine, const rp_cycle *cycle) {
    rp_vocal *vocal = &engine->vocal;
    rp_singing_block block;
    uint32_t type;
    if (is_live(engine) && engine->outlet.start > vocal->until) end_note(engine);
    if (!link_of(engine)) return;
    rp_ring *committed = link_of(engine)->bridge.committed;
    settle_lead(engine, cycle->frames);
    while (vocal->taken - vocal->scheduled < RP_VOCAL_BLOCKS && vocal->taken - vocal->fed / 2 < RP_VOCAL_BLOCKS)
        if (rp_flight_pull(engine->flight, RP_FLIGHT_VOICE, committed, &type, &block, sizeof block) < 0) break;
        else take(engine, &block);
    schedule(engine, cycle->frame + cycle->frames);
}

/* Frames that wait go to the vocoder, as far ahead as it takes them. [process] */
static void feed(rp_engine *engine) {
    rp_vocal *vocal = &engine->vocal;
    uint64_t furthest = sound_of(engine).frame + RP_VOCODER_AHEAD;
    for (; vocal->fed < 2 * vocal->taken; vocal->fed++) {
        const rp_singing_block *block = &vocal->block[vocal->fed / 2 % RP_VOCAL_BLOCKS];
        uint64_t k = 2 * block->block + vocal->fed % 2 + SECONDS_AHEAD * FRAMES_A_SECOND;
        if (k >= furthest) return;
        rp_vocoder_push(vocal->vocoder, k, &block->frame[vocal->fed % 2]);
    }
}

/* Where the vocoder's clock is at a frame of the engine's. [process] */
static uint64_t sample_of(const rp_engine *engine, uint64_t frame) {
    return frame + (uint64_t)SECONDS_AHEAD * engine->config.sample_rate - engine->vocal.lead;
}

/* [process] */
static void publish(rp_engine *engine) {
    rp_vocal *vocal = &engine->vocal;
    rp_vocoder_state state = sound_of(engine);
    rp_singing_link *link = link_of(engine);
    if (link) {
        atomic_fetch_add_explicit(&link->held, state.held - vocal->held, memory_order_relaxed);
        atomic_store_explicit(&link->sounding, state.sounding, memory_order_relaxed);
    }
    vocal->held = state.held;
}

/* Nobody is there to sing, or to hear it. [process] */
static void pass_over(rp_engine *engine, uint64_t frame) {
    rp_vocal *vocal = &engine->vocal;
    vocal->fed = 2 * vocal->taken;
    if (!rp_vocal_silent(engine)) rp_vocoder_clear(vocal->vocoder, sample_of(engine, frame));
}

int rp_vocal_render(rp_engine *engine, uint64_t frame, uint32_t frames, float *out) {
    rp_vocal *vocal = &engine->vocal;
    uint32_t piece = engine->config.sample_rate / FRAMES_A_SECOND * (RP_VOCODER_AHEAD / 2), n;
    int wanted = link_of(engine) || !rp_vocal_silent(engine);
    if (!vocal->vocoder || !out || !wanted) {
        pass_over(engine, frame);
        return 0;
    }
    uint64_t sample = sample_of(engine, frame);
    if (sound_of(engine).sample != sample) rp_vocoder_clear(vocal->vocoder, sample); /* it begins, or an xrun */
    memset(out, 0, frames * sizeof *out);
    for (uint32_t at = 0; at < frames; at += n) {
        n = frames - at < piece ? frames - at : piece;
        feed(engine);
        rp_vocoder_render(vocal->vocoder, out + at, n);
    }
    publish(engine);
    return 1;
}

void rp_vocal_forget(rp_engine *engine) {
    rp_vocal *vocal = &engine->vocal;
    rp_singing_link *link = link_of(engine);
    end_note(engine);
    vocal->fed = vocal->scheduled = vocal->taken = vocal->expected = 0;
    vocal->settled = 0;
    vocal->expression = NOT_SENT;
    if (vocal->vocoder) rp_vocoder_fade(vocal->vocoder, FADE_SECONDS);
    if (!link) return;
    send_bend(engine, CENTRE);
    atomic_store_explicit(&link->bridge.frame, engine->outlet.start, memory_order_release);
    atomic_fetch_add_explicit(&link->bridge.epoch, 1, memory_order_release);
}
