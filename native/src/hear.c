/* hear.c - see hear.h. */
#include "hear.h"

/* [process] */
static void tell(rp_engine *engine, uint32_t type, rp_heard heard) {
    heard.frame = engine->outlet.now;
    if (!engine->rig) return;
    if (engine->rig->bridge) rp_bridge_tell(engine->rig->bridge, type, heard);
    if (engine->rig->voice) rp_bridge_tell(&engine->rig->voice->bridge, type, heard);
}

void rp_hear_on(rp_engine *engine, uint16_t id) {
    const rp_note *note = &engine->ledger.note[id];
    rp_heard heard = {.note = note->serial, .channel = note->in_manager, .first = note->in_pitch};
    heard.second = note->velocity;
    tell(engine, RP_HEARD_ON, heard);
}

void rp_hear_off(rp_engine *engine, uint16_t id) {
    const rp_note *note = &engine->ledger.note[id];
    rp_heard heard = {.note = note->serial, .channel = note->in_manager, .first = note->in_pitch};
    tell(engine, RP_HEARD_OFF, heard);
}

void rp_hear_control(rp_engine *engine, const rp_midi_message *message) {
    rp_heard heard = {.channel = message->byte[0] & 15, .first = message->byte[1], .second = message->byte[2]};
    int pedal = heard.first == RP_CC_SOSTENUTO || heard.first == RP_CC_SOFT || heard.first == RP_CC_SUSTAIN;
    if (pedal) tell(engine, RP_HEARD_CONTROL, heard);
}

/* [process] */
static void publish_time(rp_bridge *bridge, const rp_cycle *cycle) {
    atomic_store_explicit(&bridge->cycle, cycle->frames, memory_order_relaxed);
    atomic_store_explicit(&bridge->frame, cycle->frame + cycle->frames, memory_order_release);
}

void rp_hear_end(rp_engine *engine, const rp_cycle *cycle) {
    if (!engine->rig) return;
    if (engine->rig->bridge) publish_time(engine->rig->bridge, cycle);
    if (engine->rig->voice) publish_time(&engine->rig->voice->bridge, cycle);
}
