#include "kernels_pack.h"

#include <math.h>

#include "lstm.h"

uint32_t rp_pad(uint32_t n, uint32_t step) { return (n + step - 1) / step * step; }

/* The gates of a group of 16 units lie next to each other: packed rows count gate by gate inside a group. */
uint32_t rp_pack_source(uint32_t gates, uint32_t units, uint32_t packed) {
    const uint32_t group = packed / RP_GROUP, unit = group / gates * RP_GROUP + packed % RP_GROUP;
    return unit < units ? group % gates * units + unit : UINT32_MAX;
}

void rp_pack_reserve(rp_arena *arena, const rp_plain_matrix *plain, uint32_t precision, rp_matrix *matrix) {
    static const size_t weight_size[] = {sizeof(float), sizeof(int16_t), sizeof(int8_t), sizeof(int8_t)};
    matrix->rows = plain->gates * rp_pad(plain->units, RP_GROUP);
    matrix->columns = rp_pad(plain->columns, RP_COLUMN_STEP);
    matrix->precision = precision;
    matrix->weights = rp_arena_take(arena, matrix->rows, matrix->columns * weight_size[precision]);
    matrix->scale = precision == RP_PRECISION_FP32 ? NULL : rp_arena_take(arena, matrix->rows, sizeof(float));
    matrix->sums = precision == RP_PRECISION_BYTES ? rp_arena_take(arena, matrix->rows, sizeof(int32_t)) : NULL;
}

/* Where a weight lies: in its tile, by column (or pair of columns), then by row. [any] */
static size_t place(const rp_matrix *matrix, uint32_t row, uint32_t column, uint32_t together) {
    const uint32_t tiled = matrix->rows / RP_TILE * RP_TILE;
    const uint32_t width = row < tiled ? RP_TILE : RP_GROUP, first = row - row % width;
    const size_t start = (size_t)first * matrix->columns + (size_t)(column / together) * width * together;
    return start + (size_t)(row - first) * together + column % together;
}

/* [control] */
static void pack_floats(const rp_plain_matrix *plain, rp_matrix *matrix) {
    float *out = (float *)matrix->weights;
    for (uint32_t row = 0; row < matrix->rows; row++) {
        const uint32_t source = rp_pack_source(plain->gates, plain->units, row);
        if (source == UINT32_MAX) continue;
        const float *in = plain->weights + (size_t)source * plain->stride;
        for (uint32_t column = 0; column < plain->columns; column++) out[place(matrix, row, column, 1)] = in[column];
    }
}

/* What an integer weight of 1 is worth in a row, when the largest becomes `limit`; NaN: not all finite. [control] */
static float row_scale(const float *row, uint32_t columns, float limit) {
    float largest = 0;
    for (uint32_t i = 0; i < columns; i++) {
        if (!isfinite(row[i])) return NAN;
        largest = fmaxf(largest, fabsf(row[i]));
    }
    return largest / limit;
}

/* One row as integers, two or four columns side by side; returns the sum of their magnitudes. [control] */
static uint64_t pack_row(const float *in, uint32_t columns, uint32_t row, float limit, const rp_matrix *matrix) {
    const float scale = matrix->scale[row];
    const uint32_t together = matrix->sums ? 4 : 2;
    uint64_t sum = 0;
    if (!(scale > 0)) return 0; /* zero or NaN: the integers stay 0 */
    for (uint32_t column = 0; column < columns; column++) {
        const float rounded = fminf(fmaxf(rintf(in[column] / scale), -limit), limit);
        const size_t at = place(matrix, row, column, together);
        if (matrix->precision == RP_PRECISION_16) ((int16_t *)matrix->weights)[at] = (int16_t)rounded;
        else ((int8_t *)matrix->weights)[at] = (int8_t)rounded;
        if (matrix->sums) ((int32_t *)matrix->sums)[row] += (int32_t)rounded;
        sum += (uint64_t)fabsf(rounded);
    }
    return sum;
}

/* 8 bits use them all. 16 bits leave room, so that x too keeps some 12 bits or more in a 32-bit sum. [control] */
static void pack_integers(const rp_plain_matrix *plain, rp_matrix *matrix) {
    const float limit = matrix->precision == RP_PRECISION_16 ? 8191 : 127;
    uint64_t largest = 1;
    for (uint32_t row = 0; row < matrix->rows; row++) {
        const uint32_t source = rp_pack_source(plain->gates, plain->units, row);
        if (source == UINT32_MAX) continue;
        const float *in = plain->weights + (size_t)source * plain->stride;
        ((float *)matrix->scale)[row] = row_scale(in, plain->columns, limit);
        const uint64_t sum = pack_row(in, plain->columns, row, limit, matrix);
        largest = sum > largest ? sum : largest;
    }
    const uint64_t range = (uint64_t)INT32_MAX / largest;
    matrix->range = (uint32_t)(range < INT16_MAX ? range : INT16_MAX);
}

void rp_pack_matrix(const rp_plain_matrix *plain, rp_matrix *matrix) {
    if (matrix->precision == RP_PRECISION_FP32) pack_floats(plain, matrix);
    else pack_integers(plain, matrix);
}
