/* level.c - see level.h. */
#include "level.h"

/* [process] */
static void send(rp_engine *engine, const rp_instrument *to, uint8_t level) {
    rp_midi_message message = rp_midi_short(RP_MIDI_CONTROL | to->channel, RP_CC_VOLUME, level);
    engine->level[to->port][to->channel] = (uint8_t)(level + 1);
    rp_outlet_send(&engine->outlet, to->port, &message);
}

void rp_level_introduce(rp_engine *engine) {
    const rp_rig_config *config = &engine->rig->config;
    for (uint32_t i = 0; i < config->instruments; i++) {
        const rp_instrument *to = &config->instrument[i];
        uint8_t stands = engine->level[to->port][to->channel];
        if (to->level) send(engine, to, (uint8_t)(to->level - 1));
        else if (stands && stands - 1 != RP_LEVEL_USUAL) send(engine, to, RP_LEVEL_USUAL);
    }
}

void rp_level_set(rp_engine *engine, const rp_command *command) {
    rp_rig *rig = command->slot == RP_NO_SLOT ? engine->rig : engine->slots.rig[command->slot];
    if (!rig || command->number >= rig->config.instruments) return;
    rp_instrument *to = &rig->config.instrument[command->number];
    to->level = (uint8_t)(command->what + 1);
    if (rig == engine->rig) send(engine, to, (uint8_t)command->what);
}
