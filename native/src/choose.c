/* choose.c - which voice takes a note: what is possible, then what is best. */
#include <math.h>
#include <stdlib.h>

#include "instrumenter_state.h"

/* Where a voice belongs when nothing was played: its hand, or the middle of its range. [any] */
static float home(const rp_voice *voice) {
    return voice->centre ? voice->centre : ((float)voice->lowest + voice->highest) / 2.0f;
}

float rp_choose_distance(const rp_instrumenter *it, uint32_t voice, uint8_t pitch) {
    const rp_track *track = &it->voices.voice[voice];
    return fabsf((float)pitch - (track->notes ? track->pitch : home(&it->config.voice[voice])));
}

/* Of some voices, those whose range ends nearest to a pitch that lies beyond them all. [any] */
static uint32_t nearest_ranges(const rp_instrumenter *it, uint32_t voices, uint8_t pitch) {
    int least = 256;
    uint32_t bits = 0;
    for (uint32_t i = 0; i < it->config.voices; i++) {
        const rp_voice *voice = &it->config.voice[i];
        int away = pitch < voice->lowest ? voice->lowest - pitch : pitch > voice->highest ? pitch - voice->highest : 0;
        if (!(voices >> i & 1) || away > least) continue;
        if (away < least) bits = 0;
        least = away;
        bits |= 1u << i;
    }
    return bits;
}

/* [any] */
static uint32_t enabled(const rp_instrumenter *it) {
    uint32_t bits = 0;
    for (uint32_t i = 0; i < it->config.voices; i++) bits |= (uint32_t)(it->config.voice[i].enabled != 0) << i;
    return bits;
}

/* Of some voices without room those that can best take another note: the ones that divide, if there are any. [any] */
static uint32_t divisible(const rp_instrumenter *it, uint32_t voices) {
    uint32_t bits = 0;
    if (it->config.overflow != RP_OVERFLOW_DIVISI) return voices;
    for (uint32_t i = 0; i < it->config.voices; i++) bits |= (uint32_t)(it->config.voice[i].divides != 0) << i;
    return voices & bits ? voices & bits : voices;
}

uint32_t rp_choose_from(const rp_instrumenter *it, uint32_t free, uint8_t pitch) {
    uint32_t fit = rp_voices_fit(it->config.voice, it->config.voices, pitch), on = enabled(it);
    if (free & fit) return free & fit;
    if (it->config.overflow == RP_OVERFLOW_DROP) return 0;
    if (fit) return divisible(it, fit);
    return nearest_ranges(it, free & on ? free & on : divisible(it, on), pitch);
}

uint32_t rp_choose_labels(const rp_instrumenter *it, uint32_t voices) {
    uint32_t bits = 0;
    for (uint32_t i = 0; i < it->config.voices; i++)
        if (voices >> i & 1) bits |= 1u << it->config.voice[i].label;
    return bits;
}

uint32_t rp_choose_forced(const rp_instrumenter *it, uint32_t voices, uint32_t tag) {
    uint32_t bits = 0;
    if (!it->forced || it->forced[tag] == RP_NO_VOICE) return voices;
    for (uint32_t i = 0; i < it->config.voices; i++)
        bits |= (uint32_t)(it->config.voice[i].label == it->forced[tag]) << i;
    return bits & voices ? bits & voices : voices;
}

uint8_t rp_choose_by_scores(const rp_instrumenter *it, uint32_t voices, uint8_t pitch, const float *scores) {
    uint8_t best = RP_NO_VOICE;
    for (uint32_t i = 0; i < it->config.voices; i++) {
        if (!(voices >> i & 1)) continue;
        float score = scores[it->config.voice[i].label];
        float least = best == RP_NO_VOICE ? 0.0f : scores[it->config.voice[best].label];
        if (best == RP_NO_VOICE || score > least ||
            (score == least && rp_choose_distance(it, i, pitch) < rp_choose_distance(it, best, pitch)))
            best = (uint8_t)i;
    }
    return best;
}

uint8_t rp_choose_by_rule(const rp_instrumenter *it, uint32_t voices, uint8_t pitch) {
    const rp_instrumenter_config *config = &it->config;
    int zone = config->decide == RP_DECIDE_ZONE;
    uint8_t best = RP_NO_VOICE;
    float least = 0.0f;
    if (config->decide == RP_DECIDE_MODEL && config->fallback == RP_FALLBACK_LAST && it->last_voice != RP_NO_VOICE &&
        voices >> it->last_voice & 1)
        return it->last_voice;
    for (uint32_t i = 0; i < config->voices; i++) {
        if (!(voices >> i & 1)) continue;
        float away = zone ? fabsf((float)pitch - home(&config->voice[i])) : rp_choose_distance(it, i, pitch);
        if (best != RP_NO_VOICE && away >= least) continue;
        best = (uint8_t)i;
        least = away;
    }
    return best;
}
