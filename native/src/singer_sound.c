/* singer_sound.c - the frames of a block: what its tokens mean, and the controls that shape the sound. */
#include <math.h>

#include "singer_state.h"

static const float SILENT = -90, LOUDEST = 0, LOUDNESS_STEP = 1.5f; /* dB */
static const double BLOCK = 0.016, FRAME = 0.008;                   /* seconds */
static const double TILT = 3.0;                                     /* dB an octave, of full brightness */
static const double EXCESS = 1.0;                                   /* dB; of real singing 1 frame in 20 has more */
static const double AIR = 6.0, DRY = 12.0;                          /* dB of noise, of breath 2 and 0 */

/* ---- tables ---- */

/* [control] */
static double mel_to_hertz(double mel) { return 700 * (pow(10, mel / 2595) - 1); }

/* Centres that lie mel-spaced over 60..12000 Hz, each band reaching to its neighbours'. [control] */
static void find_bands(rp_singer_weights *weights) {
    const double first = 2595 * log10(1 + 60.0 / 700), last = 2595 * log10(1 + 12000.0 / 700);
    const double step = (last - first) / (RP_VOCAL_BANDS - 1);
    for (int32_t band = 0; band < RP_VOCAL_BANDS; band++) {
        const double below = mel_to_hertz(first + step * (band > 0 ? band - 1 : 0));
        const double above = mel_to_hertz(first + step * (band + 1 < RP_VOCAL_BANDS ? band + 1 : band));
        weights->octave[band] = (float)log2(mel_to_hertz(first + step * band) / 1000);
        weights->breadth[band] = (float)((above - below) / 2 / 12000);
    }
}

void rp_singer_tables(rp_singer_weights *weights) {
    const double widest = 250, growth = 0.1137;
    const int32_t centre = RP_DEVIATIONS / 2;
    for (int32_t i = 0; i < RP_DEVIATIONS; i++)
        weights->cents[i] = (float)(rint(100 * widest * sinh(growth * (i - centre)) / sinh(growth * centre)) / 100);
    find_bands(weights);
}

/* ---- pitch ---- */

/* Deviation and vibrato of both frames: where a note goes on, the first lies half way from the block before.
 * [worker] */
static void find_cents(rp_singer *singer, const rp_singer_controls *set, int goes_on, rp_sung *out) {
    const float now = singer->weights->cents[out->deviation];
    const int sings = rp_history_sings(&singer->history);
    out->cents[0] = goes_on ? (singer->cents + now) / 2 : now;
    out->cents[1] = now;
    for (uint32_t frame = 0; frame < RP_BLOCK_FRAMES; frame++) {
        const double sung = sings ? singer->history.blocks * BLOCK + frame * FRAME : -1;
        out->cents[frame] += (float)rp_vibrato_next(&singer->vibrato, set->value[RP_SING_VIBRATO_RATE],
                                                    set->value[RP_SING_VIBRATO], sung);
    }
    singer->cents = now;
}

/* A rest keeps the pitch of the note that ends in it, a breath has none. [worker] */
static void find_pitch(rp_singer *singer, const rp_singer_controls *set, rp_sung *out) {
    const int before = singer->pitched;
    if (out->phonation != RP_REST) singer->pitched = out->phonation != RP_BREATH;
    find_cents(singer, set, before && singer->pitched && out->phonation != RP_ONSET, out);
    for (uint32_t frame = 0; frame < RP_BLOCK_FRAMES; frame++) {
        const double pitch = RP_SUNG_LOWEST + out->note + (double)out->cents[frame] / 100;
        out->frame[frame].f0 = singer->pitched ? (float)(440 * pow(2, (pitch - 69) / 12)) : 0;
    }
}

/* ---- level and timbre ---- */

/* [worker] */
static float level_of(uint32_t loudness) {
    return loudness ? LOUDEST - LOUDNESS_STEP * (float)(RP_LOUDNESSES - 1 - loudness) : SILENT;
}

/* [worker] */
static void find_levels(rp_singer *singer, rp_sung *out) {
    const float now = level_of(out->loudness), before = level_of(singer->loudness);
    out->frame[0].level = out->loudness && singer->loudness ? (now + before) / 2 : now;
    out->frame[1].level = now;
    singer->loudness = out->loudness;
}

/* The mean power of an envelope, over all frequencies. [worker] */
static double power_of(const rp_singer_weights *weights, const float *envelope) {
    double sum = 0;
    for (uint32_t band = 0; band < RP_VOCAL_BANDS; band++)
        sum += (double)weights->breadth[band] * pow(10, (double)envelope[band] / 10);
    return sum;
}

/* Codes that nobody taught together may come to a burst: a frame is hardly louder than its level says. [worker] */
static void keep_level(const rp_singer_weights *weights, float *envelope) {
    const double louder = 10 * log10(power_of(weights, envelope)) - EXCESS;
    if (!(louder > 0)) return;
    for (uint32_t band = 0; band < RP_VOCAL_BANDS; band++) envelope[band] -= (float)louder;
}

/* Tilt the envelope; its mean power stays, so that the voice becomes no louder. [worker] */
static void brighten(const rp_singer_weights *weights, double brightness, float *envelope) {
    if (brightness == 0) return;
    const double before = power_of(weights, envelope);
    for (uint32_t band = 0; band < RP_VOCAL_BANDS; band++)
        envelope[band] += (float)(TILT * brightness * (double)weights->octave[band]);
    const float louder = (float)(10 * log10(power_of(weights, envelope) / before));
    for (uint32_t band = 0; band < RP_VOCAL_BANDS; band++) envelope[band] -= louder;
}

/* More air, or less: in a tone its noise, in a breath its level. [worker] */
static void breathe(const rp_singer_controls *set, rp_vocal_frame *frame) {
    const double more = set->value[RP_SING_BREATH] - 1;
    const float air = (float)(more * (more > 0 ? AIR : DRY));
    for (uint32_t i = 0; i < RP_VOCAL_NOISES; i++)
        frame->aperiodicity[i] = fmaxf(-60, fminf(0, frame->aperiodicity[i] + air));
    if (frame->f0 <= 0) frame->level += air;
}

void rp_singer_sound(rp_singer *singer, const rp_singer_controls *set, rp_sung *out) {
    const float *shape = rp_codec_decode(&singer->weights->codec, &singer->codec, out->code);
    find_pitch(singer, set, out);
    find_levels(singer, out);
    for (uint32_t i = 0; i < RP_BLOCK_FRAMES; i++, shape += RP_FRAME_SHAPE) {
        rp_vocal_frame *frame = &out->frame[i];
        for (uint32_t band = 0; band < RP_VOCAL_BANDS; band++) frame->envelope[band] = shape[band];
        for (uint32_t band = 0; band < RP_VOCAL_NOISES; band++)
            frame->aperiodicity[band] = shape[RP_VOCAL_BANDS + band];
        keep_level(singer->weights, frame->envelope);
        brighten(singer->weights, set->value[RP_SING_BRIGHTNESS], frame->envelope);
        breathe(set, frame);
        if (out->loudness) frame->level = fmaxf(SILENT, frame->level + (float)set->value[RP_SING_VOLUME]);
        else frame->level = SILENT;
    }
}
