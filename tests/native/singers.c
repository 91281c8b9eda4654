#include "singers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "piano.h"

enum { CENTS = 10 }; /* more with every block of a note, up to five times as much */

struct rp_singer {
    uint32_t pitch, age; /* 0: it rests */
};
singer_log sung;

rp_singer *rp_singer_new(const rp_singer_weights *weights) {
    (void)weights;
    sung.made++;
    return calloc(1, sizeof(rp_singer));
}

void rp_singer_free(rp_singer *singer) { free(singer); }

void rp_singer_reset(rp_singer *singer) {
    *singer = (rp_singer){0};
    sung.resets++;
}

static uint32_t highest_of(const float *row) {
    for (uint32_t i = RP_PIANO_KEYS; i-- > 0;)
        if (row[i] > 0.0F) return RP_PIANO_LOW + i;
    return 0;
}

static void shape(rp_vocal_frame *frame, double pitch, double volume) {
    frame->f0 = (float)(440.0 * exp2((pitch - 69.0) / 12.0));
    frame->level = (float)(volume - 20.0);
    for (uint32_t i = 0; i < RP_VOCAL_NOISES; i++) frame->aperiodicity[i] = -40.0F;
}

void rp_singer_step(rp_singer *singer, const float *row, const rp_singer_controls *controls, rp_sung *out) {
    uint32_t highest = controls->value[RP_SING_ON] > 0.0 ? highest_of(row) : 0;
    int begins = highest && (highest != singer->pitch || row[RP_PIANO_ONSET] > 0.0F);
    memset(out, 0, sizeof *out);
    out->flags =
        (uint8_t)((begins ? RP_SUNG_ONSET : 0) | (singer->pitch && highest != singer->pitch ? RP_SUNG_ENDED : 0));
    if (sung.broken) out->flags = RP_SUNG_FAULT;
    out->phonation = (uint8_t)(!highest ? RP_REST : begins ? RP_ONSET : RP_SUSTAIN);
    out->note = highest ? (uint8_t)(highest - RP_SUNG_LOWEST) : RP_SUNG_NOTES;
    singer->age = begins ? 0 : singer->age + 1;
    singer->pitch = highest;
    for (uint32_t i = 0; i < RP_BLOCK_FRAMES; i++) {
        out->cents[i] = (float)(CENTS * (singer->age < 5 ? singer->age : 5));
        out->frame[i].level = -120.0F;
        if (highest) shape(&out->frame[i], highest + (double)out->cents[i] / 100.0, controls->value[RP_SING_VOLUME]);
    }
    sung.steps++;
}

rp_singing_config recital_config(void) {
    return (rp_singing_config){.sample_rate = RATE, .in_channels = 0xFDFF, .synchronous = 1};
}

rp_rig *recital_rig(rp_singing *singing) {
    rp_rig *rig = thru_rig();
    CHECK(rig && (!singing || rp_rig_set_singing(rig, singing, VOICE_PORT, VOICE_CHANNEL)));
    return rig;
}

void recital_open(recital *r, const rp_singing_config *config, uint64_t room) {
    *r = (recital){.room = room, .looks = 4, .sound = calloc(room, sizeof(float))};
    r->singing = rp_singing_new(config, NULL);
    CHECK(r->singing && r->sound);
    stage_open_loud(&r->at, 2, SPEAKERS, recital_rig(r->singing));
    for (uint32_t i = 0; i < r->looks; i++) rp_singing_look(r->singing);
}

void recital_close(recital *r) {
    stage_close(&r->at);
    rp_singing_free(r->singing);
    free(r->sound);
}

void recital_cycles(recital *r, uint32_t count) {
    for (; count--;) {
        uint64_t frame = r->at.frame;
        stage_cycle(&r->at);
        CHECK(!memcmp(r->at.sound[0], r->at.sound[1], sizeof r->at.sound[0]));
        if (frame + BLOCK <= r->room) memcpy(r->sound + frame, r->at.sound[0], sizeof r->at.sound[0]);
        for (uint32_t i = 0; i < r->looks; i++) rp_singing_look(r->singing);
    }
}

void recital_key(recital *r, uint32_t offset, uint8_t pitch, uint8_t velocity) {
    stage_send(&r->at, offset, velocity ? 0x90 : 0x80, pitch, velocity);
}

rp_singing_stats recital_stats(const recital *r) {
    rp_singing_stats stats;
    rp_singing_get_stats(r->singing, &stats);
    return stats;
}

int recital_sings(const recital *r, uint8_t pitch) { return r->at.out.sounding[VOICE_PORT][VOICE_CHANNEL][pitch]; }

float roughness(const float *sound, uint64_t from, uint64_t until) {
    float most = 0.0F;
    for (uint64_t i = from + 1; i < until; i++) most = fmaxf(most, fabsf(sound[i] - sound[i - 1]));
    return most;
}

float loudest(const float *sound, uint64_t from, uint64_t until) {
    float most = 0.0F;
    for (uint64_t i = from; i < until; i++) most = fmaxf(most, fabsf(sound[i]));
    return most;
}
