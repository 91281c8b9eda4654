/* chord.c - a chord known whole: all its notes decided together. */
#include <math.h>
#include <string.h>

#include "assign.h"
#include "instrumenter_state.h"

/* Beyond any sum of log probabilities: a note too many, and a voice that must not have a note. */
static const float TOO_MANY = 1e3f, FORBIDDEN = 1e5f, LEAST = -30.0f;

/* What a chord is decided by. */
typedef struct {
    const uint8_t *order;    /* the chord's notes from the lowest up */
    const uint32_t *allowed; /* by position in `order`: bits of the voices a note may have */
    const float *scores;     /* by position in `order`: [labels] log probabilities; NULL without a model */
    const rp_voices *ground; /* what is held beside it */
    int late;                /* 1: notes that are over are asked about, too: who should have played them */
} question;

/* The same as the assignment takes it: rows are notes, columns places in voices. */
typedef struct {
    uint32_t rows, columns;
    uint8_t note[RP_CHORD_MAX];       /* of a row */
    uint8_t position[RP_CHORD_MAX];   /* of a row, in the question's order */
    uint8_t voice[RP_ASSIGN_COLUMNS]; /* of a column; RP_NO_VOICE: a note too many */
    float cost[RP_ASSIGN_ROWS * RP_ASSIGN_COLUMNS];
} places;

int rp_chord_hindsight(const rp_instrumenter *it) { return it->config.when == RP_WHEN_NOTE && it->whole; }

void rp_chord_add(rp_instrumenter *it, const rp_held *held) {
    rp_chord_note *note = &it->chord.note[it->chord.count++];
    memset(note, 0, sizeof *note);
    note->held = *held;
    note->should = RP_NO_VOICE;
    note->free = rp_voices_free(&it->before, it->config.voice, it->config.voices);
    note->given = held->voice != RP_NO_VOICE;
}

void rp_chord_release(rp_instrumenter *it, uint64_t frame, uint32_t tag) {
    rp_voices_release(&it->before, it->config.voice, frame, tag);
    for (uint32_t i = 0; i < it->chord.count; i++) {
        rp_chord_note *note = &it->chord.note[i];
        if (note->held.tag != tag || note->released) continue;
        note->released = 1;
        note->release = frame;
    }
}

uint32_t rp_chord_waiting(const rp_chord *chord) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < chord->count; i++) count += !chord->note[i].given;
    return count;
}

/* The chord's notes from the lowest up; equals as they came. [any] */
static void sort_notes(const rp_chord *chord, uint8_t *order) {
    for (uint32_t i = 0; i < chord->count; i++) {
        uint32_t j = i;
        for (; j > 0 && chord->note[order[j - 1]].held.pitch > chord->note[i].held.pitch; j--) order[j] = order[j - 1];
        order[j] = (uint8_t)i;
    }
}

/* Bits of the voices each note may have, had it been alone. [any] */
static void find_allowed(const rp_instrumenter *it, const uint8_t *order, const rp_voices *ground, uint32_t *allowed) {
    uint32_t now = rp_voices_free(ground, it->config.voice, it->config.voices);
    for (uint32_t i = 0; i < it->chord.count; i++) {
        const rp_chord_note *note = &it->chord.note[order[i]];
        allowed[i] = rp_choose_from(it, ground == &it->before ? note->free & now : now, note->held.pitch);
    }
}

/* Scores to log probabilities over the labels of the voices allowed. [any] */
static void normalise(const rp_instrumenter *it, uint32_t voices, float *scores) {
    uint32_t labels = rp_choose_labels(it, voices);
    float most = -INFINITY, sum = 0.0f;
    for (uint32_t i = 0; i < it->labels; i++)
        if (labels >> i & 1 && scores[i] > most) most = scores[i];
    for (uint32_t i = 0; i < it->labels; i++)
        if (labels >> i & 1) sum += expf(scores[i] - most);
    for (uint32_t i = 0; i < it->labels && labels; i++) scores[i] = fmaxf(scores[i] - most - logf(sum), LEAST);
}

/* The scores of the note at a position, NULL without a model. [any] */
static const float *scores_at(const rp_instrumenter *it, const question *q, uint32_t position) {
    return q->scores ? q->scores + position * it->labels : NULL;
}

/* What a note in a voice costs. Without scores it is the way its hand must go. [any] */
static float cost_of(const rp_instrumenter *it, const question *q, const rp_chord_note *note, uint32_t voice,
                     const float *scores) {
    float near = rp_choose_distance(it, voice, note->held.pitch);
    float cost = scores ? -scores[it->config.voice[voice].label] + 1e-4f * near : near;
    int own = it->config.when == RP_WHEN_REVISE && !q->late && note->given && note->held.voice == voice;
    return own ? cost - it->config.stay : cost;
}

/* A note that sounded and is over stays where it was. [any] */
static int is_over(const rp_instrumenter *it, const rp_chord_note *note) {
    return it->config.when == RP_WHEN_REVISE && note->given && note->released;
}

/* One that was dropped stays silent. [any] */
static int is_silent(const rp_instrumenter *it, const rp_chord_note *note) {
    return it->config.when == RP_WHEN_REVISE && note->given && note->held.voice == RP_NO_VOICE;
}

/* How many notes of the chord a voice has room for. What is over took room while others were held. [any] */
static uint32_t room(const rp_instrumenter *it, const question *q, uint32_t voice, uint32_t rows) {
    uint32_t polyphony = it->config.voice[voice].polyphony, held = q->ground->voice[voice].held;
    if (!polyphony) return rows;
    for (uint32_t i = 0; i < it->chord.count && !q->late; i++)
        held += is_over(it, &it->chord.note[i]) && it->chord.note[i].held.voice == voice;
    if (held >= polyphony) return 0;
    return polyphony - held < rows ? polyphony - held : rows;
}

/* The notes that are asked about, and the places that there are for them. [any] */
static void lay_out(const rp_instrumenter *it, const question *q, places *p) {
    p->rows = p->columns = 0;
    for (uint32_t i = 0; i < it->chord.count; i++) {
        const rp_chord_note *note = &it->chord.note[q->order[i]];
        if (!q->allowed[i] || is_silent(it, note) || (!q->late && is_over(it, note))) continue;
        p->position[p->rows] = (uint8_t)i;
        p->note[p->rows++] = q->order[i];
    }
    for (uint32_t voice = 0; voice < it->config.voices; voice++)
        for (uint32_t n = room(it, q, voice, p->rows); n > 0; n--) p->voice[p->columns++] = (uint8_t)voice;
    for (uint32_t i = 0; i < p->rows; i++) p->voice[p->columns++] = RP_NO_VOICE;
}

/* [any] */
static void price(const rp_instrumenter *it, const question *q, places *p) {
    for (uint32_t r = 0; r < p->rows; r++) {
        const rp_chord_note *note = &it->chord.note[p->note[r]];
        const float *scores = scores_at(it, q, p->position[r]);
        uint32_t may = rp_choose_forced(it, q->allowed[p->position[r]], note->held.tag);
        for (uint32_t c = 0; c < p->columns; c++) {
            uint8_t voice = p->voice[c];
            int fits = voice != RP_NO_VOICE && may >> voice & 1;
            p->cost[r * p->columns + c] = fits                   ? cost_of(it, q, note, voice, scores)
                                          : voice == RP_NO_VOICE ? TOO_MANY
                                                                 : FORBIDDEN;
        }
    }
}

/* The voice of each row, RP_NO_VOICE for a note too many. [any] */
static void solve(const rp_instrumenter *it, const question *q, places *p, uint8_t voice[RP_CHORD_MAX]) {
    uint16_t column[RP_ASSIGN_ROWS] = {0};
    lay_out(it, q, p);
    price(it, q, p);
    rp_assign(p->rows, p->columns, p->cost, column);
    for (uint32_t r = 0; r < p->rows; r++) voice[r] = p->voice[column[r]];
}

/* 1: two notes of the chord were held at the same time. [any] */
static int overlap(const rp_chord_note *a, const rp_chord_note *b) {
    return (!a->released || b->held.onset < a->release) && (!b->released || a->held.onset < b->release);
}

/* Of the voices that had room for a note when it came, those that no other note of the chord fills meanwhile. [any] */
static uint32_t find_unfilled(const rp_instrumenter *it, const rp_chord_note *note) {
    uint32_t bits = note->free & rp_voices_fit(it->config.voice, it->config.voices, note->held.pitch);
    for (uint32_t i = 0; i < it->chord.count; i++) {
        const rp_chord_note *other = &it->chord.note[i];
        if (other == note || other->held.voice == RP_NO_VOICE || !overlap(other, note)) continue;
        if (it->config.voice[other->held.voice].polyphony) bits &= ~(1u << other->held.voice);
    }
    return bits;
}

/* A note too many: where an earlier one of the chord is over already; else, where the overflow wants it played, the
 * voice it suits best. [any] */
static uint8_t crowd(const rp_instrumenter *it, const rp_chord_note *note, const float *scores) {
    uint32_t unfilled = find_unfilled(it, note);
    uint32_t voices = unfilled ? unfilled : rp_choose_from(it, 0, note->held.pitch);
    uint8_t own = note->held.voice;
    int settled = own == RP_NO_VOICE || (voices >> own & 1 && (unfilled || !scores));
    if (note->given && settled) return own;
    if (!voices) return RP_NO_VOICE;
    voices = rp_choose_forced(it, voices, note->held.tag);
    return scores ? rp_choose_by_scores(it, voices, note->held.pitch, scores)
                  : rp_choose_by_rule(it, voices, note->held.pitch);
}

/* The chord's notes, in the order in which they came, are now the ensemble's. A note that was over too early to move is
 * remembered as the voice's that should have had it, so that the mistake breeds no others. [any] */
static void take_all(rp_instrumenter *it, rp_decision *decision) {
    it->voices = it->before;
    for (uint32_t i = 0; i < it->chord.count; i++) {
        const rp_chord_note *note = &it->chord.note[i];
        rp_held held = note->held;
        if (held.voice == RP_NO_VOICE) continue;
        if (note->should != RP_NO_VOICE) held.voice = note->should;
        if (it->config.when == RP_WHEN_WINDOW) rp_instrumenter_take(it, &held, &decision[i]);
        else rp_voices_take(&it->voices, it->config.voice, &held);
        if (note->released) rp_instrumenter_note_off(it, note->release, note->held.tag);
    }
    if (it->config.when == RP_WHEN_REVISE) it->sounding = it->voices;
}

/* A revision with more notes than places changes nothing, unless notes may share a voice and all still sound. [any] */
static int may_change(const rp_instrumenter *it, const places *p, const uint8_t *voice) {
    if (it->config.when != RP_WHEN_REVISE) return 1;
    if (it->config.overflow == RP_OVERFLOW_DIVISI && p->rows == it->chord.count) return 1;
    for (uint32_t r = 0; r < p->rows; r++)
        if (voice[r] == RP_NO_VOICE) return 0;
    return 1;
}

/* Give each note its voice. [any] */
static void assign(rp_instrumenter *it, const question *q) {
    places p;
    uint8_t voice[RP_CHORD_MAX];
    solve(it, q, &p, voice);
    if (!may_change(it, &p, voice)) return;
    for (uint32_t r = 0; r < p.rows; r++)
        if (voice[r] != RP_NO_VOICE) it->chord.note[p.note[r]].held.voice = voice[r];
    for (uint32_t r = 0; r < p.rows; r++) {
        rp_chord_note *note = &it->chord.note[p.note[r]];
        if (voice[r] == RP_NO_VOICE) note->held.voice = crowd(it, note, scores_at(it, q, p.position[r]));
    }
}

/* Say of the notes that are over who should have played them, had the chord been waited for. [any] */
static void regret(rp_instrumenter *it, const question *q) {
    places p;
    uint8_t voice[RP_CHORD_MAX];
    solve(it, q, &p, voice);
    for (uint32_t r = 0; r < p.rows; r++)
        if (is_over(it, &it->chord.note[p.note[r]])) it->chord.note[p.note[r]].should = voice[r];
}

/* 1: the model's scores are there, as log probabilities. [any] */
static int ask(rp_instrumenter *it, const uint8_t *order, const uint32_t *allowed, uint32_t afford, int trial,
               float *scores) {
    if (it->config.decide != RP_DECIDE_MODEL || afford < it->chord.count) return 0;
    if (!rp_ask_chord(it, order, allowed, trial, scores)) return 0;
    for (uint32_t i = 0; i < it->chord.count; i++) normalise(it, allowed[i], scores + i * it->labels);
    return 1;
}

/* Decide the chord as far as it is known; 1: by the model. [any] */
static int decide_chord(rp_instrumenter *it, uint8_t *order, uint32_t afford, int trial) {
    uint32_t allowed[RP_CHORD_MAX];
    float scores[RP_CHORD_MAX * RP_VOICES_MAX];
    /* What may sound depends on what does; what should have, on what should. */
    const rp_voices *ground = trial ? &it->sounding : &it->before;
    int sure = it->config.when == RP_WHEN_WINDOW || it->config.decide != RP_DECIDE_MODEL;
    sort_notes(&it->chord, order);
    find_allowed(it, order, ground, allowed);
    int scored = ask(it, order, allowed, afford, trial, scores);
    question q = {order, allowed, scored ? scores : NULL, ground, 1};
    if (scored && it->config.when == RP_WHEN_REVISE && !trial) regret(it, &q);
    q.late = 0;
    if (scored || sure) assign(it, &q);
    return scored;
}

uint32_t rp_chord_close(rp_instrumenter *it, rp_decision *out, uint32_t afford) {
    uint8_t order[RP_CHORD_MAX], before[RP_CHORD_MAX];
    uint32_t told = 0, n = it->chord.count;
    rp_decision all[RP_CHORD_MAX];
    int window = it->config.when == RP_WHEN_WINDOW;
    for (uint32_t i = 0; i < n; i++) before[i] = it->chord.note[i].held.voice;
    int scored = decide_chord(it, order, afford, 0);
    uint8_t fallback = (uint8_t)(it->config.decide == RP_DECIDE_MODEL && !scored);
    for (uint32_t i = 0; i < n; i++) {
        const rp_held *held = &it->chord.note[i].held;
        all[i] = (rp_decision){held->tag, held->voice, before[i], fallback, 0, 0, 0};
    }
    take_all(it, all);
    for (uint32_t i = 0; i < n && it->config.when != RP_WHEN_NOTE; i++)
        if (window || all[i].voice != before[i]) out[told++] = all[i];
    it->chord.count = 0;
    return told;
}

/* Give the notes that wait the voices they ask for, lowest first, and let the solo model hear them. [any] */
static uint32_t settle_each(rp_instrumenter *it, const rp_chord *asked, const uint8_t *order, uint32_t afford,
                            rp_decision *out) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < asked->count; i++) {
        rp_chord_note *note = &it->chord.note[order[i]];
        if (note->given) continue;
        rp_decision *decision = &out[n++];
        *decision = (rp_decision){.tag = note->held.tag, .voice = RP_NO_VOICE, .from = RP_NO_VOICE};
        rp_instrumenter_decide(it, &note->held, asked->note[order[i]].held.voice, afford >= n, decision);
        note->given = 1;
        note->held.voice = decision->voice;
        if (decision->voice == RP_NO_VOICE) continue;
        rp_instrumenter_take(it, &note->held, decision);
        if (note->released) rp_instrumenter_note_off(it, note->release, note->held.tag);
    }
    return n;
}

uint32_t rp_chord_settle(rp_instrumenter *it, rp_decision *out, uint32_t afford) {
    uint8_t order[RP_CHORD_MAX];
    rp_chord as_it_came = it->chord, asked;
    int whole = it->chord.count > 1 && rp_chord_waiting(&it->chord) == it->chord.count;
    sort_notes(&it->chord, order);
    if (whole) decide_chord(it, order, afford, 1);
    asked = it->chord;
    it->chord = as_it_came;
    return settle_each(it, &asked, order, afford, out);
}
