/* singing.c - setting the singing up, and the control side of its rings. See singing.h. */
#include "singing.h"

#include <stdlib.h>
#include <string.h>

#include "singing_state.h"

enum { ASKED = 1 << 12, REPORTS = 1 << 17 }; /* bytes; reports: half a minute of blocks */
enum { LOWEST_RATE = 8000, HIGHEST_RATE = 384000, FRAMES_A_SECOND = 125 };

uint64_t rp_singing_start_of(const rp_singing *singing, uint64_t block) {
    return rp_vocoder_start(singing->config.sample_rate, RP_BLOCK_FRAMES * block);
}

uint64_t rp_singing_first_from(const rp_singing *singing, uint64_t frame) {
    uint64_t block = frame * FRAMES_A_SECOND / ((uint64_t)singing->config.sample_rate * RP_BLOCK_FRAMES);
    while (rp_singing_start_of(singing, block) < frame) block++;
    return block;
}

uint64_t rp_singing_next(const rp_singing *singing, uint64_t frame) {
    return rp_singing_start_of(singing, rp_singing_first_from(singing, frame + 1));
}

rp_singing *rp_singing_new(const rp_singing_config *config, const rp_singer_weights *weights) {
    if (config->sample_rate < LOWEST_RATE || config->sample_rate > HIGHEST_RATE) return NULL;
    if (config->lead > config->sample_rate) return NULL;
    rp_singing *singing = calloc(1, sizeof *singing);
    if (!singing) return NULL;
    singing->config = *config;
    singing->link.own_lead = config->lead;
    singing->link.synchronous = config->synchronous;
    rp_singer_usual(&singing->controls);
    rp_piano_clear(&singing->piano, config->sample_rate);
    singing->asked = rp_ring_new(ASKED);
    singing->reports = rp_ring_new(REPORTS);
    singing->singer = rp_singer_new(weights);
    int made = rp_bridge_open(&singing->link.bridge);
    if (made && singing->asked && singing->reports && singing->singer) return singing;
    rp_singing_free(singing);
    return NULL;
}

void rp_singing_free(rp_singing *singing) {
    if (!singing) return;
    rp_singing_stop(singing);
    rp_bridge_close(&singing->link.bridge);
    rp_singer_free(singing->singer);
    rp_ring_free(singing->asked);
    rp_ring_free(singing->reports);
    free(singing);
}

int rp_singing_set(rp_singing *singing, uint32_t parameter, double value) {
    rp_singing_asked asked = {.value = value, .parameter = parameter};
    if (parameter >= RP_SING_COUNT || !rp_parameter_takes(&rp_singer_parameters()[parameter], value)) return 0;
    return rp_ring_write(singing->asked, 0, &asked, sizeof asked);
}

void rp_singing_stall(rp_singing *singing, uint32_t on) { atomic_store(&singing->stalled, on); }

uint32_t rp_singing_poll(rp_singing *singing, rp_singing_report *out, uint32_t capacity) {
    uint32_t n = 0, type;
    while (n < capacity && rp_ring_read(singing->reports, &type, &out[n], sizeof *out) >= 0) n++;
    return n;
}

/* The worker's counts and the process thread's. */
void rp_singing_get_stats(const rp_singing *singing, rp_singing_stats *out) {
    const rp_singing_link *link = &singing->link;
    uint64_t words[RP_SINGING_WORDS];
    for (uint32_t i = 0; i < RP_SINGING_WORDS; i++)
        words[i] = atomic_load_explicit(&singing->published[i], memory_order_relaxed);
    memcpy(out, words, sizeof words);
    out->late = atomic_load_explicit(&link->bridge.late, memory_order_relaxed);
    out->held = atomic_load_explicit(&link->held, memory_order_relaxed);
    out->notes = atomic_load_explicit(&link->bridge.sounded, memory_order_relaxed);
    out->refused = atomic_load_explicit(&link->bridge.refused, memory_order_relaxed);
    out->unheard = atomic_load_explicit(&link->bridge.unheard, memory_order_relaxed);
    out->lead = atomic_load_explicit(&link->lead, memory_order_relaxed);
    out->sounding = atomic_load_explicit(&link->sounding, memory_order_relaxed);
    out->realtime = atomic_load_explicit(&singing->realtime, memory_order_relaxed);
}

rp_singing_link *rp_singing_get_link(rp_singing *singing) { return &singing->link; }
