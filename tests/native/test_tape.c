/* Tapes keep every byte, and an off-line run on them is the engine's own; no memory is an answer, not a crash. */
#include <string.h>

#include "drivers.h"
#include "rigs.h"

enum { EVENTS = 2000 };

static void test_keeps_everything(void) {
    rp_tape *tape = rp_tape_new();
    uint8_t data[300];
    CHECK(tape);
    for (uint32_t i = 0; i < EVENTS; i++) {
        memset(data, (int)(i & 127), sizeof data);
        CHECK(rp_tape_add(tape, i * 10, i % 3, data, i % sizeof data));
    }
    CHECK(rp_tape_count(tape) == EVENTS);
    for (uint32_t i = 0; i < EVENTS; i++) {
        rp_tape_event event = rp_tape_get(tape, i);
        CHECK(event.frame == i * 10 && event.port == i % 3 && event.size == i % sizeof data);
        for (uint32_t n = 0; n < event.size; n++) CHECK(event.data[n] == (i & 127));
    }
    rp_tape_clear(tape);
    CHECK(rp_tape_count(tape) == 0);
    rp_tape_free(tape);
    rp_tape_free(NULL);
}

/* A scale, key by key. 0: no memory. */
static int write_scale(rp_tape *tape) {
    int fine = 1;
    for (uint8_t i = 0; fine && i < 48; i++) {
        const uint8_t on[3] = {0x90, (uint8_t)(40 + i), 99}, off[3] = {0x80, (uint8_t)(40 + i), 9};
        fine = rp_tape_add(tape, i * 1000u, 0, on, 3) && rp_tape_add(tape, i * 1000u + 700, 0, off, 3);
    }
    return fine;
}

/* Play it through an engine of its own. 0: no memory. */
static int play(uint32_t block, rp_tape *out) {
    rp_engine_config config = {.sample_rate = RATE, .inputs = 1, .outputs = 1};
    rp_offline_span span = {.until = 60000, .block = block, .connected = 1};
    rp_engine *engine = rp_engine_new(&config);
    rp_rig *rig = thru_rig();
    rp_tape *in = rp_tape_new();
    int loaded = engine && rig && rp_engine_load(engine, rig);
    int fine = loaded && in && write_scale(in) && rp_offline_run(engine, in, out, &span);
    if (!loaded) rp_rig_free(rig);
    rp_tape_free(in);
    rp_engine_free(engine);
    return fine;
}

/* Every allocation fails once; the answer says so, and nothing leaks. */
static void test_no_memory(void) {
    long held = allocations_held(), n = 0;
    if (!fail_allocation(-1)) return;
    do {
        fail_allocation(n++);
        rp_tape *out = rp_tape_new();
        CHECK((out && play(128, out)) || allocation_failed());
        rp_tape_free(out);
        CHECK(allocations_held() == held);
    } while (allocation_failed());
    fail_allocation(-1);
    CHECK(n > 10);
}

static void test_block_size_does_not_matter(void) {
    rp_tape *small = rp_tape_new(), *large = rp_tape_new();
    CHECK(play(1, small) && play(4096, large) && rp_tape_count(small) == 96 && rp_tape_count(large) == 96);
    for (uint32_t i = 0; i < 96; i++) {
        rp_tape_event a = rp_tape_get(small, i), b = rp_tape_get(large, i);
        CHECK(a.frame == b.frame && a.size == b.size && memcmp(a.data, b.data, a.size) == 0);
    }
    rp_tape_free(small);
    rp_tape_free(large);
}

int main(void) {
    test_keeps_everything();
    test_block_size_does_not_matter();
    test_no_memory();
    return 0;
}
