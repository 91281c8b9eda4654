/* Outputs that leave later than others, so that devices which are slower sound with them. */
#include "alignment.h"
#include "engine_state.h"
#include "rigs.h"

#include <string.h>

enum { PORTS = 3, LATER = 1000, PAGE = 64 };
static stage at;

/* Each message's frame and port, in the order they left. */
typedef struct {
    rp_sink sink;
    uint64_t start;
    uint64_t frame[PAGE];
    uint32_t port[PAGE], count;
} diary;
static diary book;

static int note_down(rp_sink *sink, uint32_t port, uint32_t offset, const uint8_t *data, uint32_t size) {
    diary *to = (diary *)sink;
    (void)data;
    (void)size;
    to->frame[to->count % PAGE] = to->start + offset;
    to->port[to->count++ % PAGE] = port;
    return 1;
}

/* Cycles of an outlet of its own, with nothing else around it. */
static rp_outlet *open_outlet(void) {
    static rp_outlet outlet;
    static rp_stats stats;
    static rp_blackbox box;
    memset(&outlet, 0, sizeof outlet);
    memset(&book, 0, sizeof book);
    memset(&box, 0, sizeof box);
    book.sink.write = note_down;
    outlet.ports = PORTS;
    outlet.stats = &stats;
    outlet.box = &box;
    return &outlet;
}

static void begin(rp_outlet *outlet, uint64_t frame) {
    rp_cycle cycle = {.frame = book.start = frame, .frames = BLOCK, .connected = 7, .sink = &book.sink};
    rp_outlet_begin(outlet, &cycle);
}

static void end(rp_outlet *outlet, uint64_t frame) {
    rp_cycle cycle = {.frame = frame, .frames = BLOCK, .sink = &book.sink};
    rp_outlet_end(outlet, &cycle);
}

static void test_each_port_by_its_own(void) {
    rp_outlet *outlet = open_outlet();
    rp_midi_message on = rp_midi_short(RP_MIDI_NOTE_ON, 60, 80);
    rp_outlet_set_shift(outlet, 1, LATER);
    rp_outlet_set_shift(outlet, 2, 10);
    forbid_waiting(1);
    for (uint64_t frame = 0; frame < 3 * LATER; frame += BLOCK) {
        begin(outlet, frame);
        for (uint32_t port = 0; frame == 0 && port < PORTS; port++) CHECK(rp_outlet_send(outlet, port, &on));
        end(outlet, frame);
    }
    forbid_waiting(0);
    CHECK(book.count == 3 && rp_outlet_empty(outlet));
    CHECK(book.port[0] == 0 && book.frame[0] == 0);
    CHECK(book.port[1] == 2 && book.frame[1] == 10);
    CHECK(book.port[2] == 1 && book.frame[2] == LATER);
}

static void test_less_than_before_keeps_the_order(void) {
    rp_outlet *outlet = open_outlet();
    rp_midi_message on = rp_midi_short(RP_MIDI_NOTE_ON, 60, 80), off = rp_midi_short(RP_MIDI_NOTE_OFF, 60, 0);
    rp_outlet_set_shift(outlet, 0, LATER);
    begin(outlet, 0);
    CHECK(rp_outlet_send(outlet, 0, &on));
    end(outlet, 0);
    rp_outlet_set_shift(outlet, 0, 0);
    begin(outlet, BLOCK);
    CHECK(rp_outlet_send(outlet, 0, &off));
    CHECK(rp_outlet_send(outlet, 1, &off)); /* another port waits for nobody */
    end(outlet, BLOCK);
    CHECK(book.count == 1 && book.port[0] == 1 && !rp_outlet_empty(outlet));
    begin(outlet, LATER);
    end(outlet, LATER);
    CHECK(book.count == 3 && book.frame[1] == LATER && book.frame[2] == LATER && rp_outlet_empty(outlet));
}

/* More than there is room for leave early, and none is lost. */
static void test_too_many(void) {
    rp_outlet *outlet = open_outlet();
    rp_midi_message touch = rp_midi_short(RP_MIDI_CONTROL, 1, 1);
    uint32_t sent = 0;
    rp_outlet_set_shift(outlet, 0, 1u << 30);
    rp_outlet_set_shift(outlet, 1, 1u << 29);
    begin(outlet, 0);
    for (; sent < RP_DELAYED_MAX + 50; sent++) CHECK(rp_outlet_send(outlet, sent & 1, &touch));
    CHECK(book.count == 50 && outlet->delayed == RP_DELAYED_MAX);
    rp_outlet_hurry(outlet);
    CHECK(rp_outlet_empty(outlet) && book.count == sent);
}

static void test_engine_panics_without_delay(void) {
    stage_open(&at, 2, quartet_rig(RP_WHEN_NOTE, RP_PEDAL_PASS), NULL);
    CHECK(rp_engine_shift_port(at.engine, 0, LATER) && !rp_engine_shift_port(at.engine, 2, LATER));
    stage_send(&at, 0, 0x90, 60, 80);
    stage_cycles(&at, 4);
    CHECK(stage_sounding(&at) == 0);
    stage_cycles(&at, LATER / BLOCK + 1 - 4);
    CHECK(stage_sounding(&at) == 1 && at.out.last_offset == LATER % BLOCK);
    stage_send(&at, 0, 0x80, 60, 0);
    stage_cycle(&at);
    CHECK(stage_sounding(&at) == 1);
    CHECK(rp_engine_panic(at.engine));
    stage_cycle(&at);
    CHECK(stage_sounding(&at) == 0);
    stage_close(&at);
}

static void test_sound(void) {
    static float buffer[3][BLOCK];
    float *audio[3] = {buffer[0], buffer[1], buffer[2]};
    rp_alignment *alignment = rp_alignment_new(3, 48);
    CHECK(alignment);
    rp_alignment_set(alignment, LATER);
    forbid_waiting(1);
    for (uint32_t frame = 0; frame < 2 * LATER; frame += BLOCK) {
        for (uint32_t o = 0; o < 3; o++)
            for (uint32_t i = 0; i < BLOCK; i++) buffer[o][i] = frame + i == 7 ? 1.0F + (float)o : 0;
        rp_alignment_process(alignment, audio, 3, BLOCK);
        for (uint32_t o = 0; o < 3; o++)
            for (uint32_t i = 0; i < BLOCK; i++) {
                int due = frame + i == 7 + LATER;
                CHECK(buffer[o][i] == (due ? 1.0F + (float)o : 0));
            }
        CHECK(rp_alignment_silent(alignment) == (frame >= LATER)); /* counted from the end of what it heard last */
    }
    forbid_waiting(0);
    rp_alignment_free(alignment);
}

static void test_engine_sound(void) {
    stage_open(&at, 1, thru_rig(), NULL);
    CHECK(!rp_engine_shift_sound(at.engine, 10)); /* it has no audio outputs */
    stage_close(&at);
    stage_open_loud(&at, 1, SPEAKERS, thru_rig());
    CHECK(rp_engine_shift_sound(at.engine, 0) && rp_engine_shift_sound(at.engine, LATER));
    CHECK(!rp_engine_shift_sound(at.engine, RP_LATENCY_MAX + 1));
    stage_cycles(&at, 3);
    stage_close(&at);
}

static void test_failing_allocations(void) {
    long held = allocations_held();
    for (long n = 0; fail_allocation(n); n++) {
        rp_alignment *alignment = rp_alignment_new(5, 48);
        int failed = allocation_failed();
        fail_allocation(-1);
        CHECK(failed == !alignment);
        rp_alignment_free(alignment);
        CHECK(allocations_held() == held);
        if (!failed) break;
    }
}

int main(void) {
    test_each_port_by_its_own();
    test_less_than_before_keeps_the_order();
    test_too_many();
    test_engine_panics_without_delay();
    test_sound();
    test_engine_sound();
    test_failing_allocations();
    return 0;
}
