/* sampler.c - the next event, field by field. What may be chosen is settled before any score is looked at. */
#include "sampler.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "draw.h"

enum { BEATS = 17, POSITIONS = RP_TICKS_A_BEAT + 1, CODES = 66, DRUMS = 65, PITCHES = 129, MARK_MAX = 15 };

/* ---- random numbers ---- */

/* SplitMix64 (Steele, Lea and Flood 2014). */
double rp_random_next(rp_random *random) {
    uint64_t x = random->state += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return (double)((x ^ (x >> 31)) >> 11) * 0x1p-53;
}

/* ---- what is asked for ---- */

void rp_choice_init(rp_choice *choice) {
    *choice = (rp_choice){.types = 1u << RP_TYPE_NOTE, .earliest = INT64_MIN, .latest = INT64_MAX};
    for (uint32_t field = 0; field < RP_FIELDS; field++) choice->sampling[field].temperature = 1;
    memset(choice->instrument + 1, 1, CODES - 1);
    memset(choice->high, 127, CODES);
    memset(choice->pitch_class, 1, sizeof choice->pitch_class);
}

void rp_choice_follow(rp_choice *choice, const rp_event *event) {
    choice->last_tick = event->tick;
    memcpy(choice->last, event->column, sizeof choice->last);
}

/* ---- what may be chosen ---- */

/* What is settled so far, and what of each field is left. A mask: 1 for each value that may be chosen. */
typedef struct {
    const rp_choice *choice;
    int64_t latest;               /* no later than there are ticks */
    int64_t earliest;             /* nothing comes before the event before */
    int64_t last_beat;            /* of the event before */
    int64_t late_beat;            /* the beat that "16 beats later" means here */
    int free, chord;              /* 1: some note may come at a tick of its own; in the event before's tick */
    uint8_t pitches[CODES];       /* 1: some pitch of this instrument is allowed */
    uint8_t pitches_above[CODES]; /* the same, at the tick of the event before */
} offer;

/* [worker] */
static int pitch_may(const rp_choice *choice, uint32_t code, uint32_t pitch) {
    if (pitch < choice->low[code] || pitch > choice->high[code]) return 0;
    return code == DRUMS || (choice->pitch_class[pitch % 12] && !choice->taken[pitch]);
}

/* Whether an instrument has an allowed pitch from `lowest` on. [worker] */
static uint8_t some_pitch(const rp_choice *choice, uint32_t code, uint32_t lowest) {
    for (uint32_t pitch = lowest; pitch < PITCHES - 1; pitch++)
        if (pitch_may(choice, code, pitch)) return 1;
    return 0;
}

/* The lowest pitch that an instrument may play at the tick of the event before; 128: none. [worker] */
static uint32_t lowest_in_chord(const rp_choice *choice, uint32_t code) {
    if (choice->last[RP_FIELD_TYPE] != RP_TYPE_NOTE || (int)code > choice->last[RP_FIELD_INSTRUMENT]) return 0;
    if ((int)code < choice->last[RP_FIELD_INSTRUMENT]) return PITCHES - 1;
    return (uint32_t)choice->last[RP_FIELD_PITCH]; /* its column is the pitch plus 1 */
}

/* [worker] */
static offer offer_of(const rp_choice *choice) {
    offer it = {.choice = choice, .earliest = choice->earliest};
    if (it.earliest < choice->last_tick) it.earliest = choice->last_tick;
    if (it.earliest > RP_TICK_MAX) it.earliest = RP_TICK_MAX + 1;
    it.latest = choice->latest < RP_TICK_MAX ? choice->latest : RP_TICK_MAX;
    const int64_t first_beat = rp_beat_of(it.earliest);
    it.last_beat = rp_beat_of(choice->last_tick);
    it.late_beat = first_beat - it.last_beat > BEATS - 1 ? first_beat : it.last_beat + BEATS - 1;
    for (uint32_t code = 1; code < CODES; code++) {
        if (!choice->instrument[code]) continue;
        it.pitches[code] = some_pitch(choice, code, 0);
        it.pitches_above[code] = some_pitch(choice, code, lowest_in_chord(choice, code));
        it.free |= it.pitches[code];
        it.chord |= it.pitches_above[code];
    }
    return it;
}

/* [worker] */
static int64_t beat_meant(const offer *it, uint32_t beat) {
    return beat == BEATS - 1 ? it->late_beat : it->last_beat + beat;
}

/* [worker] */
static int tick_may(const offer *it, int64_t tick) {
    if (tick < it->earliest || tick > it->latest) return 0;
    return tick == it->choice->last_tick ? it->chord : it->free;
}

/* The tick of a position, 1..12, of a beat. [worker] */
static int64_t tick_of(const offer *it, uint32_t beat, uint32_t position) {
    return beat_meant(it, beat) * RP_TICKS_A_BEAT + position - 1;
}

/* Positions of a beat that may be chosen; returns whether there is one. [worker] */
static int mask_positions(const offer *it, uint32_t beat, uint8_t *mask) {
    int some = 0;
    for (uint32_t position = 1; position < POSITIONS; position++)
        some |= mask[position] = (uint8_t)tick_may(it, tick_of(it, beat, position));
    return some;
}

/* [worker] */
static int mask_beats(const offer *it, uint8_t *mask) {
    uint8_t positions[POSITIONS] = {0};
    int some = 0;
    for (uint32_t beat = 0; beat < BEATS; beat++) some |= mask[beat] = (uint8_t)mask_positions(it, beat, positions);
    return some;
}

/* [worker] */
static void mask_types(const offer *it, uint8_t *mask) {
    uint8_t beats[BEATS] = {0};
    mask[RP_TYPE_END] = it->choice->types >> RP_TYPE_END & 1;
    mask[RP_TYPE_NOTE] = (it->choice->types >> RP_TYPE_NOTE & 1) && mask_beats(it, beats);
}

/* [worker] */
static void mask_pitches(const offer *it, int64_t tick, uint32_t code, uint8_t *mask) {
    const uint32_t lowest = tick == it->choice->last_tick ? lowest_in_chord(it->choice, code) : 0;
    for (uint32_t pitch = lowest; pitch < PITCHES - 1; pitch++)
        mask[pitch + 1] = (uint8_t)pitch_may(it->choice, code, pitch);
}

/* What a field may be, the fields before it being chosen. [worker] */
static void mask_field(const offer *it, uint32_t field, const rp_event *next, uint8_t *mask) {
    memset(mask, 0, RP_VALUES_MAX);
    switch (field) {
    case RP_FIELD_TYPE: mask_types(it, mask); break;
    case RP_FIELD_BEAT: mask_beats(it, mask); break;
    case RP_FIELD_POSITION: mask_positions(it, (uint32_t)next->column[RP_FIELD_BEAT], mask); break;
    case RP_FIELD_INSTRUMENT:
        memcpy(mask, next->tick == it->choice->last_tick ? it->pitches_above : it->pitches, CODES);
        break;
    case RP_FIELD_PITCH: mask_pitches(it, next->tick, (uint32_t)next->column[RP_FIELD_INSTRUMENT], mask); break;
    default: memset(mask + 1, 1, rp_column_values(field) - 1); break;
    }
}

/* ---- one field ---- */

enum { NOTHING = -1, FAULT = -2 };

/* The only value that may be chosen; NOTHING: none; -3: several. [worker] */
static int only_one(const uint8_t *mask, uint32_t values) {
    int found = NOTHING;
    for (uint32_t value = 0; value < values; value++) {
        if (!mask[value]) continue;
        if (found >= 0) return -3;
        found = (int)value;
    }
    return found;
}

/* [worker] */
static const float *bias_of(const rp_choice *choice, uint32_t field) {
    const float *const biases[RP_FIELDS] = {[RP_FIELD_BEAT] = choice->beat_bias,
                                            [RP_FIELD_POSITION] = choice->position_bias,
                                            [RP_FIELD_INSTRUMENT] = choice->instrument_bias,
                                            [RP_FIELD_DURATION] = choice->duration_bias};
    return biases[field];
}

static const uint8_t DIATONIC[12] = {1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1};
static const double OUTSIDE = 0.1;

/* How likely each pitch class is next, if all notes were drawn from one diatonic scale but for OUTSIDE of them, which
 * is about what people write: over the twelve scales, each as likely as what was heard makes it. [worker] */
static void expected_classes(const double heard[12], double class[12]) {
    const double in = (1 - OUTSIDE) / 7, out = OUTSIDE / 5, log_in = log(in), log_out = log(out);
    double scale[12] = {0}, most = -DBL_MAX, all = 0;
    for (uint32_t root = 0; root < 12; root++) {
        for (uint32_t i = 0; i < 12; i++) scale[root] += heard[i] * (DIATONIC[(i + 12 - root) % 12] ? log_in : log_out);
        if (scale[root] > most) most = scale[root];
    }
    for (uint32_t root = 0; root < 12; root++) all += scale[root] = exp(scale[root] - most);
    for (uint32_t i = 0; i < 12; i++) {
        class[i] = 0;
        for (uint32_t root = 0; root < 12; root++)
            class[i] += scale[root] / all * (DIATONIC[(i + 12 - root) % 12] ? in : out);
    }
}

/* The pitch's bias, and the pull of what was heard. [worker] */
static const float *pulled(const rp_decoder *decoder, const rp_choice *choice, const rp_event *next, float *bias) {
    double heard[12], class[12];
    if (!(choice->pull > 0) || next->column[RP_FIELD_INSTRUMENT] == DRUMS) return choice->pitch_bias;
    rp_decoder_classes(decoder, heard);
    expected_classes(heard, class);
    for (uint32_t i = 0; i < 12; i++) class[i] = (double)choice->pull * log(12 * class[i]);
    bias[0] = choice->pitch_bias[0];
    for (uint32_t pitch = 0; pitch < PITCHES - 1; pitch++)
        bias[pitch + 1] = choice->pitch_bias[pitch + 1] + (float)class[pitch % 12];
    return bias;
}

/* Scores to weights, 0 where it may not be; 0: a score is no number. [worker] */
static int weigh(const float *scores, const float *bias, const uint8_t *mask, uint32_t values, float temperature,
                 double *weight) {
    float most = -FLT_MAX;
    float biased[RP_VALUES_MAX];
    for (uint32_t value = 0; value < values; value++) {
        if (!isfinite(scores[value])) return 0;
        biased[value] = scores[value] + (bias ? bias[value] : 0);
        if (mask[value] && biased[value] > most) most = biased[value];
    }
    for (uint32_t value = 0; value < values; value++) {
        const double above = (double)biased[value] - (double)most;
        weight[value] = mask[value] ? exp(above / (double)temperature) : 0;
    }
    return 1;
}

/* How much of what the model would like is allowed. [worker] */
static double allowed_share(const float *scores, const float *bias, const uint8_t *mask, uint32_t values) {
    double allowed = 0, all = 0;
    float most = -FLT_MAX;
    for (uint32_t value = 0; value < values; value++) most = fmaxf(most, scores[value] + (bias ? bias[value] : 0));
    for (uint32_t value = 0; value < values; value++) {
        const double weight = exp((double)(scores[value] + (bias ? bias[value] : 0)) - (double)most);
        all += weight;
        allowed += mask[value] ? weight : 0;
    }
    return allowed / all;
}

/* A value of the field, or NOTHING, or FAULT. One random number is used whatever is chosen. share: how much of what the
 * model would like to play was allowed, multiplied with what it was. [worker] */
static int choose(rp_decoder *decoder, const offer *it, uint32_t field, const rp_event *next, rp_random *random,
                  double *share) {
    uint8_t mask[RP_VALUES_MAX];
    float scores[RP_VALUES_MAX];
    double weight[RP_VALUES_MAX];
    float moved[PITCHES];
    const rp_sampling *sampling = &it->choice->sampling[field];
    const uint32_t values = rp_column_values(field);
    const double at = rp_random_next(random);
    mask_field(it, field, next, mask);
    const int only = only_one(mask, values), who = field == RP_FIELD_INSTRUMENT || field == RP_FIELD_PITCH;
    if (only == NOTHING || (only >= 0 && !who)) return only;
    if (rp_decoder_scores(decoder, field, next, scores) != values) return NOTHING;
    const int greedy = !(sampling->temperature > 0);
    const float *bias = field == RP_FIELD_PITCH ? pulled(decoder, it->choice, next, moved) : bias_of(it->choice, field);
    if (!weigh(scores, bias, mask, values, greedy ? 1 : sampling->temperature, weight)) return FAULT;
    if (who) *share *= allowed_share(scores, bias, mask, values);
    if (greedy) return rp_likeliest(weight, values);
    rp_truncate(weight, values, sampling);
    return rp_draw(weight, values, at);
}

/* Which beat of the bar an event lies in, from 1; 0: not known. [worker] */
static int16_t mark_of(const rp_choice *choice, int64_t tick) {
    if (choice->bar_beats == 0 || choice->bar_beats > MARK_MAX) return 0;
    const int64_t beats = (int64_t)choice->bar_beats, past = (rp_beat_of(tick) - rp_beat_of(choice->bar_tick)) % beats;
    return (int16_t)((past + beats) % beats + 1);
}

/* The event's tick, as far as its columns tell it: from the beat on its beat, from the position on all. [worker] */
static int64_t tick_known(const offer *it, const rp_event *next) {
    const uint32_t position = (uint32_t)next->column[RP_FIELD_POSITION];
    return tick_of(it, (uint32_t)next->column[RP_FIELD_BEAT], position ? position : 1);
}

/* One proposal, up to its duration and velocity. share: see choose. [worker] */
static int propose(rp_decoder *decoder, const offer *it, rp_random *random, rp_event *out, double *share) {
    *out = (rp_event){.tick = it->choice->last_tick};
    *share = 1;
    for (uint32_t field = 0; field <= RP_FIELD_PITCH; field++) {
        const int value = choose(decoder, it, field, out, random, share);
        if (value < 0) return value == FAULT ? -1 : 0;
        out->column[field] = (int16_t)value;
        if (out->column[RP_FIELD_TYPE] != RP_TYPE_NOTE) return 1;
        if (field == RP_FIELD_BEAT || field == RP_FIELD_POSITION) out->tick = tick_known(it, out);
    }
    return 1;
}

/* A mask alone would turn "nobody of these, here" into an odd note of somebody's. So a proposal is taken with the
 * probability that the model would have stayed within what is allowed (rejection sampling: what comes out is the
 * model's own choice among the allowed); after TRIES the most willing one is. [worker] */
static int propose_gladly(rp_decoder *decoder, const offer *it, rp_random *random, rp_event *out) {
    enum { TRIES = 6 };
    const int greedy = !(it->choice->sampling[RP_FIELD_PITCH].temperature > 0);
    double best = -1;
    for (uint32_t n = 0; n < TRIES; n++) {
        rp_event proposed;
        double share;
        const int found = propose(decoder, it, random, &proposed, &share);
        if (found <= 0) return found;
        if (share > best) *out = proposed;
        if (greedy || share > 1 - 1e-6) return 1;
        if (rp_random_next(random) < share) {
            *out = proposed;
            return 1;
        }
        best = fmax(best, share);
    }
    return 1;
}

int rp_sample_event(rp_decoder *decoder, const rp_choice *choice, rp_random *random, rp_event *out) {
    const offer it = offer_of(choice);
    double share = 1;
    if (rp_decoder_length(decoder) == 0) return 0;
    const int found = propose_gladly(decoder, &it, random, out);
    if (found <= 0 || out->column[RP_FIELD_TYPE] != RP_TYPE_NOTE) return found;
    for (uint32_t field = RP_FIELD_DURATION; field < RP_FIELDS; field++) {
        const int value = choose(decoder, &it, field, out, random, &share);
        if (value < 0) return value == FAULT ? -1 : 0;
        out->column[field] = (int16_t)value;
    }
    out->column[RP_COLUMN_MARK] = mark_of(choice, out->tick);
    return 1;
}

uint32_t rp_generate(rp_decoder *decoder, rp_choice *choice, rp_random *random, int64_t until, rp_event *out,
                     uint32_t room, uint32_t *why) {
    uint32_t count = 0;
    for (*why = RP_STOP_ROOM; count < room; count++) {
        rp_event *event = &out[count];
        const int found = rp_sample_event(decoder, choice, random, event);
        *why = found < 0 ? RP_STOP_FAULT : found == 0 ? RP_STOP_NOTHING : RP_STOP_ROOM;
        if (*why != RP_STOP_ROOM) return count;
        if (event->column[RP_FIELD_TYPE] == RP_TYPE_END) {
            *why = RP_STOP_END;
            return count + 1;
        }
        if (event->tick >= until) {
            *why = RP_STOP_UNTIL;
            return count;
        }
        rp_choice_follow(choice, event);
        if (rp_decoder_absorb(decoder, event, 1) == 1) continue;
        *why = RP_STOP_CONTEXT;
        return count + 1;
    }
    return count;
}

/* The logarithm of a value's share. [worker] */
static double log_share(const float *scores, uint32_t values, uint32_t value) {
    double most = (double)scores[0], sum = 0;
    for (uint32_t i = 1; i < values; i++) most = fmax(most, (double)scores[i]);
    for (uint32_t i = 0; i < values; i++) sum += exp((double)scores[i] - most);
    return (double)scores[value] - most - log(sum);
}

uint32_t rp_judge(rp_decoder *decoder, const rp_event *events, uint32_t count, float *out) {
    float scores[RP_VALUES_MAX];
    for (uint32_t i = 0; i < count; i++) {
        const int note = events[i].column[RP_FIELD_TYPE] == RP_TYPE_NOTE;
        for (uint32_t field = 0; field < RP_FIELDS; field++, out++) {
            *out = 0;
            if (field != RP_FIELD_TYPE && !note) continue;
            const int16_t value = events[i].column[field];
            const uint32_t values = rp_decoder_scores(decoder, field, &events[i], scores);
            if (value >= 0 && (uint32_t)value < values) *out = (float)log_share(scores, values, (uint32_t)value);
        }
        if (rp_decoder_absorb(decoder, &events[i], 1) != 1) return i;
    }
    return count;
}
