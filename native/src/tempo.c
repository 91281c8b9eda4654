/* tempo.c - see tempo.h. */
#include "tempo.h"

#include <math.h>
#include <string.h>

#include "transformer.h"

/* [worker] */
static double frames_of(const rp_tempo *tempo, double bpm) {
    return tempo->sample_rate * 60.0 / (bpm * RP_TICKS_A_BEAT);
}

/* [worker] */
static void add(rp_tempo *tempo, rp_tempo_piece piece) {
    if (tempo->count == RP_TEMPO_PIECES) {
        tempo->count--;
        memmove(tempo->piece, tempo->piece + 1, tempo->count * sizeof *tempo->piece);
    }
    tempo->piece[tempo->count++] = piece;
}

void rp_tempo_begin(rp_tempo *tempo, double sample_rate, uint64_t frame, double bpm) {
    tempo->sample_rate = sample_rate;
    tempo->count = 0;
    add(tempo, (rp_tempo_piece){(double)frame, 0.0, frames_of(tempo, bpm)});
}

/* Frames of ticks that a jump passes over: the jump's own frame. [worker] */
double rp_tempo_exact(const rp_tempo *tempo, int64_t tick) {
    uint32_t i = tempo->count - 1;
    while (i > 0 && tempo->piece[i].tick > (double)tick) i--;
    const rp_tempo_piece *piece = &tempo->piece[i];
    double frame = piece->frame + ((double)tick - piece->tick) * piece->frames;
    if (i + 1 < tempo->count && frame > tempo->piece[i + 1].frame) frame = tempo->piece[i + 1].frame;
    return frame;
}

uint64_t rp_tempo_frame(const rp_tempo *tempo, int64_t tick) {
    double frame = rp_tempo_exact(tempo, tick);
    return frame > 0.0 ? (uint64_t)llround(frame) : 0;
}

double rp_tempo_tick(const rp_tempo *tempo, uint64_t frame) {
    uint32_t i = tempo->count - 1;
    while (i > 0 && tempo->piece[i].frame > (double)frame) i--;
    const rp_tempo_piece *piece = &tempo->piece[i];
    return piece->tick + ((double)frame - piece->frame) / piece->frames;
}

double rp_tempo_bpm(const rp_tempo *tempo) {
    return tempo->sample_rate * 60.0 / (tempo->piece[tempo->count - 1].frames * RP_TICKS_A_BEAT);
}

int64_t rp_tempo_last(const rp_tempo *tempo) { return (int64_t)ceil(tempo->piece[tempo->count - 1].tick); }

void rp_tempo_bend(rp_tempo *tempo, int64_t tick, double bpm) {
    rp_tempo_piece *last = &tempo->piece[tempo->count - 1];
    double frames = frames_of(tempo, bpm);
    if ((double)tick <= last->tick) {
        last->frames = frames;
        return;
    }
    add(tempo, (rp_tempo_piece){last->frame + ((double)tick - last->tick) * last->frames, (double)tick, frames});
}

void rp_tempo_unbend(rp_tempo *tempo, int64_t tick) {
    while (tempo->count > 1 && tempo->piece[tempo->count - 1].tick > (double)tick) tempo->count--;
}

int rp_tempo_jump(rp_tempo *tempo, uint64_t frame, int64_t tick) {
    const rp_tempo_piece *last = &tempo->piece[tempo->count - 1];
    if ((double)frame < last->frame || rp_tempo_tick(tempo, frame) >= (double)tick) return 0;
    add(tempo, (rp_tempo_piece){(double)frame, (double)tick, last->frames});
    return 1;
}

void rp_tempo_restart(rp_tempo *tempo, uint64_t frame, double tick, double bpm) {
    while (tempo->count && tempo->piece[tempo->count - 1].frame >= (double)frame) tempo->count--;
    add(tempo, (rp_tempo_piece){(double)frame, tick, frames_of(tempo, bpm)});
}
