#include "networks.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"

static uint32_t seed = 1;

void start_uniform(uint32_t from) { seed = from; }

float uniform(void) {
    seed = seed * 1664525u + 1013904223u;
    return (float)(seed >> 8) / 8388608.0f - 1.0f;
}

static size_t numbers_of(const rp_array *array) { return (size_t)array->rows * (array->columns ? array->columns : 1); }

float **random_weights(const rp_transformer_config *config, float size) {
    const uint32_t count = rp_transformer_arrays(config);
    float **weights = calloc(count, sizeof *weights);
    CHECK(weights && count);
    for (uint32_t i = 0; i < count; i++) {
        rp_array array;
        CHECK(rp_transformer_array(config, i, &array));
        const float middle = strstr(array.name, "norm") ? 1.0f : 0.0f;
        weights[i] = calloc(numbers_of(&array), sizeof **weights);
        CHECK(weights[i]);
        for (size_t j = 0; j < numbers_of(&array); j++) weights[i][j] = middle + size * uniform();
    }
    return weights;
}

void free_weights(const rp_transformer_config *config, float **weights) {
    for (uint32_t i = 0; i < rp_transformer_arrays(config); i++) free(weights[i]);
    free(weights);
}

rp_transformer *random_transformer(const rp_transformer_config *config, float size) {
    float **weights = random_weights(config, size);
    rp_transformer *transformer = rp_transformer_new(config, (const float *const *)weights);
    CHECK(transformer);
    free_weights(config, weights);
    return transformer;
}

static uint32_t below(uint32_t n) { return (uint32_t)((uniform() + 1) / 2 * (float)n) % n; }

void random_piece(rp_event *events, uint32_t count, uint32_t instruments) {
    int64_t tick = 0;
    memset(events, 0, count * sizeof *events);
    for (uint32_t i = 0; i < count; i++) {
        int16_t *column = events[i].column;
        column[RP_FIELD_TYPE] = (int16_t)(i < instruments + 2 ? (i == 0 ? 0 : i == instruments + 1 ? 2 : 1) : 3);
        if (column[RP_FIELD_TYPE] == RP_TYPE_INSTRUMENT) column[RP_FIELD_INSTRUMENT] = (int16_t)i;
        if (column[RP_FIELD_TYPE] != RP_TYPE_NOTE) continue;
        const int64_t before = rp_beat_of(tick);
        tick += below(3) * below(9);
        events[i].tick = tick;
        column[RP_FIELD_BEAT] = (int16_t)(rp_beat_of(tick) - before);
        column[RP_FIELD_POSITION] = (int16_t)(tick % RP_TICKS_A_BEAT + 1);
        column[RP_FIELD_INSTRUMENT] = (int16_t)(1 + below(instruments));
        column[RP_FIELD_PITCH] = (int16_t)(1 + below(128));
        column[RP_FIELD_DURATION] = (int16_t)(1 + below(32));
        column[RP_FIELD_VELOCITY] = (int16_t)below(33);
        column[RP_COLUMN_MARK] = (int16_t)(1 + rp_beat_of(tick) % 4);
    }
}
