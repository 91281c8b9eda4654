/* alignment.c - see alignment.h. */
#include "alignment.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { SIDES = 2 };

struct rp_alignment {
    uint32_t lines;
    uint32_t quiet;             /* frames since it heard anything, RP_LATENCY_MAX at most */
    _Atomic uint32_t delay;     /* frames */
    float nobody[RP_BLOCK_MAX]; /* the other side of an odd output */
    rp_delay_line line[];
};

rp_alignment *rp_alignment_new(uint32_t audios, uint32_t fade) {
    uint32_t lines = (audios + SIDES - 1) / SIDES;
    rp_alignment *alignment = calloc(1, sizeof *alignment + lines * sizeof *alignment->line);
    if (!alignment) return NULL;
    alignment->lines = lines;
    for (uint32_t i = 0; i < lines; i++) {
        if (rp_delay_line_open(&alignment->line[i], fade)) continue;
        rp_alignment_free(alignment);
        return NULL;
    }
    return alignment;
}

void rp_alignment_free(rp_alignment *alignment) {
    if (!alignment) return;
    for (uint32_t i = 0; i < alignment->lines; i++) rp_delay_line_close(&alignment->line[i]);
    free(alignment);
}

void rp_alignment_set(rp_alignment *alignment, uint32_t frames) {
    atomic_store_explicit(&alignment->delay, frames, memory_order_relaxed);
}

uint32_t rp_alignment_get(const rp_alignment *alignment) {
    return atomic_load_explicit(&alignment->delay, memory_order_relaxed);
}

/* Is there any sound in it? [process] */
static int heard(float *const *audio, uint32_t audios, uint32_t frames) {
    for (uint32_t o = 0; o < audios; o++)
        for (uint32_t i = 0; i < frames; i++)
            if (audio[o][i] != 0) return 1;
    return 0;
}

/* [process] */
static void play_piece(rp_alignment *alignment, float *const *audio, uint32_t audios, uint32_t at, uint32_t frames) {
    uint32_t delay = atomic_load_explicit(&alignment->delay, memory_order_relaxed);
    for (uint32_t i = 0; i < alignment->lines && SIDES * i < audios; i++) {
        float *left = audio[SIDES * i] + at, *right = alignment->nobody;
        if (SIDES * i + 1 < audios) right = audio[SIDES * i + 1] + at;
        float *const pair[SIDES] = {left, right};
        rp_delay_line_process(&alignment->line[i], pair, frames, delay);
    }
}

int rp_alignment_silent(const rp_alignment *alignment) {
    return alignment->quiet >= atomic_load_explicit(&alignment->delay, memory_order_relaxed);
}

void rp_alignment_process(rp_alignment *alignment, float *const *audio, uint32_t audios, uint32_t frames) {
    uint32_t quiet = alignment->quiet + frames;
    alignment->quiet = heard(audio, audios, frames) ? 0 : quiet < RP_LATENCY_MAX ? quiet : RP_LATENCY_MAX;
    for (uint32_t at = 0, n; at < frames; at += n) {
        n = frames - at < RP_BLOCK_MAX ? frames - at : RP_BLOCK_MAX;
        play_piece(alignment, audio, audios, at, n);
    }
}
