/* conductor.c - see conductor.h. */
#include "conductor.h"

#include <string.h>

#include "engine_state.h"

static const double USUAL_BPM = 120.0;

_Static_assert(sizeof(rp_conductor_state) % sizeof(uint64_t) == 0, "the state is published in whole words");

void rp_conductor_open(rp_conductor *conductor, uint32_t sample_rate) {
    conductor->sample_rate = sample_rate;
    conductor->bpm = USUAL_BPM;
    conductor->timeline = rp_timeline_new();
}

void rp_conductor_prepare(rp_conductor *conductor) {
    if (conductor->beats) return;
    rp_beats *beats = rp_beats_new((uint32_t)conductor->sample_rate);
    atomic_store_explicit(&conductor->beats, beats, memory_order_release);
}

void rp_conductor_close(rp_conductor *conductor) {
    rp_timeline_free(conductor->timeline);
    rp_beats_free(conductor->beats);
}

void rp_conductor_get(const rp_conductor *conductor, rp_conductor_state *out) {
    uint64_t words[RP_CONDUCTOR_WORDS];
    for (uint32_t i = 0; i < RP_CONDUCTOR_WORDS; i++)
        words[i] = atomic_load_explicit(&conductor->published[i], memory_order_relaxed);
    memcpy(out, words, sizeof words);
}
