/* audio.c - see audio.h. */
#include "audio.h"

#include <math.h>
#include <string.h>

#include "vocal.h"

static const float FADE_SECONDS = 0.01F;

void rp_audio_open(rp_engine *engine) {
    engine->audio.voice_outputs = UINT32_MAX;
    engine->audio.direct = 1;
    engine->audio.step = 1 / (FADE_SECONDS * (float)engine->config.sample_rate);
}

void rp_audio_begin(rp_engine *engine, const rp_cycle *cycle) {
    engine->audio.period = cycle->period > cycle->frames ? cycle->period : cycle->frames;
}

void rp_audio_change(rp_engine *engine, const rp_rig *to) {
    rp_audio *audio = &engine->audio;
    if (!to->rack) audio->voice_outputs = to->voice_outputs;
    if (to->rack == audio->rack) return;
    if (audio->rack) rp_rack_end(audio->rack);
    if (to->rack) rp_rack_begin(to->rack, audio->period);
    audio->leaving = audio->rack;
    audio->rack = engine->outlet.rack = to->rack;
}

void rp_audio_silence(rp_engine *engine, int stop) {
    rp_rack *rack = engine->audio.rack;
    if (rack && stop) rp_rack_end(rack);
    else if (rack) rp_rack_silence(rack);
}

int rp_audio_changed(const rp_engine *engine) { return !engine->audio.leaving; }

int rp_audio_silent(const rp_engine *engine) {
    const rp_rack *rack = engine->audio.rack;
    return rp_vocal_silent(engine) && !engine->audio.leaving && (!rack || rp_rack_ended(rack));
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
    if (audio->leaving) rp_rack_process(audio->leaving, piece);
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
    if (engine->audio.leaving && rp_rack_ended(engine->audio.leaving)) engine->audio.leaving = NULL;
}
