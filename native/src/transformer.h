/* transformer.h - the continuation's network: a decoder of events, one at a time or in blocks.
 *
 * An event is a row of 8 small numbers and a tick. What the network hears is the sum of a table's row for each; what it
 * foretells are the 7 fields of the next event, one after another, each knowing those before it. The weights may be
 * shared; a decoder is one thread's. */
#ifndef RIPIENO_TRANSFORMER_H
#define RIPIENO_TRANSFORMER_H
#include <stdint.h>

/* The columns of an event, in the order in which the fields are chosen; the mark is only heard. */
enum {
    RP_FIELD_TYPE = 0,
    RP_FIELD_BEAT = 1, /* beats since the event before, at most 16 */
    RP_FIELD_POSITION = 2,
    RP_FIELD_INSTRUMENT = 3,
    RP_FIELD_PITCH = 4,
    RP_FIELD_DURATION = 5,
    RP_FIELD_VELOCITY = 6,
    RP_FIELDS = 7,
    RP_COLUMN_MARK = 7,
    RP_COLUMNS = 8
};
enum { RP_TYPE_START = 0, RP_TYPE_INSTRUMENT = 1, RP_TYPE_NOTES = 2, RP_TYPE_NOTE = 3, RP_TYPE_END = 4 };
enum { RP_VALUES_MAX = 129, RP_TICKS_A_BEAT = 12 }; /* the most values that a field has */
enum { RP_F32 = 0, RP_INT8 = 1 };
#define RP_TICK_MAX (INT64_C(1) << 60) /* ticks lie within +- this, so that nothing reckoned with them overflows */

typedef struct {
    uint32_t dim;       /* width of the stream, a multiple of 16 */
    uint32_t layers;    /* attention, then two matrices with GELU between */
    uint32_t heads;     /* dim / heads is a multiple of 16 */
    uint32_t hidden;    /* width between a layer's two matrices, a multiple of 16 */
    uint32_t field;     /* width of the layer that chooses a field, a multiple of 16 */
    uint32_t precision; /* RP_F32, or RP_INT8: weights, keys and values of 8 bits */
} rp_transformer_config;

/* One of the network's arrays, named as in PyTorch. */
typedef struct {
    char name[48];
    uint32_t rows, columns; /* columns 0: a vector of `rows` numbers */
} rp_array;

typedef struct rp_transformer rp_transformer; /* packed weights, read only */

uint32_t rp_column_values(uint32_t column); /* how many values a column has; 0: no such column [any] */
uint32_t rp_duration_ticks(uint32_t code);  /* of a duration 1..32; 0: no such code [any] */
int64_t rp_beat_of(int64_t tick);           /* rounded down, before 0 too [any] */
/* The arrays that the network needs: how many (0: a shape that is not taken), and each. [any] */
uint32_t rp_transformer_arrays(const rp_transformer_config *config);
int rp_transformer_array(const rp_transformer_config *config, uint32_t index, rp_array *out); /* 0: no such [control] */
/* weights: the arrays in that order, row-major; they are copied. NULL: no memory, or a bad shape. [control] */
rp_transformer *rp_transformer_new(const rp_transformer_config *config, const float *const *weights);
void rp_transformer_free(rp_transformer *transformer);                                     /* [control] */
const rp_transformer_config *rp_transformer_get_config(const rp_transformer *transformer); /* [any] */

typedef struct {
    int64_t tick; /* 12 a beat */
    int16_t column[8];
} rp_event;

typedef struct rp_decoder rp_decoder; /* what has been heard so far, and scratch */

/* context: how many events it holds, at most 65536. The transformer must live longer. NULL: no memory. [control] */
rp_decoder *rp_decoder_new(const rp_transformer *transformer, uint32_t context);
void rp_decoder_free(rp_decoder *decoder);              /* [control] */
uint32_t rp_decoder_context(const rp_decoder *decoder); /* events it holds at most [any] */
uint32_t rp_decoder_length(const rp_decoder *decoder);  /* events heard [any] */
/* Forget what came after the first `length` events; what came next is known again at once. [worker] */
void rp_decoder_rewind(rp_decoder *decoder, uint32_t length);
/* Hear events. Returns how many: fewer where the context is full, or up to the first that is out of range.
 * Allocates nothing. Blocks of 16 events read the weights once. [worker] */
uint32_t rp_decoder_absorb(rp_decoder *decoder, const rp_event *events, uint32_t count);
/* How much of each pitch class was heard lately, without drums; a note counts half after about 45 others. [worker] */
void rp_decoder_classes(const rp_decoder *decoder, double weight[12]);
const float *rp_decoder_stream(const rp_decoder *decoder); /* [dim] after the last event; NULL: none yet [worker] */
/* Scores of a field of the next event, of which the columns before that field are settled; from the position on its
 * tick too (for the position only the tick's beat counts). Returns how many values the field has, 0: nothing heard yet,
 * or out of range. out [RP_VALUES_MAX]. [worker] */
uint32_t rp_decoder_scores(rp_decoder *decoder, uint32_t field, const rp_event *next, float *out);
#endif
