/* networks.h - transformers with random weights, for the C tests of the decoder and the sampler. */
#ifndef RIPIENO_TEST_NETWORKS_H
#define RIPIENO_TEST_NETWORKS_H
#include "transformer.h"

/* In [-1, 1), the same on every machine. */
float uniform(void);
void start_uniform(uint32_t from);
/* Weights of a network in the order of rp_transformer_array, tables and matrices up to `size`, norms about 1. Freed by
 * free_weights; NULL: no memory. */
float **random_weights(const rp_transformer_config *config, float size);
void free_weights(const rp_transformer_config *config, float **weights);
/* A network of such weights; ends the test where it cannot be made. */
rp_transformer *random_transformer(const rp_transformer_config *config, float size);
/* Events as a piece has them: a start, instruments, then notes in order. `instruments` codes from 1 on. */
void random_piece(rp_event *events, uint32_t count, uint32_t instruments);
#endif
