/* continuation.c - setting the continuation up, and the control side of its rings. See continuation.h. */
#include "continuation.h"

#include <stdlib.h>
#include <string.h>

#include "continuation_state.h"
#include "listen.h"

enum { ASKED = 1 << 12, REPORTS = 1 << 18 }; /* bytes; reports: some ten seconds of very busy music */
static const double BPM_LOW = 30.0, BPM_HIGH = 300.0;

static const rp_parameter PARAMETERS[RP_SET_COUNT] = {
    [RP_SET_TEMPO] = {"tempo", "beats a minute", "how fast", BPM_LOW, BPM_HIGH, 120.0, 0},
    [RP_SET_TEMPO_SOURCE] = {"tempo_source", "", "the tempo is: 0 fixed, 1 tapped, 2 followed from the player", 0, 2, 0,
                             1},
    [RP_SET_WHILE_PLAYING] = {"while_playing", "", "while the player plays, in a duet: 0 the band yields, 1 it comps",
                              0, 1, 0, 1},
    [RP_SET_HANDOVER_BEATS] = {"handover_beats", "beats",
                               "silence after which the band takes over, or in a band the solo", 0.25, 16, 1, 0},
    [RP_SET_HANDOVER_PEDAL] = {"handover_pedal", "controller", "the pedal that hands over at once (66, 67); 0: none", 0,
                               127, 0, 1},
    [RP_SET_ANSWER_BARS] = {"answer_bars", "bars", "how long an answer is; 0: until the player plays", 0, 256, 0, 1},
    [RP_SET_REST_BARS] = {"rest_bars", "bars", "silence of the player after which a band rests; 0: never", 0, 256, 0,
                          1},
    [RP_SET_START_NOTES] = {"start_notes", "notes", "a band begins after so many notes, or after a bar", 1, 256, 16, 1},
    [RP_SET_AT_ONCE] = {"at_once", "instruments", "how many play at once; 0: any number", 0, 16, 0, 1},
    [RP_SET_DENSITY] = {"density", "", "more notes (2) or fewer (0.5) than the model would play", 0.25, 4, 1, 0},
    [RP_SET_TEMPERATURE] = {"temperature", "", "adventurousness: 1 as the model learnt, less is safer", 0, 2, 1, 0},
    [RP_SET_TOP_P] = {"top_p", "", "only the likeliest values that together have this share", 0.05, 1, 0.95, 0},
    [RP_SET_REGISTER] = {"register", "semitones", "the instruments' ranges are moved by this", -24, 24, 0, 1},
    [RP_SET_FOLLOW_VELOCITY] = {"follow_velocity", "", "as loud as the player: 0 not at all, 1 fully", 0, 1, 0.7, 0},
    [RP_SET_HUMANIZE] = {"humanize", "", "micro-timing: 0 on the grid, 1 as the player's", 0, 2, 1, 0},
    [RP_SET_COMMIT_BEATS] = {"commit_beats", "beats", "how far ahead notes are final", 0.1, 8, 1, 0},
    [RP_SET_PLAN_BEATS] = {"plan_beats", "beats", "how far beyond that is planned", 2, 16, 2, 0},
    [RP_SET_KEY_ROOT] = {"key_root", "pitch class", "the locked key's tonic: 0 C, 1 C sharp ... 11 B", 0, 11, 0, 1},
    [RP_SET_KEY_MODE] = {"key_mode", "", "key lock: 0 off, 1 major, 2 minor, 3 from what is heard", 0, 3, 0, 1},
    [RP_SET_KEY_PULL] = {"key_pull", "", "how strongly the key heard lately draws the notes; 0: not at all", 0, 2, 0.6,
                         0},
    [RP_SET_SEED] = {"seed", "", "the same seed and the same playing give the same answer", 0, 4294967295.0, 0, 1},
};

const rp_parameter *rp_continuation_parameters(void) { return PARAMETERS; }

/* [any] */
static int settable(uint32_t parameter, double value) {
    return parameter < RP_SET_COUNT && rp_parameter_takes(&PARAMETERS[parameter], value);
}

/* [control] */
static int valid(const rp_continuation_config *config) {
    int shape = config->mode <= RP_MODE_BAND && config->origin <= RP_ORIGIN_ZERO && config->meter <= 15 &&
                config->style <= 15 && config->band <= RP_BAND_MAX && config->sample_rate >= 8000;
    if (!shape || config->context < 128 || config->context > 8192) return 0;
    for (uint32_t i = 0; i < config->band; i++) {
        const rp_band_member *member = &config->member[i];
        int known = member->code >= 1 && member->code < RP_CODES && member->instrument < RP_BAND_MAX;
        if (!known || member->low > member->high || member->high > 127) return 0;
    }
    for (uint32_t i = 0; i < 16; i++)
        if (config->player[i] >= RP_CODES) return 0;
    return 1;
}

/* The names of all who may play come first in the context. [control] */
static void introduce(rp_continuation *band) {
    uint8_t playing[RP_CODES] = {0};
    for (uint32_t i = 0; i < 16; i++)
        if (band->config.player[i]) playing[band->config.player[i]] = band->players[band->config.player[i]] = 1;
    for (uint32_t i = 0; i < band->config.band; i++)
        if (band->config.member[i].enabled) playing[band->config.member[i].code] = 1;
    rp_context_introduce(&band->context, playing, band->config.style, band->config.meter);
}

/* [control] */
static void begin(rp_continuation *band) {
    for (uint32_t i = 0; i < RP_SET_COUNT; i++) band->set[i] = PARAMETERS[i].usual;
    for (uint32_t i = 0; i < band->config.band; i++) band->enabled[i] = band->config.member[i].enabled != 0;
    band->bpm = band->set[RP_SET_TEMPO];
    band->plan.from = band->plan.covered = band->plan.reserve_until = band->plan.resume = INT64_MIN;
    rp_listen_begin(band);
    rp_feel_begin(&band->feel, band->config.sample_rate, 0);
    introduce(band);
}

rp_continuation *rp_continuation_new(const rp_continuation_config *config, const rp_transformer *transformer) {
    rp_continuation *band = valid(config) ? calloc(1, sizeof *band) : NULL;
    if (!band) return NULL;
    band->config = *config;
    band->asked = rp_ring_new(ASKED);
    band->reports = rp_ring_new(REPORTS);
    int made = rp_bridge_open(&band->bridge) && rp_context_open(&band->context, transformer, config->context);
    if (made && band->asked && band->reports) {
        begin(band);
        return band;
    }
    rp_continuation_free(band);
    return NULL;
}

void rp_continuation_free(rp_continuation *band) {
    if (!band) return;
    rp_continuation_stop(band);
    rp_context_close(&band->context);
    rp_bridge_close(&band->bridge);
    rp_ring_free(band->asked);
    rp_ring_free(band->reports);
    free(band);
}

/* [control] */
static int ask(rp_continuation *band, uint32_t type, rp_asked asked) {
    return rp_ring_write(band->asked, type, &asked, sizeof asked);
}

int rp_continuation_set(rp_continuation *band, uint32_t parameter, double value) {
    return settable(parameter, value) && ask(band, RP_ASK_SET, (rp_asked){.which = parameter, .value = value});
}

int rp_continuation_enable(rp_continuation *band, uint32_t member, uint32_t on) {
    return member < band->config.band && ask(band, RP_ASK_ENABLE, (rp_asked){.which = member, .value = on});
}

int rp_continuation_tap(rp_continuation *band, uint64_t frame) {
    return ask(band, RP_ASK_TAP, (rp_asked){.frame = frame});
}

int rp_continuation_hand_over(rp_continuation *band) { return ask(band, RP_ASK_HAND_OVER, (rp_asked){0}); }

int rp_continuation_yield(rp_continuation *band) { return ask(band, RP_ASK_YIELD, (rp_asked){0}); }

int rp_continuation_stall(rp_continuation *band, uint32_t on) {
    atomic_store(&band->stalled, on);
    return 1;
}

uint32_t rp_continuation_poll(rp_continuation *band, rp_band_report *out, uint32_t capacity) {
    uint32_t n = 0, type;
    while (n < capacity && rp_ring_read(band->reports, &type, &out[n], sizeof *out) >= 0) n++;
    return n;
}

void rp_continuation_get_stats(const rp_continuation *band, rp_band_stats *out) {
    uint64_t words[RP_BAND_WORDS];
    for (uint32_t i = 0; i < RP_BAND_WORDS; i++)
        words[i] = atomic_load_explicit(&band->published[i], memory_order_relaxed);
    memcpy(out, words, sizeof words);
}

rp_bridge *rp_continuation_bridge(rp_continuation *band) { return &band->bridge; }
