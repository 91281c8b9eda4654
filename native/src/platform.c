/* platform.c - see platform.h. The Windows half is written for and untested. */
#define _GNU_SOURCE
#include "platform.h"

#include <stdlib.h>
#include <string.h>

enum { SECOND = 1000000000 }; /* nanoseconds */
#ifndef __linux__
enum { POLL = 200000 };
#endif

struct rp_thread {
    void (*body)(void *);
    void *argument;
#ifdef _WIN32
    void *handle;
#else
    unsigned long long handle[8]; /* holds a pthread_t, whatever it is here */
#endif
};

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

uint64_t rp_now(void) {
    LARGE_INTEGER ticks, rate;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&rate);
    uint64_t whole = (uint64_t)(ticks.QuadPart / rate.QuadPart), rest = (uint64_t)(ticks.QuadPart % rate.QuadPart);
    return whole * SECOND + rest * SECOND / (uint64_t)rate.QuadPart;
}

void rp_sleep_until(uint64_t moment) {
    for (uint64_t now = rp_now(); now < moment; now = rp_now()) Sleep((DWORD)((moment - now) / 1000000));
}

/* [worker] */
static DWORD WINAPI enter(void *argument) {
    rp_thread *thread = argument;
    thread->body(thread->argument);
    return 0;
}

rp_thread *rp_thread_start(void (*body)(void *), void *argument, int priority, int *realtime) {
    rp_thread *thread = malloc(sizeof *thread);
    if (!thread) return NULL;
    *thread = (rp_thread){.body = body, .argument = argument};
    thread->handle = CreateThread(NULL, 0, enter, thread, 0, NULL);
    if (!thread->handle) {
        free(thread);
        return NULL;
    }
    int wish = priority >= RP_PRIORITY_DRIVER ? THREAD_PRIORITY_TIME_CRITICAL : THREAD_PRIORITY_HIGHEST;
    *realtime = SetThreadPriority(thread->handle, wish) != 0;
    return thread;
}

void rp_thread_join(rp_thread *thread) {
    WaitForSingleObject(thread->handle, INFINITE);
    CloseHandle(thread->handle);
    free(thread);
}

int rp_thread_prioritise(int priority) {
    int wish = priority >= RP_PRIORITY_DRIVER ? THREAD_PRIORITY_TIME_CRITICAL : THREAD_PRIORITY_HIGHEST;
    return SetThreadPriority(GetCurrentThread(), wish) != 0;
}

void *rp_library_open(const char *const names[]) {
    void *library = NULL;
    for (; *names && !library; names++) library = (void *)LoadLibraryA(*names);
    return library;
}

rp_function rp_library_find(void *library, const char *name) {
    return (rp_function)GetProcAddress((HMODULE)library, name);
}

#else
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

_Static_assert(sizeof(pthread_t) <= sizeof(((rp_thread *)0)->handle), "a pthread_t fits");

uint64_t rp_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

void rp_sleep_until(uint64_t moment) {
    for (uint64_t now = rp_now(); now < moment; now = rp_now()) {
        uint64_t left = moment - now;
        struct timespec pause = {.tv_sec = (time_t)(left / SECOND), .tv_nsec = (long)(left % SECOND)};
        nanosleep(&pause, NULL);
    }
}

/* [worker] */
static void *enter(void *argument) {
    rp_thread *thread = argument;
    thread->body(thread->argument);
    return NULL;
}

rp_thread *rp_thread_start(void (*body)(void *), void *argument, int priority, int *realtime) {
    rp_thread *thread = malloc(sizeof *thread);
    pthread_t handle;
    if (!thread) return NULL;
    *thread = (rp_thread){.body = body, .argument = argument};
    if (pthread_create(&handle, NULL, enter, thread) != 0) {
        free(thread);
        return NULL;
    }
    memcpy(thread->handle, &handle, sizeof handle);
    struct sched_param wish = {.sched_priority = priority};
    *realtime = pthread_setschedparam(handle, SCHED_FIFO, &wish) == 0;
    return thread;
}

void rp_thread_join(rp_thread *thread) {
    pthread_t handle;
    memcpy(&handle, thread->handle, sizeof handle);
    pthread_join(handle, NULL);
    free(thread);
}

int rp_thread_prioritise(int priority) {
    struct sched_param wish = {.sched_priority = priority};
    return pthread_setschedparam(pthread_self(), SCHED_FIFO, &wish) == 0;
}

void *rp_library_open(const char *const names[]) {
    void *library = NULL;
    for (; *names && !library; names++) library = dlopen(*names, RTLD_NOW | RTLD_LOCAL);
    return library;
}

rp_function rp_library_find(void *library, const char *name) {
    void *symbol = dlsym(library, name);
    rp_function function = NULL;
    memcpy(&function, &symbol, sizeof symbol); /* POSIX: they have the same shape; ISO C has no cast for it */
    return function;
}
#endif

#ifdef __linux__
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Not FUTEX_PRIVATE_FLAG: who waits and who wakes are two processes. */
void rp_wait_on(_Atomic uint32_t *word, uint32_t seen, uint64_t moment) {
    uint64_t now = rp_now(), left = moment > now ? moment - now : 0;
    struct timespec pause = {.tv_sec = (time_t)(left / SECOND), .tv_nsec = (long)(left % SECOND)};
    syscall(SYS_futex, word, FUTEX_WAIT, seen, &pause, NULL, 0);
}

void rp_wake(_Atomic uint32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0); }
#else
void rp_wait_on(_Atomic uint32_t *word, uint32_t seen, uint64_t moment) {
    for (uint64_t now = rp_now(); now < moment && atomic_load(word) == seen; now = rp_now())
        rp_sleep_until(moment - now < POLL ? moment : now + POLL);
}

void rp_wake(_Atomic uint32_t *word) { (void)word; }
#endif
