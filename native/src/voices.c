/* voices.c - see voices.h. */
#include "voices.h"

#include <string.h>

/* How much of a running mean the newest note makes. */
static const float SLOW = 0.04f, FAST = 0.25f, LEVEL = 0.1f, BEAT = 0.1f;
/* How much of what was heard of the pitch classes is left after another note. */
static const float LATELY = 0.88f, LONG_AGO = 0.985f;

void rp_voices_reset(rp_voices *voices) { memset(voices, 0, sizeof *voices); }

/* [any] */
static void follow(float *mean, float value, float share, int first) {
    *mean = first ? value : *mean + share * (value - *mean);
}

void rp_voices_enter(rp_voices *voices, uint64_t frame, uint64_t window) {
    if (voices->notes && frame - voices->chord < window) return;
    voices->gap = voices->notes ? frame - voices->chord : 0;
    if (voices->notes) follow(&voices->beat, (float)voices->gap, BEAT, voices->beat <= 0.0f);
    voices->chord = frame;
    voices->in_chord = 0;
    for (uint32_t i = 0; i < RP_VOICES_MAX; i++) voices->voice[i].in_chord = voices->label[i].in_chord = 0;
}

/* [any] */
static void track_take(rp_track *track, const rp_held *note) {
    int first = track->notes == 0;
    track->before = first ? note->pitch : track->pitch;
    track->gap = first ? 0 : note->onset - track->onset;
    track->pitch = note->pitch;
    track->onset = note->onset;
    follow(&track->slow, note->pitch, SLOW, first);
    follow(&track->fast, note->pitch, FAST, first);
    follow(&track->velocity, note->velocity, FAST, first);
    track->notes += track->notes < UINT8_MAX;
    track->held++;
    track->in_chord++;
}

/* [any] */
static void hear(rp_voices *voices, uint8_t pitch) {
    for (uint32_t i = 0; i < 12; i++) {
        voices->lately[i] *= LATELY;
        voices->long_ago[i] *= LONG_AGO;
    }
    voices->lately[pitch % 12] += 1.0f - LATELY;
    voices->long_ago[pitch % 12] += 1.0f - LONG_AGO;
}

/* [any] */
static void track_release(rp_track *track, const rp_held *note, uint64_t frame) {
    track->held -= track->held > 0;
    track->release = frame;
    track->length = frame - note->onset;
    track->releases += track->releases < UINT8_MAX;
}

/* Take a note off the list. [any] */
static rp_held forget(rp_voices *voices, uint32_t index) {
    rp_held note = voices->held[index];
    voices->helds--;
    memmove(&voices->held[index], &voices->held[index + 1], (voices->helds - index) * sizeof note);
    return note;
}

void rp_voices_take(rp_voices *voices, const rp_voice voice[RP_VOICES_MAX], const rp_held *note) {
    if (voices->helds == RP_HELD_MAX) rp_voices_release(voices, voice, note->onset, voices->held[0].tag);
    voices->held[voices->helds++] = *note;
    track_take(&voices->voice[note->voice], note);
    track_take(&voices->label[voice[note->voice].label], note);
    follow(&voices->velocity, note->velocity, LEVEL, voices->notes == 0);
    hear(voices, note->pitch);
    voices->onset = note->onset;
    voices->pitch = note->pitch;
    voices->notes += voices->notes < UINT32_MAX;
    voices->in_chord++;
}

uint8_t rp_voices_release(rp_voices *voices, const rp_voice voice[RP_VOICES_MAX], uint64_t frame, uint32_t tag) {
    for (uint32_t i = 0; i < voices->helds; i++) {
        if (voices->held[i].tag != tag) continue;
        rp_held note = forget(voices, i);
        track_release(&voices->voice[note.voice], &note, frame);
        track_release(&voices->label[voice[note.voice].label], &note, frame);
        return note.voice;
    }
    return RP_NO_VOICE;
}

uint32_t rp_voices_free(const rp_voices *voices, const rp_voice voice[RP_VOICES_MAX], uint32_t count) {
    uint32_t bits = 0;
    for (uint32_t i = 0; i < count; i++)
        bits |= (uint32_t)(!voice[i].polyphony || voices->voice[i].held < voice[i].polyphony) << i;
    return bits;
}

uint32_t rp_voices_free_divided(const rp_voices *voices, const rp_voice voice[RP_VOICES_MAX], uint32_t count) {
    uint8_t before[RP_VOICES_MAX] = {0};
    uint32_t bits = rp_voices_free(voices, voice, count);
    for (uint32_t i = 0; i < voices->helds; i++) before[voices->held[i].voice] += voices->held[i].onset < voices->chord;
    for (uint32_t i = 0; i < count; i++) bits |= (uint32_t)(voice[i].divides && before[i] < voice[i].polyphony) << i;
    return bits;
}

uint32_t rp_voices_fit(const rp_voice voice[RP_VOICES_MAX], uint32_t count, uint8_t pitch) {
    uint32_t bits = 0;
    for (uint32_t i = 0; i < count; i++)
        bits |= (uint32_t)(voice[i].enabled && voice[i].lowest <= pitch && pitch <= voice[i].highest) << i;
    return bits;
}
