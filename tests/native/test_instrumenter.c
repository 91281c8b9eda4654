/* The facts of the instruments hold whatever is played and whatever the model says: a part of one note at a time plays
 * one note at a time, ranges are kept, each note is decided once, and a broken model is a fallback. */
#include <math.h>
#include <string.h>

#include "assign.h"
#include "check.h"
#include "instrumenter.h"

enum { RATE = 48000, NOTES = 3000, LABELS = 4, HIDDEN = 8, WINDOW = RATE / 40 };

static uint32_t noise = 1;

static uint32_t draw(uint32_t below) {
    noise = noise * 1664525u + 1013904223u;
    return (noise >> 8) % below;
}

/* A small network with weights drawn at random, or all `fill`. */
static rp_lstm *network(uint32_t input, uint32_t labels, float fill, int drawn) {
    enum { MOST = 4 * HIDDEN * 1024 };
    static float w[6][MOST];
    for (uint32_t k = 0; k < 6; k++)
        for (uint32_t i = 0; i < MOST; i++) w[k][i] = drawn ? ((float)draw(2001) - 1000.0f) / 2000.0f : fill;
    rp_lstm_layer layer = {.w_ih = w[0], .w_hh = w[1], .b_ih = w[2], .b_hh = w[3]};
    rp_lstm_arrays arrays = {.config = {.input = input, .hidden = HIDDEN, .layers = 1, .output = labels},
                             .layer = &layer,
                             .output_weight = w[4],
                             .output_bias = w[5]};
    return rp_lstm_new(&arrays, RP_PRECISION_FP32);
}

typedef struct {
    rp_instrumenter_config config;
    rp_lstm *solo, *chord;
} setting;

/* Three instruments of one note with ranges, one of two notes, and one of any number. */
static setting make(uint32_t when, uint32_t overflow, float fill, int drawn) {
    setting s = {.config = {.voices = 4,
                            .decide = RP_DECIDE_MODEL,
                            .when = when,
                            .fallback = RP_FALLBACK_CLOSEST,
                            .overflow = overflow,
                            .window = WINDOW,
                            .sample_rate = RATE}};
    s.solo = network(rp_features_solo_width(LABELS), LABELS, fill, drawn);
    s.chord = network(rp_features_chord_width(LABELS), LABELS, fill, drawn);
    static const rp_voice voice[] = {
        {60, 90, 1, 0, 1, 0, 0}, {50, 80, 1, 1, 1, 0, 0}, {40, 70, 1, 2, 1, 55, 0}, {30, 60, 2, 3, 1, 0, 0}};
    memcpy(s.config.voice, voice, sizeof voice);
    s.config.solo = s.solo;
    s.config.chord = s.chord;
    return s;
}

static void drop(setting *s) {
    rp_lstm_free(s->solo);
    rp_lstm_free(s->chord);
}

/* ---- a random player, and a witness who keeps the books by itself ---- */

typedef struct {
    uint64_t on, off;
    uint8_t pitch, voice, down, times, stolen;
} note;

typedef struct {
    rp_instrumenter *it;
    const rp_instrumenter_config *config;
    note note[NOTES];
    uint32_t fallbacks, moves, crowded, divided;
} witness;

/* Keys down on a voice, as the witness counts them. */
static uint32_t held(const witness *w, uint32_t voice, uint32_t upto) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < upto; i++) count += w->note[i].down && w->note[i].voice == voice;
    return count;
}

static int fits(const rp_voice *voice, uint8_t pitch) {
    return voice->enabled && voice->lowest <= pitch && pitch <= voice->highest;
}

static void believe(witness *w, const rp_decision *decision) {
    note *n = &w->note[decision->tag];
    w->fallbacks += decision->fallback;
    if (decision->from != RP_NO_VOICE) {
        CHECK(n->voice == decision->from && n->times == 1 && decision->voice != decision->from && n->down);
        w->moves++;
    } else {
        n->times++;
    }
    n->voice = decision->voice;
    CHECK(!decision->steals || w->config->overflow == RP_OVERFLOW_STEAL);
    if (!decision->steals) return;
    CHECK(decision->stolen != decision->tag);
    w->note[decision->stolen].down = 0;
    w->note[decision->stolen].stolen = 1;
}

/* When no chord is open: no voice holds more than it may, but where there were more notes than places. */
static void check_places(witness *w, uint32_t upto) {
    uint32_t places = 0, down = 0;
    for (uint32_t v = 0; v < w->config->voices; v++) {
        uint32_t count = held(w, v, upto), most = w->config->voice[v].polyphony;
        places += most;
        down += count;
        if (count <= most) continue;
        CHECK(w->config->overflow == RP_OVERFLOW_DIVISI);
        w->crowded++;
    }
    if (w->config->overflow != RP_OVERFLOW_DIVISI) CHECK(down <= places);
}

/* At all times, where the last voice divides and has any range: a voice that does not divide has one note. */
static void check_strict(witness *w, uint32_t upto) {
    if (!w->config->voice[w->config->voices - 1].divides) return;
    for (uint32_t v = 0; v < w->config->voices; v++) {
        int many = held(w, v, upto) > w->config->voice[v].polyphony;
        CHECK(!many || w->config->voice[v].divides);
        w->divided += (uint32_t)many;
    }
}

static void close_chord(witness *w, uint64_t frame, uint32_t upto) {
    rp_decision out[RP_CHORD_MAX];
    uint32_t n = rp_instrumenter_close(w->it, frame, out, 1000);
    CHECK(n <= RP_CHORD_MAX);
    CHECK(w->config->together || rp_instrumenter_deadline(w->it) == UINT64_MAX);
    for (uint32_t i = 0; i < n; i++) believe(w, &out[i]);
    check_places(w, upto);
    check_strict(w, upto);
}

/* Close what is due before a note of this frame; those that wait for others of the frame wait on. */
static void close_due(witness *w, uint64_t frame, uint32_t upto) {
    for (;;) {
        uint64_t deadline = rp_instrumenter_deadline(w->it);
        int waits = w->config->together && deadline == frame && !rp_instrumenter_full(w->it);
        if (deadline > frame || waits) return;
        close_chord(w, deadline, upto);
    }
}

static void press(witness *w, uint32_t tag, uint64_t frame) {
    note *n = &w->note[tag];
    *n =
        (note){.on = frame, .off = frame + 1 + draw(RATE / 3), .pitch = (uint8_t)(20 + draw(80)), .voice = RP_NO_VOICE};
    n->down = 1;
    uint32_t afford = draw(20) ? 1000 : 0;
    rp_decision decision = rp_instrumenter_note_on(w->it, frame, tag, n->pitch, (uint8_t)(1 + draw(127)), afford);
    CHECK(decision.tag == tag);
    if (decision.pending) return;
    believe(w, &decision);
    check_strict(w, tag + 1);
    if (w->config->overflow == RP_OVERFLOW_DROP && decision.voice != RP_NO_VOICE)
        CHECK(fits(&w->config->voice[decision.voice], n->pitch));
}

static void release_until(witness *w, uint64_t frame, uint32_t upto) {
    for (;;) {
        uint32_t first = upto;
        for (uint32_t i = 0; i < upto; i++)
            if (w->note[i].on && w->note[i].off <= frame && (first == upto || w->note[i].off < w->note[first].off))
                first = i;
        if (first == upto) return;
        close_due(w, w->note[first].off, upto);
        rp_instrumenter_note_off(w->it, w->note[first].off, first);
        w->note[first].down = 0;
        w->note[first].off = UINT64_MAX;
    }
}

/* A note in range of nobody may be played by the nearest; any other stays in range. */
static void check_ranges(const witness *w) {
    for (uint32_t i = 0; i < NOTES; i++) {
        const note *n = &w->note[i];
        int possible = 0;
        for (uint32_t v = 0; v < w->config->voices; v++) possible |= fits(&w->config->voice[v], n->pitch);
        CHECK(n->times == 1);
        if (n->voice == RP_NO_VOICE) CHECK(w->config->overflow == RP_OVERFLOW_DROP);
        else CHECK(!possible || fits(&w->config->voice[n->voice], n->pitch));
    }
}

static witness *perform(setting *s) {
    static witness w;
    uint64_t frame = 1000;
    memset(&w, 0, sizeof w);
    w.config = &s->config;
    w.it = rp_instrumenter_new(&s->config);
    CHECK(w.it);
    forbid_waiting(1);
    for (uint32_t tag = 0; tag < NOTES; tag++) {
        frame += draw(3) ? draw(2) * draw(400) : draw(RATE / 8);
        release_until(&w, frame, tag);
        close_due(&w, frame, tag);
        press(&w, tag, frame);
    }
    close_due(&w, frame + 2 * WINDOW, NOTES);
    forbid_waiting(0);
    rp_instrumenter_free(w.it);
    check_ranges(&w);
    return &w;
}

static void check_facts(uint32_t when, uint32_t overflow, uint32_t together) {
    setting s = make(when, overflow, 0.0f, 1);
    s.config.together = together;
    witness *w = perform(&s);
    CHECK(w->fallbacks < NOTES / 2);
    CHECK((w->moves > 0) == (when == RP_WHEN_REVISE));
    if (overflow == RP_OVERFLOW_DIVISI) CHECK(w->crowded > 0);
    drop(&s);
}

static void test_facts(void) {
    for (uint32_t when = RP_WHEN_NOTE; when <= RP_WHEN_REVISE; when++)
        for (uint32_t overflow = RP_OVERFLOW_DIVISI; overflow <= RP_OVERFLOW_DROP; overflow++)
            for (uint32_t together = 0; together <= 1; together++) check_facts(when, overflow, together);
}

/* Two voices of one note, and two beside them of any range that divide: these take whatever is too much. */
static void check_mixed(uint32_t when, uint32_t together, float fill, int drawn) {
    setting s = make(when, RP_OVERFLOW_DIVISI, fill, drawn);
    s.config.together = together;
    s.config.voice[2] = s.config.voice[3] = (rp_voice){0, 127, 1, 2, 1, 0, 1};
    s.config.voice[3].label = 3;
    witness *w = perform(&s);
    CHECK(w->divided > 0);
    drop(&s);
}

static void test_strict_beside_divided(void) {
    for (uint32_t when = RP_WHEN_NOTE; when <= RP_WHEN_REVISE; when++)
        for (uint32_t together = 0; together <= 1; together++) check_mixed(when, together, 0.0f, 1);
    check_mixed(RP_WHEN_REVISE, 0, NAN, 0);
}

/* A second note of a chord: a voice that divides takes it though another is free, one that does not leaves it. Of
 * the next chord neither takes a second note while another is free. */
static void test_divides(void) {
    for (uint8_t divides = 0; divides <= 1; divides++) {
        rp_instrumenter_config config = {.voices = 2, .decide = RP_DECIDE_CLOSEST, .sample_rate = RATE};
        config.voice[0] = (rp_voice){0, 127, 1, 0, 1, 60, divides};
        config.voice[1] = (rp_voice){0, 127, 1, 1, 1, 20, divides};
        rp_instrumenter *it = rp_instrumenter_new(&config);
        CHECK(rp_instrumenter_note_on(it, 0, 0, 60, 64, 1).voice == 0);
        CHECK(rp_instrumenter_note_on(it, 100, 1, 62, 64, 1).voice == !divides);
        CHECK(rp_instrumenter_note_on(it, RATE, 2, 63, 64, 1).voice == 1); /* another chord: 0 has its notes */
        rp_instrumenter_free(it);
    }
}

/* Notes of one frame wait for each other, and only for those. */
static void test_together(void) {
    setting s = make(RP_WHEN_NOTE, RP_OVERFLOW_DIVISI, 0.0f, 1);
    s.config.together = 1;
    rp_instrumenter *it = rp_instrumenter_new(&s.config);
    rp_decision out[RP_CHORD_MAX];
    CHECK(rp_instrumenter_note_on(it, 500, 0, 62, 64, 1).pending &&
          rp_instrumenter_note_on(it, 500, 1, 50, 64, 1).pending);
    CHECK(rp_instrumenter_deadline(it) == 500 && rp_instrumenter_close(it, 500, out, 1000) == 2);
    CHECK(out[0].tag == 1 && out[1].tag == 0 && out[0].voice != RP_NO_VOICE && out[0].voice != out[1].voice);
    CHECK(rp_instrumenter_note_on(it, 600, 2, 70, 64, 1).pending && rp_instrumenter_deadline(it) == 600);
    CHECK(rp_instrumenter_close(it, 600, out, 1000) == 1 && out[0].tag == 2 && !out[0].pending);
    CHECK(rp_instrumenter_deadline(it) == 500 + WINDOW && rp_instrumenter_close(it, 500 + WINDOW, out, 1000) == 0);
    CHECK(rp_instrumenter_deadline(it) == UINT64_MAX);
    rp_instrumenter_free(it);
    drop(&s);
}

static void test_no_numbers(void) {
    for (uint32_t when = RP_WHEN_NOTE; when <= RP_WHEN_REVISE; when++) {
        setting s = make(when, RP_OVERFLOW_DIVISI, NAN, 0);
        witness *w = perform(&s);
        CHECK(w->fallbacks >= NOTES && w->moves == 0);
        drop(&s);
    }
}

/* Without a model: the nearest hand, and the nearest zone. */
static void test_rules(void) {
    rp_instrumenter_config config = {.voices = 2, .decide = RP_DECIDE_CLOSEST, .sample_rate = RATE};
    config.voice[0] = (rp_voice){48, 72, 1, 0, 1, 0, 0};
    config.voice[1] = (rp_voice){60, 84, 1, 1, 1, 0, 0};
    rp_instrumenter *it = rp_instrumenter_new(&config);
    CHECK(rp_instrumenter_note_on(it, 0, 0, 70, 64, 1).voice == 1);
    rp_instrumenter_note_off(it, 10, 0);
    CHECK(rp_instrumenter_note_on(it, 20, 1, 66, 64, 1).voice ==
          1); /* 4 from where it was, 6 from the other's middle */
    CHECK(rp_instrumenter_note_on(it, 30, 2, 71, 64, 1).voice == 0); /* the nearest is busy */
    rp_instrumenter_free(it);
    config.decide = RP_DECIDE_ZONE;
    it = rp_instrumenter_new(&config);
    CHECK(rp_instrumenter_note_on(it, 0, 0, 70, 64, 1).voice == 1);
    rp_instrumenter_note_off(it, 10, 0);
    CHECK(rp_instrumenter_note_on(it, 20, 1, 65, 64, 1).voice == 0);
    rp_instrumenter_free(it);
}

static void test_switch(void) {
    rp_instrumenter_config config = {.voices = 2, .decide = RP_DECIDE_CLOSEST, .sample_rate = RATE};
    config.voice[0] = config.voice[1] = (rp_voice){0, 127, 0, 0, 1, 40, 0};
    config.voice[1].centre = 80;
    rp_instrumenter *it = rp_instrumenter_new(&config);
    rp_voice off = config.voice[1];
    off.enabled = 0;
    CHECK(rp_instrumenter_note_on(it, 0, 0, 79, 64, 1).voice == 1);
    rp_instrumenter_set_voice(it, 1, &off);
    CHECK(rp_instrumenter_note_on(it, 10, 1, 60, 64, 1).voice == 0);
    rp_instrumenter_set_voice(it, 1, &config.voice[1]);
    CHECK(rp_instrumenter_note_on(it, 20, 2, 79, 64, 1).voice == 1);
    off = config.voice[0];
    off.enabled = 0;
    rp_instrumenter_set_voice(it, 0, &off);
    rp_voice neither = config.voice[1];
    neither.enabled = 0;
    rp_instrumenter_set_voice(it, 1, &neither);
    CHECK(rp_instrumenter_note_on(it, 30, 3, 79, 64, 1).voice == RP_NO_VOICE);
    rp_instrumenter_free(it);
}

/* A chord of more notes than fit closes at once, and the next note begins another. */
static void test_full_chord(void) {
    setting s = make(RP_WHEN_WINDOW, RP_OVERFLOW_DIVISI, 0.0f, 1);
    rp_instrumenter *it = rp_instrumenter_new(&s.config);
    rp_decision out[RP_CHORD_MAX];
    for (uint32_t i = 0; i < RP_CHORD_MAX; i++) {
        CHECK(rp_instrumenter_deadline(it) == (i ? 100 + WINDOW : UINT64_MAX));
        CHECK(rp_instrumenter_note_on(it, 100, i, (uint8_t)(40 + i), 64, 1).pending);
    }
    CHECK(rp_instrumenter_deadline(it) == 100);
    CHECK(rp_instrumenter_full(it));
    CHECK(rp_instrumenter_close(it, 100, out, 1000) == RP_CHORD_MAX && rp_instrumenter_deadline(it) == UINT64_MAX);
    rp_instrumenter_free(it);
    drop(&s);
}

static void test_bad_configs(void) {
    setting s = make(RP_WHEN_REVISE, RP_OVERFLOW_DIVISI, 0.0f, 1);
    rp_instrumenter_config bad[8];
    for (uint32_t i = 0; i < 8; i++) bad[i] = s.config;
    bad[0].voices = 0;
    bad[1].voices = RP_VOICES_MAX + 1;
    bad[2].solo = NULL;
    bad[3].chord = NULL;
    bad[4].voice[2].lowest = 80;
    bad[5].voice[0].label = LABELS;
    bad[6].sample_rate = 0;
    bad[7].solo = s.chord; /* not the width of a solo model's input */
    for (uint32_t i = 0; i < 8; i++) CHECK(!rp_instrumenter_new(&bad[i]));
    drop(&s);
}

static void test_allocations(void) {
    setting s = make(RP_WHEN_REVISE, RP_OVERFLOW_DIVISI, 0.0f, 1);
    s.config.together = 1;
    for (long after = 0;; after++) {
        long before = allocations_held();
        if (!fail_allocation(after)) break;
        rp_instrumenter *it = rp_instrumenter_new(&s.config);
        int failed = allocation_failed();
        fail_allocation(-1);
        CHECK(failed == (it == NULL));
        rp_instrumenter_free(it);
        CHECK(allocations_held() == before);
        if (!failed) {
            CHECK(after >= 5);
            break;
        }
    }
    drop(&s);
}

/* ---- the assignment against trying every way ---- */

static float cheapest(uint32_t rows, uint32_t columns, const float *cost, uint32_t row, uint32_t used) {
    float least = row == rows ? 0.0f : INFINITY;
    for (uint32_t c = 0; row < rows && c < columns; c++) {
        if (used >> c & 1) continue;
        float sum = cost[row * columns + c] + cheapest(rows, columns, cost, row + 1, used | 1u << c);
        if (sum < least) least = sum;
    }
    return least;
}

static void test_assign(void) {
    float cost[5 * 7];
    uint16_t column[5];
    for (uint32_t round = 0; round < 3000; round++) {
        uint32_t rows = 1 + draw(5), columns = rows + draw(8 - rows), used = 0;
        float sum = 0.0f;
        for (uint32_t i = 0; i < rows * columns; i++)
            cost[i] = draw(8) ? (float)draw(round % 2 ? 4 : 1000) : 100000.0f; /* many equal ones, and forbidden ones */
        rp_assign(rows, columns, cost, column);
        for (uint32_t r = 0; r < rows; r++) {
            CHECK(column[r] < columns && !(used >> column[r] & 1));
            used |= 1u << column[r];
            sum += cost[r * columns + column[r]];
        }
        CHECK(sum == cheapest(rows, columns, cost, 0, 0));
    }
}

static void test_widest_assignment(void) {
    static float cost[RP_ASSIGN_ROWS * RP_ASSIGN_COLUMNS];
    uint16_t column[RP_ASSIGN_ROWS];
    for (uint32_t i = 0; i < RP_ASSIGN_ROWS * RP_ASSIGN_COLUMNS; i++) cost[i] = (float)draw(1000) - 500.0f;
    for (uint32_t r = 0; r < RP_ASSIGN_ROWS; r++) cost[r * RP_ASSIGN_COLUMNS + 17 * r] = -10000.0f;
    rp_assign(RP_ASSIGN_ROWS, RP_ASSIGN_COLUMNS, cost, column);
    for (uint32_t r = 0; r < RP_ASSIGN_ROWS; r++) CHECK(column[r] == 17 * r);
}

int main(void) {
    test_assign();
    test_widest_assignment();
    test_rules();
    test_switch();
    test_full_chord();
    test_together();
    test_bad_configs();
    test_allocations();
    test_facts();
    test_strict_beside_divided();
    test_divides();
    test_no_numbers();
    return 0;
}
