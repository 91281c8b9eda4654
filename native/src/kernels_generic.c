/* kernels_generic.c - the arithmetic in plain C and the C library's functions: slow, the judge of the others. [any] */
#include <math.h>
#include <string.h>

#include "kernels.h"

/* How many groups of 16 rows lie side by side from this row on. [any] */
static uint32_t groups_at(const rp_matrix *matrix, uint32_t row) { return matrix->rows - row >= RP_TILE ? 4u : 1u; }

/* [any] */
static void product_fp32(const rp_matrix *matrix, const void *x, float x_scale, float *y) {
    const float *weight = matrix->weights, *in = x;
    (void)x_scale;
    for (uint32_t row = 0, width; row < matrix->rows; row += width) {
        width = groups_at(matrix, row) * RP_GROUP;
        float sum[RP_TILE] = {0};
        for (uint32_t column = 0; column < matrix->columns; column++, weight += width)
            for (uint32_t i = 0; i < width; i++) sum[i] += weight[i] * in[column];
        for (uint32_t i = 0; i < width; i++) y[row + i] += sum[i];
    }
}

/* y += the integer sums, each worth its row's scale times x_scale. [any] */
static void add_scaled(const int32_t *sum, const float *scale, float x_scale, uint32_t width, float *y) {
    for (uint32_t i = 0; i < width; i++) y[i] += (float)sum[i] * (scale[i] * x_scale);
}

/* [any] */
static void product_16(const rp_matrix *matrix, const void *x, float x_scale, float *y) {
    const int16_t *weight = matrix->weights, *in = x;
    for (uint32_t row = 0, width; row < matrix->rows; row += width) {
        width = groups_at(matrix, row) * RP_GROUP;
        int32_t sum[RP_TILE] = {0};
        for (uint32_t column = 0; column < matrix->columns; column += 2, weight += 2 * width)
            for (uint32_t i = 0; i < width; i++)
                sum[i] += weight[2 * i] * in[column] + weight[2 * i + 1] * in[column + 1];
        add_scaled(sum, matrix->scale + row, x_scale, width, y + row);
    }
}

/* [any] */
static void product_8(const rp_matrix *matrix, const void *x, float x_scale, float *y) {
    const int8_t *weight = matrix->weights;
    const int16_t *in = x;
    for (uint32_t row = 0, width; row < matrix->rows; row += width) {
        width = groups_at(matrix, row) * RP_GROUP;
        int32_t sum[RP_TILE] = {0};
        for (uint32_t column = 0; column < matrix->columns; column += 2, weight += 2 * width)
            for (uint32_t i = 0; i < width; i++)
                sum[i] += weight[2 * i] * in[column] + weight[2 * i + 1] * in[column + 1];
        add_scaled(sum, matrix->scale + row, x_scale, width, y + row);
    }
}

/* The largest |x|. Compared as integers, a NaN is larger than any number and is not lost. [any] */
static float magnitude(const float *x, uint32_t n) {
    uint32_t largest = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        bits &= 0x7fffffffu;
        largest = bits > largest ? bits : largest;
    }
    float value;
    memcpy(&value, &largest, sizeof value);
    return value;
}

/* Adding 1.5 * 2^23 rounds to an integer, left in the low bits. [any] */
static void round_all(const float *x, uint32_t n, float inverse, int16_t *q) {
    for (uint32_t i = 0; i < n; i++) {
        const float rounded = x[i] * inverse + 12582912.0f;
        int32_t bits;
        memcpy(&bits, &rounded, sizeof bits);
        q[i] = (int16_t)(bits - 0x4b400000);
    }
}

/* [any] */
static float quantise(const float *x, uint32_t n, uint32_t range, int16_t *q) {
    const float largest = magnitude(x, n), inverse = (float)range / largest;
    if (!(inverse > 0 && isfinite(inverse))) { /* all zero or next to it, or a NaN or an infinity */
        memset(q, 0, n * sizeof *q);
        return isfinite(largest) ? 0.0f : NAN;
    }
    round_all(x, n, inverse, q);
    return largest / (float)range;
}

/* [any] */
static float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

/* [any] */
static void cell(const float *gates, uint32_t units, float *c, float *h) {
    for (uint32_t unit = 0; unit < units; unit++) {
        const float *gate = gates + unit / RP_GROUP * RP_TILE + unit % RP_GROUP;
        c[unit] = sigmoid(gate[RP_GROUP]) * c[unit] + sigmoid(gate[0]) * tanhf(gate[2 * RP_GROUP]);
        h[unit] = sigmoid(gate[3 * RP_GROUP]) * tanhf(c[unit]);
    }
}

/* [any] */
static void norm(const float *x, const float *weight, const float *bias, uint32_t n, float epsilon, float *y) {
    float mean = 0, variance = 0;
    for (uint32_t i = 0; i < n; i++) mean += x[i];
    mean /= (float)n;
    for (uint32_t i = 0; i < n; i++) variance += (x[i] - mean) * (x[i] - mean);
    const float scale = 1.0f / sqrtf(variance / (float)n + epsilon);
    for (uint32_t i = 0; i < n; i++) y[i] = (x[i] - mean) * scale * weight[i] + bias[i];
}

/* ---- for transformers ---- */

/* [any] */
static void dense(const rp_matrix *matrix, const float *x, uint32_t n, float *y) {
    for (uint32_t i = 0; i < n; i++)
        product_fp32(matrix, x + (size_t)i * matrix->columns, 1, y + (size_t)i * matrix->rows);
}

/* [any] */
static void product_bytes(const rp_matrix *matrix, const int8_t *x, float x_scale, float *y) {
    const int8_t *weight = matrix->weights;
    for (uint32_t row = 0, width; row < matrix->rows; row += width) {
        width = groups_at(matrix, row) * RP_GROUP;
        int32_t sum[RP_TILE] = {0};
        for (uint32_t column = 0; column < matrix->columns; column += 4, weight += 4 * width)
            for (uint32_t i = 0; i < 4 * width; i++) sum[i / 4] += weight[i] * x[column + i % 4];
        add_scaled(sum, matrix->scale + row, x_scale, width, y + row);
    }
}

/* [any] */
static void dense_bytes(const rp_matrix *matrix, const int8_t *x, const float *x_scale, uint32_t n, float *y) {
    for (uint32_t i = 0; i < n; i++)
        product_bytes(matrix, x + (size_t)i * matrix->columns, x_scale[i], y + (size_t)i * matrix->rows);
}

/* [any] */
static float quantise_bytes(const float *x, uint32_t n, int8_t *q) {
    int16_t wide[RP_GROUP];
    const float largest = magnitude(x, n), inverse = 127.0f / largest;
    if (!(inverse > 0 && isfinite(inverse))) {
        memset(q, 0, n);
        return isfinite(largest) ? 0.0f : NAN;
    }
    for (uint32_t i = 0; i < n; i += RP_GROUP) {
        round_all(x + i, RP_GROUP, inverse, wide);
        for (uint32_t j = 0; j < RP_GROUP; j++) q[i + j] = (int8_t)wide[j];
    }
    return largest / 127.0f;
}

/* [any] */
static void rms_norm(const float *x, const float *weight, uint32_t n, float epsilon, float *y) {
    float sum = 0;
    for (uint32_t i = 0; i < n; i++) sum += x[i] * x[i];
    const float scale = 1.0f / sqrtf(sum / (float)n + epsilon);
    for (uint32_t i = 0; i < n; i++) y[i] = x[i] * scale * weight[i];
}

/* [any] */
static void gelu(float *x, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        x[i] = 0.5f * x[i] * (1.0f + tanhf(0.797884561f * (x[i] + 0.044715f * x[i] * x[i] * x[i])));
}

/* [any] */
static float exponents(float *x, uint32_t n) {
    float largest = x[0], sum = 0;
    for (uint32_t i = 1; i < n; i++) largest = x[i] > largest ? x[i] : largest;
    for (uint32_t i = 0; i < n; i++) sum += x[i] = expf(x[i] - largest);
    return sum;
}

/* [any] */
static void match(const float *keys, const float *q, uint32_t width, uint32_t groups, float *scores) {
    memset(scores, 0, (size_t)groups * RP_GROUP * sizeof *scores);
    for (uint32_t group = 0; group < groups; group++, scores += RP_GROUP)
        for (uint32_t i = 0; i < width; i++, keys += RP_GROUP)
            for (uint32_t event = 0; event < RP_GROUP; event++) scores[event] += keys[event] * q[i];
}

/* [any] */
static void match_bytes(const int8_t *keys, const float *scale, const int16_t *q, float q_scale, uint32_t width,
                        uint32_t groups, float *scores) {
    for (uint32_t group = 0; group < groups; group++) {
        int32_t sum[RP_GROUP] = {0};
        for (uint32_t i = 0; i < width; i += 2, keys += 2 * RP_GROUP)
            for (uint32_t j = 0; j < 2 * RP_GROUP; j++) sum[j / 2] += keys[j] * q[i + j % 2];
        for (uint32_t event = 0; event < RP_GROUP; event++, scale++) *scores++ = (float)sum[event] * (*scale * q_scale);
    }
}

/* [any] */
static void gather(const float *values, const float *share, uint32_t width, uint32_t events, float *out) {
    memset(out, 0, width * sizeof *out);
    for (uint32_t event = 0; event < events; event++, values += width)
        for (uint32_t i = 0; i < width; i++) out[i] += values[i] * share[event];
}

/* 512 events of the largest numbers are what a 32-bit sum holds. [any] */
static void gather_bytes(const int8_t *values, const int16_t *share, float share_scale, uint32_t width, uint32_t events,
                         float *out) {
    enum { TOGETHER = 512 };
    memset(out, 0, width * sizeof *out);
    for (uint32_t first = 0; first < events; first += TOGETHER) {
        const uint32_t last = events - first < TOGETHER ? events : first + TOGETHER;
        for (uint32_t i = 0; i < width; i++) {
            int32_t sum = 0;
            for (uint32_t event = first; event < last; event++)
                sum += values[((size_t)(event / 2) * width + i) * 2 + event % 2] * share[event];
            out[i] += (float)sum * share_scale;
        }
    }
}

const rp_kernels rp_kernels_generic = RP_KERNELS_OF("generic");
