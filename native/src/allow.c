/* allow.c - see allow.h. */
#include "allow.h"

#include <math.h>
#include <string.h>

enum { RECENT = 256, ROUND = 4 * RP_TICKS_A_BEAT }; /* entries, and ticks, in which somebody counts as playing */
/* How much of the adventurousness each field takes: a wild pitch is an idea, a wild position a mistake. */
static const double ADVENTURE[RP_FIELDS] = {0.0, 0.6, 0.6, 0.8, 1.0, 0.8, 0.5};
static const double DENSITY_BIAS = 1.2; /* of "at the same beat" for twice the density, in log 2 */
/* Who has long been silent grows impatient: after two beats, by so much a beat, so much at most. Left alone the model
 * would imagine the player for ever, having heard nobody else; once somebody plays, it goes on by itself. */
static const double PATIENCE = 2 * RP_TICKS_A_BEAT, IMPATIENCE = 0.75 / RP_TICKS_A_BEAT, IMPATIENCE_MOST = 9.0;

static const rp_sampling PLAIN = {.temperature = 1.0f, .top_p = 0.95f};
static const double USUAL_TAIL = 0.05; /* what top_p leaves out as it begins; then each field has just its own */

/* Each field as it is best drawn, turned by the two knobs. [worker] */
static void set_sampling(const rp_continuation *band, rp_choice *choice) {
    for (uint32_t field = 0; field < RP_FIELDS; field++) {
        const rp_sampling *told = &band->config.sampling[field], *own = told->temperature > 0 ? told : &PLAIN;
        double adventure = 1.0 + ADVENTURE[field] * (band->set[RP_SET_TEMPERATURE] - 1.0);
        double tail = (1.0 - (double)own->top_p) * (1.0 - band->set[RP_SET_TOP_P]) / USUAL_TAIL;
        choice->sampling[field].temperature = (float)(adventure < 0.0 ? 0.0 : adventure * (double)own->temperature);
        choice->sampling[field].top_p = (float)(tail > 0.99 ? 0.01 : 1.0 - tail);
        choice->sampling[field].top_k = own->top_k;
    }
    choice->pull = (float)band->set[RP_SET_KEY_PULL];
}

/* A member's range, moved. [worker] */
static void set_range(const rp_continuation *band, const rp_band_member *member, rp_choice *choice) {
    int by = member->code == RP_CODES - 1 ? 0 : (int)band->set[RP_SET_REGISTER];
    int low = member->low + by, high = member->high + by;
    low = low < 0 ? 0 : low > 127 ? 127 : low;
    high = high < 0 ? 0 : high > 127 ? 127 : high;
    if (!choice->instrument[member->code] || low < choice->low[member->code]) choice->low[member->code] = (uint8_t)low;
    if (!choice->instrument[member->code] || high > choice->high[member->code])
        choice->high[member->code] = (uint8_t)high;
    choice->instrument[member->code] = 1;
}

/* Who may play: the members that are on, and while the player plays, the player himself, imagined. [worker] */
static void set_instruments(const rp_continuation *band, rp_choice *choice) {
    int comping = band->state == RP_STATE_COMPING;
    memset(choice->instrument, 0, sizeof choice->instrument);
    for (uint32_t i = 0; i < band->config.band; i++) {
        const rp_band_member *member = &band->config.member[i];
        if (band->enabled[i] && !(comping && band->players[member->code])) set_range(band, member, choice);
    }
    for (uint32_t code = 1; comping && code < RP_CODES; code++) {
        if (!band->players[code]) continue;
        choice->instrument[code] = 1;
        choice->low[code] = 0;
        choice->high[code] = 127;
    }
}

/* No more instruments than asked for: when so many play, the others wait until one has paused. [worker] */
static void limit_instruments(const rp_continuation *band, int64_t tick, rp_choice *choice) {
    uint32_t most = (uint32_t)band->set[RP_SET_AT_ONCE], playing = 0;
    uint8_t plays[RP_CODES] = {0};
    const rp_context *context = &band->context;
    if (!most) return;
    for (uint32_t n = 0; n < RECENT && n < context->count; n++) {
        const rp_entry *entry = &context->entry[context->count - 1 - n];
        if (entry->tick + ROUND < tick) break;
        if (entry->member == RP_NO_MEMBER || plays[entry->code] || playing == most) continue;
        plays[entry->code] = 1;
        playing++;
    }
    if (playing < most) return;
    for (uint32_t code = 0; code < RP_CODES; code++) {
        int imagined = band->state == RP_STATE_COMPING && band->players[code];
        if (!plays[code] && !imagined) choice->instrument[code] = 0;
    }
}

/* The members that have been silent are the likelier to begin: a model goes on with those who play. [worker] */
static void set_impatience(const rp_continuation *band, int64_t tick, rp_choice *choice) {
    const rp_context *context = &band->context;
    int64_t last[RP_CODES];
    for (uint32_t code = 0; code < RP_CODES; code++) last[code] = INT64_MIN / 2;
    for (uint32_t n = 0; n < RECENT && n < context->count; n++) {
        const rp_entry *entry = &context->entry[context->count - 1 - n];
        if (entry->tick > last[entry->code]) last[entry->code] = entry->tick;
    }
    for (uint32_t code = 1; code < RP_CODES; code++) {
        double silent = (double)(tick - last[code]) - PATIENCE;
        if (!choice->instrument[code] || band->players[code] || silent <= 0.0) continue;
        choice->instrument_bias[code] += (float)fmin(IMPATIENCE * silent, IMPATIENCE_MOST);
    }
}

/* Pitches that the player has, or is imagined to have at this tick. [worker] */
static void set_taken(const rp_continuation *band, int64_t tick, rp_choice *choice) {
    const rp_context *context = &band->context;
    for (uint32_t i = 0; i < band->player.keys; i++) choice->taken[band->player.held[i].pitch] = 1;
    for (uint32_t n = 0; n < RECENT && n < context->count; n++) {
        const rp_entry *entry = &context->entry[context->count - 1 - n];
        if (entry->origin == RP_FROM_FANCY && entry->tick <= tick && entry->tick + entry->length > tick)
            choice->taken[entry->pitch] = 1;
    }
}

/* More or less at once: a bias for the same beat and, within it, for the same position. [worker] */
static void set_density(const rp_continuation *band, rp_choice *choice) {
    float bias = (float)(DENSITY_BIAS * log2(band->set[RP_SET_DENSITY]));
    choice->beat_bias[0] += bias;
    if (choice->last[RP_FIELD_TYPE] == RP_TYPE_NOTE) choice->position_bias[choice->last[RP_FIELD_POSITION]] += bias / 2;
}

void rp_allow(const rp_continuation *band, int64_t earliest, int64_t latest, rp_choice *choice) {
    const rp_context *context = &band->context;
    rp_event last = {.tick = context->main.start};
    rp_choice_init(choice);
    if (context->count) last = rp_context_event(context, context->count - 1, 0, context->main.start);
    else memcpy(last.column, context->prefix[context->prefix_rows - 1], sizeof last.column);
    rp_choice_follow(choice, &last);
    choice->earliest = earliest;
    choice->latest = latest;
    choice->bar_beats = context->meter;
    choice->bar_tick = 0;
    set_sampling(band, choice);
    set_instruments(band, choice);
    limit_instruments(band, earliest, choice);
    if (band->state != RP_STATE_LISTENING) set_impatience(band, earliest, choice);
    rp_key_allow(&band->key, (uint32_t)band->set[RP_SET_KEY_ROOT], (uint32_t)band->set[RP_SET_KEY_MODE],
                 choice->pitch_class);
    set_taken(band, earliest, choice);
    set_density(band, choice);
}
