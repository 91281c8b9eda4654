/* A function of somebody else's as a unit: what it is given, and what is heard where it gives no sound. */
#include <math.h>
#include <string.h>

#include "check.h"
#include "foreign.h"
#include "unit_state.h"

enum { RATE = 48000, BLOCK = 128, EVENTS = 5000, FADE = RATE / 200 + 1, WAIT = RATE / 20 };

/* What the function does with its sound. */
enum { HALVES, SENDS_NAN, SENDS_INFINITY, SHOUTS, PLAYS };
typedef struct {
    int does;
    uint32_t calls, begun_anew, heard;
    double sample_rate;
    float parameter[2];
    float in; /* the first sample that it was given last */
    int32_t event[EVENTS][4];
} player;

static void play(float *left, float *right, int64_t frames, const int32_t *event, int64_t events,
                 const float *parameter, void *state, double sample_rate) {
    player *p = state;
    if (!frames) {
        p->begun_anew++;
        return;
    }
    p->calls++;
    p->sample_rate = sample_rate;
    memcpy(p->parameter, parameter, sizeof p->parameter);
    p->in = left[0];
    for (int64_t i = 0; i < events && p->heard < EVENTS; i++, p->heard++) {
        memcpy(p->event[p->heard], event + 4 * i, sizeof *p->event);
        CHECK(event[4 * i] >= 0 && event[4 * i] < frames);
    }
    for (int64_t i = 0; i < frames; i++) {
        left[i] = p->does == PLAYS ? 0.5F : left[i] / 2;
        right[i] = p->does == PLAYS ? -0.5F : right[i] / 2;
    }
    if (p->does == SENDS_NAN) right[frames - 1] = NAN;
    if (p->does == SENDS_INFINITY) left[0] = -INFINITY;
    if (p->does == SHOUTS) left[frames / 2] = -20;
}

static player p;
static rp_unit *unit;
static float left[RP_BLOCK_MAX], right[RP_BLOCK_MAX];

static void begin(uint32_t role) {
    static const float values[2] = {0.25F, -3};
    p = (player){0};
    unit = rp_unit_foreign(play, &p, role, 2, values, 7, RATE);
    CHECK(unit);
}

/* One block, of a level or of what is there; nothing in it may wait. */
static void cycle(uint32_t frames, const rp_unit_event *event, uint32_t events) {
    rp_unit_block block = {.frames = frames, .audio = {left, right}, .event = event, .events = events};
    forbid_waiting(1);
    unit->kind->process(unit, &block);
    forbid_waiting(0);
}

static void cycle_of(float level, uint32_t frames) {
    for (uint32_t i = 0; i < frames; i++) left[i] = right[i] = level;
    cycle(frames, NULL, 0);
}

static rp_unit_state state(void) {
    rp_unit_state out;
    rp_unit_get_state(unit, &out);
    return out;
}

static void test_what_it_is_given(void) {
    begin(RP_UNIT_EFFECT);
    const rp_unit_event events[3] = {{0, 3, {0x90, 60, 100}}, {5, 2, {0xC1, 9, 77}}, {400, 3, {0x80, 60, 1}}};
    left[0] = 0.5F;
    cycle(BLOCK, events, 3);
    static const int32_t expected[3][4] = {{0, 0x90, 60, 100}, {5, 0xC1, 9, 0}, {BLOCK - 1, 0x80, 60, 1}};
    CHECK(p.heard == 3 && !memcmp(p.event, expected, sizeof expected));
    CHECK(p.sample_rate == RATE && p.parameter[0] == 0.25F && p.parameter[1] == -3 && left[0] == 0.25F);
    CHECK(rp_unit_get(unit, 1) == -3 && state().latency == 7 && state().parameters == 2);
    rp_unit_set(unit, 1, 4);
    cycle_of(0.5F, 1);
    CHECK(p.parameter[1] == 4 && left[0] == 0.25F && right[0] == 0.25F && state().missed == 0);
    unit->kind->reset(unit);
    CHECK(p.begun_anew == 1);
    rp_unit_free(unit);
}

/* More events than a strip holds: the first ones, in their order. */
static void test_many_events(void) {
    static rp_unit_event events[EVENTS];
    begin(RP_UNIT_INSTRUMENT);
    for (uint32_t i = 0; i < EVENTS; i++)
        events[i] = (rp_unit_event){i / 40, 3, {0x90, (uint8_t)(i & 127), (uint8_t)(i >> 7)}};
    cycle(BLOCK, events, EVENTS);
    CHECK(p.calls == 1 && p.heard == 4096);
    for (uint32_t i = 0; i < p.heard; i++) {
        CHECK(p.event[i][0] == (int32_t)(i / 40));
        CHECK(p.event[i][2] == (int32_t)(i & 127) && p.event[i][3] == (int32_t)(i >> 7));
    }
    rp_unit_free(unit);
}

/* From a cut on: the highest step between samples, until it is itself again; *frames: how long that took. */
static float recover(float level, float before, uint32_t *frames) {
    float highest = 0, last = before;
    for (*frames = 0; state().fault != RP_UNIT_FINE && *frames < 20 * RATE; *frames += BLOCK) {
        cycle_of(level, BLOCK);
        for (uint32_t i = 0; i < BLOCK; i++) {
            CHECK(isfinite(left[i]) && isfinite(right[i]));
            highest = fmaxf(highest, fabsf(left[i] - last));
            last = left[i];
        }
    }
    return highest;
}

static void test_what_is_no_sound_is_not_heard(void) {
    static const struct {
        int does;
        uint32_t fault;
    } cases[3] = {{SENDS_NAN, RP_UNIT_WILD}, {SENDS_INFINITY, RP_UNIT_WILD}, {SHOUTS, RP_UNIT_LOUD}};
    for (uint32_t i = 0; i < 6; i++) {
        uint32_t instrument = i >= 3, frames;
        begin(instrument ? RP_UNIT_INSTRUMENT : RP_UNIT_EFFECT);
        int well = instrument ? PLAYS : HALVES;
        float level = instrument ? 0 : 1, usual = 0.5F, dry = level;
        p.does = well;
        cycle_of(level, BLOCK);
        CHECK(left[BLOCK - 1] == usual && state().fault == RP_UNIT_FINE);
        p.does = cases[i % 3].does;
        cycle_of(level, BLOCK);
        CHECK(state().fault == cases[i % 3].fault && state().missed == 1 && p.begun_anew == 1);
        CHECK(fabsf(left[0] - usual) < 0.01F && isfinite(right[BLOCK - 1]));
        CHECK(fabsf(left[BLOCK - 1] - dry) < fabsf(left[0] - dry)); /* on its way to what stands in for it */
        p.does = well;
        CHECK(recover(level, left[BLOCK - 1], &frames) < 0.01F);
        CHECK(frames >= WAIT + FADE && frames < WAIT + FADE + 3 * BLOCK);
        cycle_of(level, BLOCK);
        CHECK(left[0] == usual && left[BLOCK - 1] == usual && state().missed == 1);
        rp_unit_free(unit);
    }
}

/* One that goes wild again and again is heard ever less often, but within some seconds. */
static void test_again_and_again(void) {
    begin(RP_UNIT_EFFECT);
    uint32_t frames = 0, before = 0;
    for (uint32_t i = 0; i < 12; i++) {
        p.does = SENDS_NAN;
        cycle_of(0.5F, BLOCK);
        p.does = HALVES;
        recover(0.5F, left[BLOCK - 1], &frames);
        CHECK(frames >= before && frames < 6 * RATE);
        before = frames;
    }
    CHECK(frames > RATE && state().missed == 12 && p.begun_anew == 12);
    rp_unit_free(unit);
}

/* What comes in is not its doing: no number becomes silence, and as loud as that it may be. */
static void test_what_comes_in(void) {
    begin(RP_UNIT_EFFECT);
    for (uint32_t i = 0; i < BLOCK; i++) left[i] = right[i] = 1;
    left[3] = NAN;
    cycle(BLOCK, NULL, 0);
    CHECK(p.in == 0 && left[0] == 0 && right[BLOCK - 1] == 0 && state().fault == RP_UNIT_FINE);
    cycle_of(1000, BLOCK);
    CHECK(left[0] == 500 && state().fault == RP_UNIT_FINE && state().missed == 0);
    rp_unit_free(unit);
}

static void test_what_cannot_be(void) {
    float value = 0;
    CHECK(!rp_unit_foreign(NULL, NULL, RP_UNIT_EFFECT, 0, NULL, 0, RATE));
    CHECK(!rp_unit_foreign(play, &p, 2, 0, NULL, 0, RATE));
    CHECK(!rp_unit_foreign(play, &p, RP_UNIT_EFFECT, RP_UNIT_PARAMETERS_MAX + 1, &value, 0, RATE));
    CHECK(!rp_unit_foreign(play, &p, RP_UNIT_EFFECT, 0, NULL, RP_LATENCY_MAX + 1, RATE));
    CHECK(!rp_unit_foreign(play, &p, RP_UNIT_EFFECT, 0, NULL, 0, 0));
    long held = allocations_held();
    if (fail_allocation(0)) CHECK(!rp_unit_foreign(play, &p, RP_UNIT_EFFECT, 0, NULL, 0, RATE) && allocation_failed());
    CHECK(allocations_held() == held);
}

int main(void) {
    test_what_it_is_given();
    test_many_events();
    test_what_is_no_sound_is_not_heard();
    test_again_and_again();
    test_what_comes_in();
    test_what_cannot_be();
    return 0;
}
