/* tap_cycle.c - see tap_cycle.h. */
#include "tap_cycle.h"

#include <math.h>

/* What the driver takes has left; what it has no room for comes again. [process] */
static int pass(rp_sink *sink, uint32_t port, uint32_t offset, const uint8_t *data, uint32_t size) {
    const rp_tapped *tapped = (const rp_tapped *)(const void *)sink;
    if (!tapped->to->write(tapped->to, port, offset, data, size)) return 0;
    rp_tap_midi(tapped->tap, RP_TAP_OUT, port, offset, data, size);
    return 1;
}

const rp_cycle *rp_tapped_begin(rp_tapped *tapped, const rp_cycle *cycle) {
    if (!tapped->tap) return cycle;
    rp_tap_open(tapped->tap, cycle->frame, cycle->frames);
    for (uint32_t i = 0; i < cycle->inputs; i++) {
        const rp_input *in = &cycle->in[i];
        rp_tap_midi(tapped->tap, RP_TAP_IN, in->port, in->offset, in->data, in->size);
    }
    tapped->to = cycle->sink;
    tapped->sink.write = pass;
    tapped->cycle = *cycle;
    tapped->cycle.sink = &tapped->sink;
    return &tapped->cycle;
}

void rp_tapped_clock(rp_tapped *tapped, const rp_timeline *timeline) {
    uint32_t count = 0;
    const rp_timeline_piece *pieces = rp_timeline_pieces(timeline, &count);
    double first = (double)tapped->cycle.frame;
    for (uint32_t i = 0; tapped->tap && i < count; i++) {
        rp_timeline_piece piece = pieces[i];
        piece.beat += fmax(first - piece.frame, 0) * piece.rate;
        piece.frame = fmax(first, piece.frame);
        double offset = fmin(piece.frame - first, tapped->cycle.frames);
        rp_tap_midi(tapped->tap, RP_TAP_CLOCK, 0, (uint32_t)offset, (const uint8_t *)&piece, sizeof piece);
    }
}

void rp_tapped_end(rp_tapped *tapped) {
    const rp_cycle *cycle = &tapped->cycle;
    if (tapped->tap) rp_tap_close(tapped->tap, (const float *const *)cycle->audio, cycle->audios);
}
