/* The process function allocates nothing, takes no lock and makes no system call: an hour of noisy playing with
 * wrapped allocator and locks, and in a process that the kernel kills at any system call but write and exit. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "bands.h"
#include "bridge.h"
#include "builtin.h"
#include "racks.h"
#include "singers.h"
#include "singing_bridge.h"

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define CAN_CONFINE 1
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

enum { CYCLES = 20000, RIGS = 40 };

static stage at;
static rp_rig *rig[RIGS];
static rp_report report[64];
static rp_transformer *transformer;
static rp_singing *voice;
static rp_continuation *band; /* their workers are played by the test: a confined process may not read the time */

static rp_rack *rack[2];
static test_unit *piano;

/* Notes through an instrument and all plugins of our own, the voice through none; and a voice with MIDI in time. */
static void prepare_racks(void) {
    rp_rack_config config = {.sample_rate = RATE, .strips = 2, .output = {0, 1}};
    for (uint32_t i = 0; i < 2; i++) config.strip[i].output[0] = config.strip[i].output[1] = RP_NO_OUTPUT;
    config.strip[1].source = RP_SOURCE_VOICE;
    rack[0] = rp_rack_new(&config);
    config.delay_midi = 1;
    rack[1] = rp_rack_new(&config);
    CHECK(rack[0] && rack[1]);
    piano = make_unit(RP_UNIT_INSTRUMENT, 100);
    CHECK(rp_rack_add(rack[0], 0, &piano->unit) &&
          rp_rack_automate(rack[0], &piano->unit, 1, RP_ANY_CHANNEL, 40, 0, 1));
    for (uint32_t i = 0; i < rp_builtins(); i++) CHECK(rp_rack_add(rack[0], 0, rp_unit_builtin(i, RATE)));
    test_unit *late = make_unit(RP_UNIT_EFFECT, 128);
    late->follows = 1;
    CHECK(rp_rack_add(rack[1], RP_MASTER, &late->unit));
}

/* Presets are made before: making them may allocate. */
static void prepare(void) {
    rp_continuation_config players = trio(RP_MODE_BAND);
    srand(7);
    transformer = tiny_transformer(1);
    band = rp_continuation_new(&players, transformer);
    rp_singing_config sings = recital_config();
    voice = rp_singing_new(&sings, NULL);
    CHECK(band && voice);
    prepare_racks();
    for (uint32_t i = 0; i < RIGS; i++) {
        rig[i] = i % 4 == 3 ? thru_rig() : quartet_rig(i % 3, (uint8_t)(i % 3));
        CHECK(rig[i]);
        if (i % 8 == 6) rp_rig_set_continuation(rig[i], band);
        if (i % 3 < 2) rp_rig_set_rack(rig[i], rack[i % 3]);
        if (i % 4 >= 2) CHECK(rp_rig_set_singing(rig[i], voice, 1, 7));
    }
    stage_open_loud(&at, 2, SPEAKERS, rig[0]);
}

/* What a worker would do: hear everything, commit notes, take some back. */
static void act_worker(uint32_t cycle) {
    static uint32_t order;
    rp_bridge *bridge = rp_continuation_bridge(band);
    rp_heard heard;
    uint32_t type;
    while (rp_ring_read(bridge->heard, &type, &heard, sizeof heard) >= 0) continue;
    rp_commit commit = {
        .on = at.frame + (uint64_t)(rand() % 2000), .instrument = (uint8_t)(rand() % 4), .order = ++order};
    commit.off = commit.on + 100 + (uint64_t)(rand() % 9000);
    commit.epoch = atomic_load(&bridge->epoch);
    commit.pitch = (uint8_t)(40 + rand() % 40);
    commit.velocity = 80;
    rp_ring_write(bridge->committed, RP_COMMIT_NOTE, &commit, sizeof commit);
    commit.order -= 3;
    if (cycle % 20 == 0) rp_ring_write(bridge->committed, RP_COMMIT_CANCEL, &commit, sizeof commit);
}

/* Blocks that come in time, too late, or not at all, of a voice that begins and ends notes as it likes. */
static void act_singer(uint32_t cycle) {
    static uint64_t number;
    rp_singing_link *link = rp_singing_get_link(voice);
    rp_heard heard;
    uint32_t type;
    while (rp_ring_read(link->bridge.heard, &type, &heard, sizeof heard) >= 0) continue;
    rp_singing_block block = {.epoch = atomic_load(&link->bridge.epoch), .bend = (uint16_t)(rand() % 16384)};
    if (cycle % 6 == 0) number = at.frame / 768 - (cycle % 600 == 0 ? 2 : 0);
    if (cycle % 6 || cycle % 300 < 60) return;
    block.block = number;
    block.expression = (uint8_t)(rand() % 128);
    block.onset = rand() % 8 == 0;
    block.pitch = rand() % 4 ? (uint8_t)(60 + cycle / 60 % 12) : RP_NO_PITCH;
    for (uint32_t i = 0; i < 2; i++) {
        block.frame[i].f0 = 300.0F;
        block.frame[i].level = -20.0F;
    }
    rp_ring_write(link->bridge.committed, 0, &block, sizeof block);
}

/* Knobs are learnt, and told where to stand. */
static void learn(uint32_t round) {
    static const uint8_t fader[3] = {0xE0, 1, 100};
    rp_control knob = {.port = RP_EVERY_PORT, .channel = RP_EVERY_CHANNEL, .number = (uint16_t)(30 + round % 70)};
    rp_engine_hear_controls(at.engine, round % 4 ? 127 : 0, 0);
    rp_engine_take_control(at.engine, round % RP_TAKEN_MAX, round % 3 ? &knob : NULL);
    rp_engine_tell(at.engine, 0, fader, 3);
    rp_engine_set_level(at.engine, RP_NO_SLOT, round % 4, round % 128);
}

static void play(uint32_t cycle) {
    static const uint8_t status[8] = {0x90, 0x90, 0x90, 0x80, 0x80, 0xB0, 0xE0, 0xA0};
    static const uint8_t sysex[300] = {0xF0};
    for (uint32_t i = 0; i < (uint32_t)rand() % 24; i++)
        stage_send(&at, i, status[rand() % 8], (uint8_t)(30 + rand() % 70), (uint8_t)(rand() % 128));
    if (cycle % 50 == 0) at.event[at.events++] = (rp_input){.offset = 30, .size = sizeof sysex, .data = sysex};
    if (cycle % 500 == 0 && cycle / 500 + 1 < RIGS) rp_engine_load(at.engine, rig[cycle / 500 + 1]);
    if (cycle % 700 == 0) rp_engine_panic(at.engine);
    if (cycle % 300 == 0) learn(cycle / 300);
    at.lost = cycle % 900 == 0;
    at.out.room = cycle % 3 == 0 ? 50 : 0;
    at.out.connected = cycle % 110 < 100;
    stage_cycle(&at);
    act_worker(cycle);
    act_singer(cycle);
    while (cycle % 4000 < 3000 && rp_engine_poll(at.engine, report, 64)) continue; /* else there is no room for them */
}

static void play_all(void) {
    for (uint32_t cycle = 0; cycle < CYCLES; cycle++) play(cycle);
    CHECK(piano->events > CYCLES / 10 && piano->resets > 2);
    CHECK(at.out.ons > CYCLES && atomic_load(&rp_continuation_bridge(band)->sounded) > 500);
    CHECK(atomic_load(&rp_singing_get_link(voice)->bridge.sounded) > 200 &&
          atomic_load(&rp_singing_get_link(voice)->held));
}

static void test_neither_allocates_nor_locks(void) {
    prepare();
    forbid_waiting(1);
    play_all();
    forbid_waiting(0);
    rp_engine_free(at.engine);
    rp_continuation_free(band);
    rp_singing_free(voice);
    rp_transformer_free(transformer);
}

#ifdef CAN_CONFINE
static void test_makes_no_system_call(void) {
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        prepare();
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT)) _exit(77);
        play_all();
        syscall(SYS_exit, 0);
        _exit(1);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        printf("this kernel confines no process: system calls not checked\n");
        return;
    }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
#endif

int main(void) {
    test_neither_allocates_nor_locks();
#ifdef CAN_CONFINE
    test_makes_no_system_call();
#endif
    return 0;
}
