/* flight.c - recording. A cycle is put together in a place of its own and goes into a ring whole; cycles in which
 * nothing happens are counted and written as one. See flight.h. */
#include <stdlib.h>
#include <string.h>

#include "flight_state.h"

static const uint64_t PRIME = 0x100000001B3; /* of the Fowler-Noll-Vo hash, 64 bits */

/* ---- control ---- */

/* [control] */
static int valid(uint32_t room) { return room >= 2 * RP_FLIGHT_LARGEST && (room & (room - 1)) == 0; }

rp_flight *rp_flight_new(uint32_t room) {
    rp_flight *flight = valid(room) ? calloc(1, sizeof *flight) : NULL;
    if (!flight) return NULL;
    flight->ring = rp_ring_new(room);
    flight->record = malloc(RP_FLIGHT_LARGEST);
    flight->leaving = malloc(RP_FLIGHT_LARGEST);
    flight->known = calloc(1, sizeof *flight->known);
    if (flight->ring && flight->record && flight->leaving && flight->known) return flight;
    rp_flight_free(flight);
    return NULL;
}

void rp_flight_free(rp_flight *flight) {
    if (!flight) return;
    rp_ring_free(flight->ring);
    free(flight->record);
    free(flight->leaving);
    free(flight->known);
    free(flight);
}

void rp_flight_keep_sound(rp_flight *flight) { flight->sound = 1; }

uint32_t rp_flight_read(rp_flight *flight, uint8_t *out, uint32_t capacity) {
    uint32_t n = 0, type;
    for (;;) {
        if (!flight->waiting) {
            int32_t size = rp_ring_read(flight->ring, &type, flight->leaving, RP_FLIGHT_LARGEST);
            flight->waiting = size > 0 ? (uint32_t)size : 0;
        }
        if (!flight->waiting || flight->waiting > capacity - n) return n;
        memcpy(out + n, flight->leaving, flight->waiting);
        n += flight->waiting;
        flight->waiting = 0;
    }
}

void rp_flight_get_stats(const rp_flight *flight, rp_flight_stats *out) {
    out->cycles = atomic_load_explicit(&flight->cycles, memory_order_relaxed);
    out->missed = atomic_load_explicit(&flight->all_missed, memory_order_relaxed);
}

/* ---- a cycle ---- */

uint64_t rp_flight_sum(const float *samples, uint32_t frames) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < frames; i++) {
        uint32_t bits;
        memcpy(&bits, &samples[i], sizeof bits);
        sum = (sum ^ bits) * PRIME;
        sum ^= sum >> 32;
    }
    return sum;
}

/* An item of the cycle under way. [process] */
static void add(rp_flight *flight, rp_flight_item item, const void *bytes) {
    uint32_t room = RP_FLIGHT_LARGEST - flight->used;
    flight->full |= room < sizeof item || item.size > room - sizeof item;
    if (flight->full) return;
    memcpy(flight->record + flight->used, &item, sizeof item);
    flight->used += (uint32_t)sizeof item;
    if (item.size) memcpy(flight->record + flight->used, bytes, item.size);
    flight->used += item.size;
}

/* The engine's MIDI goes on to where it was to go. [process] */
static int pass_on(rp_sink *sink, uint32_t port, uint32_t offset, const uint8_t *data, uint32_t size) {
    rp_flight *flight = (rp_flight *)sink;
    int taken = flight->to->write(flight->to, port, offset, data, size);
    add(flight, (rp_flight_item){taken ? RP_FLIGHT_OUT : RP_FLIGHT_REFUSED, port, offset, size}, data);
    return taken;
}

/* In a replay it only is compared; the answer is the one of then. [process] */
static int look_at(rp_sink *sink, uint32_t port, uint32_t offset, const uint8_t *data, uint32_t size) {
    rp_flight *flight = (rp_flight *)sink;
    return rp_flight_compare(flight->script, &(rp_flight_item){RP_FLIGHT_OUT, port, offset, size}, data);
}

/* Does any sound come in? [process] */
static int hears(const rp_cycle *cycle) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < cycle->audio_ins; i++) sum |= rp_flight_sum(cycle->audio_in[i], cycle->frames);
    return sum != 0;
}

/* [process] */
static rp_flight_cycle head_of(const rp_cycle *cycle) {
    rp_flight_cycle head = {.frame = cycle->frame, .frames = cycle->frames, .period = cycle->period, .cycles = 1};
    head.gone = cycle->lost;
    head.connected = cycle->connected;
    head.audios = (uint8_t)cycle->audios;
    head.audio_ins = (uint8_t)cycle->audio_ins;
    return head;
}

/* The sound that comes in, of inputs that are not silent. [process] */
static void keep_sound(rp_flight *flight, const rp_cycle *cycle) {
    uint32_t size = cycle->frames * (uint32_t)sizeof(float);
    for (uint32_t i = 0; i < cycle->audio_ins; i++)
        if (rp_flight_sum(cycle->audio_in[i], cycle->frames))
            add(flight, (rp_flight_item){RP_FLIGHT_SOUND, i, 0, size}, cycle->audio_in[i]);
}

rp_cycle rp_flight_begin(rp_flight *flight, const rp_cycle *cycle) {
    rp_cycle listened = *cycle;
    flight->to = cycle->sink;
    flight->sink.write = flight->script ? look_at : pass_on;
    listened.sink = &flight->sink;
    if (flight->script) return listened;
    flight->cycle = head_of(cycle);
    flight->used = sizeof flight->cycle;
    flight->full = 0;
    for (uint32_t i = 0; i < cycle->inputs; i++) {
        const rp_input *in = &cycle->in[i];
        add(flight, (rp_flight_item){RP_FLIGHT_IN, in->port, in->offset, in->size}, in->data);
    }
    if (flight->sound) keep_sound(flight, cycle);
    else flight->cycle.heard = (uint8_t)hears(cycle);
    return listened;
}

int32_t rp_flight_pull(rp_flight *flight, uint32_t kind, rp_ring *ring, uint32_t *type, void *body, uint32_t capacity) {
    if (flight && flight->script) return rp_flight_give(flight->script, kind, type, body, capacity);
    int32_t size = rp_ring_read(ring, type, body, capacity);
    if (flight && size >= 0) add(flight, (rp_flight_item){kind, *type, 0, (uint32_t)size}, body);
    return size;
}

rp_transport rp_flight_transport(rp_flight *flight, const rp_transport *now) {
    if (flight && flight->script) return rp_flight_give_transport(flight->script);
    if (!flight || memcmp(&flight->known->transport, now, sizeof *now) == 0) return *now;
    flight->known->transport = *now;
    add(flight, (rp_flight_item){RP_FLIGHT_TRANSPORT, 0, 0, sizeof *now}, now);
    return *now;
}

void rp_flight_note(rp_flight *flight, uint32_t key, uint32_t *known, uint32_t value) {
    if (*known == value) return;
    *known = value;
    add(flight, (rp_flight_item){RP_FLIGHT_VALUE, key, 0, sizeof value}, &value);
}

/* [process] */
static void miss(rp_flight *flight, uint32_t cycles) {
    flight->missed += cycles;
    atomic_fetch_add_explicit(&flight->all_missed, cycles, memory_order_relaxed);
}

/* A head, at the beginning of `record`, and what follows it there. [process] */
static void put(rp_flight *flight, uint8_t *record, rp_flight_cycle head, uint32_t size) {
    head.missed = flight->missed;
    head.size = size - (uint32_t)sizeof head;
    memcpy(record, &head, sizeof head);
    if (rp_ring_write(flight->ring, 0, record, size)) {
        flight->missed = 0;
        atomic_fetch_add_explicit(&flight->cycles, head.cycles, memory_order_relaxed);
    } else {
        miss(flight, head.cycles);
    }
}

/* The cycles that wait. [process] */
static void put_still(rp_flight *flight) {
    uint8_t record[sizeof(rp_flight_cycle)];
    if (flight->still.cycles) put(flight, record, flight->still, sizeof record);
    flight->still.cycles = 0;
}

/* Does this one, of which nothing is to be told, go on as those that wait? [process] */
static int goes_on(const rp_flight_cycle *still, const rp_flight_cycle *next) {
    int room = still->cycles < RP_FLIGHT_STILL && still->cycles * still->frames < RP_FLIGHT_STILL_FRAMES;
    return still->cycles && room && still->frames == next->frames && still->period == next->period &&
           still->connected == next->connected && still->audios == next->audios &&
           still->audio_ins == next->audio_ins && next->frame == still->frame + (uint64_t)still->cycles * still->frames;
}

/* [process] */
static void finish(rp_flight *flight) {
    const rp_flight_cycle *cycle = &flight->cycle;
    int nothing = flight->used == sizeof *cycle && !cycle->gone && !cycle->heard && !flight->full;
    if (nothing && goes_on(&flight->still, cycle)) {
        flight->still.cycles++;
        return;
    }
    put_still(flight);
    if (nothing) flight->still = *cycle;
    else if (flight->full) miss(flight, 1);
    else put(flight, flight->record, *cycle, flight->used);
}

void rp_flight_flush(rp_flight *flight) { put_still(flight); }

void rp_flight_end(rp_flight *flight, const rp_cycle *cycle) {
    for (uint32_t i = 0; i < cycle->audios; i++) {
        uint64_t sum = rp_flight_sum(cycle->audio[i], cycle->frames);
        rp_flight_item item = {RP_FLIGHT_AUDIO, i, 0, sizeof sum};
        if (!sum) continue;
        if (flight->script) rp_flight_compare(flight->script, &item, (const uint8_t *)&sum);
        else add(flight, item, &sum);
    }
    if (flight->script) rp_flight_compare_end(flight->script);
    else finish(flight);
}
