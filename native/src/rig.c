/* rig.c - see rig.h and engine.h. */
#include "rig.h"

#include <stdlib.h>

#include "mpe_in.h"

/* Has an MPE instrument its whole port, and a manager's channel? [control] */
static int has_its_port(const rp_rig_config *config, uint32_t which) {
    const rp_instrument *own = &config->instrument[which];
    int alone = 1;
    for (uint32_t i = 0; i < config->instruments; i++) alone &= i == which || config->instrument[i].port != own->port;
    return alone && (own->channel == 0 || own->channel == RP_CHANNELS - 1);
}

/* [control] */
static int valid(const rp_rig_config *config) {
    if (config->route > RP_ROUTE_ENSEMBLE || config->instruments > RP_INSTRUMENTS_MAX) return 0;
    if (config->route == RP_ROUTE_ENSEMBLE && config->instruments == 0) return 0;
    for (uint32_t i = 0; i < config->instruments; i++) {
        const rp_instrument *instrument = &config->instrument[i];
        if (instrument->port >= RP_PORTS_MAX || instrument->channel >= RP_CHANNELS || instrument->program > 127)
            return 0;
        if (instrument->pedal > RP_PEDAL_IGNORE || instrument->mpe > 1 || instrument->level > 128) return 0;
        if (instrument->mpe && !has_its_port(config, i)) return 0;
    }
    return 1;
}

rp_rig *rp_rig_new(const rp_rig_config *config, rp_instrumenter *instrumenter) {
    rp_rig *rig = valid(config) ? calloc(1, sizeof *rig) : NULL;
    if (!rig) return NULL;
    rig->config = *config;
    rig->instrumenter = instrumenter;
    rig->voice_outputs = UINT32_MAX;
    for (uint32_t i = 0; i < config->instruments; i++) {
        rp_instrument *instrument = &rig->config.instrument[i];
        if (!instrument->bend) instrument->bend = instrument->mpe ? RP_MPE_BEND : RP_MANAGER_BEND;
        uint16_t bit = (uint16_t)(1u << instrument->channel);
        rig->channels[instrument->port] |= bit;
        if (instrument->pedal == RP_PEDAL_PASS) rig->pedalled[instrument->port] |= bit;
    }
    return rig;
}

void rp_rig_set_continuation(rp_rig *rig, rp_continuation *band) {
    rig->band = band;
    rig->bridge = band ? rp_continuation_bridge(band) : NULL;
}

int rp_rig_set_singing(rp_rig *rig, rp_singing *singing, uint32_t port, uint32_t channel) {
    if (port >= RP_PORTS_MAX || channel >= RP_CHANNELS) return 0;
    rig->singing = singing;
    rig->voice = singing ? rp_singing_get_link(singing) : NULL;
    rig->voice_port = (uint8_t)port;
    rig->voice_channel = (uint8_t)channel;
    return 1;
}

void rp_rig_set_voice_outputs(rp_rig *rig, uint32_t outputs) { rig->voice_outputs = outputs; }

void rp_rig_set_rack(rp_rig *rig, rp_rack *rack) { rig->rack = rack; }

int rp_rig_set_zones(rp_rig *rig, const rp_zone *zone, uint32_t count) {
    if (count > RP_ZONES_MAX) return 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!rp_zone_valid(&zone[i]) || zone[i].instruments >> rig->config.instruments) return 0;
        rig->zones.zone[i] = zone[i];
        if (zone[i].mpe) rig->mpe_inputs |= 1u << zone[i].in_port;
    }
    rig->zones.count = count;
    return 1;
}

void rp_rig_free(rp_rig *rig) {
    if (!rig) return;
    rp_instrumenter_free(rig->instrumenter);
    free(rig);
}
