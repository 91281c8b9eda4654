/* fault.c - how the test plugin fails. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "plugin.h"

enum { LEAKED = 64 << 20, PATH = 4096 };
static const double SLOW_S = 0.02;
static const char *const NAME[FAULTS] = {"", "crash", "hang", "leak", "nan", "loud", "slow", "hang-state"};
static char asked[PATH]; /* the file that asks for a fault once */

_Noreturn void fault_hang(void) {
    for (;;) pause();
}

static void crash(void) {
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
}

/* A file of the bundle's folder `Contents`, which stands two folders above this library; false where it has no place. */
static bool beside(const char *name, char path[PATH]) {
    Dl_info info;
    if (!dladdr((void *)&crash, &info) || !info.dli_fname || strlen(info.dli_fname) + strlen(name) >= PATH)
        return false;
    strcpy(path, info.dli_fname);
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(path, '/');
        if (!slash) return false;
        *slash = 0;
    }
    strcat(strcat(path, "/"), name);
    return true;
}

/* The fault that a file names, NO_FAULT where there is no such file; remove: it is taken by one plugin only. */
static int named_in(const char *path, bool remove) {
    char word[32] = "";
    FILE *file = path[0] ? fopen(path, "r") : NULL;
    if (!file) return NO_FAULT;
    bool read = fscanf(file, "%31s", word) == 1;
    fclose(file);
    if (remove && unlink(path)) return NO_FAULT;
    for (int fault = CRASH; read && fault < FAULTS; fault++)
        if (!strcmp(word, NAME[fault])) return fault;
    return NO_FAULT;
}

void fault_at_load(void) {
    char path[PATH] = "";
    beside("fault", asked);
    int fault = beside("at-load", path) ? named_in(path, false) : NO_FAULT;
    if (fault == CRASH) crash();
    if (fault == HANG) fault_hang();
}

int fault_now(const struct plugin *plugin) {
    int once = named_in(asked, true);
    return once ? once : (int)atomic_load(&plugin->value[FAULT]);
}

static void leak(void) {
    void *memory = malloc(LEAKED);
    if (memory) memset(memory, 1, LEAKED);
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
    default: break;
    }
}
