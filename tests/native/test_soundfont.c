/* test_soundfont.c - FluidSynth as a unit: the right notes at the right frames, silence after them, nothing that waits. */
#define _GNU_SOURCE
#include <math.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "fonts.h"
#include "soundfont.h"
#include "unit_state.h"

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define WATCHED /* what the library itself asks for can be counted */
#include <dlfcn.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#endif

#ifdef __SANITIZE_THREAD__
/* FluidSynth's OpenMP, which only loading needs, was not built for this. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void) { return "ignore_noninstrumented_modules=1"; }
#endif

enum { RATE = 48000, MOST = 2 * RATE, SHORT = 9600 };
static uint8_t font[FONT_ROOM];
static uint32_t font_size;
static char path[] = "/tmp/ripieno-font-XXXXXX";
static char why[512];
static float sound[2][MOST], other[2][MOST];

/* ---- what is asked for, by whomever ---- */

static atomic_long asked;

#ifdef WATCHED
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void __libc_free(void *memory);

void *malloc(size_t size) {
    atomic_fetch_add(&asked, 1);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    atomic_fetch_add(&asked, 1);
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size) {
    atomic_fetch_add(&asked, 1);
    return __libc_realloc(memory, size);
}

void free(void *memory) {
    if (memory) atomic_fetch_add(&asked, 1);
    __libc_free(memory);
}

int pthread_mutex_lock(pthread_mutex_t *mutex) {
    static int (*real)(pthread_mutex_t *);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "pthread_mutex_lock");
    atomic_fetch_add(&asked, 1);
    return real(mutex);
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
#endif

/* ---- playing ---- */

static rp_unit *unit_at(uint32_t rate) {
    rp_unit *unit = rp_unit_soundfont(path, rate, 64, why, sizeof why);
    if (!unit) fprintf(stderr, "%s\n", why);
    CHECK(unit && unit->role == RP_UNIT_INSTRUMENT && unit->latency == 0);
    return unit;
}

static rp_unit_event at(uint32_t offset, uint8_t status, uint8_t one, uint8_t two) {
    return (rp_unit_event){.offset = offset, .size = 3, .byte = {status, one, two}};
}

/* The next frames in blocks of `piece`; the events' offsets are counted from `from`. */
static void run(rp_unit *unit, uint32_t from, uint32_t frames, uint32_t piece, const rp_unit_event *event,
                uint32_t events) {
    uint32_t told = 0;
    for (uint32_t begin = 0; begin < frames; begin += piece) {
        rp_unit_event due[32];
        const uint32_t n = begin + piece < frames ? piece : frames - begin;
        rp_unit_block block = {.frame = from + begin, .frames = n, .event = due};
        for (uint32_t c = 0; c < 2; c++) block.audio[c] = sound[c] + from + begin;
        for (; told < events && event[told].offset < begin + n; told++) {
            due[block.events] = event[told];
            due[block.events++].offset -= begin;
        }
        unit->kind->process(unit, &block);
    }
}

static double loudest(const float *x, uint32_t n) {
    double most = 0;
    for (uint32_t i = 0; i < n; i++) most = fmax(most, fabs((double)x[i]));
    return most;
}

/* How much of a sound's energy is at a frequency: 0 to 1. */
static double share(const float *x, uint32_t n, double hz) {
    double real = 0, imaginary = 0, all = 1e-30;
    for (uint32_t i = 0; i < n; i++) {
        const double turn = 6.283185307179586 * hz * i / RATE;
        real += (double)x[i] * cos(turn);
        imaginary += (double)x[i] * sin(turn);
        all += (double)x[i] * (double)x[i];
    }
    return 2 * (real * real + imaginary * imaginary) / n / all;
}

/* Plays one key on a channel for a tenth of a second, then listens for as long again. */
static void strike(rp_unit *unit, uint8_t channel, uint8_t key) {
    const rp_unit_event events[] = {at(0, 0x90 | channel, key, 100), at(4800, 0x80 | channel, key, 0)};
    run(unit, 0, SHORT, 128, events, 2);
}

static void send(rp_unit *unit, uint8_t status, uint8_t one, uint8_t two) {
    const rp_unit_event event = at(0, status, one, two);
    run(unit, MOST - 64, 64, 64, &event, 1);
}

static void test_a_note_sounds_and_ends(void) {
    rp_unit *unit = unit_at(RATE);
    const struct {
        uint8_t key;
        double hz;
    } notes[] = {{69, 440}, {57, 220}, {60, 261.6256}, {81, 880}};
    for (uint32_t i = 0; i < 4; i++) {
        strike(unit, 0, notes[i].key);
        CHECK(loudest(sound[0], 4800) > 0.02 && share(sound[0] + 480, 4320, notes[i].hz) > 0.98);
        CHECK(share(sound[1] + 480, 4320, notes[i].hz * 1.06) < 0.2); /* a semitone off */
        CHECK(loudest(sound[0] + 7200, 2400) == 0 && loudest(sound[1] + 7200, 2400) == 0);
    }
    rp_unit_free(unit);
}

static void test_the_rate_does_not_bend_the_pitch(void) {
    rp_unit *unit = unit_at(96000);
    strike(unit, 0, 69);
    CHECK(share(sound[0] + 480, 4320, 220) > 0.98); /* 440 Hz at 96 kHz */
    rp_unit_free(unit);
}

/* A message counts from the next multiple of 64 frames, to the sample. */
static void test_when_a_message_counts(void) {
    const uint32_t offsets[] = {0, 1, 63, 64, 65, 100, 127, 128, 1000};
    for (uint32_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        const uint32_t due = (offsets[i] + 63) / 64 * 64;
        for (uint32_t exact = 0; exact < 2; exact++) {
            rp_unit *unit = unit_at(RATE);
            const rp_unit_event event = at(exact ? due : offsets[i], 0x90, 69, 100);
            run(unit, 0, 4096, 256, &event, 1);
            if (exact == 0) memcpy(other, sound, sizeof other);
            rp_unit_free(unit);
        }
        CHECK(memcmp(sound, other, sizeof sound) == 0);
        CHECK(loudest(sound[0], due) == 0 && loudest(sound[0] + due, 16) > 0);
    }
}

static void test_the_sound_does_not_depend_on_the_cuts(void) {
    const uint32_t pieces[] = {8192, 1, 37, 128};
    const rp_unit_event events[] = {
        at(3, 0x90, 60, 90),     at(3, 0xC1, 1, 0),       at(700, 0x91, 40, 127),  at(5000, 0xB0, 64, 127),
        at(5001, 0x80, 60, 0),   at(7000, 0xE0, 0, 100),  at(9000, 0xB0, 64, 0),   at(9001, 0x90, 72, 10),
        at(12000, 0xD0, 99, 0),  at(12345, 0x90, 72, 0),  at(13000, 0xB1, 123, 0), at(15000, 0x99, 38, 100),
        at(16000, 0xA9, 38, 90), at(17000, 0xB9, 120, 0),
    };
    for (uint32_t p = 0; p < 4; p++) {
        rp_unit *unit = unit_at(RATE);
        run(unit, 0, 40000, pieces[p], events, sizeof events / sizeof *events);
        if (p == 0) memcpy(other, sound, sizeof other);
        CHECK(memcmp(sound, other, sizeof sound) == 0 && loudest(sound[0], 20000) > 0.05);
        CHECK(loudest(sound[0] + 30000, 10000) == 0);
        rp_unit_free(unit);
    }
}

static void test_programs_and_drums(void) {
    rp_unit *one = unit_at(RATE), *two = unit_at(RATE);
    send(two, 0xC0, FONT_SQUARE, 0);
    strike(one, 0, 69);
    CHECK(share(sound[0] + 480, 4320, 1320) < 0.001);
    memcpy(other, sound, sizeof other);
    strike(two, 0, 69);
    CHECK(share(sound[0] + 480, 4320, 1320) > 0.03 &&
          loudest(sound[0], 4800) > 0.02); /* a square has a third harmonic */
    strike(one, 0, 69);                    /* and the other one has not changed */
    CHECK(share(sound[0] + 480, 4320, 1320) < 0.001);
    strike(one, 9, 69); /* the tenth channel is drums, here the square */
    CHECK(share(sound[0] + 480, 4320, 1320) > 0.03);
    strike(one, 8, 69);
    CHECK(share(sound[0] + 480, 4320, 1320) < 0.001);
    rp_unit_free(one);
    rp_unit_free(two);
}

static void test_bends_and_gain(void) {
    rp_unit *unit = unit_at(RATE);
    send(unit, 0xE0, 127, 127); /* two semitones up */
    strike(unit, 0, 69);
    CHECK(share(sound[0] + 480, 4320, 493.88) > 0.95);
    send(unit, 0xE0, 0, 64);
    strike(unit, 0, 69);
    const double plain = loudest(sound[0] + 2400, 2400);
    CHECK(share(sound[0] + 480, 4320, 440) > 0.98 && rp_unit_get(unit, RP_SOUNDFONT_GAIN) == 0);
    rp_unit_set(unit, RP_SOUNDFONT_GAIN, 6);
    run(unit, 0, RATE, 64, NULL, 0);
    strike(unit, 0, 69);
    CHECK(fabs(loudest(sound[0] + 2400, 2400) / plain - pow(10, 0.3)) < 1e-3);
    rp_unit_free(unit);
}

/* FluidSynth knows nothing of MPE: what a zone's manager is sent holds for its notes all the same. */
static void test_a_zone(void) {
    rp_unit *unit = unit_at(RATE);
    const uint8_t told[][3] = {{0xB0, 101, 0}, {0xB0, 100, 6}, {0xB0, 6, 15},          {0xB3, 101, 0}, {0xB3, 100, 0},
                               {0xB3, 6, 48},  {0xB3, 38, 0},  {0xC0, FONT_SQUARE, 0}, {0xE3, 43, 65}, {0xB0, 64, 127}};
    for (uint32_t i = 0; i < sizeof told / sizeof *told; i++) send(unit, told[i][0], told[i][1], told[i][2]);
    strike(unit, 3, 69);
    CHECK(share(sound[0] + 480, 4320, 466.16) > 0.7);      /* 171 of 8192, of 48 semitones: one */
    CHECK(share(sound[0] + 480, 4320, 3 * 466.16) > 0.03); /* the manager's program */
    CHECK(loudest(sound[0] + 7200, 2400) > 0.01);          /* and pedal */
    send(unit, 0xB0, 64, 0);
    run(unit, 0, RATE, 64, NULL, 0);
    send(unit, 0xE0, 127, 127); /* two semitones for all of them */
    send(unit, 0xE3, 0, 64);
    strike(unit, 3, 69);
    CHECK(share(sound[0] + 480, 4320, 493.88) > 0.7);
    rp_unit_free(unit);
}

/* ---- silence ---- */

static void hold_chords(rp_unit *unit) {
    rp_unit_event events[32];
    for (uint8_t i = 0; i < 16; i++) {
        events[2 * i] = at(0, 0xB0 | i, 64, 127); /* pedals down */
        events[2 * i + 1] = at(0, 0x90 | i, 50 + i, 100);
    }
    run(unit, 0, SHORT, 128, events, 32);
    CHECK(loudest(sound[0] + SHORT / 2, SHORT / 2) > 0.05);
}

static void test_reset_silences(void) {
    rp_unit *unit = unit_at(RATE);
    hold_chords(unit);
    unit->kind->reset(unit);
    run(unit, 0, RATE, 100, NULL, 0);
    CHECK(loudest(sound[0], RATE) == 0 && loudest(sound[1], RATE) == 0);
    strike(unit, 5, 69); /* no pedal holds what is played after it */
    CHECK(loudest(sound[0], 4800) > 0.02 && loudest(sound[0] + 7200, 2400) == 0);
    rp_unit_free(unit);
}

static void test_a_channel_is_told_to_be_silent(void) {
    const uint8_t controllers[] = {120, 123};
    for (uint32_t i = 0; i < 2; i++) {
        rp_unit *unit = unit_at(RATE);
        hold_chords(unit);
        for (uint8_t channel = 0; channel < 16; channel++) {
            if (controllers[i] == 123) send(unit, 0xB0 | channel, 64, 0);
            send(unit, 0xB0 | channel, controllers[i], 0);
        }
        run(unit, 0, RATE, 100, NULL, 0);
        CHECK(loudest(sound[0] + 4800, RATE - 4800) == 0);
        rp_unit_free(unit);
    }
}

/* Any bytes at all leave it playing, and silent after a reset. */
static void test_nonsense(void) {
    rp_unit *unit = unit_at(RATE);
    uint32_t dice = 1;
    for (uint32_t round = 0; round < 2000; round++) {
        rp_unit_event events[8];
        for (uint32_t i = 0; i < 8; i++) {
            uint8_t byte[4];
            for (uint32_t b = 0; b < 4; b++) byte[b] = (uint8_t)((dice = dice * 1664525 + 1013904223) >> 24);
            if (round < 1000 && byte[1] % 128 > 123) byte[1] = 7; /* later: whole channels may be silenced */
            events[i] = at(16 * i, byte[0], byte[1], byte[2]);
            if (i == 7) events[i].offset = 100000; /* after the block's end, too */
        }
        const rp_unit_block block = {.frames = 128, .audio = {sound[0], sound[1]}, .event = events, .events = 8};
        unit->kind->process(unit, &block);
        for (uint32_t i = 0; i < 128; i++) CHECK(isfinite(sound[0][i]) && isfinite(sound[1][i]));
    }
    unit->kind->reset(unit);
    run(unit, 0, 48000, 128, NULL, 0);
    CHECK(loudest(sound[0] + 960, 47040) == 0); /* a voice that was stolen may still fade for some milliseconds */
    rp_unit_free(unit);
}

/* ---- files ---- */

static void refuse(const char *file, const char *word) {
    strcpy(why, "?");
    CHECK(!rp_unit_soundfont(file, RATE, 64, why, sizeof why));
    if (!strstr(why, word)) fprintf(stderr, "%s\n", why);
    CHECK(strstr(why, word));
}

static void test_files_that_are_no_soundfonts(void) {
    static uint8_t torn[FONT_ROOM];
    refuse("/nowhere/at/all.sf2", "SoundFont");
    for (uint32_t count = 0; count < font_size; count += count < 256 || font_size - count < 64 ? 1 : 97) {
        write_font(path, font, count);
        refuse(path, "SoundFont");
    }
    memset(torn, 'x', sizeof torn);
    write_font(path, torn, sizeof torn);
    refuse(path, "SoundFont");
    memcpy(torn, font, font_size);
    torn[8] = 'S'; /* it says that it is something else */
    write_font(path, torn, font_size);
    refuse(path, "SoundFont");
    write_font(path, font, font_size);
    CHECK(!rp_unit_soundfont(path, 7999, 64, why, sizeof why) && strstr(why, "Hz"));
    CHECK(!rp_unit_soundfont(path, 96001, 64, why, sizeof why) && strstr(why, "Hz"));
    CHECK(!rp_unit_soundfont(path, RATE, 0, why, sizeof why) && strstr(why, "voices"));
    CHECK(!rp_unit_soundfont(path, RATE, 0, why, 4) && strlen(why) == 3);
    rp_unit_free(unit_at(RATE)); /* what was wrong before does not matter */
}

static void test_without_memory_there_is_none(void) {
    const long held = allocations_held();
    if (!fail_allocation(0)) return;
    CHECK(!rp_unit_soundfont(path, RATE, 64, why, sizeof why) && strstr(why, "memory"));
    fail_allocation(-1);
    rp_unit *unit = unit_at(RATE);
    rp_unit_free(unit);
    CHECK(allocations_held() == held);
}

/* ---- nothing that waits ---- */

/* Everything that a player can do. */
static void play_all(rp_unit *unit) {
    for (uint32_t second = 0; second < 4; second++) {
        for (uint8_t i = 0; i < 12; i++) {
            const rp_unit_event events[] = {
                at(0, 0xC0 | i, second & 1, 0), at(5, 0x90 | i, 40 + i, 100),
                at(70, 0x99, 35 + i, 100),      at(100, 0xB0 | i, 64, 127),
                at(130, 0xE0 | i, 0, 70),       at(140, 0xD0 | i, 90, 0),
                at(150, 0xA0 | i, 40 + i, 90),  at(200, 0xB0 | i, 101, 0),
                at(201, 0xB0 | i, 100, i % 6),  at(202, 0xB0 | i, 6, 3),
                at(203, 0xB0 | i, 99, 120),     at(204, 0xB0 | i, 98, 20 + i),
                at(205, 0xB0 | i, 6, 64),       at(400, 0x90 | i, 90 - i, 127),
                at(600, 0x80 | i, 40 + i, 0),   at(700, 0xB0 | i, 66, i & 1 ? 127 : 0),
                at(900, 0xB0 | i, 64, 0),       at(950, 0xB0 | i, 120 + i % 4, 0),
                at(960, 0xB0 | i, 91, 127),     at(961, 0xB0 | i, 93, 127),
                at(962, 0xB0 | i, 0, i),
            };
            run(unit, 0, 1024, 128, events, sizeof events / sizeof *events);
        }
        for (uint32_t i = 0; i < 200; i++) { /* more notes than voices */
            const rp_unit_event event = at(0, 0x90, 20 + i % 80, 100);
            run(unit, 0, 37, 37, &event, 1);
        }
        unit->kind->reset(unit);
        run(unit, 0, 9600, 128, NULL, 0);
    }
    for (uint8_t i = 0; i < 16; i++) { /* last, what silences whole channels */
        send(unit, 0xB0 | i, 124 + i % 4, i);
        send(unit, 0x90 | i, 60, 100);
        send(unit, 0x90 | i, 64, 100);
    }
}

static void test_playing_asks_for_nothing(void) {
    rp_unit *unit = unit_at(RATE);
    forbid_waiting(1);
    const long before = atomic_load(&asked);
    play_all(unit); /* from its very first note on */
    CHECK(atomic_load(&asked) == before);
    forbid_waiting(0);
    rp_unit_free(unit);
#ifdef WATCHED
    CHECK(before > 0 && atomic_load(&asked) > before); /* it is counted indeed */
#endif
}

#ifdef WATCHED
/* From here on any system call but the end kills the process; 0: the system does not do that. */
static int renounce(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    const struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* 1: a process that may make no system call but to end itself gets through this. */
static int passes_without_the_system(void (*body)(rp_unit *), rp_unit *unit) {
    int status = 0;
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        if (!renounce()) syscall(SYS_exit, 2);
        body(unit);
        syscall(SYS_exit, 0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) == 0 : 0;
}

/* FluidSynth reads the clock, which on some machines is a system call. */
static void read_clock(rp_unit *unit) {
    (void)unit;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
}

static void idle(rp_unit *unit) { (void)unit; }

static void ask(rp_unit *unit) {
    (void)unit;
    syscall(SYS_getppid);
}

static void test_playing_makes_no_system_call(void) {
    rp_unit *unit = unit_at(RATE);
    if (passes_without_the_system(idle, unit) && passes_without_the_system(read_clock, unit)) {
        CHECK(!passes_without_the_system(ask, unit));
        CHECK(passes_without_the_system(play_all, unit));
    } else {
        fprintf(stderr, "not tried: this system does not confine a process so far, or has no clock without a call\n");
    }
    rp_unit_free(unit);
}
#else
static void test_playing_makes_no_system_call(void) {}
#endif

int main(void) {
    if (!rp_soundfont_available()) {
        fprintf(stderr, "libfluidsynth is not installed (Debian: apt install libfluidsynth3)\n");
        return getenv("RIPIENO_CI") != NULL;
    }
    font_size = make_font(font);
    close(mkstemp(path));
    write_font(path, font, font_size);
    test_a_note_sounds_and_ends();
    test_the_rate_does_not_bend_the_pitch();
    test_when_a_message_counts();
    test_the_sound_does_not_depend_on_the_cuts();
    test_programs_and_drums();
    test_bends_and_gain();
    test_a_zone();
    test_reset_silences();
    test_a_channel_is_told_to_be_silent();
    test_nonsense();
    test_files_that_are_no_soundfonts();
    test_without_memory_there_is_none();
    test_playing_asks_for_nothing();
    test_playing_makes_no_system_call();
    unlink(path);
    return 0;
}
