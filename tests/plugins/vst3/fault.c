/* fault.c - how the test plugin fails. */
#define _GNU_SOURCE
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "plugin.h"

enum { LEAKED = 64 << 20 };
static const double SLOW_S = 0.02;
static const char *const NAME[FAULTS] = {"", "crash", "hang", "leak", "nan", "loud", "slow", "hang-state", "spin"};

static _Noreturn void fault_hang(void) {
    for (;;) pause();
}

/* As a hang, with a processor kept busy. */
static void spin(void) {
    for (volatile int turn = 0;; turn = !turn) {}
}

static void crash(void) {
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
}

/* The fault that a file of the bundle names. take: it is there for one plugin only. */
static int named_in(const char *name, bool take) {
    char word[BUNDLE_WORD];
    if (!bundle_word(name, word, take)) return NO_FAULT;
    for (int fault = CRASH; fault < FAULTS; fault++)
        if (!strcmp(word, NAME[fault])) return fault;
    return NO_FAULT;
}

void fault_at_load(void) {
    int fault = named_in("at-load", false);
    if (fault == CRASH) crash();
    if (fault == HANG) fault_hang();
}

/* The fault that the bundle asks for once, if it is one of a state (or, false, one of a block); whoever sees it takes it. */
static int once(bool of_state) {
    int fault = named_in("fault", false);
    return fault && (fault == HANG_STATE) == of_state ? named_in("fault", true) : NO_FAULT;
}

int fault_now(const struct plugin *plugin) {
    int fault = once(false);
    return fault ? fault : (int)atomic_load(&plugin->value[FAULT]);
}

void fault_of_state(const struct plugin *plugin) {
    if ((int)atomic_load(&plugin->value[FAULT]) == HANG_STATE || once(true) == HANG_STATE) fault_hang();
}

static void leak(void) {
    static void *volatile last; /* or the compiler leaves it all out */
    last = malloc(LEAKED);
    if (last) memset(last, 1, LEAKED);
}

static void be_slow(void) {
    struct timespec time = {0, (long)(SLOW_S * 1e9)};
    nanosleep(&time, NULL);
}

static void fill(float *const *out, int32_t frames, float value) {
    for (int c = 0; c < CHANNELS; c++)
        for (int32_t frame = 0; frame < frames; frame++) out[c][frame] = value;
}

void fault_do(int fault, float *const *out, int32_t frames) {
    switch (fault) {
    case CRASH: crash(); break;
    case HANG: fault_hang();
    case LEAK: leak(); break;
    case NOT_A_NUMBER: fill(out, frames, NAN); break;
    case LOUD: fill(out, frames, 1000); break;
    case SLOW: be_slow(); break;
    case SPIN: spin(); break;
    default: break;
    }
}
