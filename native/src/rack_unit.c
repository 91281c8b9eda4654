/* rack_unit.c - around a unit: bypass, gain, meter. See rack_state.h. */
#include <math.h>
#include <string.h>

#include "rack_state.h"

static const double FADE_SECONDS = 0.005;

int rp_rack_unit_open(rp_rack_unit *place, rp_unit *unit, uint32_t sample_rate) {
    *place = (rp_rack_unit){.unit = unit};
    place->fade = (uint32_t)(FADE_SECONDS * sample_rate) + 1;
    place->bypass = atomic_load(&unit->bypassed) ? 1 : 0;
    place->gain = atomic_load(&unit->gain);
    return unit->role == RP_UNIT_INSTRUMENT || rp_delay_line_open(&place->dry, place->fade);
}

void rp_rack_unit_close(rp_rack_unit *place) { rp_delay_line_close(&place->dry); }

void rp_rack_unit_reset(const rp_rack_unit *place) {
    if (place->unit->kind->reset) place->unit->kind->reset(place->unit);
}

void rp_rack_keep_peak(_Atomic float *peak, const float *audio, uint32_t frames) {
    float highest = atomic_load_explicit(peak, memory_order_relaxed), before = highest;
    for (uint32_t i = 0; i < frames; i++) highest = fmaxf(highest, fabsf(audio[i]));
    if (highest > before) atomic_store_explicit(peak, highest, memory_order_relaxed);
}

/* A step on the way to what is heard of `dry`, and to the gain asked for. [process] */
static void move(rp_rack_unit *place, float bypass, float gain) {
    float step = 1 / (float)place->fade;
    if (place->bypass < bypass) place->bypass = fminf(bypass, place->bypass + step);
    else place->bypass = fmaxf(bypass, place->bypass - step);
    place->gain += (gain - place->gain) * 2 * step;
    if (fabsf(gain - place->gain) < 1e-5F) place->gain = gain;
}

/* [process] */
static void blend(rp_rack_unit *place, const rp_unit_block *block, float *const dry[2]) {
    float bypass = atomic_load_explicit(&place->unit->bypassed, memory_order_relaxed) ? 1 : 0;
    float gain = atomic_load_explicit(&place->unit->gain, memory_order_relaxed);
    if (bypass == 0 && place->bypass == 0 && gain == 1 && place->gain == 1) return;
    for (uint32_t i = 0; i < block->frames; i++) {
        move(place, bypass, gain);
        for (uint32_t c = 0; c < 2; c++) {
            float wet = block->audio[c][i] * place->gain;
            block->audio[c][i] = wet * (1 - place->bypass) + dry[c][i] * place->bypass;
        }
    }
}

void rp_rack_unit_process(rp_rack_unit *place, const rp_unit_block *block, float *const dry[2]) {
    rp_unit *unit = place->unit;
    for (uint32_t c = 0; c < 2; c++) memcpy(dry[c], block->audio[c], block->frames * sizeof *dry[c]);
    unit->kind->process(unit, block);
    atomic_fetch_add_explicit(&unit->blocks, 1, memory_order_relaxed);
    uint32_t latency = atomic_load_explicit(&unit->latency, memory_order_relaxed);
    if (place->dry.ring) rp_delay_line_process(&place->dry, dry, block->frames, latency);
    blend(place, block, dry);
    for (uint32_t c = 0; c < 2; c++) rp_rack_keep_peak(&unit->peak[c], block->audio[c], block->frames);
}
