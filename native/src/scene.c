/* scene.c - see scene.h. The order and scale of these numbers is part of the weights: a change needs a new
 * RP_FEATURES_VERSION and new weights. */
#include "scene.h"

#include <math.h>
#include <string.h>

/* Where the soft bins lie. A value between two centres is shared by both. */
static const float PITCHES[] = {24, 28, 32, 36, 40, 43, 46, 49, 52, 55, 58, 61,
                                64, 67, 70, 73, 76, 79, 82, 86, 90, 96, 102};
static const float STEPS[] = {-24, -16, -12, -9, -7, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 7, 9, 12, 16, 24};
static const float MEANS[] = {-19, -12, -7, -3, 0, 3, 7, 12, 19};
static const float LOG_MS[] = {0, 1.1f, 2.4f, 3.4f, 4.1f, 4.8f, 5.5f, 6.2f, 7.3f, 8.5f}; /* of 1 + ms */
enum {
    N_PITCHES = sizeof PITCHES / sizeof *PITCHES,
    N_STEPS = sizeof STEPS / sizeof *STEPS,
    N_MEANS = sizeof MEANS / sizeof *MEANS,
    N_TIMES = sizeof LOG_MS / sizeof *LOG_MS,
    N_CLASSES = 12,
    N_COUNTS = 7,
    AROUND = 24, /* semitones either way in which other notes are shown one by one */
    N_AROUND = 2 * AROUND + 1,
    N_VOICE = 16 + N_STEPS + 2 * N_MEANS + 2 * N_TIMES,
    N_NOTE = 2 * N_CLASSES + 2 + N_PITCHES + 1 + 2 + N_TIMES + 2 + N_AROUND + 1 + N_COUNTS,
    N_SOLO = N_COUNTS + 1 + 2,
    N_CHORD = 4 * N_COUNTS + 2 * N_STEPS + N_AROUND,
    N_CHORD_VOICE = 2
};

uint32_t rp_features_solo_width(uint32_t labels) { return N_NOTE + N_SOLO + labels * N_VOICE; }

uint32_t rp_features_chord_width(uint32_t labels) { return N_NOTE + N_CHORD + labels * (N_VOICE + N_CHORD_VOICE); }

/* Each writer returns where the next goes on. x is zero beforehand. */

/* [any] */
static float *number(float *x, float value) {
    *x = value;
    return x + 1;
}

/* A difference of pitch or velocity over its scale, held within reason. [any] */
static float *ratio(float *x, float value, float scale) { return number(x, fminf(fmaxf(value / scale, -3.0f), 3.0f)); }

/* [any] */
static float *soft(float *x, float value, const float *centre, uint32_t n) {
    uint32_t i = 0;
    if (value <= centre[0]) {
        x[0] = 1.0f;
        return x + n;
    }
    while (i + 1 < n && centre[i + 1] <= value) i++;
    float share = i + 1 < n ? (value - centre[i]) / (centre[i + 1] - centre[i]) : 0.0f;
    x[i] = 1.0f - share;
    if (i + 1 < n) x[i + 1] = share;
    return x + n;
}

/* [any] */
static float *counted(float *x, int count) {
    x[count < 0 ? 0 : count < N_COUNTS ? count : N_COUNTS - 1] = 1.0f;
    return x + N_COUNTS;
}

/* Frames from `then` to `now`, as the logarithm of milliseconds. [any] */
static float since(const rp_scene *scene, uint64_t then, uint64_t now) {
    return now > then ? log1pf((float)(now - then) * scene->ms) : 0.0f;
}

/* [any] */
static float *times(float *x, float log_ms) { return soft(x, log_ms, LOG_MS, N_TIMES); }

/* [any] */
static void mark(float *x, int interval) {
    if (interval >= -AROUND && interval <= AROUND) x[interval + AROUND] = 1.0f;
}

/* [any] */
static int in_use(const rp_track *track) { return track->notes > 0; }

/* A length against the usual gap between chords, as a logarithm: the same at any tempo. [any] */
static float *in_beats(const rp_scene *scene, float *x, uint64_t frames) {
    float beat = scene->voices->beat;
    return ratio(x, beat > 0.0f && frames ? logf((float)frames / beat) : 0.0f, 1.0f);
}

/* What was heard of each pitch class, counted from the note's own: the same in any key. [any] */
static float *write_key(const float *heard, uint8_t pitch, float *x) {
    for (uint32_t i = 0; i < N_CLASSES; i++) x[i] = 3.0f * heard[(pitch + i) % N_CLASSES];
    return x + N_CLASSES;
}

/* The note itself, the notes that sound, and the time. [any] */
static float *write_note(const rp_scene *scene, const rp_asked *note, float *x) {
    const rp_voices *voices = scene->voices;
    uint32_t allowed = 0;
    x = write_key(voices->lately, note->pitch, x);
    x = write_key(voices->long_ago, note->pitch, x);
    x = in_beats(scene, x, voices->gap);
    x = in_beats(scene, x, voices->notes ? note->frame - voices->onset : 0);
    x = soft(x, note->pitch, PITCHES, N_PITCHES);
    x = ratio(x, (float)note->pitch - 60.0f, 24.0f);
    x = ratio(x, (float)note->velocity - 64.0f, 32.0f);
    x = ratio(x, voices->notes ? (float)note->velocity - voices->velocity : 0.0f, 32.0f);
    if (voices->notes) {
        times(x, since(scene, voices->onset, note->frame));
        ratio(x + N_TIMES, (float)note->pitch - voices->pitch, 12.0f);
        x[N_TIMES + 1] = 1.0f;
    }
    x += N_TIMES + 2;
    for (uint32_t i = 0; i < voices->helds; i++) mark(x, (int)voices->held[i].pitch - note->pitch);
    x = number(x + N_AROUND, fminf((float)voices->helds / 8.0f, 3.0f));
    for (uint32_t i = 0; i < scene->labels; i++) allowed += note->allowed >> i & 1;
    return counted(x, (int)allowed);
}

/* The highest and lowest note that a label holds. [any] */
static int reach(const rp_scene *scene, uint32_t label, int *lowest, int *highest) {
    int found = 0;
    for (uint32_t i = 0; i < scene->voices->helds; i++) {
        const rp_held *held = &scene->voices->held[i];
        if (scene->voice[held->voice].label != label) continue;
        if (!found || held->pitch < *lowest) *lowest = held->pitch;
        if (!found || held->pitch > *highest) *highest = held->pitch;
        found = 1;
    }
    return found;
}

/* What the player said of a label: switched on, and where its hand lies. [any] */
static float *write_hints(const rp_scene *scene, uint32_t label, uint8_t pitch, float *x) {
    for (uint32_t i = 0; i < scene->count; i++) {
        if (scene->voice[i].label != label) continue;
        if (scene->voice[i].enabled) x[0] = 1.0f;
        if (!scene->voice[i].centre) continue;
        x[1] = 1.0f;
        ratio(x + 2, (float)pitch - scene->voice[i].centre, 12.0f);
    }
    return x + 3;
}

/* A label that has played: its last notes seen from this one. [any] */
static float *write_past(const rp_scene *scene, const rp_track *track, const rp_asked *note, float *x) {
    x = soft(x, (float)note->pitch - track->pitch, STEPS, N_STEPS);
    x = soft(x, (float)note->pitch - track->slow, MEANS, N_MEANS);
    x = soft(x, (float)track->pitch - track->before, MEANS, N_MEANS);
    x = in_beats(scene, x, note->frame - track->onset);
    x = ratio(x, (float)note->pitch - track->before, 12.0f);
    x = ratio(x, (float)note->pitch - track->fast, 12.0f);
    x = ratio(x, (float)note->velocity - track->velocity, 32.0f);
    x = ratio(x, since(scene, 0, track->gap), 6.0f);
    times(x, since(scene, track->onset, note->frame));
    if (track->releases && !track->held) times(x + N_TIMES, since(scene, track->release, note->frame));
    x += 2 * N_TIMES;
    return ratio(x, track->releases ? since(scene, 0, track->length) : 0.0f, 6.0f);
}

/* [any] */
static float *write_label(const rp_scene *scene, const rp_asked *note, uint32_t label, float *x) {
    const rp_track *track = &scene->voices->label[label];
    int lowest = note->pitch, highest = note->pitch;
    x = number(x, (float)(note->allowed >> label & 1));
    x = number(x, fminf(track->held, 8.0f) / 4.0f);
    x = number(x, track->held > 0);
    x = number(x, fminf(track->in_chord, 8.0f) / 4.0f);
    x = number(x, in_use(track));
    reach(scene, label, &lowest, &highest);
    x = ratio(x, (float)(note->pitch - lowest), 12.0f);
    x = ratio(x, (float)(note->pitch - highest), 12.0f);
    x = write_hints(scene, label, note->pitch, x);
    if (in_use(track)) write_past(scene, track, note, x);
    return x + N_STEPS + 2 * N_MEANS + 2 * N_TIMES + 6;
}

void rp_features_solo(const rp_scene *scene, const rp_asked *note, float *x) {
    memset(x, 0, rp_features_solo_width(scene->labels) * sizeof *x);
    x = write_note(scene, note, x);
    x = counted(x, (int)scene->voices->in_chord);
    x = number(x, scene->voices->in_chord ? (float)(note->frame - scene->voices->chord) * scene->ms / 25.0f : 0.0f);
    int lowest = note->pitch, highest = note->pitch;
    for (uint32_t i = 0; i < scene->voices->helds; i++) {
        const rp_held *held = &scene->voices->held[i];
        if (held->onset < scene->voices->chord) continue;
        if (held->pitch < lowest) lowest = held->pitch;
        if (held->pitch > highest) highest = held->pitch;
    }
    x = ratio(x, (float)(note->pitch - lowest), 12.0f);
    x = ratio(x, (float)(note->pitch - highest), 12.0f);
    for (uint32_t i = 0; i < scene->labels; i++) x = write_label(scene, note, i, x);
}

/* Its place among the chord's notes, and what lies around it. [any] */
static float *write_rank(const rp_asked *note, const rp_chord_pitches *chord, uint32_t rank, uint32_t free, float *x) {
    x = counted(x, (int)chord->count);
    x = counted(x, (int)rank);
    x = counted(x, (int)(chord->count - 1 - rank));
    x = counted(x, (int)free - (int)chord->count + 2);
    if (rank) soft(x, (float)(note->pitch - chord->pitch[rank - 1]), STEPS, N_STEPS);
    x += N_STEPS;
    if (rank + 1 < chord->count) soft(x, (float)(note->pitch - chord->pitch[rank + 1]), STEPS, N_STEPS);
    x += N_STEPS;
    for (uint32_t i = 0; i < chord->count; i++)
        if (i != rank) mark(x, (int)chord->pitch[i] - note->pitch);
    return x + N_AROUND;
}

/* How many notes of the chord lie nearer to where a label was, and how much nearer the nearest is. [any] */
static float *write_rivals(const rp_track *track, const rp_asked *note, const rp_chord_pitches *chord, float *x) {
    int own = note->pitch > track->pitch ? note->pitch - track->pitch : track->pitch - note->pitch;
    int nearest = own, nearer = 0;
    if (!in_use(track)) return x + N_CHORD_VOICE;
    for (uint32_t i = 0; i < chord->count; i++) {
        int other = chord->pitch[i] > track->pitch ? chord->pitch[i] - track->pitch : track->pitch - chord->pitch[i];
        nearer += other < own;
        if (other < nearest) nearest = other;
    }
    x = number(x, fminf((float)nearer, 4.0f) / 2.0f);
    return ratio(x, (float)(own - nearest), 6.0f);
}

void rp_features_chord(const rp_scene *scene, const rp_asked *note, const rp_chord_pitches *chord, uint32_t rank,
                       float *x) {
    uint32_t free = 0;
    memset(x, 0, rp_features_chord_width(scene->labels) * sizeof *x);
    for (uint32_t i = 0; i < scene->labels; i++) free += note->allowed >> i & 1;
    x = write_note(scene, note, x);
    x = write_rank(note, chord, rank, free, x);
    for (uint32_t i = 0; i < scene->labels; i++) {
        x = write_label(scene, note, i, x);
        x = write_rivals(&scene->voices->label[i], note, chord, x);
    }
}
