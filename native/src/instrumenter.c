/* instrumenter.c - see instrumenter.h. */
#include "instrumenter_state.h"

#include <stdlib.h>
#include <string.h>

enum { CHORD_MS = 25 };

/* The widest input of the models at hand. [control] */
static uint32_t widest(uint32_t labels) {
    uint32_t solo = rp_features_solo_width(labels), chord = rp_features_chord_width(labels);
    return solo > chord ? solo : chord;
}

/* 1: no such model is wanted, or it takes what we give and knows all labels. [control] */
static int model_fits(const rp_lstm *lstm, uint32_t labels, uint32_t width) {
    if (!lstm) return 1;
    return rp_lstm_get_config(lstm)->output == labels && rp_lstm_get_config(lstm)->input == width;
}

/* [control] */
static int voices_are_good(const rp_instrumenter_config *config, uint32_t labels) {
    if (config->voices == 0 || config->voices > RP_VOICES_MAX) return 0;
    for (uint32_t i = 0; i < config->voices; i++) {
        const rp_voice *voice = &config->voice[i];
        if (voice->lowest > voice->highest || voice->highest > 127 || voice->centre > 127) return 0;
        if (voice->label >= labels) return 0;
    }
    return 1;
}

/* Labels that the models tell apart; without models each voice may have its own. [control] */
static uint32_t labels_of(const rp_instrumenter_config *config) {
    const rp_lstm *lstm = config->solo ? config->solo : config->chord;
    return lstm ? rp_lstm_get_config(lstm)->output : RP_VOICES_MAX;
}

/* [control] */
static int config_is_good(const rp_instrumenter_config *config) {
    uint32_t labels = labels_of(config);
    int model = config->decide == RP_DECIDE_MODEL;
    if (config->decide > RP_DECIDE_MODEL || config->when > RP_WHEN_REVISE || config->sample_rate == 0) return 0;
    if (config->fallback > RP_FALLBACK_CLOSEST || config->overflow > RP_OVERFLOW_DROP) return 0;
    if (labels > RP_VOICES_MAX || !voices_are_good(config, labels)) return 0;
    if (model && config->when != RP_WHEN_WINDOW && !config->solo) return 0;
    if (model && config->when != RP_WHEN_NOTE && !config->chord) return 0;
    return model_fits(config->solo, labels, rp_features_solo_width(labels)) &&
           model_fits(config->chord, labels, rp_features_chord_width(labels));
}

/* [control] */
static int allocate(rp_instrumenter *it) {
    const rp_instrumenter_config *config = &it->config;
    if (config->decide != RP_DECIDE_MODEL) return 1;
    it->x = calloc(widest(it->labels), sizeof *it->x);
    it->scores = calloc(it->labels, sizeof *it->scores);
    if (!it->x || !it->scores) return 0;
    if (config->when != RP_WHEN_WINDOW && !(it->solo = rp_lstm_state_new(config->solo))) return 0;
    if (config->chord && !(it->whole = rp_lstm_state_new(config->chord))) return 0;
    int together = config->together && config->chord && config->when != RP_WHEN_WINDOW;
    return !together || (it->trial = rp_lstm_state_new(config->chord)) != NULL;
}

rp_instrumenter *rp_instrumenter_new(const rp_instrumenter_config *config) {
    if (!config_is_good(config)) return NULL;
    rp_instrumenter *it = calloc(1, sizeof *it);
    if (!it) return NULL;
    it->config = *config;
    it->labels = labels_of(config);
    it->chord_frames = (uint64_t)config->sample_rate * CHORD_MS / 1000;
    it->frame_ms = 1000.0f / (float)config->sample_rate;
    if (!allocate(it)) {
        rp_instrumenter_free(it);
        return NULL;
    }
    rp_instrumenter_reset(it);
    return it;
}

void rp_instrumenter_free(rp_instrumenter *it) {
    if (!it) return;
    rp_lstm_state_free(it->solo);
    rp_lstm_state_free(it->whole);
    rp_lstm_state_free(it->trial);
    free(it->x);
    free(it->scores);
    free(it);
}

void rp_instrumenter_reset(rp_instrumenter *it) {
    rp_voices_reset(&it->sounding);
    rp_voices_reset(&it->voices);
    it->chord.count = 0;
    it->last_voice = RP_NO_VOICE;
    if (it->solo) rp_lstm_state_reset(it->solo);
    if (it->whole) rp_lstm_state_reset(it->whole);
}

void rp_instrumenter_set_voice(rp_instrumenter *it, uint32_t voice, const rp_voice *value) {
    if (voice >= it->config.voices) return;
    uint8_t label = it->config.voice[voice].label;
    it->config.voice[voice] = *value;
    it->config.voice[voice].label = label; /* what it held is counted under it */
}

int rp_instrumenter_plays(const rp_instrumenter *it, uint32_t voice) {
    return voice < it->config.voices && it->config.voice[voice].enabled;
}

/* The key held longest by a voice. [any] */
static const rp_held *oldest_of(const rp_voices *voices, uint8_t voice) {
    for (uint32_t i = 0; i < voices->helds; i++)
        if (voices->held[i].voice == voice) return &voices->held[i];
    return NULL;
}

void rp_instrumenter_take(rp_instrumenter *it, const rp_held *held, rp_decision *decision) {
    const rp_voice *voice = &it->config.voice[held->voice];
    const rp_held *old = oldest_of(&it->sounding, held->voice);
    int full = voice->polyphony && it->sounding.voice[held->voice].held >= voice->polyphony;
    if (full && old && it->config.overflow == RP_OVERFLOW_STEAL) {
        decision->steals = 1;
        decision->stolen = old->tag;
        rp_instrumenter_note_off(it, held->onset, old->tag);
    }
    rp_voices_take(&it->sounding, it->config.voice, held);
    rp_voices_take(&it->voices, it->config.voice, held);
    it->last_voice = held->voice;
}

/* Of the voices that must take one note too many, that whose key has been down longest. [any] */
static uint32_t held_longest(const rp_instrumenter *it, uint32_t voices) {
    for (uint32_t i = 0; i < it->sounding.helds; i++)
        if (voices >> it->sounding.held[i].voice & 1) return 1u << it->sounding.held[i].voice;
    return voices;
}

void rp_instrumenter_decide(rp_instrumenter *it, const rp_held *held, uint8_t wanted, uint32_t afford,
                            rp_decision *decision) {
    const rp_voice *voice = it->config.voice;
    uint32_t count = it->config.voices;
    int divisi = it->config.overflow == RP_OVERFLOW_DIVISI;
    uint32_t free =
        divisi ? rp_voices_free_divided(&it->sounding, voice, count) : rp_voices_free(&it->sounding, voice, count);
    uint32_t voices = rp_choose_from(it, free, held->pitch);
    int model = it->config.decide == RP_DECIDE_MODEL, scored = 0;
    if (!voices) return;
    if (!(voices & free) && it->config.overflow == RP_OVERFLOW_STEAL) voices = held_longest(it, voices);
    rp_asked asked = {held->onset, rp_choose_labels(it, voices), held->pitch, held->velocity};
    if (model && afford) scored = rp_ask_solo(it, &asked, held->tag);
    if (wanted != RP_NO_VOICE && voices >> wanted & 1) voices = 1u << wanted;
    voices = rp_choose_forced(it, voices, held->tag);
    decision->voice =
        scored ? rp_choose_by_scores(it, voices, held->pitch, it->scores) : rp_choose_by_rule(it, voices, held->pitch);
    decision->fallback = (uint8_t)(model && !scored);
}

/* Whether chords are followed to their end: to decide them then, to mend them, or to know better next time. [any] */
static int follows_chords(const rp_instrumenter *it) {
    return it->config.when != RP_WHEN_NOTE || rp_chord_hindsight(it);
}

/* A note begins: the chord it belongs to, by the window or by the ear of the features. [any] */
static void enter(rp_instrumenter *it, uint64_t frame) {
    if (it->chord.count) return;
    rp_voices_enter(&it->sounding, frame, it->chord_frames);
    rp_voices_enter(&it->voices, frame, it->chord_frames);
    if (!follows_chords(it)) return;
    it->before = it->voices;
    it->chord.start = frame;
}

rp_decision rp_instrumenter_note_on(rp_instrumenter *it, uint64_t frame, uint32_t tag, uint8_t pitch, uint8_t velocity,
                                    uint32_t afford) {
    rp_decision decision = {.tag = tag, .voice = RP_NO_VOICE, .from = RP_NO_VOICE};
    rp_held held = {frame, tag, pitch, velocity, RP_NO_VOICE};
    enter(it, frame);
    int joins = follows_chords(it) && it->chord.count < RP_CHORD_MAX;
    if (joins && (it->config.when == RP_WHEN_WINDOW || it->trial)) {
        rp_chord_add(it, &held);
        decision.pending = 1;
        return decision;
    }
    rp_instrumenter_decide(it, &held, RP_NO_VOICE, afford, &decision);
    if (decision.voice == RP_NO_VOICE) return decision;
    held.voice = decision.voice;
    rp_instrumenter_take(it, &held, &decision);
    if (joins) rp_chord_add(it, &held);
    else if (it->chord.count) rp_voices_take(&it->before, it->config.voice, &held);
    return decision;
}

void rp_instrumenter_note_off(rp_instrumenter *it, uint64_t frame, uint32_t tag) {
    rp_voices_release(&it->sounding, it->config.voice, frame, tag);
    rp_voices_release(&it->voices, it->config.voice, frame, tag);
    if (follows_chords(it)) rp_chord_release(it, frame, tag); /* also while the first note steals */
}

int rp_instrumenter_full(const rp_instrumenter *it) { return it->chord.count == RP_CHORD_MAX; }

/* 1: notes of one frame wait for each other, and some do. [any] */
static int waits(const rp_instrumenter *it) { return it->trial && rp_chord_waiting(&it->chord) > 0; }

uint64_t rp_instrumenter_deadline(const rp_instrumenter *it) {
    const rp_chord *chord = &it->chord;
    if (chord->count == 0) return UINT64_MAX;
    if (waits(it)) return chord->note[chord->count - 1].held.onset;
    if (rp_instrumenter_full(it)) return chord->start;
    return chord->start + (it->config.when == RP_WHEN_NOTE ? it->chord_frames : it->config.window);
}

uint32_t rp_instrumenter_close(rp_instrumenter *it, uint64_t frame, rp_decision out[RP_CHORD_MAX], uint32_t afford) {
    (void)frame;
    if (it->chord.count == 0) return 0;
    return waits(it) ? rp_chord_settle(it, out, afford) : rp_chord_close(it, out, afford);
}
