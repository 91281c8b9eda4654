/* The voice in the process thread: sound and notes at their frames, held and faded where blocks are late, and silent
 * after whatever may happen. */
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "drivers.h"
#include "singers.h"

enum { ROOM = 20 * RATE, BLOCK_FRAMES = 16 * RATE / 1000, FADE = 15 * RATE / 1000, HOLD = 232 * RATE / 1000 };

static recital r;
static float quiet[ROOM];

static void begin(void) {
    rp_singing_config config = recital_config();
    recital_open(&r, &config, ROOM);
}

/* It sings: one note, for so many cycles. */
static void sing(uint32_t cycles) {
    recital_key(&r, 0, 60, 90);
    recital_cycles(&r, cycles);
    CHECK(recital_sings(&r, 60));
}

/* A key is heard in the voice within 25 ms, at whatever frame it goes down, and nothing changes before the lead. */
static void test_key_to_voice(void) {
    uint64_t longest = 0;
    for (uint32_t offset = 0; offset < BLOCK_FRAMES + BLOCK; offset += 61) {
        uint64_t key = 0, changed = 0;
        for (uint32_t with = 0; with < 2; with++) {
            begin();
            sing(SECOND / 2 + offset / BLOCK);
            key = r.at.frame + offset % BLOCK;
            if (with) recital_key(&r, offset % BLOCK, 72, 90);
            recital_cycles(&r, SECOND / 10);
            if (!with) memcpy(quiet, r.sound, sizeof quiet);
            for (changed = 0; with && r.sound[changed] == quiet[changed];) changed++;
            recital_close(&r);
        }
        CHECK(changed > key + LEAD && changed < key + RATE / 40);
        if (changed - key > longest) longest = changed - key;
    }
    printf("key to the first changed sample of the voice: %.1f ms at most\n", 1000.0 * (double)longest / RATE);
}

/* Its notes leave where its sound begins, on their own port and channel. */
static void test_notes_and_sound_begin_together(void) {
    begin();
    recital_key(&r, 0, 60, 90);
    recital_cycles(&r, 8);
    CHECK(r.at.frame == 1152 && !recital_sings(&r, 60));
    recital_cycles(&r, 1); /* block 1, from 768, sounds at 1200 */
    CHECK(recital_sings(&r, 60) && r.at.out.last_offset == 1200 - 1152);
    CHECK(loudest(r.sound, 0, 1201) == 0.0F && loudest(r.sound, 1201, 1280) > 0.0F);
    recital_close(&r);
}

typedef struct {
    uint64_t frame;
    uint8_t byte[3];
} sent;

static int heard(const rp_tape *tape, sent *out, uint32_t room) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < rp_tape_count(tape); i++) {
        rp_tape_event event = rp_tape_get(tape, i);
        if (event.port != VOICE_PORT || n == room) continue;
        out[n].frame = event.frame;
        memcpy(out[n++].byte, event.data, 3);
    }
    return (int)n;
}

/* A piece on the off-line driver: two spans with a panic between them. Returns the sound; `out` is the tape. */
static float *perform(uint32_t rate, uint32_t block, rp_tape *out, uint64_t *frames) {
    static const uint8_t keys[8][4] = {{60, 0, 64, 67}, {72, 60, 0, 0}, {71, 0, 72, 0}, {0, 71, 64, 0},
                                       {65, 0, 67, 64}, {69, 65, 0, 0}, {0, 69, 0, 67}, {76, 0, 0, 0}};
    rp_singing_config config = recital_config();
    config.sample_rate = rate;
    rp_engine_config ports = {.sample_rate = rate, .inputs = 1, .outputs = 2, .audios = 2};
    rp_offline_span span = {.block = block, .connected = 3, .sound = rp_sound_new(2)};
    rp_singing *singing = rp_singing_new(&config, NULL);
    rp_engine *engine = rp_engine_new(&ports);
    CHECK(engine && singing && span.sound && rp_engine_load(engine, recital_rig(singing)));
    for (uint32_t part = 0; part < 2; part++) {
        rp_tape *in = rp_tape_new();
        for (uint32_t i = 0; i < 8; i++)
            for (uint32_t n = 0; n < 4; n++) {
                uint8_t message[3] = {n % 2 ? 0x80 : 0x90, keys[i][n], 80};
                uint64_t frame = part * rate + i * 5003 + n * 911;
                if (keys[i][n]) CHECK(rp_tape_add(in, frame, 0, message, 3));
            }
        span.from = part * rate;
        span.until = span.from + rate - part * 77;
        CHECK(rp_offline_run(engine, in, out, &span) && rp_engine_panic(engine));
        rp_tape_free(in);
    }
    rp_singing_stats stats;
    rp_singing_get_stats(singing, &stats);
    CHECK(stats.late == 0 && stats.held == 0 && stats.notes > 8 && stats.refused == 0);
    *frames = rp_sound_frames(span.sound);
    float *sound = malloc(*frames * 2 * sizeof *sound);
    memcpy(sound, rp_sound_samples(span.sound), *frames * 2 * sizeof *sound);
    rp_sound_free(span.sound);
    rp_engine_free(engine);
    rp_singing_free(singing);
    return sound;
}

static void test_the_same_whatever_the_block(uint32_t rate) {
    static const uint32_t blocks[7] = {1, 7, 64, 500, 768, 1000, 1024};
    rp_tape *first = rp_tape_new();
    uint64_t frames, others;
    float *sound = perform(rate, 128, first, &frames);
    CHECK(frames == 2 * rate - 77 && loudest(sound, 0, 2 * frames) > 0.05F);
    for (uint32_t i = 0; i < 7; i++) {
        rp_tape *tape = rp_tape_new();
        float *again = perform(rate, blocks[i], tape, &others);
        CHECK(others == frames && !memcmp(sound, again, 2 * frames * sizeof *sound));
        CHECK(rp_tape_count(tape) == rp_tape_count(first));
        for (uint32_t n = 0; n < rp_tape_count(first); n++) {
            rp_tape_event a = rp_tape_get(first, n), b = rp_tape_get(tape, n);
            CHECK(a.frame == b.frame && a.port == b.port && a.size == b.size && !memcmp(a.data, b.data, a.size));
        }
        free(again);
        rp_tape_free(tape);
    }
    free(sound);
    rp_tape_free(first);
}

/* The bend says the cents, within two semitones; controller 11 the loudness; both before the note that they shape. */
static void test_bend_and_expression(void) {
    rp_singing_config config = recital_config();
    rp_engine_config ports = {.sample_rate = RATE, .inputs = 1, .outputs = 2};
    rp_offline_span span = {.until = RATE, .block = BLOCK, .connected = 3};
    rp_singing *singing = rp_singing_new(&config, NULL);
    rp_engine *engine = rp_engine_new(&ports);
    rp_tape *in = rp_tape_new(), *out = rp_tape_new();
    static const uint8_t messages[4][3] = {{0x90, 60, 90}, {0x90, 60, 0}, {0x90, 60, 90}, {0x80, 60, 0}};
    for (uint32_t i = 0; i < 4; i++) CHECK(rp_tape_add(in, 1 + i * 9000, 0, messages[i], 3));
    CHECK(rp_engine_load(engine, recital_rig(singing)) && rp_offline_run(engine, in, out, &span));
    sent event[64];
    int n = heard(out, event, 64), ons = 0, offs = 0;
    CHECK(n > 8);
    CHECK(event[0].frame == BLOCK_FRAMES + LEAD && event[0].byte[0] == 0xB3 && event[0].byte[1] == 11);
    CHECK(event[0].byte[2] == 40); /* 127 * 10^(-20 / 40) */
    CHECK(event[1].frame == event[0].frame && event[1].byte[0] == 0x93 && event[1].byte[1] == 60);
    for (int i = 1; i <= 5; i++) { /* 10 cents more in each block */
        uint32_t bend = event[i + 1].byte[1] | (uint32_t)event[i + 1].byte[2] << 7;
        CHECK(event[i + 1].byte[0] == 0xE3 && bend == (uint32_t)lround(8192 + i * 10 * 8192 / 200.0));
        CHECK(event[i + 1].frame == event[0].frame + (uint64_t)i * BLOCK_FRAMES);
    }
    for (int i = 0; i < n; i++) {
        ons += event[i].byte[0] == 0x93;
        offs += event[i].byte[0] == 0x83;
    }
    CHECK(ons == 2 && offs == 2);
    rp_engine_free(engine);
    rp_singing_free(singing);
    rp_tape_free(in);
    rp_tape_free(out);
}

/* No blocks any more: the voice is held, then fades without an edge; its note ends. Then it goes on. */
static void test_a_worker_held_up(void) {
    begin();
    sing(SECOND);
    float usual = roughness(r.sound, RATE / 2, RATE), loud = loudest(r.sound, RATE / 2, RATE);
    r.looks = 0;
    uint64_t from = r.at.frame;
    recital_cycles(&r, SECOND / 2);
    CHECK(loudest(r.sound, from + 2000, from + 3000) > 0.5F * loud); /* held: not a burst of zeros */
    CHECK(roughness(r.sound, from, r.at.frame) < 1.5F * usual);
    CHECK(loudest(r.sound, from + LEAD + BLOCK_FRAMES + HOLD + 400, r.at.frame) == 0.0F);
    CHECK(stage_sounding(&r.at) == 1 && !recital_sings(&r, 60)); /* the key itself, thru */
    CHECK(recital_stats(&r).held > 4 && recital_stats(&r).sounding == 0);
    uint64_t late = recital_stats(&r).late;
    r.looks = 4;
    recital_cycles(&r, SECOND / 2);
    CHECK(recital_sings(&r, 60) && recital_stats(&r).late > late + 20);
    CHECK(loudest(r.sound, r.at.frame - RATE / 10, r.at.frame) > 0.9F * loud);
    CHECK(roughness(r.sound, from, r.at.frame) < 1.5F * usual);
    late = recital_stats(&r).late;
    recital_cycles(&r, SECOND);
    CHECK(recital_stats(&r).late == late);
    recital_close(&r);
}

/* What ends the voice, and whether it may sing again after it. */
static void panic(void) { CHECK(rp_engine_panic(r.at.engine)); }
static void leave(void) { CHECK(rp_engine_load(r.at.engine, recital_rig(NULL))); }
static void unplug(void) { r.at.lost = 1; }
static void stop(void) { CHECK(rp_engine_stop(r.at.engine)); }

static void test_endings(void) {
    static void (*const ends[4])(void) = {panic, leave, unplug, stop};
    for (uint32_t i = 0; i < 4; i++) {
        begin();
        sing(SECOND / 2);
        float usual = roughness(r.sound, RATE / 4, RATE / 2);
        uint64_t from = r.at.frame;
        ends[i]();
        recital_cycles(&r, 1);
        CHECK(!recital_sings(&r, 60));
        CHECK(stage_poll(&r.at, RP_REPORT_STOPPED) == 0); /* it fades still */
        recital_cycles(&r, SECOND / 2);
        CHECK(stage_poll(&r.at, RP_REPORT_STOPPED) == (i == 3));
        CHECK(loudest(r.sound, from, from + BLOCK) > 0.0F);
        CHECK(roughness(r.sound, from, r.at.frame) < 1.5F * usual);
        CHECK(loudest(r.sound, from + FADE + 1, r.at.frame) == 0.0F);
        CHECK(recital_stats(&r).late == 0);
        if (i == 1) CHECK(rp_engine_load(r.at.engine, recital_rig(r.singing)));
        recital_key(&r, 0, 64, 90);
        recital_cycles(&r, SECOND / 2);
        CHECK(recital_sings(&r, 64) == (i < 3));
        CHECK((loudest(r.sound, r.at.frame - RATE / 4, r.at.frame) > 0.0F) == (i < 3));
        CHECK(recital_stats(&r).late == 0);
        recital_close(&r);
    }
}

/* Another preset with the same voice on the same port: it sings on. */
static void test_a_preset_with_the_same_voice(void) {
    begin();
    sing(SECOND / 2);
    CHECK(rp_engine_load(r.at.engine, recital_rig(r.singing)));
    uint64_t ons = r.at.out.ons;
    recital_cycles(&r, SECOND / 2);
    CHECK(recital_sings(&r, 60) && r.at.out.ons == ons);
    recital_close(&r);
}

/* A preset with another voice: the one fades, then the other sings; keys that are down go on for neither. */
static void test_a_preset_with_another_voice(void) {
    rp_singing_config config = recital_config();
    rp_singing *other = rp_singing_new(&config, NULL), *first;
    begin();
    sing(SECOND / 2);
    float usual = roughness(r.sound, RATE / 4, RATE / 2);
    uint64_t from = r.at.frame;
    first = r.singing;
    CHECK(rp_engine_load(r.at.engine, recital_rig(other)));
    r.singing = other; /* whose looks follow the cycles */
    recital_cycles(&r, SECOND / 4);
    CHECK(!recital_sings(&r, 60) && loudest(r.sound, from + FADE + 1, r.at.frame) == 0.0F);
    recital_key(&r, 0, 64, 90);
    recital_cycles(&r, SECOND / 4);
    CHECK(recital_sings(&r, 64) && loudest(r.sound, r.at.frame - BLOCK, r.at.frame) > 0.0F);
    CHECK(roughness(r.sound, from, r.at.frame) < 1.5F * usual && recital_stats(&r).late == 0);
    stage_poll(&r.at, 0);
    rp_singing_free(first); /* its rig came back */
    recital_close(&r);
}

/* With long cycles the lead is two of them, so that there is time to decide. */
static void test_lead_of_long_cycles(void) {
    enum { LONG = 1024 };
    rp_singing_config config = recital_config();
    config.synchronous = 0; /* its thread is not started: this test looks in its place */
    rp_engine_config ports = {.sample_rate = RATE, .inputs = 1, .outputs = 2, .audios = 1};
    rp_singing *singing = rp_singing_new(&config, NULL);
    rp_engine *engine = rp_engine_new(&ports);
    CHECK(rp_engine_load(engine, recital_rig(singing)));
    static float out[LONG];
    static stage listener;
    listener.out.sink.write = NULL;
    stage_open(&listener, 2, thru_rig(), NULL);
    float *const audio[1] = {out};
    uint8_t on[3] = {0x90, 60, 90};
    rp_input key = {.offset = 5, .size = 3, .data = on};
    uint64_t first = 0;
    for (uint64_t frame = 0; frame < RATE; frame += LONG) {
        rp_cycle cycle = {.frame = frame, .frames = LONG, .in = &key, .inputs = frame == 0, .connected = 3};
        cycle.sink = &listener.out.sink;
        cycle.audio = audio;
        cycle.audios = 1;
        listener.out.last_offset = 0;
        rp_process(engine, &cycle);
        for (uint32_t i = 0; i < LONG && !first; i++)
            if (out[i] != 0.0F) first = frame + i;
        while (rp_singing_look(singing)) continue;
    }
    rp_singing_stats stats;
    rp_singing_get_stats(singing, &stats);
    CHECK(stats.lead == 2 * LONG && stats.late == 0 && stats.held == 0);
    CHECK(first > 2 * LONG + 2 * BLOCK_FRAMES && first < 2 * LONG + 3 * BLOCK_FRAMES);
    rp_engine_free(engine);
    rp_singing_free(singing);
    stage_close(&listener);
}

/* Frames that an xrun lost, back or forth: it goes on, and nothing sticks. */
static void test_a_clock_that_jumps(void) {
    begin();
    sing(SECOND / 4);
    static const int64_t jumps[4] = {BLOCK, 5000, 10 * RATE, 1};
    for (uint32_t i = 0; i < 4; i++) {
        r.at.frame += (uint64_t)jumps[i];
        recital_cycles(&r, SECOND / 4);
        CHECK(recital_sings(&r, 60) && recital_stats(&r).sounding);
    }
    panic();
    recital_cycles(&r, 20);
    CHECK(stage_sounding(&r.at) == 0);
    recital_close(&r);
}

/* Anything at any time, with ports that are full or unplugged: after the end nothing sounds. */
static void test_no_note_sticks(void) {
    for (uint32_t seed = 1; seed <= 12; seed++) {
        srand(seed);
        begin();
        for (uint32_t n = 0; n < 1500; n++) {
            uint8_t pitch = (uint8_t)(40 + rand() % 44);
            if (rand() % 4 == 0) recital_key(&r, (uint32_t)rand() % BLOCK, pitch, rand() % 2 ? 80 : 0);
            if (rand() % 97 == 0) panic();
            if (rand() % 131 == 0) CHECK(rp_engine_load(r.at.engine, recital_rig(rand() % 3 ? r.singing : NULL)));
            r.at.lost = rand() % 113 == 0;
            r.looks = rand() % 40 == 0 ? 0 : rand() % 10 == 0 ? 3 : r.looks;
            r.at.out.room = rand() % 5 == 0 ? 7 : 0;
            r.at.out.connected = rand() % 9 ? UINT32_MAX : 1;
            recital_cycles(&r, 1);
            stage_poll(&r.at, 0);
        }
        r.at.out.room = 0;
        r.at.out.connected = UINT32_MAX;
        stop();
        recital_cycles(&r, 20);
        CHECK(stage_poll(&r.at, RP_REPORT_STOPPED) == 1 && stage_sounding(&r.at) == 0);
        CHECK(loudest(r.at.sound[0], 0, BLOCK) == 0.0F);
        recital_close(&r);
    }
}

/* Neither the process thread nor the worker allocates or waits. */
static void test_nothing_waits(void) {
    static rp_singing_report reports[64];
    begin();
    srand(3);
    forbid_waiting(1);
    for (uint32_t n = 0; n < 4000; n++) {
        if (n % 7 == 0) recital_key(&r, n % BLOCK, (uint8_t)(50 + rand() % 30), n % 2 ? 80 : 0);
        if (n % 901 == 900) panic();
        if (n % 50 == 0) CHECK(rp_singing_set(r.singing, RP_SING_VOLUME, n % 9));
        recital_cycles(&r, 1);
        while (rp_singing_poll(r.singing, reports, 64)) continue;
    }
    forbid_waiting(0);
    CHECK(recital_stats(&r).notes > 100);
    recital_close(&r);
}

/* An engine with audio ports, each of its allocations made to fail once. */
static void test_no_memory(void) {
    rp_engine_config ports = {.sample_rate = RATE, .inputs = 1, .outputs = 1, .audios = 1};
    long held = allocations_held();
    for (long n = 0; fail_allocation(n); n++) {
        rp_engine *engine = rp_engine_new(&ports);
        int failed = allocation_failed();
        CHECK(!failed == (engine != NULL));
        rp_engine_free(engine);
        CHECK(allocations_held() == held);
        if (!failed) break;
    }
    fail_allocation(-1);
    ports.audios = RP_PORTS_MAX + 1;
    CHECK(!rp_engine_new(&ports));
}

static atomic_int done;

static void *play(void *argument) {
    for (uint32_t n = 0; !atomic_load(&done); n++) {
        if (n % 24 == 0) recital_key(&r, n % BLOCK, (uint8_t)(48 + n / 24 % 30), 90);
        if (n % 24 == 16) recital_key(&r, n % BLOCK, (uint8_t)(48 + n / 24 % 30), 0);
        stage_cycle(&r.at);
        sched_yield();
    }
    return argument;
}

/* The worker's thread, the process thread and control, all at once (TSan judges). */
static void test_three_threads(void) {
    pthread_t thread;
    rp_singing_config config = recital_config();
    rp_singing_report report;
    config.synchronous = 0;
    recital_open(&r, &config, 0);
    CHECK(rp_singing_start(r.singing) && pthread_create(&thread, NULL, play, NULL) == 0);
    for (uint32_t round = 0; round < 300 || recital_stats(&r).notes < 20; round++) {
        rp_singing_set(r.singing, RP_SING_VOLUME, round % 10);
        rp_singing_stall(r.singing, round % 11 == 0);
        if (round % 53 == 5) rp_engine_panic(r.at.engine);
        if (round == 40 || round == 80) rp_engine_load(r.at.engine, recital_rig(round == 80 ? r.singing : NULL));
        while (rp_singing_poll(r.singing, &report, 1)) continue;
        stage_poll(&r.at, 0);
        sched_yield();
    }
    rp_singing_stall(r.singing, 0);
    CHECK(rp_engine_stop(r.at.engine));
    while (!stage_poll(&r.at, RP_REPORT_STOPPED)) sched_yield();
    atomic_store(&done, 1);
    pthread_join(thread, NULL);
    CHECK(stage_sounding(&r.at) == 0);
    rp_singing_stop(r.singing);
    CHECK(rp_singing_start(r.singing)); /* it may start again, and is stopped before it is freed */
    recital_close(&r);
}

int main(void) {
    test_key_to_voice();
    test_notes_and_sound_begin_together();
    test_the_same_whatever_the_block(RATE);
    test_the_same_whatever_the_block(44100); /* whose blocks are not all of one length */
    test_bend_and_expression();
    test_a_worker_held_up();
    test_endings();
    test_a_preset_with_the_same_voice();
    test_a_preset_with_another_voice();
    test_lead_of_long_cycles();
    test_a_clock_that_jumps();
    test_no_note_sticks();
    test_nothing_waits();
    test_no_memory();
    test_three_threads();
    return 0;
}
