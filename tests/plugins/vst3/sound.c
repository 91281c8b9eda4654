/* sound.c - what the test plugin sounds like. */
#include <math.h>
#include <string.h>

#include "plugin.h"

static const double TAU = 6.283185307179586;

void sound_reset(struct plugin *plugin) {
    plugin->voices = plugin->notes = 0;
    memset(plugin->ring, 0, sizeof plugin->ring);
}

void sound_note(struct plugin *plugin, struct note note) {
    if (plugin->notes == EVENTS) return;
    int32_t place = plugin->notes++;
    for (; place > 0 && plugin->note[place - 1].frame > note.frame; place--)
        plugin->note[place] = plugin->note[place - 1];
    plugin->note[place] = note;
}

static void end_note(struct plugin *plugin, int16_t channel, int16_t pitch) {
    int32_t kept = 0;
    for (int32_t i = 0; i < plugin->voices; i++) {
        const struct voice *voice = &plugin->voice[i];
        if (voice->channel != channel || voice->pitch != pitch) plugin->voice[kept++] = *voice;
    }
    plugin->voices = kept;
}

static void begin_note(struct plugin *plugin, const struct note *note) {
    end_note(plugin, note->channel, note->pitch);
    if (plugin->voices == VOICES) return;
    double frequency = 440 * exp2((note->pitch - 69) / 12.0);
    plugin->voice[plugin->voices++] =
        (struct voice){note->channel, note->pitch, note->level / 4, TAU * frequency / plugin->sample_rate, 0};
    plugin->begun++;
}

static void take(struct plugin *plugin, const struct note *note) {
    if (note->pitch < 0) plugin->voices = 0;
    else if (note->level > 0) begin_note(plugin, note);
    else end_note(plugin, note->channel, note->pitch);
}

/* The next frame of all notes that sound. */
static float tone(struct plugin *plugin) {
    double sum = 0;
    for (int32_t i = 0; i < plugin->voices; i++) {
        struct voice *voice = &plugin->voice[i];
        sum += voice->level * cos(voice->step * (double)voice->frames++);
    }
    return (float)sum;
}

static void play_notes(struct plugin *plugin, float *const *out, int32_t frames) {
    int32_t next = 0;
    for (int32_t frame = 0; frame < frames; frame++) {
        for (; next < plugin->notes && plugin->note[next].frame <= frame; next++) take(plugin, &plugin->note[next]);
        float sample = tone(plugin);
        for (int c = 0; c < CHANNELS; c++) out[c][frame] = sample;
    }
    for (; next < plugin->notes; next++) take(plugin, &plugin->note[next]);
    plugin->notes = 0;
}

static void pass(struct plugin *plugin, float *const *in, float *const *out, int32_t frames) {
    bool heard = false;
    for (int c = 0; c < CHANNELS; c++)
        for (int32_t frame = 0; frame < frames; frame++) {
            out[c][frame] = in[c][frame];
            heard = heard || out[c][frame] != 0;
        }
    plugin->begun += heard;
}

void sound_block(struct plugin *plugin, float *const *in, float *const *out, int32_t frames) {
    if (in) pass(plugin, in, out, frames);
    else play_notes(plugin, out, frames);
    float gain = (float)pow(10, atomic_load(&plugin->value[GAIN]) / 20);
    uint32_t late = (uint32_t)atomic_load(&plugin->value[LATENCY]);
    for (int32_t frame = 0; frame < frames; frame++, plugin->at = (plugin->at + 1) % RING)
        for (int c = 0; c < CHANNELS; c++) {
            plugin->ring[c][plugin->at] = out[c][frame] * gain;
            out[c][frame] = plugin->ring[c][(plugin->at - late) % RING];
        }
}
