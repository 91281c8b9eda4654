/* sound.c - samples of several channels in turn, growable. See drivers.h. */
#include <stdlib.h>

#include "drivers.h"

enum { FIRST_ROOM = 1 << 16 }; /* frames */

struct rp_sound {
    float *samples; /* [frames][channels] */
    uint64_t frames, room;
    uint32_t channels;
};

rp_sound *rp_sound_new(uint32_t channels) {
    if (channels < 1 || channels > RP_PORTS_MAX) return NULL;
    rp_sound *sound = calloc(1, sizeof *sound);
    if (sound) sound->channels = channels;
    return sound;
}

void rp_sound_free(rp_sound *sound) {
    if (!sound) return;
    free(sound->samples);
    free(sound);
}

void rp_sound_clear(rp_sound *sound) { sound->frames = 0; }

uint32_t rp_sound_channels(const rp_sound *sound) { return sound->channels; }

uint64_t rp_sound_frames(const rp_sound *sound) { return sound->frames; }

const float *rp_sound_samples(const rp_sound *sound) { return sound->samples; }

/* [control] */
static int make_room(rp_sound *sound, uint64_t frames) {
    uint64_t room = sound->room ? sound->room : FIRST_ROOM;
    while (room < frames) room *= 2;
    if (room == sound->room) return 1;
    float *samples = realloc(sound->samples, room * sound->channels * sizeof *samples);
    if (!samples) return 0;
    sound->samples = samples;
    sound->room = room;
    return 1;
}

int rp_sound_add(rp_sound *sound, const float *const *channel, uint32_t frames) {
    if (!make_room(sound, sound->frames + frames)) return 0;
    float *out = sound->samples + sound->frames * sound->channels;
    for (uint32_t i = 0; i < frames; i++)
        for (uint32_t c = 0; c < sound->channels; c++) *out++ = channel[c][i];
    sound->frames += frames;
    return 1;
}
