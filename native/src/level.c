/* level.c - see level.h. */
#include "level.h"

enum { NOT_PLAYED = 255 };

/* [process] */
static void send(rp_engine *engine, uint8_t port, uint8_t channel, uint8_t level) {
    rp_midi_message message = rp_midi_short(RP_MIDI_CONTROL | channel, RP_CC_VOLUME, level);
    engine->level[port][channel] = (uint8_t)(level + 1);
    rp_outlet_send(&engine->outlet, port, &message);
}

/* A channel's level, as an rp_instrument has it; NOT_PLAYED: the rig plays nothing there. [process] */
static uint8_t level_of(const rp_rig_config *config, uint8_t port, uint8_t channel) {
    int thru = config->route == RP_ROUTE_THRU && (!config->through || config->through == port + 1u);
    uint8_t level = thru ? 0 : NOT_PLAYED;
    for (uint32_t i = 0; i < config->instruments; i++) {
        const rp_instrument *to = &config->instrument[i];
        if (to->port != port || to->channel != channel) continue;
        if (to->level || level == NOT_PLAYED) level = to->level;
    }
    return level;
}

void rp_level_introduce(rp_engine *engine) {
    for (uint8_t port = 0; port < engine->config.outputs; port++) {
        for (uint8_t channel = 0; channel < RP_CHANNELS; channel++) {
            uint8_t level = level_of(&engine->rig->config, port, channel), stands = engine->level[port][channel];
            if (level == NOT_PLAYED) continue;
            if (level) send(engine, port, channel, (uint8_t)(level - 1));
            else if (stands && stands - 1 != RP_LEVEL_USUAL) send(engine, port, channel, RP_LEVEL_USUAL);
        }
    }
}

void rp_level_came(rp_engine *engine) {
    for (uint8_t port = 0; engine->outlet.came && port < engine->config.outputs; port++) {
        if (!(engine->outlet.came >> port & 1)) continue;
        for (uint8_t channel = 0; channel < RP_CHANNELS; channel++) {
            uint8_t stands = engine->level[port][channel];
            if (stands) send(engine, port, channel, (uint8_t)(stands - 1));
        }
    }
}

void rp_level_set(rp_engine *engine, const rp_command *command) {
    rp_rig *rig = command->slot == RP_NO_SLOT ? engine->rig : engine->slots.rig[command->slot];
    if (!rig || command->number >= rig->config.instruments) return;
    rp_instrument *to = &rig->config.instrument[command->number];
    to->level = (uint8_t)(command->what + 1);
    if (rig == engine->rig) send(engine, to->port, to->channel, (uint8_t)command->what);
}
