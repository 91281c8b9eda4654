/* driver_clock.c - see drivers.h. */
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "drivers.h"
#include "platform.h"
#include "process.h"
#include "ring.h"

enum {
    LARGEST = sizeof(((rp_clock_event *)0)->data), /* bytes of one message */
    QUEUE = 4 * LARGEST,                           /* bytes of each queue */
    EVENTS = 1024,                                 /* events a block takes; the rest waits for the next */
    BYTES = 2 * LARGEST,                           /* and what they hold together */
    BLOCK_MAX = 8192,
    LOAD_CYCLES = 128,   /* load_sum is the mean times this */
    WHOLE_PERIOD = 1000, /* what a load is of */
    POLL = 500000,       /* nanoseconds between two looks at an empty queue */
    BEHIND = 100000000,  /* nanoseconds; up to here lost time is caught up with, beyond it time stood still */
    STAND_BY = 5000000,  /* nanoseconds between two looks at whether somebody else still plays */
    PATIENCE = 50000000  /* nanoseconds, and three of its cycles, that somebody else may be late with the next */
};
static const uint64_t SECOND = 1000000000, MILLISECOND = 1000000;
enum { HEADER = offsetof(rp_clock_event, data) };

/* Where bytes come from: its queue, and the message taken out of it that is not due yet. */
typedef struct {
    rp_ring *queue;
    rp_clock_event outgoing; /* the sender's own place to put a message together */
    rp_clock_event head;     /* size 0: none */
} inlet;

struct rp_clock {
    rp_sink sink; /* the first member: the engine's sink is the driver */
    rp_clock_config config;
    rp_engine *engine;
    rp_thread *thread;
    int realtime;
    rp_ring *out;
    inlet source[RP_PORTS_MAX];

    atomic_flag busy;        /* set: a cycle is under way, on this thread or on somebody else's */
    _Atomic uint64_t others; /* until this moment of rp_now somebody else is trusted to run the next cycle */

    /* Of whoever runs the cycle. */
    rp_clock_event leaving;
    rp_input events[EVENTS];
    uint8_t bytes[BYTES];
    uint64_t start;  /* frame of the block under way */
    uint32_t frames; /* its length */
    uint32_t period; /* the longest so far */
    uint32_t losing; /* bit n: input port n is lost from the next cycle on: its last messages may be in this one */

    _Atomic uint64_t frame, cycles, xruns, refused;
    _Atomic uint32_t running, lost, connected, load_max, load_sum, overruns;
};

/* [process] */
static int write_out(rp_sink *sink, uint32_t port, uint32_t offset, const uint8_t *data, uint32_t size) {
    rp_clock *clock = (rp_clock *)sink;
    rp_clock_event *event = &clock->leaving;
    if (size > LARGEST) return 0;
    event->frame = clock->start + offset;
    event->port = port;
    event->size = size;
    memcpy(event->data, data, size);
    return rp_ring_write(clock->out, 0, event, HEADER + size);
}

rp_clock *rp_clock_new(const rp_clock_config *config) {
    int sources = config->sources >= 1 && config->sources <= RP_PORTS_MAX;
    int outputs = config->outputs >= 1 && config->outputs <= RP_PORTS_MAX;
    int block = config->block >= 1 && config->block <= BLOCK_MAX;
    if (!sources || !outputs || !block || config->sample_rate == 0) return NULL;
    rp_clock *clock = calloc(1, sizeof *clock);
    if (!clock) return NULL;
    clock->sink.write = write_out;
    clock->config = *config;
    clock->connected = (1u << config->outputs) - 1;
    clock->out = rp_ring_new(QUEUE);
    int made = clock->out != NULL;
    for (uint32_t i = 0; made && i < config->sources; i++) {
        clock->source[i].queue = rp_ring_new(QUEUE);
        made = clock->source[i].queue != NULL;
    }
    if (made) return clock;
    rp_clock_free(clock);
    return NULL;
}

void rp_clock_free(rp_clock *clock) {
    if (!clock) return;
    rp_clock_stop(clock);
    for (uint32_t i = 0; i < clock->config.sources; i++) rp_ring_free(clock->source[i].queue);
    rp_ring_free(clock->out);
    free(clock);
}

/* [process] */
static void next_message(inlet *from) {
    uint32_t type;
    if (rp_ring_read(from->queue, &type, &from->head, sizeof from->head) < 0) from->head.size = 0;
}

/* The source whose next message is the earliest; NULL: none is due before `end`. [process] */
static inlet *earliest(rp_clock *clock, uint64_t end) {
    inlet *best = NULL;
    for (uint32_t i = 0; i < clock->config.sources; i++) {
        inlet *one = &clock->source[i];
        if (one->head.size == 0) next_message(one);
        if (one->head.size == 0 || one->head.frame >= end) continue;
        if (!best || one->head.frame < best->head.frame) best = one;
    }
    return best;
}

/* What is due in this block, by time. [process] */
static uint32_t gather(rp_clock *clock) {
    uint64_t end = clock->start + clock->frames;
    uint32_t n = 0, used = 0;
    for (inlet *from = earliest(clock, end); from && n < EVENTS; from = earliest(clock, end)) {
        rp_clock_event *head = &from->head;
        if (used + head->size > BYTES) break;
        uint32_t offset = head->frame > clock->start ? (uint32_t)(head->frame - clock->start) : 0;
        memcpy(clock->bytes + used, head->data, head->size);
        clock->events[n++] = (rp_input){offset, head->port, head->size, clock->bytes + used};
        used += head->size;
        head->size = 0;
    }
    return n;
}

/* [process] */
static void note_load(rp_clock *clock, uint64_t taken) {
    uint64_t block = clock->frames * MILLISECOND;
    uint32_t load = (uint32_t)(taken * clock->config.sample_rate / block);
    uint32_t sum = atomic_load_explicit(&clock->load_sum, memory_order_relaxed);
    if (load > atomic_load_explicit(&clock->load_max, memory_order_relaxed))
        atomic_store_explicit(&clock->load_max, load, memory_order_relaxed);
    atomic_store_explicit(&clock->load_sum, sum - sum / LOAD_CYCLES + load, memory_order_relaxed);
    atomic_fetch_add_explicit(&clock->overruns, load > WHOLE_PERIOD, memory_order_relaxed);
}

/* The inputs that were lost before this cycle. [process] */
static uint32_t left(rp_clock *clock) {
    uint32_t now = clock->losing;
    clock->losing = atomic_exchange_explicit(&clock->lost, 0, memory_order_acquire);
    return now;
}

/* Whoever has set `busy`. [process] */
static void play_cycle(rp_clock *clock, uint32_t frames, float *const *audio, uint32_t audios) {
    uint64_t began = rp_now();
    clock->frames = frames;
    clock->start = atomic_load_explicit(&clock->frame, memory_order_relaxed);
    if (frames > clock->period) clock->period = frames;
    uint32_t lost = left(clock); /* before what came is gathered */
    rp_cycle cycle = {
        .frame = clock->start,
        .nanoseconds = began,
        .frames = frames,
        .period = clock->period,
        .in = clock->events,
        .inputs = gather(clock),
        .lost = lost,
        .connected = atomic_load_explicit(&clock->connected, memory_order_relaxed),
        .sink = &clock->sink,
        .audio = audio,
        .audios = audios,
    };
    rp_process(clock->engine, &cycle);
    atomic_store_explicit(&clock->frame, clock->start + frames, memory_order_relaxed);
    atomic_fetch_add_explicit(&clock->cycles, 1, memory_order_relaxed);
    note_load(clock, rp_now() - began);
}

/* [any] */
static uint64_t duration(const rp_clock *clock, uint64_t frames) {
    uint64_t rate = clock->config.sample_rate;
    return frames / rate * SECOND + frames % rate * SECOND / rate;
}

int rp_clock_play(rp_clock *clock, uint32_t frames, float *const *audio, uint32_t audios) {
    uint64_t trusted = rp_now() + PATIENCE + 3 * duration(clock, frames);
    atomic_store_explicit(&clock->others, trusted, memory_order_relaxed);
    if (frames == 0 || atomic_flag_test_and_set_explicit(&clock->busy, memory_order_acquire)) return 0;
    int running = atomic_load_explicit(&clock->running, memory_order_relaxed) != 0;
    if (running) play_cycle(clock, frames, audio, audios);
    atomic_flag_clear_explicit(&clock->busy, memory_order_release);
    return running;
}

/* [any] */
static int others_play(const rp_clock *clock) {
    return rp_now() < atomic_load_explicit(&clock->others, memory_order_relaxed);
}

/* 1: a block was played here; 0: somebody else plays. [worker] */
static int play_block(rp_clock *clock) {
    if (others_play(clock) || atomic_flag_test_and_set_explicit(&clock->busy, memory_order_acquire)) return 0;
    int alone = !others_play(clock);
    if (alone) play_cycle(clock, clock->config.block, NULL, 0);
    atomic_flag_clear_explicit(&clock->busy, memory_order_release);
    return alone;
}

/* The clock thread. [worker] */
static void run(void *argument) {
    rp_clock *clock = argument;
    uint64_t origin = rp_now(), played = 0, block = duration(clock, clock->config.block);
    while (atomic_load_explicit(&clock->running, memory_order_acquire)) {
        if (!play_block(clock)) {
            origin = rp_now() + STAND_BY;
            played = 0;
            rp_sleep_until(origin);
            continue;
        }
        played += clock->config.block;
        uint64_t due = origin + duration(clock, played), now = rp_now();
        if (now > due + block) atomic_fetch_add_explicit(&clock->xruns, 1, memory_order_relaxed);
        if (now > due + BEHIND) origin += now - due;
        rp_sleep_until(due);
    }
}

int rp_clock_start(rp_clock *clock, rp_engine *engine) {
    rp_clock_stop(clock);
    clock->engine = engine;
    clock->period = clock->config.block;
    atomic_store(&clock->others, 0);
    atomic_store(&clock->running, 1);
    clock->thread = rp_thread_start(run, clock, RP_PRIORITY_DRIVER, &clock->realtime);
    if (!clock->thread) atomic_store(&clock->running, 0);
    return clock->thread != NULL;
}

void rp_clock_stop(rp_clock *clock) {
    atomic_store_explicit(&clock->running, 0, memory_order_release);
    if (clock->thread) rp_thread_join(clock->thread);
    clock->thread = NULL;
    while (atomic_flag_test_and_set_explicit(&clock->busy, memory_order_acquire)) rp_sleep_until(rp_now() + POLL);
    atomic_flag_clear_explicit(&clock->busy, memory_order_release);
}

int rp_clock_send_at(rp_clock *clock, uint32_t source, uint64_t frame, uint32_t port, const uint8_t *data,
                     uint32_t size) {
    if (source >= clock->config.sources || size == 0) return 0;
    rp_clock_event *event = &clock->source[source].outgoing;
    int taken = size <= LARGEST;
    if (taken) {
        event->frame = frame;
        event->port = port;
        event->size = size;
        memcpy(event->data, data, size);
        taken = rp_ring_write(clock->source[source].queue, 0, event, HEADER + size);
    }
    if (!taken) atomic_fetch_add_explicit(&clock->refused, 1, memory_order_relaxed);
    return taken;
}

int rp_clock_send(rp_clock *clock, uint32_t source, uint32_t port, const uint8_t *data, uint32_t size) {
    return rp_clock_send_at(clock, source, 0, port, data, size);
}

int rp_clock_receive(rp_clock *clock, rp_clock_event *out, uint32_t timeout) {
    uint32_t type;
    uint64_t end = rp_now() + timeout * MILLISECOND;
    while (rp_ring_read(clock->out, &type, out, sizeof *out) < 0) {
        uint64_t now = rp_now();
        if (now >= end) return 0;
        rp_sleep_until(now + POLL < end ? now + POLL : end);
    }
    return 1;
}

void rp_clock_lose(rp_clock *clock, uint32_t port) {
    if (port < RP_PORTS_MAX) atomic_fetch_or_explicit(&clock->lost, 1u << port, memory_order_release);
}

void rp_clock_set_connected(rp_clock *clock, uint32_t outputs) {
    atomic_store_explicit(&clock->connected, outputs, memory_order_relaxed);
}

void rp_clock_get_state(const rp_clock *clock, rp_clock_state *out) {
    *out = (rp_clock_state){
        .frame = atomic_load_explicit(&clock->frame, memory_order_relaxed),
        .cycles = atomic_load_explicit(&clock->cycles, memory_order_relaxed),
        .xruns = atomic_load_explicit(&clock->xruns, memory_order_relaxed),
        .refused = atomic_load_explicit(&clock->refused, memory_order_relaxed),
        .running = atomic_load_explicit(&clock->running, memory_order_relaxed),
        .driven = (uint32_t)others_play(clock),
        .realtime = clock->realtime != 0,
        .load_max = atomic_load_explicit(&clock->load_max, memory_order_relaxed),
        .load_mean = atomic_load_explicit(&clock->load_sum, memory_order_relaxed) / LOAD_CYCLES,
        .overruns = atomic_load_explicit(&clock->overruns, memory_order_relaxed),
    };
}
