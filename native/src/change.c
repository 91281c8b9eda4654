/* change.c - see change.h. */
#include "change.h"

#include "audio.h"
#include "band.h"
#include "level.h"
#include "mpe.h"
#include "player.h"
#include "slots.h"
#include "vocal.h"

/* Programs, levels, and the pedal that is down already, for the channels of a rig that begins. [process] */
static void introduce(rp_engine *engine, const rp_rig *before) {
    const rp_rig *rig = engine->rig;
    rp_mpe_introduce(engine, before);
    for (uint32_t i = 0; i < rig->config.instruments; i++) {
        const rp_instrument *to = &rig->config.instrument[i];
        rp_midi_message program = rp_midi_short(RP_MIDI_PROGRAM | to->channel, to->program, 0);
        if (to->send_program) rp_outlet_send(&engine->outlet, to->port, &program);
    }
    rp_level_introduce(engine);
    for (uint8_t in_port = 0; in_port < engine->config.inputs; in_port++) {
        for (uint8_t channel = 0; channel < RP_CHANNELS; channel++) {
            rp_midi_message down =
                rp_midi_short(RP_MIDI_CONTROL | channel, RP_CC_SUSTAIN, engine->pedal[in_port][channel]);
            if (down.byte[2]) rp_player_message(engine, in_port, &down);
        }
    }
}

/* Is the voice of the rig that begins another one, or on another port? [process] */
static int sings_elsewhere(const rp_rig *from, const rp_rig *to) {
    if (!from || from->voice != to->voice) return 1;
    return to->voice && (from->voice_port != to->voice_port || from->voice_channel != to->voice_channel);
}

/* What it heard when it played last is forgotten; how its instruments were switched is not. [process] */
static void refresh(rp_engine *engine, rp_rig *rig) {
    if (rig->serial && rig->instrumenter) rp_instrumenter_reset(rig->instrumenter);
    rig->serial = ++engine->rig_serial;
}

/* A chord that is open is decided by the rig that heard it. [process] */
static void change_rig(rp_engine *engine, rp_rig *rig) {
    rp_rig *before = engine->rig;
    while (before && before->instrumenter && rp_instrumenter_deadline(before->instrumenter) != UINT64_MAX)
        rp_player_close_chord(engine);
    rp_player_hurry(engine);
    int other = !before || before->bridge != rig->bridge, other_voice = sings_elsewhere(before, rig);
    if (other) rp_band_forget(engine, 0);
    if (other_voice) rp_vocal_forget(engine);
    engine->rig = rig;
    refresh(engine, rig);
    rp_audio_change(engine, rig);
    if (other) rp_band_forget(engine, 0);
    if (other_voice) rp_vocal_forget(engine);
    introduce(engine, before);
    if (before && !rp_slots_keep(engine, before)) rp_change_let_go(engine, before);
}

int rp_change_has_room(const rp_engine *engine) { return engine->aways < RP_AWAY_MAX; }

int rp_change(rp_engine *engine, rp_rig *rig) {
    if (rig == engine->rig) return 1;
    if (engine->rig && !rp_change_has_room(engine)) {
        rp_audio_hurry(engine);
        return 0;
    }
    if (!rp_audio_may_change(engine, rig->rack)) return 0;
    if (engine->rig) rp_player_flush(engine);
    change_rig(engine, rig);
    return 1;
}

void rp_change_let_go(rp_engine *engine, rp_rig *rig) { engine->away[engine->aways++] = rig; }

void rp_change_answer(rp_engine *engine) {
    uint32_t left = 0;
    for (uint32_t i = 0; i < engine->aways; i++) {
        rp_rig *rig = engine->away[i];
        rp_report report = {.frame = engine->outlet.now, .kind = RP_REPORT_RIG, .pointer = rig};
        if (rp_audio_leaves(engine, rig->rack) || !rp_engine_report(engine, report)) engine->away[left++] = rig;
    }
    engine->aways = left;
}
