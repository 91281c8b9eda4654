/* transformer_state.h - the weights as the decoder reads them. */
#ifndef RIPIENO_TRANSFORMER_STATE_H
#define RIPIENO_TRANSFORMER_STATE_H
#include "kernels.h"
#include "recall.h"
#include "transformer.h"

/* One layer. In fp32, or matrices of 8 bits with a scale for each row. */
typedef struct {
    const float *norm_attend, *norm_expand; /* [dim] */
    rp_matrix qkv;                          /* [3 * dim][dim]: queries, keys, values; each head by head */
    rp_matrix merge;                        /* [dim][dim] */
    rp_matrix expand, contract;             /* [hidden][dim], [dim][hidden] */
} rp_layer;

struct rp_transformer {
    rp_transformer_config config;
    const rp_kernels *kernels;
    uint32_t width;                           /* of a head */
    const float *embed[RP_COLUMNS];           /* [values of the column][dim] */
    rp_layer *layer;                          /* [layers] */
    const float *norm;                        /* [dim] */
    rp_matrix fields;                         /* [7 * field][dim]: what each field's layer hears of the stream */
    const float *fields_bias;                 /* [7 * field] */
    const float *known[RP_FIELDS][RP_FIELDS]; /* [f][g][values of g][field]: what g, chosen before, says to f */
    const float *hint[RP_HINT_TABLES];        /* [rows of the table][field] */
    rp_matrix scores[RP_FIELDS];              /* [values][field], always fp32: small, and they decide */
    const float *scores_bias[RP_FIELDS];      /* [values, padded to 16] */
    void *memory;
};
#endif
