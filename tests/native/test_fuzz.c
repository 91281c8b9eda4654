/* Noise and broken MIDI into the whole engine, while presets change and cables come and go: no fault, no stuck note.
 * Ten million bytes, or as many as the first argument says. */
#include <stdlib.h>
#include <string.h>

#include "rigs.h"

#ifdef __SANITIZE_THREAD__
enum { BYTES = 300000 }; /* one thread: little for it to find, and slow */
#else
enum { BYTES = 10000000 };
#endif

static uint64_t seed = 88172645463325252u;

/* Marsaglia's xorshift64 (2003): the same noise on every machine. */
static uint32_t noise(uint32_t below) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 33) % below;
}

static uint8_t byte(uint32_t mood) {
    static const uint8_t status[8] = {0x90, 0x90, 0x80, 0xB0, 0xE0, 0xA0, 0xF0, 0xF7};
    switch (mood) {
    case 0: return (uint8_t)noise(256);
    case 1: return noise(3) ? (uint8_t)noise(128) : (uint8_t)(status[noise(8)] | noise(2));
    default: return noise(3) ? (uint8_t)(40 + noise(30)) : (uint8_t)(status[noise(4)] | noise(16));
    }
}

static rp_rig *any_rig(void) { return noise(3) ? quartet_rig(noise(3), (uint8_t)noise(3)) : thru_rig(); }

/* Somebody learns knobs, or no longer. */
static void learn(stage *at) {
    rp_control any = {.port = RP_EVERY_PORT, .channel = RP_EVERY_CHANNEL, .number = (uint16_t)noise(128)};
    any.kind = (uint8_t)noise(RP_MOVED_KINDS);
    CHECK(rp_engine_hear_controls(at->engine, noise(128), noise(4) ? 0 : noise(128)));
    CHECK(rp_engine_take_control(at->engine, noise(RP_TAKEN_MAX), noise(2) ? &any : NULL));
    CHECK(rp_engine_set_level(at->engine, RP_NO_SLOT, noise(4), noise(128)));
}

/* What happens around the music. */
static void disturb(stage *at) {
    switch (noise(12)) {
    case 0: CHECK(rp_engine_load(at->engine, any_rig())); break;
    case 1: at->out.connected ^= 1u << noise(2); break;
    case 2: at->lost = 1; break;
    case 3: CHECK(rp_engine_panic(at->engine)); break;
    case 4: at->out.room = noise(40); break;
    case 5: at->out.room = 0; break;
    case 6: learn(at); break;
    default: break;
    }
    stage_poll(at, 0);
}

static uint64_t fill(stage *at, uint8_t *bytes, uint32_t capacity, uint32_t mood) {
    uint32_t used = 0, offset = 0;
    while (at->events < 40 && used + 12 < capacity) {
        uint32_t size = 1 + noise(12);
        for (uint32_t i = 0; i < size; i++) bytes[used + i] = byte(mood);
        at->event[at->events++] = (rp_input){.offset = offset, .size = size, .data = bytes + used};
        used += size;
        offset += noise(BLOCK - offset);
    }
    return used;
}

/* Plug everything in, pull the keyboard out: now nothing may sound. */
static void check_silence(stage *at) {
    at->out.room = 0;
    at->out.connected = UINT32_MAX;
    at->lost = 1;
    stage_cycles(at, 2);
    CHECK(stage_sounding(at) == 0);
}

int main(int argc, char **argv) {
    static stage at;
    static uint8_t bytes[4096];
    uint64_t total = argc > 1 ? strtoull(argv[1], NULL, 10) : BYTES, sent = 0;
    stage_open(&at, 2, thru_rig(), NULL);
    for (uint32_t n = 1; sent < total; n++) {
        sent += fill(&at, bytes, sizeof bytes, n / 1000 % 3);
        if (noise(20) == 0) disturb(&at);
        stage_cycle(&at);
        if (n % 16 == 0) stage_poll(&at, 0);
        if (n % 100 == 0) check_silence(&at);
    }
    check_silence(&at);
    printf("%llu bytes, %llu notes out, nothing left sounding\n", (unsigned long long)sent,
           (unsigned long long)at.out.ons);
    CHECK(at.out.ons > total / 1000);
    stage_close(&at);
    return 0;
}
