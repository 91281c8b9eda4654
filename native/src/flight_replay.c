/* flight_replay.c - a recording played again. What the engine took from its rings then, it is given now; what leaves
 * is held against what left. See flight.h. */
#include <stdlib.h>
#include <string.h>

#include "flight_state.h"

enum { EVENTS = 4096, FRAMES_MOST = 65536, HEADS_MOST = 256 };

struct rp_replay {
    rp_flight flight;
    rp_flight_script script;
    rp_engine *engine;
    rp_replay_state state;
    uint32_t repeats;       /* of the cycle that `data` begins with, played already */
    int told;               /* 1: somebody knows what is missing before it */
    float *samples, *heard; /* [RP_PORTS_MAX][room] each: what is made, what comes in */
    uint32_t room;          /* frames */
    rp_input event[EVENTS];
};

/* ---- the items of a cycle ---- */

/* The first item at `*at` or behind it that is of one of these kinds (bits), and its bytes; `*at` is behind it then.
 * 0: there is none. [process] */
static int find(const rp_flight_script *script, uint32_t *at, uint32_t kinds, rp_flight_item *item,
                const uint8_t **bytes) {
    while (*at < script->size) {
        memcpy(item, script->items + *at, sizeof *item);
        *bytes = script->items + *at + sizeof *item;
        *at += (uint32_t)sizeof *item + item->size;
        if (kinds >> item->kind & 1) return 1;
    }
    return 0;
}

int rp_flight_value(const rp_flight *flight, uint32_t *at, uint32_t *key, uint32_t *value) {
    rp_flight_item item;
    const uint8_t *bytes;
    if (!find(flight->script, at, 1u << RP_FLIGHT_VALUE, &item, &bytes) || item.size != sizeof *value) return 0;
    *key = item.port;
    memcpy(value, bytes, sizeof *value);
    return 1;
}

/* 1: they end where they should, each is of a kind that there is, and lies in the cycle. [control] */
static int sound_items(const uint8_t *items, uint32_t size, uint32_t frames) {
    rp_flight_item item;
    while (size >= sizeof item) {
        memcpy(&item, items, sizeof item);
        items += sizeof item;
        size -= (uint32_t)sizeof item;
        if (item.kind == RP_FLIGHT_NOTHING || item.kind >= RP_FLIGHT_KINDS || item.size > size) return 0;
        if (item.offset && item.offset >= frames) return 0;
        items += item.size;
        size -= item.size;
    }
    return size == 0;
}

/* The command's rig is the one we were given for it. [process] */
static void put_rig(rp_flight_script *script, void *body, uint32_t size) {
    const void *recorded = NULL;
    if (size < sizeof recorded) return;
    memcpy(&recorded, body, sizeof recorded);
    if (!recorded) return;
    memcpy(body, &script->rig[script->rigs_used++], sizeof recorded);
}

int32_t rp_flight_give(rp_flight_script *script, uint32_t kind, uint32_t *type, void *body, uint32_t capacity) {
    rp_flight_item item;
    const uint8_t *bytes;
    if (!find(script, &script->at[kind], 1u << kind, &item, &bytes)) return -1;
    if (item.size > capacity) return -2;
    memset(body, 0, capacity);
    if (item.size) memcpy(body, bytes, item.size);
    *type = item.port;
    if (kind == RP_FLIGHT_COMMAND) put_rig(script, body, item.size);
    return (int32_t)item.size;
}

rp_transport rp_flight_give_transport(rp_flight_script *script) {
    rp_flight_item item;
    const uint8_t *bytes;
    uint32_t at = 0;
    if (find(script, &at, 1u << RP_FLIGHT_TRANSPORT, &item, &bytes) && item.size == sizeof script->transport)
        memcpy(&script->transport, bytes, item.size);
    return script->transport;
}

/* [process] */
static void keep(uint8_t place[16], const uint8_t *bytes, uint32_t size) {
    if (bytes && size) memcpy(place, bytes, size < 16 ? size : 16);
}

/* The first of them is kept. NULL: nothing. [process] */
static void differ(rp_flight_script *script, const rp_flight_item *was, const uint8_t *was_bytes,
                   const rp_flight_item *is, const uint8_t *is_bytes) {
    static const rp_flight_item nothing = {0};
    if (script->differs) return;
    script->differs = 1;
    script->was = was ? *was : nothing;
    script->is = is ? *is : nothing;
    keep(script->was_bytes, was_bytes, script->was.size);
    keep(script->is_bytes, is_bytes, script->is.size);
}

/* What leaves now, against the next that left then. Returns whether its port had room then. [process] */
int rp_flight_compare(rp_flight_script *script, const rp_flight_item *is, const uint8_t *bytes) {
    static const uint32_t midi = 1u << RP_FLIGHT_OUT | 1u << RP_FLIGHT_REFUSED;
    rp_flight_item was;
    const uint8_t *was_bytes;
    int sound = is->kind == RP_FLIGHT_AUDIO;
    if (!find(script, &script->at[is->kind], sound ? 1u << RP_FLIGHT_AUDIO : midi, &was, &was_bytes)) {
        differ(script, NULL, NULL, is, bytes);
        return 1;
    }
    int same = was.port == is->port && was.offset == is->offset && was.size == is->size;
    if (!same || memcmp(was_bytes, bytes, is->size) != 0) differ(script, &was, was_bytes, is, bytes);
    return was.kind != RP_FLIGHT_REFUSED;
}

/* What left then and did not now. [process] */
void rp_flight_compare_end(rp_flight_script *script) {
    static const uint32_t midi = 1u << RP_FLIGHT_OUT | 1u << RP_FLIGHT_REFUSED, sound = 1u << RP_FLIGHT_AUDIO;
    rp_flight_item was;
    const uint8_t *bytes;
    if (find(script, &script->at[RP_FLIGHT_OUT], midi, &was, &bytes)) differ(script, &was, bytes, NULL, NULL);
    if (find(script, &script->at[RP_FLIGHT_AUDIO], sound, &was, &bytes)) differ(script, &was, bytes, NULL, NULL);
}

/* ---- cycles ---- */

rp_replay *rp_replay_new(rp_engine *engine) {
    rp_replay *replay = calloc(1, sizeof *replay);
    if (!replay) return NULL;
    replay->engine = engine;
    replay->flight.script = &replay->script;
    rp_engine_set_flight(engine, &replay->flight);
    return replay;
}

void rp_replay_free(rp_replay *replay) {
    if (!replay) return;
    rp_engine_set_flight(replay->engine, NULL);
    free(replay->samples);
    free(replay->heard);
    free(replay);
}

void rp_replay_give(rp_replay *replay, rp_rig *rig) {
    if (replay->script.rigs < RP_FLIGHT_RIGS) replay->script.rig[replay->script.rigs++] = rig;
}

void rp_replay_get_state(const rp_replay *replay, rp_replay_state *out) { *out = replay->state; }

/* 0: no memory. [control] */
static int make_room(rp_replay *replay, uint32_t frames) {
    if (frames <= replay->room) return 1;
    free(replay->samples);
    free(replay->heard);
    replay->samples = malloc((size_t)RP_PORTS_MAX * frames * sizeof(float));
    replay->heard = malloc((size_t)RP_PORTS_MAX * frames * sizeof(float));
    replay->room = replay->samples && replay->heard ? frames : 0;
    return replay->room > 0;
}

/* What came in as MIDI. [control] */
static uint32_t gather(rp_replay *replay) {
    const rp_flight_script *script = &replay->script;
    rp_flight_item item;
    const uint8_t *bytes;
    uint32_t n = 0, at = 0;
    while (n < EVENTS && find(script, &at, 1u << RP_FLIGHT_IN, &item, &bytes))
        replay->event[n++] = (rp_input){item.offset, item.port, item.size, bytes};
    return n;
}

/* What came in as sound; what is not there was silent, or not kept. [control] */
static void gather_sound(const rp_replay *replay, const rp_flight_cycle *head) {
    uint32_t bytes = head->frames * (uint32_t)sizeof(float), at = 0;
    rp_flight_item item;
    const uint8_t *sound;
    memset(replay->heard, 0, (size_t)head->audio_ins * bytes);
    while (find(&replay->script, &at, 1u << RP_FLIGHT_SOUND, &item, &sound))
        if (item.port < head->audio_ins && item.size == bytes)
            memcpy(replay->heard + (size_t)item.port * head->frames, sound, bytes);
}

/* One cycle, the items being in the script. [control] */
static void play(rp_replay *replay, const rp_flight_cycle *head, uint64_t frame) {
    float *out[RP_PORTS_MAX];
    const float *in[RP_PORTS_MAX];
    for (uint32_t i = 0; i < RP_PORTS_MAX; i++) {
        out[i] = replay->samples + (size_t)i * head->frames;
        in[i] = replay->heard + (size_t)i * head->frames;
    }
    rp_cycle cycle = {.frame = frame, .frames = head->frames, .period = head->period, .lost = head->gone};
    cycle.in = replay->event;
    cycle.inputs = gather(replay);
    gather_sound(replay, head);
    cycle.connected = head->connected;
    cycle.audio = out;
    cycle.audios = head->audios;
    cycle.audio_in = in;
    cycle.audio_ins = head->audio_ins;
    memset(replay->script.at, 0, sizeof replay->script.at);
    replay->script.rigs_used = 0;
    rp_process(replay->engine, &cycle);
    if (head->frames) rp_process_settle(replay->engine);
    replay->state.frame = frame;
    replay->state.cycles++;
}

/* The address of the rig that is wanted next, 0: none is. [control] */
static uint64_t wanted(const rp_replay *replay) {
    const rp_flight_script *script = &replay->script;
    rp_flight_item item;
    const uint8_t *bytes;
    uint32_t at = 0, n = 0;
    while (find(script, &at, 1u << RP_FLIGHT_COMMAND, &item, &bytes)) {
        uintptr_t rig = 0;
        if (item.size >= sizeof rig) memcpy(&rig, bytes, sizeof rig);
        if (rig && n++ == script->rigs) return rig;
    }
    return 0;
}

/* Tell of it, and begin the next with no difference. 1: there was one. [control] */
static int take_difference(rp_replay *replay) {
    rp_flight_script *script = &replay->script;
    if (!script->differs) return 0;
    replay->state.was = script->was;
    replay->state.is = script->is;
    memcpy(replay->state.was_bytes, script->was_bytes, sizeof script->was_bytes);
    memcpy(replay->state.is_bytes, script->is_bytes, sizeof script->is_bytes);
    script->differs = 0;
    return 1;
}

/* All the cycles of one head, whose items are in the script. [control] */
static uint32_t play_all(rp_replay *replay, const rp_flight_cycle *head) {
    if (!make_room(replay, head->frames)) return RP_REPLAY_NO_MEMORY;
    while (replay->repeats < head->cycles) {
        play(replay, head, head->frame + (uint64_t)replay->repeats++ * head->frames);
        if (take_difference(replay)) return RP_REPLAY_DIFFERS;
    }
    return RP_REPLAY_ALL;
}

/* The head at `data` and all it stands for; `*size` is how long it is. [control] */
static uint32_t play_head(rp_replay *replay, const uint8_t *data, uint32_t left, uint32_t *size) {
    rp_flight_cycle head;
    if (left < sizeof head) return RP_REPLAY_BAD;
    memcpy(&head, data, sizeof head);
    int bad = head.size > left - sizeof head || head.frames > FRAMES_MOST || head.audios > RP_PORTS_MAX ||
              head.audio_ins > RP_PORTS_MAX || head.cycles == 0 || head.cycles > RP_FLIGHT_STILL ||
              (head.size && head.cycles > 1);
    if (bad || !sound_items(data + sizeof head, head.size, head.frames)) return RP_REPLAY_BAD;
    *size = (uint32_t)sizeof head + head.size;
    replay->script.items = data + sizeof head;
    replay->script.size = head.size;
    replay->state.missed = head.missed;
    if (head.missed && !replay->told) {
        replay->told = 1;
        return RP_REPLAY_MISSED;
    }
    replay->state.wanted = wanted(replay);
    if (replay->state.wanted) {
        replay->state.frame = head.frame;
        return replay->script.rigs < RP_FLIGHT_RIGS ? RP_REPLAY_RIG : RP_REPLAY_BAD;
    }
    return play_all(replay, &head);
}

uint32_t rp_replay_play(rp_replay *replay, const uint8_t *data, uint32_t size, uint32_t *used) {
    uint32_t result = RP_REPLAY_ALL, length = 0;
    *used = 0;
    for (uint32_t n = 0; n < HEADS_MOST && *used < size; n++, *used += length) {
        rp_flight_cycle head;
        result = play_head(replay, data + *used, size - *used, &length);
        if (result != RP_REPLAY_ALL && result != RP_REPLAY_DIFFERS) return result;
        memcpy(&head, data + *used, sizeof head);
        if (replay->repeats < head.cycles) return result;
        replay->repeats = 0;
        replay->told = 0;
        replay->script.rigs = 0;
        if (result == RP_REPLAY_DIFFERS) {
            *used += length;
            return result;
        }
    }
    return result;
}
