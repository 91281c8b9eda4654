/* test_singer.c - the singer with random weights: whatever is played and set, what it sings holds together; the rules
 * of its modes; and it allocates nothing. That it sings what PyTorch does is test_singer.py's. */
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "check.h"
#include "draw.h"
#include "history.h"
#include "networks.h"
#include "piano.h"
#include "singer.h"
#include "top_line.h"
#include "vibrato.h"

enum { DIM = 32, HIDDEN = 48, WINDOW = 21, HEADS = 2, FIELD = 16, STAGES = 3, CODES = 12, VOICES = 2, WIDTH = 16 };
enum { ARRAYS_MAX = 128, SAID = STAGES + 2, RATE = 1000, BLOCK = 16, LONG = 1500 };
static const rp_singer_shape SHAPE = {
    .line = {HEADS, WINDOW},
    .delivery = {HEADS, WINDOW},
    .sampling = {
        {1, 1, 0}, {1, 0.9F, 0}, {1, 0.9F, 0}, {1, 0.9F, 0}, {1, 0.9F, 0}, {1, 1, 5}, {1, 1, 0}, {1, 0.9F, 0}}};

/* ---- weights ---- */

typedef struct {
    rp_stored array[ARRAYS_MAX];
    uint32_t count;
} collection;

static void add(collection *all, float size, uint32_t rows, uint32_t columns, const char *format, ...) {
    char *name = malloc(64);
    float *values = malloc((size_t)rows * (columns ? columns : 1) * sizeof *values);
    CHECK(name && values && all->count < ARRAYS_MAX);
    va_list numbers;
    va_start(numbers, format);
    vsnprintf(name, 64, format, numbers);
    va_end(numbers);
    for (uint32_t i = 0; i < rows * (columns ? columns : 1); i++) values[i] = size * uniform();
    all->array[all->count++] = (rp_stored){name, rows, columns, values};
}

static void add_tower(collection *all, const char *prefix) {
    for (unsigned i = 0; i < 2; i++) {
        add(all, 1, DIM, 0, "%s.blocks.%u.norm_attend.weight", prefix, i);
        add(all, 1, DIM, 0, "%s.blocks.%u.norm_expand.weight", prefix, i);
        add(all, 0.3F, 3 * DIM, DIM, "%s.blocks.%u.qkv.weight", prefix, i);
        add(all, 0.3F, DIM, DIM, "%s.blocks.%u.merge.weight", prefix, i);
        add(all, 0.3F, HIDDEN, DIM, "%s.blocks.%u.expand.weight", prefix, i);
        add(all, 0.3F, DIM, HIDDEN, "%s.blocks.%u.contract.weight", prefix, i);
    }
    add(all, 1, DIM, 0, "%s.norm.weight", prefix);
}

static void add_linear(collection *all, uint32_t rows, uint32_t columns, const char *name) {
    add(all, 0.3F, rows, columns, "%s.weight", name);
    add(all, 0.3F, rows, 0, "%s.bias", name);
}

static void add_line(collection *all) {
    for (unsigned i = 0; i < RP_HISTORY; i++) add(all, 0.5F, rp_history_sizes[i], DIM, "line.embed.%u.weight", i);
    add_tower(all, "line.tower");
    add_linear(all, DIM, RP_PIANO_ROW, "line.row");
    add_linear(all, FIELD, DIM, "line.phonation_stream");
    add(all, 0.3F, FIELD, 96, "line.phonation_facts.weight");
    add(all, 0.5F, RP_PHONATIONS * RP_AGES, FIELD, "line.phonation_state.weight");
    add_linear(all, RP_PHONATIONS, FIELD, "line.phonation_scores");
    add_linear(all, FIELD, DIM, "line.note_stream");
    add(all, 0.3F, FIELD, 96, "line.note_facts.weight");
    add(all, 0.5F, 1, FIELD, "line.note_score.weight");
    add_linear(all, RP_INTERVALS, DIM, "line.interval");
    add(all, 0.3F, RP_SUNG_NOTES, 0, "line.register");
}

static uint32_t values_of(uint32_t said) { return said == 0 ? 48 : said + 1 < SAID ? CODES : 65; }

static void add_delivery(collection *all) {
    for (unsigned i = 0; i < RP_HISTORY; i++) add(all, 0.5F, rp_history_sizes[i], DIM, "delivery.line.%u.weight", i);
    for (unsigned f = 0; f < SAID; f++) {
        add(all, 0.5F, values_of(f), DIM, "delivery.said.%u.weight", f);
        add(all, 0.5F, values_of(f), FIELD, "delivery.before.%u.weight", f);
        for (unsigned g = 0; g < f; g++) add(all, 0.5F, values_of(g), FIELD, "delivery.known.%u.%u.weight", f, g);
        add(all, 0.5F, values_of(f), FIELD, "delivery.scores.%u.weight", f);
        add(all, 0.5F, values_of(f), 0, "delivery.scores.%u.bias", f);
    }
    add(all, 0.7F, 1, 0, "delivery.keep");
    add(all, 0.5F, VOICES, DIM, "delivery.voice.weight");
    add(all, 0.5F, DIM, 2, "delivery.touch.weight");
    add_tower(all, "delivery.tower");
    add_linear(all, SAID * FIELD, DIM, "delivery.fields");
}

static void add_codec(collection *all) {
    add(all, 1, STAGES * CODES, 8, "codec.codebooks.entries");
    add(all, 0.7F, 8, 0, "codec.codebooks.keep");
    add_linear(all, WIDTH, 24, "codec.decoder.first");
    add_linear(all, WIDTH, 3 * WIDTH, "codec.decoder.middle.0");
    add_linear(all, 92, WIDTH, "codec.decoder.last");
    add(all, 1, 92, 8, "codec.decoder.direct.weight");
    add(all, 20, 92, 0, "codec.mean");
    add(all, 5, 92, 0, "codec.scale");
}

static void collect(collection *all) {
    *all = (collection){.count = 0};
    start_uniform(1);
    add_line(all);
    add_delivery(all);
    add_codec(all);
}

static void discard(collection *all) {
    for (uint32_t i = 0; i < all->count; i++) {
        free((char *)all->array[i].name);
        free((float *)all->array[i].values);
    }
}

static rp_singer_weights *make_weights(void) {
    collection all;
    char why[200];
    collect(&all);
    rp_singer_weights *weights = rp_singer_weights_new(&SHAPE, all.array, all.count, why, sizeof why);
    if (!weights) fprintf(stderr, "%s\n", why);
    CHECK(weights && why[0] == 0);
    CHECK(rp_singer_voices(weights) == VOICES && rp_singer_codes(weights) == STAGES);
    discard(&all);
    return weights;
}

/* Every array is needed, and in its shape. */
static void test_each_array_is_checked(void) {
    collection all;
    collect(&all);
    for (uint32_t i = 0; i < all.count; i++) {
        char why[200] = "", none[1];
        const rp_stored whole = all.array[i];
        if (strcmp(whole.name, "delivery.voice.weight") != 0)
            all.array[i].rows--; /* there may be any number of voices */
        else all.array[i].columns--;
        CHECK(!rp_singer_weights_new(&SHAPE, all.array, all.count, why, sizeof why) && why[0]);
        all.array[i].name = "nothing";
        CHECK(!rp_singer_weights_new(&SHAPE, all.array, all.count, none, 0));
        CHECK(!rp_singer_weights_new(&SHAPE, all.array, all.count, NULL, 0));
        all.array[i] = whole;
    }
    rp_singer_shape wrong = SHAPE;
    wrong.line.heads = 3;
    CHECK(!rp_singer_weights_new(&wrong, all.array, all.count, NULL, 0));
    wrong = SHAPE;
    wrong.delivery.window = 0;
    CHECK(!rp_singer_weights_new(&wrong, all.array, all.count, NULL, 0));
    discard(&all);
}

static void test_memory_may_be_refused(void) {
    collection all;
    collect(&all);
    const long held = allocations_held();
    if (fail_allocation(0)) {
        CHECK(!rp_singer_weights_new(&SHAPE, all.array, all.count, NULL, 0) && allocation_failed());
        fail_allocation(-1);
        rp_singer_weights *weights = rp_singer_weights_new(&SHAPE, all.array, all.count, NULL, 0);
        fail_allocation(0);
        CHECK(!rp_singer_new(weights) && allocation_failed());
        fail_allocation(-1);
        rp_singer_weights_free(weights);
        CHECK(allocations_held() == held);
    }
    rp_singer_free(NULL);
    rp_singer_weights_free(NULL);
    discard(&all);
}

/* ---- singing ---- */

typedef struct {
    rp_piano piano;
    uint64_t frame;
    float row[RP_PIANO_ROW];
} player;

static void sit_down(player *it) {
    *it = (player){.frame = 0};
    rp_piano_clear(&it->piano, RATE);
}

static const float *hear(player *it) {
    it->frame += BLOCK;
    rp_piano_row(&it->piano, it->frame, it->row);
    return it->row;
}

/* Strikes and releases at random, and rests of some seconds. */
static void fidget(player *it) {
    if (it->frame / 4000 % 3 == 2) {
        if (it->frame % 4000 < BLOCK)
            for (uint32_t key = 21; key < 109; key++) rp_piano_off(&it->piano, it->frame, key);
        return;
    }
    if (rand() % 6 == 0)
        rp_piano_on(&it->piano, it->frame + 1, 30 + (uint32_t)(rand() % 60), 1 + (uint32_t)rand() % 127);
    if (rand() % 4 == 0) rp_piano_off(&it->piano, it->frame + 2, 30 + (uint32_t)(rand() % 60));
}

static void check_block(const rp_sung *sung, const rp_sung *before, const rp_singer_controls *set) {
    const int sings = sung->phonation >= RP_ONSET, sang = before->phonation >= RP_ONSET;
    CHECK(sung->phonation < RP_PHONATIONS && sung->age < RP_AGES && sung->note <= RP_SUNG_NOTES);
    CHECK(!(sung->flags & RP_SUNG_ONSET) == (sung->phonation != RP_ONSET));
    CHECK(!(sung->flags & RP_SUNG_ENDED) == !(sang && sung->phonation != RP_SUSTAIN));
    CHECK(sung->phonation != RP_SUSTAIN || (sang && sung->note == before->note));
    CHECK(sung->loudness < 48 && sung->deviation < 65);
    for (uint32_t i = 0; i < 4; i++) CHECK(sung->code[i] < (i < STAGES ? CODES : 1));
    const double pitch = RP_SUNG_LOWEST + sung->note;
    CHECK(sung->phonation != RP_ONSET || (pitch >= set->value[RP_SING_LOW] && pitch <= set->value[RP_SING_HIGH]));
    CHECK(sung->phonation != RP_REST || sung->loudness < before->loudness || sung->loudness == 0);
    for (uint32_t i = 0; i < RP_BLOCK_FRAMES; i++) {
        const rp_vocal_frame *frame = &sung->frame[i];
        CHECK(fabsf(sung->cents[i]) <= 400 && frame->level >= -90 && frame->level <= 24);
        CHECK(frame->f0 >= 0 && frame->f0 < 2000 && (!sings || frame->f0 > 40));
        CHECK(sung->phonation != RP_BREATH || frame->f0 == 0);
        for (uint32_t band = 0; band < RP_VOCAL_BANDS; band++) CHECK(isfinite(frame->envelope[band]));
        for (uint32_t band = 0; band < RP_VOCAL_NOISES; band++)
            CHECK(frame->aperiodicity[band] <= 0 && frame->aperiodicity[band] >= -60);
    }
}

/* Some controls anywhere in their ranges. */
static void shake(rp_singer_controls *set) {
    const uint32_t which = (uint32_t)rand() % RP_SING_COUNT;
    const rp_parameter *one = &rp_singer_parameters()[which];
    const double value = one->low + (one->high - one->low) * (rand() % 1001) / 1000;
    set->value[which] = one->whole ? round(value) : value;
    if (set->value[RP_SING_HIGH] < set->value[RP_SING_LOW] + 11) set->value[RP_SING_LOW] = 36;
    if (set->value[RP_SING_HIGH] < 47) set->value[RP_SING_HIGH] = 47;
}

static void test_whatever_is_set_it_holds_together(const rp_singer_weights *weights) {
    rp_singer *singer = rp_singer_new(weights);
    rp_singer_controls set;
    rp_sung sung, before = {.note = RP_SUNG_NOTES};
    player it;
    uint32_t seen[RP_PHONATIONS] = {0};
    srand(3);
    rp_singer_usual(&set);
    sit_down(&it);
    forbid_waiting(1);
    for (uint32_t block = 0; block < 8 * LONG; block++) {
        fidget(&it);
        if (rand() % 20 == 0) shake(&set);
        if (rand() % 3000 == 0) {
            rp_singer_reset(singer);
            before = (rp_sung){.note = RP_SUNG_NOTES};
        }
        rp_singer_step(singer, hear(&it), &set, &sung);
        check_block(&sung, &before, &set);
        seen[sung.phonation]++;
        before = sung;
    }
    forbid_waiting(0);
    for (uint32_t i = 0; i < RP_PHONATIONS; i++) CHECK(seen[i] > 50);
    rp_singer_free(singer);
}

/* Controls that are no numbers, or beyond their ranges, do no harm: as the usual ones, and the nearest. */
static void test_wild_controls_are_tamed(const rp_singer_weights *weights) {
    rp_singer *one = rp_singer_new(weights), *other = rp_singer_new(weights);
    rp_singer_controls wild, tame;
    player it;
    rp_singer_usual(&tame);
    wild = tame;
    wild.value[RP_SING_FOLLOW] = 1e9;
    wild.value[RP_SING_VOICE] = -5;
    wild.value[RP_SING_VOLUME] = NAN;
    wild.value[RP_SING_BRIGHTNESS] = -INFINITY;
    tame.value[RP_SING_FOLLOW] = 8;
    tame.value[RP_SING_BRIGHTNESS] = -1;
    sit_down(&it);
    for (uint32_t block = 0; block < 300; block++) {
        rp_sung a, b;
        fidget(&it);
        const float *row = hear(&it);
        rp_singer_step(one, row, &wild, &a);
        rp_singer_step(other, row, &tame, &b);
        CHECK(memcmp(&a, &b, sizeof a) == 0);
    }
    rp_singer_free(one);
    rp_singer_free(other);
}

/* A row that is no number spoils nothing for longer than it is there. */
static void test_a_fault_is_a_rest_and_passes(const rp_singer_weights *weights) {
    rp_singer *singer = rp_singer_new(weights), *fresh = rp_singer_new(weights);
    rp_singer_controls set;
    rp_sung sung, again;
    player it;
    rp_singer_usual(&set);
    sit_down(&it);
    rp_piano_on(&it.piano, 1, 60, 80);
    for (uint32_t block = 0; block < 40; block++) rp_singer_step(singer, hear(&it), &set, &sung);
    float spoilt[RP_PIANO_ROW];
    memcpy(spoilt, it.row, sizeof spoilt);
    spoilt[100] = NAN;
    rp_singer_step(singer, spoilt, &set, &sung);
    CHECK(sung.flags & RP_SUNG_FAULT && sung.phonation == RP_REST && sung.frame[0].level <= -90);
    for (uint32_t block = 0; block < 60; block++) {
        const float *row = hear(&it);
        rp_singer_step(singer, row, &set, &sung);
        rp_singer_step(fresh, row, &set, &again);
        CHECK(!(sung.flags & RP_SUNG_FAULT) && memcmp(&sung, &again, sizeof sung) == 0);
    }
    rp_singer_free(singer);
    rp_singer_free(fresh);
}

static void *sing_alone(void *weights) {
    rp_singer *singer = rp_singer_new(weights);
    rp_singer_controls set;
    player it;
    static _Thread_local rp_sung sung;
    uint64_t sum = 0;
    rp_singer_usual(&set);
    sit_down(&it);
    for (uint32_t block = 0; block < LONG; block++) {
        if (block % 30 == 0) rp_piano_on(&it.piano, it.frame + 1, 55 + block % 25, 90);
        rp_singer_step(singer, hear(&it), &set, &sung);
        sum = sum * 31 + sung.phonation + 4U * sung.note + 256U * sung.loudness + sung.code[0];
    }
    rp_singer_free(singer);
    return (void *)(uintptr_t)sum;
}

static void test_singers_share_weights(rp_singer_weights *weights) {
    pthread_t thread[2];
    void *sum[2];
    for (uint32_t i = 0; i < 2; i++) CHECK(pthread_create(&thread[i], NULL, sing_alone, weights) == 0);
    for (uint32_t i = 0; i < 2; i++) CHECK(pthread_join(thread[i], &sum[i]) == 0);
    CHECK(sum[0] == sum[1] && sum[0] == sing_alone(weights));
}

/* ---- the modes ---- */

static uint32_t follow(player *it, rp_top_line *line, uint32_t *begins) {
    *begins += (uint32_t)rp_top_line_hear(line, hear(it));
    return line->key;
}

static void test_the_top_line_is_the_melody(void) {
    player it;
    rp_top_line line;
    uint32_t begins = 0;
    sit_down(&it);
    rp_top_line_clear(&line);
    CHECK(follow(&it, &line, &begins) == 0);
    rp_piano_on(&it.piano, it.frame + 1, 72, 90);
    rp_piano_on(&it.piano, it.frame + 1, 48, 90);
    CHECK(follow(&it, &line, &begins) == 72 && begins == 1);
    for (uint32_t i = 0; i < 20; i++) follow(&it, &line, &begins);
    rp_piano_on(&it.piano, it.frame + 1, 52, 90); /* the left hand */
    CHECK(follow(&it, &line, &begins) == 72 && begins == 1);
    rp_piano_pedal(&it.piano, it.frame + 1, 1);
    rp_piano_off(&it.piano, it.frame + 2, 72);
    rp_piano_on(&it.piano, it.frame + 3, 67, 90); /* the melody goes down while the pedal holds */
    CHECK(follow(&it, &line, &begins) == 67 && begins == 2);
    for (uint32_t i = 0; i < 20; i++) follow(&it, &line, &begins);
    rp_piano_on(&it.piano, it.frame + 1, 67, 90); /* struck again */
    CHECK(follow(&it, &line, &begins) == 67 && begins == 3);
    for (uint32_t key = 21; key < 109; key++) rp_piano_off(&it.piano, it.frame + 1, key);
    rp_piano_pedal(&it.piano, it.frame + 1, 0);
    CHECK(follow(&it, &line, &begins) == 0);
    rp_piano_on(&it.piano, it.frame + 1, 48, 90); /* alone, far below, too soon */
    CHECK(follow(&it, &line, &begins) == 0);
    for (uint32_t i = 0; i < 80; i++) follow(&it, &line, &begins);
    rp_piano_on(&it.piano, it.frame + 1, 50, 90); /* after a rest it may be the melody */
    CHECK(follow(&it, &line, &begins) == 50 && begins == 4);
}

static void test_a_broken_chord_does_not_chatter(void) {
    player it;
    rp_top_line line;
    uint32_t begins = 0;
    sit_down(&it);
    rp_top_line_clear(&line);
    for (uint32_t i = 0; i < 4; i++) { /* a block apart: C E G C */
        static const uint32_t chord[] = {60, 64, 67, 72};
        rp_piano_on(&it.piano, it.frame + 1, chord[i], 90);
        follow(&it, &line, &begins);
    }
    for (uint32_t i = 0; i < 10; i++) follow(&it, &line, &begins);
    CHECK(begins == 2 && line.key == 72);
}

static void test_doubling_keeps_its_range(void) {
    const rp_top_line line = {.key = 84}, rests = {.key = 0};
    CHECK(rp_top_line_double(&line, 0, 36, 83) == 72 && rp_top_line_double(&line, -1, 36, 83) == 72);
    CHECK(rp_top_line_double(&line, -2, 36, 83) == 60 && rp_top_line_double(&line, 2, 36, 83) == 72);
    CHECK(rp_top_line_double(&line, 0, 48, 59) == 48 && rp_top_line_double(&line, 0, 50, 55) == 0);
    CHECK(rp_top_line_double(&rests, 0, 36, 83) == 0);
}

/* A scale in G major, played over its chords, with thirds and sixths below that lie in the key. */
static void test_harmony_is_in_the_key(void) {
    static const uint32_t scale[] = {67, 69, 71, 72, 74, 76, 78, 79}, thirds[] = {64, 66, 67, 69, 71, 72, 74, 76},
                          sixths[] = {59, 60, 62, 64, 66, 67, 69, 71};
    player it;
    rp_top_line line;
    uint32_t begins = 0;
    sit_down(&it);
    rp_top_line_clear(&line);
    for (uint32_t round = 0; round < 2; round++)
        for (uint32_t i = 0; i < 8; i++) {
            rp_piano_on(&it.piano, it.frame + 1, scale[i], 90);
            for (uint32_t block = 0; block < 20; block++) follow(&it, &line, &begins);
            CHECK(line.key == scale[i]);
            if (round) {
                CHECK(rp_top_line_harmony(&line, it.row, 3, 36, 83) == thirds[i]);
                CHECK(rp_top_line_harmony(&line, it.row, 6, 36, 83) == sixths[i]);
            } else rp_top_line_harmony(&line, it.row, 0, 36, 83);
            rp_piano_off(&it.piano, it.frame + 1, scale[i]);
        }
    rp_piano_on(&it.piano, it.frame + 1, 74, 90);
    rp_piano_on(&it.piano, it.frame + 1, 55,
                90); /* G below D: a fifth, so that neither the third nor the sixth sounds */
    follow(&it, &line, &begins);
    rp_piano_on(&it.piano, it.frame + 1, 66, 90); /* F sharp, the sixth below */
    for (uint32_t block = 0; block < 4; block++) follow(&it, &line, &begins);
    CHECK(rp_top_line_harmony(&line, it.row, 0, 36, 83) == 66);
    rp_piano_off(&it.piano, it.frame + 1, 66);
    rp_piano_on(&it.piano, it.frame + 1, 59, 90); /* B, the third below */
    follow(&it, &line, &begins);
    CHECK(rp_top_line_harmony(&line, it.row, 0, 36, 83) == 71);
}

/* Double sings each note of a melody from the block that hears it, and rests in its rests. */
static void test_double_sings_what_is_played(const rp_singer_weights *weights) {
    rp_singer *singer = rp_singer_new(weights);
    rp_singer_controls set;
    rp_sung sung;
    player it;
    sit_down(&it);
    rp_singer_usual(&set);
    set.value[RP_SING_MODE] = RP_SING_DOUBLE;
    for (uint32_t i = 0; i < 40; i++) {
        const uint32_t key = 60 + i * 7 % 16;
        rp_piano_on(&it.piano, it.frame + 1, key, 90);
        for (uint32_t block = 0; block < 12; block++) {
            rp_singer_step(singer, hear(&it), &set, &sung);
            CHECK(sung.phonation == (block ? RP_SUSTAIN : RP_ONSET) && sung.note + 36U == key);
        }
        rp_piano_off(&it.piano, it.frame + 1, key);
        if (i % 4) continue;
        rp_singer_step(singer, hear(&it), &set, &sung);
        CHECK(sung.phonation == RP_REST && sung.flags == RP_SUNG_ENDED);
    }
    rp_singer_free(singer);
}

/* ---- parts ---- */

static void test_history_counts_like_the_training_code(void) {
    rp_history history;
    rp_history_clear(&history);
    CHECK(!rp_history_may(&history, RP_SUSTAIN) && rp_history_may(&history, RP_BREATH));
    rp_history_add(&history, RP_REST, 0);
    CHECK(history.blocks == 1 && history.column[RP_HISTORY_AGE] == 1);
    for (uint32_t i = 0; i < 21; i++) {
        CHECK(rp_history_may(&history, RP_BREATH));
        rp_history_add(&history, RP_BREATH, 0);
    }
    CHECK(!rp_history_may(&history, RP_BREATH) && rp_history_may(&history, RP_REST));
    rp_history_add(&history, RP_ONSET, 40);
    CHECK(history.blocks == 0 && history.column[RP_HISTORY_INTERVAL] == RP_NO_INTERVAL);
    for (uint32_t i = 0; i < 100; i++) rp_history_add(&history, RP_SUSTAIN, 0);
    CHECK(history.blocks == 100 && history.column[RP_HISTORY_AGE] == 13 && history.column[RP_HISTORY_NOTE] == 40);
    rp_history_add(&history, RP_ONSET, 5);
    CHECK(history.blocks == 0 && history.column[RP_HISTORY_INTERVAL] == 0); /* two octaves down, and more */
    rp_history_add(&history, RP_ONSET, 5);
    CHECK(history.column[RP_HISTORY_INTERVAL] == 24 && rp_history_sings(&history));
    CHECK(history.strikes == 1 && history.pair[0] == 40 && history.pair[1] == 5);
    rp_history_add(&history, RP_ONSET, 40);
    rp_history_add(&history, RP_ONSET, 5);
    CHECK(history.strikes == 3 && history.pair[0] == 40);
    rp_history_add(&history, RP_ONSET, 7);
    CHECK(history.strikes == 0 && history.pair[0] == 5 && history.pair[1] == 7);
}

static void test_draws_are_what_the_scores_say(void) {
    const float scores[4] = {logf(0.1F), -INFINITY, logf(0.6F), logf(0.3F)};
    const rp_sampling all = {1, 1, 0}, nucleus = {1, 0.8F, 0}, greedy = {0, 1, 0}, two = {1, 0, 1};
    uint32_t counts[4] = {0};
    rp_random random = {5};
    for (uint32_t i = 0; i < 20000; i++) counts[rp_draw_score(scores, 4, &all, rp_random_next(&random))]++;
    CHECK(counts[1] == 0 && abs((int)counts[2] - 12000) < 300 && abs((int)counts[3] - 6000) < 300);
    CHECK(rp_draw_score(scores, 4, &nucleus, 0.0) == 2 && rp_draw_score(scores, 4, &nucleus, 0.999) == 3);
    CHECK(rp_draw_score(scores, 4, &greedy, 0.999) == 2 && rp_draw_score(scores, 4, &two, 0.999) == 2);
    const float broken[2] = {0, NAN}, boundless[2] = {0, INFINITY};
    CHECK(rp_draw_score(broken, 2, &all, 0.5) == -1 && rp_draw_score(boundless, 2, &greedy, 0.5) == -1);
}

static void test_vibrato_sets_in_and_out(void) {
    rp_vibrato vibrato;
    double most = 0, last = 0;
    rp_vibrato_clear(&vibrato, 1);
    for (uint32_t i = 0; i < 27; i++) CHECK(rp_vibrato_next(&vibrato, 5.6, 1, i * 0.008) == 0);
    for (uint32_t i = 27; i < 1000; i++) {
        const double cents = rp_vibrato_next(&vibrato, 5.6, 1, i * 0.008);
        CHECK(fabs(cents) <= 56.1 && fabs(cents - last) < 16);
        most = fmax(most, fabs(cents));
        last = cents;
    }
    CHECK(most > 40);
    for (uint32_t i = 0; i < 14; i++) last = rp_vibrato_next(&vibrato, 5.6, 1, -1);
    CHECK(last == 0);
}

int main(void) {
    rp_singer_weights *weights = make_weights();
    test_each_array_is_checked();
    test_memory_may_be_refused();
    test_whatever_is_set_it_holds_together(weights);
    test_wild_controls_are_tamed(weights);
    test_a_fault_is_a_rest_and_passes(weights);
    test_singers_share_weights(weights);
    test_the_top_line_is_the_melody();
    test_a_broken_chord_does_not_chatter();
    test_doubling_keeps_its_range();
    test_harmony_is_in_the_key();
    test_double_sings_what_is_played(weights);
    test_history_counts_like_the_training_code();
    test_draws_are_what_the_scores_say();
    test_vibrato_sets_in_and_out();
    rp_singer_weights_free(weights);
    return 0;
}
