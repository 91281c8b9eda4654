/* driver_probe.c - a JACK client that is no engine: it plays a script and records what it hears. See drivers.h. */
#include <stdlib.h>
#include <string.h>

#include "driver_jack.h"

enum { AVERAGE = 8 }; /* bytes of an event, to begin with */

struct rp_probe {
    rp_tape_event *script;
    uint32_t length;
    uint64_t *sent_frame; /* of each event of the script */
    rp_tape_event *event; /* heard */
    uint8_t *bytes;
    uint32_t capacity, room, used;
    float *sound[RP_PORTS_MAX]; /* [sound_room]: of each audio input; NULL: not recorded */
    uint32_t sound_room;
    const float *words; /* [words_frames]: what its audio outputs play; NULL: silence */
    uint32_t words_frames;
    _Atomic uint64_t first_frame, base; /* base: 0 before it goes */
    _Atomic uint32_t go, sent, received, missed, recorded;
};

rp_probe *rp_probe_new(const rp_tape *script, uint32_t room) {
    rp_probe *probe = calloc(1, sizeof *probe);
    if (!probe) return NULL;
    probe->length = rp_tape_count(script);
    probe->capacity = room / AVERAGE + 1;
    probe->room = room;
    probe->script = calloc(probe->length + 1, sizeof *probe->script);
    probe->sent_frame = calloc(probe->length + 1, sizeof *probe->sent_frame);
    probe->event = calloc(probe->capacity, sizeof *probe->event);
    probe->bytes = calloc(room + 1, 1);
    if (!probe->script || !probe->sent_frame || !probe->event || !probe->bytes) {
        rp_probe_free(probe);
        return NULL;
    }
    for (uint32_t i = 0; i < probe->length; i++) probe->script[i] = rp_tape_get(script, i);
    return probe;
}

void rp_probe_free(rp_probe *probe) {
    if (!probe) return;
    for (uint32_t i = 0; i < RP_PORTS_MAX; i++) free(probe->sound[i]);
    free(probe->script);
    free(probe->sent_frame);
    free(probe->event);
    free(probe->bytes);
    free(probe);
}

int rp_probe_listen(rp_probe *probe, uint32_t inputs, uint32_t frames) {
    probe->sound_room = frames;
    for (uint32_t i = 0; i < inputs && i < RP_PORTS_MAX; i++) {
        probe->sound[i] = calloc(frames, sizeof *probe->sound[i]);
        if (!probe->sound[i]) return 0;
    }
    return 1;
}

/* As much of the cycle's sound as there is room for. [process] */
static void record_sound(rp_probe *probe, const rp_cycle *cycle) {
    uint32_t n = atomic_load_explicit(&probe->recorded, memory_order_relaxed), room = probe->sound_room - n;
    uint32_t frames = cycle->frames < room ? cycle->frames : room;
    if (n == 0) atomic_store_explicit(&probe->first_frame, cycle->frame, memory_order_relaxed);
    for (uint32_t i = 0; i < cycle->audio_ins; i++)
        if (probe->sound[i]) memcpy(probe->sound[i] + n, cycle->audio_in[i], frames * sizeof *probe->sound[i]);
    atomic_store_explicit(&probe->recorded, n + frames, memory_order_release);
}

/* [process] */
static void record(rp_probe *probe, uint64_t frame, const rp_input *in) {
    uint32_t n = atomic_load_explicit(&probe->received, memory_order_relaxed);
    if (n == probe->capacity || in->size > probe->room - probe->used) {
        atomic_fetch_add_explicit(&probe->missed, 1, memory_order_relaxed);
        return;
    }
    uint8_t *place = probe->bytes + probe->used;
    memcpy(place, in->data, in->size);
    probe->event[n] = (rp_tape_event){.frame = frame + in->offset, .port = in->port, .size = in->size, .data = place};
    probe->used += in->size;
    atomic_store_explicit(&probe->received, n + 1, memory_order_release);
}

/* Sends what is due before the cycle's end; what the port has no room for leaves in the next cycle. [process] */
static void play(rp_probe *probe, const rp_cycle *cycle, uint64_t base) {
    uint32_t n = atomic_load_explicit(&probe->sent, memory_order_relaxed);
    for (; n < probe->length; n++) {
        rp_tape_event event = probe->script[n];
        uint64_t due = base + event.frame;
        uint32_t offset = due > cycle->frame ? (uint32_t)(due - cycle->frame) : 0;
        if (due >= cycle->frame + cycle->frames) break;
        if (!cycle->sink->write(cycle->sink, event.port, offset, event.data, event.size)) break;
        probe->sent_frame[n] = cycle->frame + offset;
        atomic_store_explicit(&probe->sent, n + 1, memory_order_release);
    }
}

/* What it has to say, from `base` on; before and after it silence. [process] */
static void say(const rp_probe *probe, const rp_cycle *cycle, uint64_t base) {
    for (uint32_t o = 0; o < cycle->audios; o++) {
        for (uint32_t i = 0; i < cycle->frames; i++) {
            uint64_t at = cycle->frame + i - base;
            int heard = base && cycle->frame + i >= base && at < probe->words_frames;
            cycle->audio[o][i] = heard ? probe->words[at] : 0;
        }
    }
}

/* The frame it began to play at, 0: not yet. [process] */
static uint64_t go(rp_probe *probe, const rp_cycle *cycle) {
    uint64_t base = atomic_load_explicit(&probe->base, memory_order_relaxed);
    if (base || !atomic_load_explicit(&probe->go, memory_order_acquire)) return base;
    base = cycle->frame ? cycle->frame : 1;
    atomic_store_explicit(&probe->base, base, memory_order_release);
    return base;
}

/* [process] */
static void probe_cycle(void *player, const rp_cycle *cycle) {
    rp_probe *probe = player;
    for (uint32_t i = 0; i < cycle->inputs; i++) record(probe, cycle->frame, &cycle->in[i]);
    record_sound(probe, cycle);
    uint64_t base = go(probe, cycle);
    say(probe, cycle, base);
    if (base) play(probe, cycle, base);
}

uint32_t rp_jack_start_probe(rp_jack *jack, rp_probe *probe) { return rp_jack_begin(jack, probe_cycle, probe); }

/* [process] */
static void wire_cycle(void *player, const rp_cycle *cycle) {
    const rp_jack *jack = player;
    for (uint32_t i = 0; i < cycle->inputs; i++) {
        const rp_input *in = &cycle->in[i];
        if (in->port < jack->outputs) cycle->sink->write(cycle->sink, in->port, in->offset, in->data, in->size);
    }
    for (uint32_t i = 0; i < cycle->audios; i++) {
        if (i < cycle->audio_ins) memcpy(cycle->audio[i], cycle->audio_in[i], cycle->frames * sizeof *cycle->audio[i]);
        else memset(cycle->audio[i], 0, cycle->frames * sizeof *cycle->audio[i]);
    }
}

uint32_t rp_jack_start_wire(rp_jack *jack) { return rp_jack_begin(jack, wire_cycle, jack); }

void rp_probe_go(rp_probe *probe) { atomic_store_explicit(&probe->go, 1, memory_order_release); }

rp_probe_state rp_probe_get_state(const rp_probe *probe) {
    return (rp_probe_state){
        .sent = atomic_load_explicit(&probe->sent, memory_order_acquire),
        .received = atomic_load_explicit(&probe->received, memory_order_acquire),
        .missed = atomic_load_explicit(&probe->missed, memory_order_relaxed),
    };
}

uint64_t rp_probe_sent_frame(const rp_probe *probe, uint32_t index) { return probe->sent_frame[index]; }

rp_tape_event rp_probe_received(const rp_probe *probe, uint32_t index) { return probe->event[index]; }

void rp_probe_say(rp_probe *probe, const float *samples, uint32_t frames) {
    probe->words = samples;
    probe->words_frames = frames;
}

uint64_t rp_probe_went_frame(const rp_probe *probe) { return atomic_load_explicit(&probe->base, memory_order_acquire); }

uint32_t rp_probe_frames(const rp_probe *probe) { return atomic_load_explicit(&probe->recorded, memory_order_acquire); }

uint64_t rp_probe_first_frame(const rp_probe *probe) {
    return atomic_load_explicit(&probe->first_frame, memory_order_relaxed);
}

const float *rp_probe_sound(const rp_probe *probe, uint32_t input) {
    return input < RP_PORTS_MAX ? probe->sound[input] : NULL;
}
