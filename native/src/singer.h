/* singer.h - the voice that sings along: what of a piano it hears becomes, block by block, a sung note and its sound.
 *
 * A block is 16 ms. One Transformer decides the line (is it singing, and what note), or a rule does where the voice
 * doubles or harmonises the player's top line; a second one how it is delivered (loudness, deviation from the note, and
 * codes that a causal decoder turns into two frames for the vocoder). Vibrato, breath, brightness and volume are rules
 * with controls. The weights may be shared; a singer is one thread's. */
#ifndef RIPIENO_SINGER_H
#define RIPIENO_SINGER_H
#include <stdint.h>
#include "parameter.h"
#include "sampler.h"
#include "vocoder.h"

enum {
    RP_BLOCK_MS = 16,
    RP_BLOCK_FRAMES = 2, /* of the voice, 8 ms each */
    RP_SUNG_LOWEST = 36, /* MIDI pitch of the sung note 0 */
    RP_SUNG_NOTES = 48,  /* as a note's code: none yet */
    RP_CODES_MAX = 4
};
enum { RP_REST = 0, RP_BREATH = 1, RP_ONSET = 2, RP_SUSTAIN = 3, RP_PHONATIONS = 4 };

/* What may be set while it sings, each a number; rp_singer_parameters tells their names, units, ranges and meanings. */
enum {
    RP_SING_ON = 0,
    RP_SING_MODE = 1,
    RP_SING_FOLLOW = 2,
    RP_SING_ACTIVITY = 3,
    RP_SING_LOW = 4,
    RP_SING_HIGH = 5,
    RP_SING_OCTAVE = 6,
    RP_SING_INTERVAL = 7,
    RP_SING_VOICE = 8,
    RP_SING_BRIGHTNESS = 9,
    RP_SING_VIBRATO = 10,
    RP_SING_VIBRATO_RATE = 11,
    RP_SING_BREATH = 12,
    RP_SING_VOLUME = 13,
    RP_SING_TEMPERATURE = 14,
    RP_SING_SEED = 15,
    RP_SING_COUNT = 16
};
enum { RP_SING_FREE = 0, RP_SING_DOUBLE = 1, RP_SING_HARMONY = 2 };
const rp_parameter *rp_singer_parameters(void); /* [RP_SING_COUNT] [any] */

typedef struct {
    double value[16]; /* by RP_SING_...; read at each block */
} rp_singer_controls;

void rp_singer_usual(rp_singer_controls *controls); /* every parameter as it usually is [any] */

/* The fields of a block, in the order in which they are chosen. */
enum {
    RP_VOICE_PHONATION = 0,
    RP_VOICE_NOTE = 1,
    RP_VOICE_LOUDNESS = 2,
    RP_VOICE_CODE = 3, /* and the stages after the first */
    RP_VOICE_DEVIATION = 7,
    RP_VOICE_FIELDS = 8
};

typedef struct {
    uint32_t heads, window; /* window: blocks that one block hears, itself among them, at most 8192 */
} rp_tower_shape;

/* What the arrays' shapes do not tell. */
typedef struct {
    rp_tower_shape line, delivery;
    rp_sampling sampling[8]; /* how each field is best drawn from these networks */
} rp_singer_shape;

/* An array as PyTorch has it; row-major; columns 0: a vector of `rows` numbers. */
typedef struct {
    const char *name; /* "line....", "delivery....", "codec...." */
    uint32_t rows, columns;
    const float *values;
} rp_stored;

typedef struct rp_singer_weights rp_singer_weights; /* packed, read only */
typedef struct rp_singer rp_singer;                 /* what has been heard and sung, and scratch */

/* The arrays are copied. NULL: no memory, or arrays that do not fit; why [room] then says what is wrong. [control] */
rp_singer_weights *rp_singer_weights_new(const rp_singer_shape *shape, const rp_stored *arrays, uint32_t count,
                                         char *why, uint32_t room);
void rp_singer_weights_free(rp_singer_weights *weights);     /* [control] */
uint32_t rp_singer_voices(const rp_singer_weights *weights); /* how many it can sing with [any] */
uint32_t rp_singer_codes(const rp_singer_weights *weights);  /* stages of a block's code [any] */

enum {
    RP_SUNG_ONSET = 1, /* flags: a note begins in this block */
    RP_SUNG_ENDED = 2, /* the note that sounded before this block is over: a rest, a breath, or another onset */
    RP_SUNG_FAULT = 4  /* the scores are no numbers: it rests */
};

/* One block of the voice. */
typedef struct {
    uint8_t phonation; /* RP_REST ... */
    uint8_t age;       /* of the phonation, as a bucket */
    uint8_t note;      /* 0..47: RP_SUNG_LOWEST + note is sung, or was last; RP_SUNG_NOTES: none yet */
    uint8_t flags;     /* RP_SUNG_... */
    uint8_t loudness, deviation;
    uint16_t code[4];
    float cents[2];          /* of each frame, from the note: deviation and vibrato; within +-400 */
    rp_vocal_frame frame[2]; /* with every control in them */
} rp_sung;

rp_singer *rp_singer_new(const rp_singer_weights *weights); /* borrowed: they live longer. NULL: no memory [control] */
void rp_singer_free(rp_singer *singer);                     /* [control] */
void rp_singer_reset(rp_singer *singer); /* nothing heard or sung; the seed begins anew. Allocates nothing [worker] */
/* The next block: row [RP_PIANO_ROW] is what the piano does as it begins (piano.h). Controls out of their range count
 * as the nearest within. The same seed, rows and controls give the same bytes. Allocates nothing. [worker] */
void rp_singer_step(rp_singer *singer, const float *row, const rp_singer_controls *controls, rp_sung *out);
#endif
