/* tap.c - see tap.h. A cycle is gathered in one piece of memory, then goes into the ring as one message. */
#include "tap.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "ring.h"

enum { LONGEST_CYCLE = 8192, SHORT_CYCLE = 16, RING_HEAD = 8 };
static const uint64_t LARGEST_RING = 1U << 30;

typedef struct {
    uint64_t frame, dropped;
    uint32_t frames;
    uint32_t midi; /* bytes that follow; after them the sound, [audios][frames] */
} head;

struct rp_tap {
    rp_tap_config config;
    rp_ring *ring;
    uint8_t *writing;         /* the cycle under way: its head, MIDI, sound */
    uint8_t *reading;         /* a cycle that was taken from the ring */
    int broken;               /* 1: the cycle under way has more in it than there is room for */
    int held;                 /* 1: nobody has read the one in `reading` */
    _Atomic uint64_t dropped; /* the process thread's */
};

/* The most bytes of a cycle. [any] */
static uint32_t largest(const rp_tap_config *config) {
    return (uint32_t)(sizeof(head) + RP_TAP_MIDI_MAX + sizeof(float) * config->audios * config->longest);
}

/* Bytes of the ring: its sound, a head for each cycle, and the largest cycle. [control] */
static uint32_t ring_size(const rp_tap_config *config) {
    uint64_t bytes = sizeof(float) * (uint64_t)config->audios * config->room, size = 64;
    bytes += (config->room / SHORT_CYCLE + 1) * (uint64_t)(RING_HEAD + sizeof(head)) + RING_HEAD + largest(config);
    while (size < bytes) size *= 2;
    return size <= LARGEST_RING ? (uint32_t)size : 0;
}

/* Every byte that the process thread will write is written once: the system has given its memory by then. [control] */
static void touch(rp_tap *tap) {
    uint32_t size = largest(&tap->config), type;
    memset(tap->writing, 0xFF, size);
    memset(tap->reading, 0xFF, size);
    for (; size; size /= 2)
        while (rp_ring_write(tap->ring, 0, tap->writing, size)) continue;
    while (rp_ring_read(tap->ring, &type, NULL, 0) != -1) continue;
}

rp_tap *rp_tap_new(const rp_tap_config *config) {
    int fits = config->audios <= RP_TAP_AUDIOS_MAX && config->longest >= 1 && config->longest <= LONGEST_CYCLE;
    rp_tap *tap = fits ? calloc(1, sizeof *tap) : NULL;
    if (!tap) return NULL;
    tap->config = *config;
    tap->ring = rp_ring_new(ring_size(config));
    tap->writing = malloc(largest(config));
    tap->reading = malloc(largest(config));
    if (!tap->ring || !tap->writing || !tap->reading) {
        rp_tap_free(tap);
        return NULL;
    }
    touch(tap);
    return tap;
}

void rp_tap_free(rp_tap *tap) {
    if (!tap) return;
    rp_ring_free(tap->ring);
    free(tap->writing);
    free(tap->reading);
    free(tap);
}

void rp_tap_open(rp_tap *tap, uint64_t frame, uint32_t frames) {
    uint64_t dropped = atomic_load_explicit(&tap->dropped, memory_order_relaxed);
    head begin = {.frame = frame, .dropped = dropped, .frames = frames};
    memcpy(tap->writing, &begin, sizeof begin);
    tap->broken = frames > tap->config.longest;
}

void rp_tap_midi(rp_tap *tap, uint32_t out, uint32_t port, uint32_t offset, const uint8_t *data, uint32_t size) {
    static const uint8_t zeros[8];
    head *cycle = (head *)(void *)tap->writing;
    if (!size) return;
    uint32_t gap = -size & 7, used = (uint32_t)sizeof(rp_tap_event) + gap;
    if (tap->broken || size > RP_TAP_MIDI_MAX || used + size > RP_TAP_MIDI_MAX - cycle->midi) {
        tap->broken = 1;
        return;
    }
    rp_tap_event event = {.frame = cycle->frame + offset, .size = size, .port = (uint16_t)port, .out = (uint16_t)out};
    uint8_t *at = tap->writing + sizeof *cycle + cycle->midi;
    memcpy(at, &event, sizeof event);
    memcpy(at + sizeof event, data, size);
    memcpy(at + sizeof event + size, zeros, gap);
    cycle->midi += used + size;
}

int rp_tap_close(rp_tap *tap, const float *const *audio, uint32_t audios) {
    const head *cycle = (const head *)(const void *)tap->writing;
    uint32_t size = (uint32_t)sizeof *cycle + cycle->midi, bytes = cycle->frames * (uint32_t)sizeof(float);
    for (uint32_t i = 0; !tap->broken && i < tap->config.audios; i++, size += bytes) {
        if (i < audios) memcpy(tap->writing + size, audio[i], bytes);
        else memset(tap->writing + size, 0, bytes);
    }
    if (!tap->broken && rp_ring_write(tap->ring, 0, tap->writing, size)) return 1;
    atomic_store_explicit(&tap->dropped, cycle->dropped + 1, memory_order_relaxed);
    return 0;
}

/* The next cycle, NULL: there is none. [control] */
static const head *look(rp_tap *tap) {
    uint32_t type;
    if (!tap->held) tap->held = rp_ring_read(tap->ring, &type, tap->reading, largest(&tap->config)) >= 0;
    return tap->held ? (const head *)(const void *)tap->reading : NULL;
}

/* Does a cycle belong to the block, and find room there? [control] */
static int fits(const rp_tap_block *block, const head *cycle, int first) {
    int follows = first || cycle->frame == block->frame + block->frames;
    return follows && cycle->frames <= block->room - block->frames &&
           cycle->midi <= block->midi_room - block->midi_size;
}

/* [control] */
static void take(rp_tap *tap, rp_tap_block *block, const head *cycle) {
    const uint8_t *midi = tap->reading + sizeof *cycle, *sound = midi + cycle->midi;
    size_t bytes = cycle->frames * sizeof(float);
    for (uint32_t i = 0; i < tap->config.audios; i++)
        memcpy(block->audio + (size_t)i * block->room + block->frames, sound + i * bytes, bytes);
    memcpy(block->midi + block->midi_size, midi, cycle->midi);
    block->frames += cycle->frames;
    block->midi_size += cycle->midi;
    block->dropped = cycle->dropped;
    tap->held = 0;
}

int rp_tap_read(rp_tap *tap, rp_tap_block *block) {
    const head *cycle = look(tap);
    int any = 0;
    block->frames = block->midi_size = 0;
    if (cycle) block->frame = cycle->frame;
    for (; cycle && fits(block, cycle, !any); cycle = look(tap)) {
        take(tap, block, cycle);
        any = 1;
    }
    return any;
}

uint64_t rp_tap_dropped(const rp_tap *tap) { return atomic_load_explicit(&tap->dropped, memory_order_relaxed); }
