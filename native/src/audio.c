/* audio.c - see audio.h. */
#include "audio.h"

#include <math.h>
#include <string.h>

#include "vocal.h"

static const float FADE_SECONDS = 0.01F;
static const uint32_t TAIL_SECONDS = 3; /* of a rack whose last note was let go: reverberation, release */

void rp_audio_open(rp_engine *engine) {
    engine->audio.voice_outputs = UINT32_MAX;
    engine->audio.direct = 1;
    engine->audio.step = 1 / (FADE_SECONDS * (float)engine->config.sample_rate);
}

void rp_audio_begin(rp_engine *engine, const rp_cycle *cycle) {
    engine->audio.period = cycle->period > cycle->frames ? cycle->period : cycle->frames;
}

/* Where a rack is among those that leave; NULL: a free place. RP_LEAVING_MAX: nowhere. [process] */
static uint32_t place_of(const rp_engine *engine, const rp_rack *rack) {
    uint32_t i = 0;
    while (i < RP_LEAVING_MAX && engine->outlet.leaving[i] != rack) i++;
    return i;
}

/* Does a key or a pedal hold what an earlier rig let this rack play? [process] */
static int is_held(const rp_engine *engine, const rp_rack *rack) {
    const rp_ledger *ledger = &engine->ledger;
    for (uint16_t id = ledger->oldest; id != RP_NO_NOTE; id = ledger->note[id].after) {
        const rp_note *note = &ledger->note[id];
        if (note->rig != engine->rig->serial && rp_rack_listens(rack, note->port, note->channel)) return 1;
    }
    for (uint32_t port = 0; port < engine->outlet.ports; port++)
        for (uint32_t channel = 0; channel < RP_CHANNELS; channel++)
            if (engine->outlet.pedal[port][channel] && rp_rack_listens(rack, port, channel)) return 1;
    return 0;
}

/* [process] */
static void fade(rp_engine *engine, uint32_t place, uint8_t how) {
    rp_rack_end(engine->outlet.leaving[place]);
    engine->audio.phase[place] = how;
}

/* The rack of the rig before joins those that leave; there is a place. [process] */
static void leave(rp_engine *engine) {
    uint32_t place = place_of(engine, NULL);
    engine->outlet.leaving[place] = engine->audio.rack;
    engine->audio.phase[place] = RP_LINGERS;
    engine->audio.until[place] = engine->outlet.now;
    if (is_held(engine, engine->audio.rack)) rp_rack_linger(engine->audio.rack);
    else fade(engine, place, RP_FADES);
}

/* Racks that nobody holds any more fade out after a while, and are let go. [process] */
static void tend_leaving(rp_engine *engine, uint64_t end) {
    for (uint32_t i = 0; i < RP_LEAVING_MAX; i++) {
        const rp_rack *rack = engine->outlet.leaving[i];
        if (!rack) continue;
        if (engine->audio.phase[i] == RP_LINGERS && !is_held(engine, rack)) {
            engine->audio.until[i] = end + (uint64_t)TAIL_SECONDS * engine->config.sample_rate;
            engine->audio.phase[i] = RP_RINGS;
        } else if (engine->audio.phase[i] == RP_RINGS && engine->audio.until[i] <= end) {
            fade(engine, i, RP_FADES);
        }
        if (rp_rack_ended(rack)) engine->outlet.leaving[i] = NULL;
    }
}

void rp_audio_change(rp_engine *engine, const rp_rig *to) {
    rp_audio *audio = &engine->audio;
    if (!to->rack) audio->voice_outputs = to->voice_outputs;
    if (to->rack == audio->rack) return;
    uint32_t place = place_of(engine, to->rack);
    if (to->rack && place < RP_LEAVING_MAX) rp_rack_resume(to->rack);
    else if (to->rack) rp_rack_begin(to->rack, audio->period);
    if (to->rack && place < RP_LEAVING_MAX) engine->outlet.leaving[place] = NULL;
    if (audio->rack) leave(engine);
    audio->rack = engine->outlet.rack = to->rack;
    engine->outlet.since = to->serial;
}

void rp_audio_hurry(rp_engine *engine) {
    uint32_t first = RP_LEAVING_MAX;
    for (uint32_t i = 0; i < RP_LEAVING_MAX; i++) {
        if (!engine->outlet.leaving[i]) continue;
        if (engine->audio.phase[i] >= RP_FADES) return; /* there is room soon */
        if (first == RP_LEAVING_MAX || engine->audio.until[i] < engine->audio.until[first]) first = i;
    }
    if (first < RP_LEAVING_MAX) fade(engine, first, RP_FADES);
}

int rp_audio_may_change(rp_engine *engine, const rp_rack *rack) {
    uint32_t place = place_of(engine, rack);
    if (rack == engine->audio.rack) return 1;
    if (rack && place < RP_LEAVING_MAX) return engine->audio.phase[place] != RP_ENDS;
    if (!engine->audio.rack || place_of(engine, NULL) < RP_LEAVING_MAX) return 1;
    rp_audio_hurry(engine);
    return 0;
}

void rp_audio_silence(rp_engine *engine, int stop) {
    rp_rack *rack = engine->audio.rack;
    if (rack && stop) rp_rack_end(rack);
    else if (rack) rp_rack_silence(rack);
    for (uint32_t i = 0; i < RP_LEAVING_MAX; i++)
        if (engine->outlet.leaving[i]) fade(engine, i, RP_ENDS);
}

int rp_audio_leaves(const rp_engine *engine, const rp_rack *rack) {
    return rack && place_of(engine, rack) < RP_LEAVING_MAX;
}

uint32_t rp_audio_lingering(const rp_engine *engine) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < RP_LEAVING_MAX; i++) count += engine->outlet.leaving[i] != NULL;
    return count;
}

int rp_audio_silent(const rp_engine *engine) {
    const rp_rack *rack = engine->audio.rack;
    return rp_vocal_silent(engine) && !rp_audio_lingering(engine) && (!rack || rp_rack_ended(rack));
}

/* The voice where no rack is, or is not yet, or no longer. [process] */
static void add_voice(rp_audio *audio, const rp_rack_piece *piece) {
    float direct = audio->direct, wanted = audio->rack ? 0 : 1;
    for (uint32_t i = 0; i < piece->frames; i++) {
        if (direct < wanted) direct = fminf(1, direct + audio->step);
        else if (direct > wanted) direct = fmaxf(0, direct - audio->step);
        audio->voice[i] *= direct;
    }
    audio->direct = direct;
    for (uint32_t o = 0; piece->voice && o < piece->outs; o++) {
        if (!(audio->voice_outputs >> o & 1)) continue;
        for (uint32_t i = 0; i < piece->frames; i++) piece->out[o][piece->at + i] += audio->voice[i];
    }
}

/* [process] */
static void play_piece(rp_engine *engine, rp_rack_piece *piece) {
    rp_audio *audio = &engine->audio;
    float *voice = piece->outs ? audio->voice : NULL;
    if (rp_vocal_render(engine, piece->frame, piece->frames, voice)) piece->voice = voice;
    for (uint32_t i = 0; i < RP_LEAVING_MAX; i++)
        if (engine->outlet.leaving[i]) rp_rack_process(engine->outlet.leaving[i], piece);
    if (audio->rack) rp_rack_process(audio->rack, piece);
    add_voice(audio, piece);
}

void rp_audio_render(rp_engine *engine, const rp_cycle *cycle) {
    uint32_t period = engine->audio.period, n;
    uint32_t longest = period < RP_BLOCK_MAX ? period : RP_BLOCK_MAX;
    for (uint32_t i = 0; i < cycle->audios; i++) memset(cycle->audio[i], 0, cycle->frames * sizeof *cycle->audio[i]);
    for (uint32_t at = 0; at < cycle->frames; at += n) {
        n = cycle->frames - at < longest ? cycle->frames - at : longest;
        rp_rack_piece piece = {.frame = cycle->frame + at, .at = at, .frames = n, .period = period};
        piece.in = cycle->audio_in;
        piece.ins = cycle->audio_ins;
        piece.out = cycle->audio;
        piece.outs = cycle->audios;
        play_piece(engine, &piece);
    }
    tend_leaving(engine, cycle->frame + cycle->frames);
}
