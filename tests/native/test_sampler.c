/* test_sampler.c - whatever is allowed, what is chosen is allowed and something is chosen; and it is drawn as asked. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "check.h"
#include "networks.h"
#include "sampler.h"

enum { CONTEXT = 400, TRIALS = 120, STEPS = 40, DRUMS = 65 };
static const rp_transformer_config SHAPE = {
    .dim = 32, .layers = 1, .heads = 2, .hidden = 32, .field = 16, .precision = RP_F32};

static uint32_t below(uint32_t n) { return (uint32_t)((uniform() + 1) / 2 * (float)n) % n; }

static rp_decoder *listening(const rp_transformer *transformer, rp_choice *choice, uint32_t count) {
    static rp_event events[CONTEXT];
    rp_decoder *decoder = rp_decoder_new(transformer, CONTEXT);
    random_piece(events, count, 5);
    CHECK(decoder && rp_decoder_absorb(decoder, events, count) == count);
    rp_choice_init(choice);
    rp_choice_follow(choice, &events[count - 1]);
    return decoder;
}

/* ---- the random numbers ---- */

static void test_random(void) {
    rp_random random = {0};
    CHECK(rp_random_next(&random) == (double)(0xe220a8397b1dcdafull >> 11) * 0x1p-53); /* as published, from seed 0 */
    CHECK(rp_random_next(&random) == (double)(0x6e789e6aa1b965f4ull >> 11) * 0x1p-53);
    double sum = 0, least = 1, most = 0;
    for (int i = 0; i < 100000; i++) {
        const double x = rp_random_next(&random);
        sum += x, least = fmin(least, x), most = fmax(most, x);
    }
    CHECK(least >= 0 && most < 1 && fabs(sum / 100000 - 0.5) < 0.005);
}

/* ---- what may be chosen ---- */

/* Any masks and limits, often narrow ones. */
static void ask_for_anything(rp_choice *choice) {
    rp_choice_init(choice);
    const uint32_t instruments = 1 + below(5), classes = below(3) ? 12 : 1 + below(3);
    memset(choice->instrument, 0, sizeof choice->instrument);
    for (uint32_t i = 0; i < instruments; i++) {
        const uint32_t code = below(8) ? 1 + below(DRUMS) : DRUMS;
        choice->instrument[code] = 1;
        choice->low[code] = (uint8_t)below(120);
        choice->high[code] = (uint8_t)(choice->low[code] + below(below(2) ? 8 : 128 - choice->low[code]));
    }
    memset(choice->pitch_class, 0, sizeof choice->pitch_class);
    for (uint32_t i = 0; i < classes; i++) choice->pitch_class[classes == 12 ? i : below(12)] = 1;
    for (uint32_t pitch = 0; pitch < 128; pitch++) choice->taken[pitch] = below(6) == 0;
    for (uint32_t field = 0; field < RP_FIELDS; field++) {
        static const float temperatures[] = {0, 0.5f, 1, 1.7f}, shares[] = {0, 0.3f, 0.9f, 1};
        choice->sampling[field] = (rp_sampling){temperatures[below(4)], shares[below(4)], below(2) ? below(9) : 0};
    }
    choice->pull = below(2) ? (float)below(3) : 0;
    choice->bar_beats = below(7);
    choice->bar_tick = 12 * (int64_t)below(9) - 24;
}

static int pitch_is_allowed(const rp_choice *choice, uint32_t code, int pitch) {
    if (pitch < choice->low[code] || pitch > choice->high[code]) return 0;
    return code == DRUMS || (choice->pitch_class[pitch % 12] && !choice->taken[pitch]);
}

/* 1: `tick`, instrument and pitch come after the event before. */
static int comes_after(const rp_choice *choice, int64_t tick, int code, int pitch) {
    if (tick != choice->last_tick || choice->last[RP_FIELD_TYPE] != RP_TYPE_NOTE) return tick >= choice->last_tick;
    const int last = choice->last[RP_FIELD_INSTRUMENT];
    return code > last || (code == last && pitch + 1 > choice->last[RP_FIELD_PITCH]);
}

/* By trying every note: whether one may come at all. */
static int some_note_may(const rp_choice *choice) {
    const int64_t from = choice->earliest > choice->last_tick ? choice->earliest : choice->last_tick;
    for (int64_t tick = from; tick <= choice->latest && tick <= from + 1; tick++)
        for (int code = 1; code <= DRUMS; code++)
            for (int pitch = 0; choice->instrument[code] && pitch < 128; pitch++)
                if (pitch_is_allowed(choice, (uint32_t)code, pitch) && comes_after(choice, tick, code, pitch)) return 1;
    return 0;
}

static void check_note(const rp_choice *choice, const rp_event *event) {
    const int16_t *column = event->column;
    const int code = column[RP_FIELD_INSTRUMENT], pitch = column[RP_FIELD_PITCH] - 1;
    CHECK(column[RP_FIELD_TYPE] == RP_TYPE_NOTE && code >= 1 && code <= DRUMS && choice->instrument[code]);
    CHECK(pitch >= 0 && pitch_is_allowed(choice, (uint32_t)code, pitch));
    CHECK(event->tick >= choice->earliest && event->tick <= choice->latest);
    CHECK(comes_after(choice, event->tick, code, pitch));
    CHECK(column[RP_FIELD_DURATION] >= 1 && column[RP_FIELD_DURATION] <= 32);
    CHECK(column[RP_FIELD_VELOCITY] >= 1 && column[RP_FIELD_VELOCITY] <= 32);
    const int64_t beats = rp_beat_of(event->tick) - rp_beat_of(choice->last_tick);
    CHECK(column[RP_FIELD_BEAT] == (beats > 16 ? 16 : beats));
    CHECK(column[RP_FIELD_POSITION] == event->tick - 12 * rp_beat_of(event->tick) + 1);
    int64_t mark = 0;
    if (choice->bar_beats) {
        const int64_t bar = choice->bar_beats, past = rp_beat_of(event->tick) - rp_beat_of(choice->bar_tick);
        mark = ((past % bar) + bar) % bar + 1;
    }
    CHECK(column[RP_COLUMN_MARK] == mark);
}

/* Each step a note within what is allowed, or none where trying every note finds none either. */
static void test_constraints(uint32_t precision) {
    rp_transformer_config config = SHAPE;
    config.precision = precision;
    rp_transformer *transformer = random_transformer(&config, 0.5f);
    rp_random random = {precision};
    uint32_t chosen = 0, refused = 0, chords = 0, rests = 0;
    for (uint32_t trial = 0; trial < TRIALS; trial++) {
        rp_choice choice;
        rp_decoder *decoder = listening(transformer, &choice, 60);
        const int64_t last_tick = choice.last_tick;
        rp_event last = {.tick = last_tick};
        memcpy(last.column, choice.last, sizeof last.column);
        ask_for_anything(&choice);
        rp_choice_follow(&choice, &last);
        for (uint32_t step = 0; step < STEPS; step++) {
            rp_event event;
            choice.earliest = choice.last_tick + (int64_t)(below(4) ? below(9) : below(400)) - 4;
            choice.latest = choice.earliest + (int64_t)(below(2) ? below(3) : below(300));
            const int found = rp_sample_event(decoder, &choice, &random, &event);
            CHECK(found == some_note_may(&choice));
            if (!found) {
                refused++;
                continue;
            }
            check_note(&choice, &event);
            chords += event.tick == choice.last_tick;
            rests += event.column[RP_FIELD_BEAT] == 16;
            CHECK(rp_decoder_absorb(decoder, &event, 1) == 1);
            rp_choice_follow(&choice, &event);
            chosen++;
        }
        rp_decoder_free(decoder);
    }
    printf("  precision %u: %u chosen (%u in chords, %u after rests), %u refused\n", precision, chosen, chords, rests,
           refused);
    CHECK(chosen > 1000 && refused > 100 && chords > 50 && rests > 50);
    rp_transformer_free(transformer);
}

static void test_types(void) {
    rp_transformer *transformer = random_transformer(&SHAPE, 0.5f);
    rp_choice choice;
    rp_decoder *decoder = listening(transformer, &choice, 30);
    rp_random random = {3};
    rp_event event;
    choice.types = 0;
    CHECK(rp_sample_event(decoder, &choice, &random, &event) == 0);
    choice.types = 1u << RP_TYPE_END;
    CHECK(rp_sample_event(decoder, &choice, &random, &event) == 1);
    CHECK(event.column[RP_FIELD_TYPE] == RP_TYPE_END && event.tick == choice.last_tick && event.column[1] == 0);
    choice.types |= 1u << RP_TYPE_NOTE;
    choice.latest = choice.last_tick - 1;
    CHECK(rp_sample_event(decoder, &choice, &random, &event) == 1 && event.column[RP_FIELD_TYPE] == RP_TYPE_END);
    choice.earliest = choice.latest = INT64_MAX; /* beyond what ticks there are */
    choice.types = 1u << RP_TYPE_NOTE;
    CHECK(rp_sample_event(decoder, &choice, &random, &event) == 0);
    choice.earliest = INT64_MIN;
    CHECK(rp_sample_event(decoder, &choice, &random, &event) == 1);
    rp_decoder_rewind(decoder, 0);
    CHECK(rp_sample_event(decoder, &choice, &random, &event) == 0);
    rp_decoder_free(decoder);
    rp_transformer_free(transformer);
}

/* ---- how it is drawn ---- */

enum { DRAWS = 20000 };

/* Only the pitch is left to chance: how often each was drawn, and its scores. */
static uint32_t draw_pitches(rp_decoder *decoder, rp_choice *choice, uint32_t *count, double *scores) {
    rp_event next = {.tick = choice->last_tick + 12};
    rp_random random = {5};
    float found[RP_VALUES_MAX];
    choice->earliest = choice->latest = next.tick;
    memset(choice->instrument, 0, sizeof choice->instrument);
    choice->instrument[3] = 1;
    memset(count, 0, RP_VALUES_MAX * sizeof *count);
    for (uint32_t i = 0; i < DRAWS; i++) {
        CHECK(rp_sample_event(decoder, choice, &random, &next) == 1);
        count[next.column[RP_FIELD_PITCH]]++;
    }
    CHECK(rp_decoder_scores(decoder, RP_FIELD_PITCH, &next, found) == RP_VALUES_MAX);
    for (uint32_t i = 0; i < RP_VALUES_MAX; i++) scores[i] = (double)found[i] + (double)choice->pitch_bias[i];
    uint32_t kinds = 0;
    for (uint32_t i = 0; i < RP_VALUES_MAX; i++) kinds += count[i] > 0;
    return kinds;
}

/* Pearson's statistic against the softmax of all 128 pitches. For 127 degrees of freedom the mean is 127, and more than
 * 190 comes about once in 4,000 seeds; this seed is fixed. */
static double chi_square(const uint32_t *count, const double *scores, double temperature) {
    double all = 0, statistic = 0;
    for (uint32_t i = 1; i < RP_VALUES_MAX; i++) all += exp(scores[i] / temperature);
    for (uint32_t i = 1; i < RP_VALUES_MAX; i++) {
        const double expected = DRAWS * exp(scores[i] / temperature) / all;
        CHECK(expected > 5);
        statistic += (count[i] - expected) * (count[i] - expected) / expected;
    }
    return statistic;
}

static uint32_t likeliest(const double *scores) {
    uint32_t best = 1;
    for (uint32_t i = 2; i < RP_VALUES_MAX; i++)
        if (scores[i] > scores[best]) best = i;
    return best;
}

static void test_distribution(void) {
    rp_transformer *transformer = random_transformer(&SHAPE, 0.25f);
    rp_choice choice;
    rp_decoder *decoder = listening(transformer, &choice, 30);
    uint32_t count[RP_VALUES_MAX];
    double scores[RP_VALUES_MAX];
    CHECK(draw_pitches(decoder, &choice, count, scores) == 128);
    printf("  chi-square: %.0f", chi_square(count, scores, 1));
    CHECK(chi_square(count, scores, 1) < 190 && chi_square(count, scores, 3) > 250);
    choice.sampling[RP_FIELD_PITCH].temperature = 2;
    for (uint32_t i = 0; i < RP_VALUES_MAX; i++) choice.pitch_bias[i] = i % 2 ? 1.5f : 0;
    draw_pitches(decoder, &choice, count, scores);
    printf(", %.0f at temperature 2 and with a bias\n", chi_square(count, scores, 2));
    CHECK(chi_square(count, scores, 2) < 190);
    choice.sampling[RP_FIELD_PITCH].temperature = 0;
    CHECK(draw_pitches(decoder, &choice, count, scores) == 1 && count[likeliest(scores)] == DRAWS);
    choice.sampling[RP_FIELD_PITCH] = (rp_sampling){1, 0, 5};
    CHECK(draw_pitches(decoder, &choice, count, scores) == 5 && count[likeliest(scores)] > DRAWS / 5);
    choice.sampling[RP_FIELD_PITCH] = (rp_sampling){1, 1e-6f, 0};
    CHECK(draw_pitches(decoder, &choice, count, scores) == 1 && count[likeliest(scores)] == DRAWS);
    rp_decoder_free(decoder);
    rp_transformer_free(transformer);
}

/* As few of the likeliest as together have top_p, and no fewer. */
static void test_top_p(void) {
    rp_transformer *transformer = random_transformer(&SHAPE, 0.25f);
    rp_choice choice;
    rp_decoder *decoder = listening(transformer, &choice, 30);
    uint32_t count[RP_VALUES_MAX];
    double scores[RP_VALUES_MAX], all = 0, taken = 0, least = 1e9;
    choice.sampling[RP_FIELD_PITCH].top_p = 0.5f;
    const uint32_t kinds = draw_pitches(decoder, &choice, count, scores);
    for (uint32_t i = 1; i < RP_VALUES_MAX; i++) {
        all += exp(scores[i]);
        if (!count[i]) continue;
        taken += exp(scores[i]);
        least = fmin(least, exp(scores[i]));
    }
    CHECK(kinds > 3 && kinds < 128 && taken >= 0.5 * all && taken - least < 0.5 * all);
    for (uint32_t i = 1; i < RP_VALUES_MAX; i++)
        if (!count[i]) CHECK(exp(scores[i]) <= least);
    rp_decoder_free(decoder);
    rp_transformer_free(transformer);
}

/* ---- many in a row ---- */

static uint32_t generate(rp_decoder *decoder, const rp_choice *from, uint64_t seed, int64_t until, rp_event *out,
                         uint32_t room, uint32_t *why) {
    rp_choice choice = *from;
    rp_random random = {seed};
    const uint32_t length = rp_decoder_length(decoder),
                   count = rp_generate(decoder, &choice, &random, until, out, room, why);
    const int kept = *why == RP_STOP_CONTEXT || *why == RP_STOP_END;
    CHECK(rp_decoder_length(decoder) == length + count - (uint32_t)kept);
    if (count && *why == RP_STOP_ROOM) CHECK(choice.last_tick == out[count - 1].tick);
    rp_decoder_rewind(decoder, length);
    return count;
}

static void test_generate(void) {
    static rp_event first[CONTEXT], again[CONTEXT], other[CONTEXT];
    rp_transformer *transformer = random_transformer(&SHAPE, 0.5f);
    rp_choice choice;
    rp_decoder *decoder = listening(transformer, &choice, 30);
    uint32_t why;
    CHECK(generate(decoder, &choice, 9, INT64_MAX, first, 100, &why) == 100 && why == RP_STOP_ROOM);
    CHECK(generate(decoder, &choice, 9, INT64_MAX, again, 100, &why) == 100);
    CHECK(generate(decoder, &choice, 10, INT64_MAX, other, 100, &why) == 100);
    for (uint32_t i = 0; i < 100; i++)
        CHECK(first[i].tick == again[i].tick && memcmp(first[i].column, again[i].column, sizeof first[i].column) == 0);
    CHECK(memcmp(first, other, 100 * sizeof *first) != 0);
    const int64_t until = first[50].tick;
    const uint32_t before = generate(decoder, &choice, 9, until, again, 100, &why);
    CHECK(why == RP_STOP_UNTIL && before <= 50 && again[before - 1].tick < until && first[before].tick >= until);
    CHECK(generate(decoder, &choice, 9, INT64_MAX, first, CONTEXT, &why) == CONTEXT - 30 + 1 && why == RP_STOP_CONTEXT);
    choice.latest = choice.last_tick;
    CHECK(generate(decoder, &choice, 9, INT64_MAX, first, CONTEXT, &why) < CONTEXT && why == RP_STOP_NOTHING);
    choice.types = 1u << RP_TYPE_END;
    CHECK(generate(decoder, &choice, 9, INT64_MAX, first, CONTEXT, &why) == 1 && why == RP_STOP_END);
    rp_decoder_free(decoder);
    rp_transformer_free(transformer);
}

/* rp_judge tells the softmax of the scores that the fields were chosen by. */
static void test_judge(void) {
    enum { PIECE = 40 };
    rp_transformer *transformer = random_transformer(&SHAPE, 0.5f);
    rp_decoder *decoder = rp_decoder_new(transformer, PIECE), *plain = rp_decoder_new(transformer, PIECE);
    rp_event events[PIECE];
    static float judged[PIECE][RP_FIELDS];
    random_piece(events, PIECE, 3);
    CHECK(rp_judge(decoder, events, PIECE, judged[0]) == PIECE && rp_decoder_length(decoder) == PIECE);
    for (uint32_t i = 0; i < PIECE; i++) {
        for (uint32_t field = 0; field < RP_FIELDS; field++) {
            float scores[RP_VALUES_MAX];
            double all = 0, expected = 0;
            const uint32_t values = rp_decoder_scores(plain, field, &events[i], scores);
            for (uint32_t value = 0; value < values; value++) all += exp((double)scores[value]);
            if (values && (field == 0 || events[i].column[0] == RP_TYPE_NOTE))
                expected = log(exp((double)scores[events[i].column[field]]) / all);
            CHECK(fabs((double)judged[i][field] - expected) < 1e-5);
        }
        rp_decoder_absorb(plain, &events[i], 1);
    }
    CHECK(judged[0][0] == 0 && judged[1][0] < 0 && judged[1][1] == 0 && judged[PIECE - 1][6] < 0);
    CHECK(rp_judge(decoder, events, 3, judged[0]) == 0);
    rp_decoder_free(decoder);
    rp_decoder_free(plain);
    rp_transformer_free(transformer);
}

/* A network whose scores are no numbers is a fault; and choosing waits for nothing. */
static void test_fault(void) {
    float **weights = random_weights(&SHAPE, 0.5f);
    rp_choice choice;
    rp_random random = {1};
    rp_event out[5];
    uint32_t why;
    for (int wild = 0; wild < 2; wild++) {
        rp_array array;
        for (uint32_t i = 0; wild && rp_transformer_array(&SHAPE, i, &array); i++)
            if (strcmp(array.name, "scores.4.bias") == 0) weights[i][77] = NAN;
        rp_transformer *transformer = rp_transformer_new(&SHAPE, (const float *const *)weights);
        rp_decoder *decoder = listening(transformer, &choice, 20);
        forbid_waiting(1);
        const int found = rp_sample_event(decoder, &choice, &random, &out[0]);
        const uint32_t count = rp_generate(decoder, &choice, &random, INT64_MAX, out, 5, &why);
        forbid_waiting(0);
        CHECK(found == (wild ? -1 : 1) && count == (wild ? 0 : 5));
        CHECK(why == (wild ? RP_STOP_FAULT : RP_STOP_ROOM));
        rp_decoder_free(decoder);
        rp_transformer_free(transformer);
    }
    free_weights(&SHAPE, weights);
}

int main(void) {
    test_random();
    start_uniform(7);
    test_constraints(RP_F32);
    test_constraints(RP_INT8);
    test_types();
    test_distribution();
    test_top_p();
    test_generate();
    test_judge();
    test_fault();
    return 0;
}
