/* rack.c - setting a rack up. See rack.h; what runs in the cycle is in rack_process.c. */
#include <stdlib.h>
#include <string.h>

#include "rack_state.h"

enum { PORTS = 16, CHANNELS = 16, BUFFERS = 8 };
static const double FADE_SECONDS = 0.01, CHANGE_SECONDS = 0.005;

/* An output is a port, or none. [control] */
static int is_output(uint8_t output) { return output < PORTS || output == RP_NO_OUTPUT; }

/* [control] */
static int valid(const rp_rack_config *config) {
    if (config->sample_rate == 0 || config->strips > RP_STRIPS_MAX) return 0;
    for (uint32_t i = 0; i < config->strips; i++) {
        const rp_strip_config *strip = &config->strip[i];
        if (strip->source > RP_SOURCE_INPUT || !is_output(strip->output[0]) || !is_output(strip->output[1])) return 0;
        if (strip->source == RP_SOURCE_NOTES && (strip->port >= PORTS || strip->channel > RP_ANY_CHANNEL)) return 0;
        if (strip->source == RP_SOURCE_INPUT && (strip->input[0] >= PORTS || strip->input[1] >= PORTS)) return 0;
    }
    return is_output(config->output[0]) && is_output(config->output[1]);
}

/* [control] */
static int has_output(const rp_strip_config *strip) {
    return strip->output[0] != RP_NO_OUTPUT || strip->output[1] != RP_NO_OUTPUT;
}

/* [control] */
static int take_memory(rp_rack *rack) {
    float **const place[BUFFERS] = {&rack->audio[0], &rack->audio[1], &rack->dry[0], &rack->dry[1],
                                    &rack->mix[0],   &rack->mix[1],   &rack->level,  &rack->opening};
    rack->memory = calloc((size_t)BUFFERS * RP_BLOCK_MAX, sizeof *rack->memory);
    for (uint32_t i = 0; rack->memory && i < BUFFERS; i++) *place[i] = rack->memory + (size_t)i * RP_BLOCK_MAX;
    return rack->memory != NULL;
}

/* A strip hears its channel, or all of its port. [control] */
static void listen(rp_rack *rack, uint32_t which) {
    const rp_strip_config *config = &rack->config.strip[which];
    for (uint32_t channel = 0; channel < CHANNELS; channel++)
        if (config->channel == channel || config->channel == RP_ANY_CHANNEL)
            rack->listeners[config->port][channel] |= 1u << which;
}

/* [control] */
static int open_strips(rp_rack *rack) {
    uint32_t change = (uint32_t)(CHANGE_SECONDS * rack->config.sample_rate), sung = 0;
    int made = 1;
    for (uint32_t i = 0; made && i < rack->config.strips; i++) {
        const rp_strip_config *config = &rack->config.strip[i];
        made = rp_delay_line_open(&rack->strip[i].align, change);
        if (made && has_output(config)) made = rp_delay_line_open(&rack->strip[i].own, change);
        if (config->source == RP_SOURCE_NOTES) listen(rack, i);
        sung |= config->source == RP_SOURCE_VOICE;
    }
    return made && (sung || rp_delay_line_open(&rack->voice, change));
}

rp_rack *rp_rack_new(const rp_rack_config *config) {
    rp_rack *rack = valid(config) ? calloc(1, sizeof *rack) : NULL;
    if (!rack) return NULL;
    rack->config = *config;
    rack->fade = (uint32_t)(FADE_SECONDS * config->sample_rate) + 1;
    if (take_memory(rack) && open_strips(rack)) return rack;
    rp_rack_free(rack);
    return NULL;
}

void rp_rack_free(rp_rack *rack) {
    if (!rack) return;
    for (uint32_t i = 0; i <= RP_STRIPS_MAX; i++) {
        rp_strip *strip = &rack->strip[i];
        for (uint32_t u = 0; u < strip->units; u++) rp_rack_unit_close(&strip->unit[u]);
        rp_delay_line_close(&strip->align);
        rp_delay_line_close(&strip->own);
    }
    rp_delay_line_close(&rack->voice);
    free(rack->memory);
    free(rack);
}

int rp_rack_add(rp_rack *rack, uint32_t strip, rp_unit *unit) {
    if (strip != RP_MASTER && strip >= rack->config.strips) return 0;
    rp_strip *to = &rack->strip[strip == RP_MASTER ? RP_MASTER_STRIP : strip];
    int notes = strip != RP_MASTER && rack->config.strip[strip].source == RP_SOURCE_NOTES;
    if (to->units == RP_STRIP_UNITS_MAX) return 0;
    if (unit->role == RP_UNIT_INSTRUMENT && (!notes || to->units > 0)) return 0;
    if (!rp_rack_unit_open(&to->unit[to->units], unit, rack->config.sample_rate)) return 0;
    to->units++;
    return 1;
}

int rp_rack_automate(rp_rack *rack, rp_unit *unit, uint32_t parameter, uint32_t channel, uint32_t controller,
                     double low, double high) {
    if (rack->automations == RP_AUTOMATIONS_MAX || parameter >= unit->parameters) return 0;
    if (channel > RP_ANY_CHANNEL || controller > 127) return 0;
    rack->automation[rack->automations++] =
        (rp_automation){unit, parameter, (uint8_t)channel, (uint8_t)controller, low, high};
    return 1;
}

/* The highest since it was asked last. [control] */
static void take_peaks(rp_strip *strip, float out[2]) {
    for (uint32_t c = 0; c < 2; c++) out[c] = atomic_exchange_explicit(&strip->peak[c], 0, memory_order_relaxed);
}

void rp_rack_get_state(rp_rack *rack, rp_rack_state *out) {
    memset(out, 0, sizeof *out);
    out->latency = atomic_load_explicit(&rack->latency_seen, memory_order_relaxed);
    for (uint32_t i = 0; i < rack->config.strips; i++) {
        out->strip_latency[i] = atomic_load_explicit(&rack->strip[i].latency_seen, memory_order_relaxed);
        take_peaks(&rack->strip[i], out->strip_peak[i]);
    }
    out->master_latency = atomic_load_explicit(&rack->strip[RP_MASTER_STRIP].latency_seen, memory_order_relaxed);
    take_peaks(&rack->strip[RP_MASTER_STRIP], out->peak);
}

void rp_rack_settle(const rp_rack *rack) {
    for (uint32_t i = 0; i <= RP_STRIPS_MAX; i++) {
        for (uint32_t u = 0; u < rack->strip[i].units; u++) {
            rp_unit *unit = rack->strip[i].unit[u].unit;
            if (unit->kind->settle) unit->kind->settle(unit);
        }
    }
}
