/* codec.h - a block's codes become two frames of timbre: the decoder of models/singing/codec.py, block by block. */
#ifndef RIPIENO_CODEC_H
#define RIPIENO_CODEC_H
#include "store.h"

enum {
    RP_CODEC_REACH = 3, /* blocks that a layer hears, itself among them */
    RP_CODEC_DEEPEST = 8,
    RP_FRAME_SHAPE = RP_VOCAL_BANDS + RP_VOCAL_NOISES, /* numbers of a frame: envelope, then aperiodicity, dB */
    RP_BLOCK_SHAPE = RP_BLOCK_FRAMES * RP_FRAME_SHAPE
};

typedef struct {
    const rp_kernels *kernels;
    uint32_t stages, codes;           /* codebooks, and entries of each */
    uint32_t dim, width, layers;      /* of an entry; of the layers; those between first and last */
    const float *entries;             /* [stages][codes][dim] */
    const float *keep;                /* [dim] share of a block's point that the next one starts from */
    rp_matrix layer[8], last, direct; /* [width][3 * inputs]: the first, then those between; [92][width]; [92][dim] */
    const float *bias[8], *last_bias; /* [width], [92] */
    const float *mean, *scale;        /* [92] dB */
} rp_codec;

typedef struct {
    float *past[8];  /* what each layer heard, the oldest first: [3 * its inputs] */
    float *y, *made; /* scratch [width], [92 padded] */
} rp_codec_state;

/* stages, codes: what the delivery decides. [control] */
void rp_codec_lay(rp_store *store, uint32_t stages, uint32_t codes, rp_codec *codec);
void rp_codec_state_lay(rp_arena *arena, const rp_codec *codec, rp_codec_state *state); /* twice [control] */
void rp_codec_clear(const rp_codec *codec, rp_codec_state *state);                      /* nothing heard [worker] */
/* The next block of codes [stages]; its two frames' timbre, dB [2][46], until the next. [worker] */
const float *rp_codec_decode(const rp_codec *codec, rp_codec_state *state, const uint16_t *code);
#endif
