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

/* [any] */
static float quantise(const float *x, uint32_t n, uint32_t range, int16_t *q) {
    const float largest = magnitude(x, n), inverse = (float)range / largest;
    if (!(inverse > 0 && isfinite(inverse))) { /* all zero or next to it, or a NaN or an infinity */
        memset(q, 0, n * sizeof *q);
        return isfinite(largest) ? 0.0f : NAN;
    }
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer, left in the low bits */
    for (uint32_t i = 0; i < n; i++) {
        const float rounded = x[i] * inverse + magic;
        int32_t bits;
        memcpy(&bits, &rounded, sizeof bits);
        q[i] = (int16_t)(bits - 0x4b400000);
    }
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

const rp_kernels rp_kernels_generic = {"generic", {product_fp32, product_16, product_8}, quantise, cell, norm};
