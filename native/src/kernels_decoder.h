/* kernels_decoder.h - a transformer's arithmetic in vectors, the same text for every instruction set: after
 * kernels_vector.h, and the file of an instruction set defines beside what that one asks for
 *   RP_BLOCK_VECTORS              vectors of rows that a block of four x takes at a time
 *   begin_fours(sums)             what the sum of add_fours starts from, given the weights' sums of its rows
 *   splat_fours(x)                four int8 of x in every lane, as add_fours wants them
 *   add_fours(sum, w, x)          sum + w0 * x0 + ... + w3 * x3 in each 32-bit lane, w at 4 * RP_LANES int8
 * [any] */
#include "kernels.h"

/* ---- products with several vectors at once ----
 * A tile's rows are taken `vectors` vectors at a time, for `rows` of the x: as many sums as there are registers, and
 * each weight that was read is used `rows` times. */

/* Ask for `bytes` of what is read in order, well before its use: the processor's own guess stops at each page. [any] */
RP_INLINE void ask_ahead(const void *from, int bytes) {
    enum { AHEAD = 4096, LINE = 64 };
    RP_UNROLL for (int i = 0; i < bytes; i += LINE) __builtin_prefetch((const char *)from + AHEAD + i);
}

/* y [rows] += for each x [rows], at `vectors` vectors of a tile (or group) of `width` rows. [any] */
RP_INLINE void corner(const float *weight, uint32_t width, const float *x, uint32_t columns, float *y, uint32_t stride,
                      int vectors, int rows) {
    floats sum[16];
    RP_UNROLL for (int i = 0; i < vectors * rows; i++) sum[i] = splat(0);
    for (uint32_t column = 0; column < columns; column++, weight += width) {
        if (rows == 1) ask_ahead(weight, vectors * RP_LANES * (int)sizeof *weight);
        RP_UNROLL for (int v = 0; v < vectors; v++) {
            const floats w = load(weight + v * RP_LANES);
            RP_UNROLL for (int r = 0; r < rows; r++) sum[r * vectors + v] =
                add_product(sum[r * vectors + v], w, splat(x[(size_t)r * columns + column]));
        }
    }
    RP_UNROLL for (int r = 0; r < rows; r++) {
        RP_UNROLL for (int v = 0; v < vectors; v++) {
            float *to = y + (size_t)r * stride + v * RP_LANES;
            store(to, load(to) + sum[r * vectors + v]);
        }
    }
}

/* All rows of a tile (or group) for `rows` of the x. [any] */
RP_INLINE void tile(const float *weight, uint32_t width, const float *x, uint32_t columns, float *y, uint32_t stride,
                    int vectors, int rows) {
    for (uint32_t row = 0; row < width; row += (uint32_t)vectors * RP_LANES)
        corner(weight + row, width, x, columns, y + row, stride, vectors, rows);
}

/* [any] */
static void dense(const rp_matrix *matrix, const float *x, uint32_t n, float *y) {
    const uint32_t columns = matrix->columns, rows = matrix->rows;
    for (uint32_t row = 0, width; row < rows; row += width) {
        width = rows - row >= RP_TILE ? RP_TILE : RP_GROUP;
        const float *weight = (const float *)matrix->weights + (size_t)row * columns;
        uint32_t i = 0;
        for (; i + 4 <= n && width == RP_TILE; i += 4)
            tile(weight, width, x + (size_t)i * columns, columns, y + (size_t)i * rows + row, rows, RP_BLOCK_VECTORS,
                 4);
        for (; i < n && width == RP_TILE; i++)
            tile(weight, width, x + (size_t)i * columns, columns, y + (size_t)i * rows + row, rows, PER_TILE, 1);
        for (; i < n; i++)
            tile(weight, width, x + (size_t)i * columns, columns, y + (size_t)i * rows + row, rows, PER_GROUP, 1);
    }
}

/* [any] */
RP_INLINE void corner_bytes(const int8_t *weight, uint32_t width, const rp_matrix *matrix, uint32_t row,
                            const int8_t *x, const float *x_scale, float *y, int vectors, int rows) {
    const uint32_t columns = matrix->columns;
    ints sum[16];
    RP_UNROLL for (int r = 0; r < rows; r++) {
        RP_UNROLL for (int v = 0; v < vectors; v++) sum[r * vectors + v] =
            begin_fours(matrix->sums + row + v * RP_LANES);
    }
    for (uint32_t column = 0; column < columns; column += 4, weight += 4 * (size_t)width) {
        if (rows == 1) ask_ahead(weight, 4 * vectors * RP_LANES);
        RP_UNROLL for (int r = 0; r < rows; r++) {
            const ints four = splat_fours(x + (size_t)r * columns + column);
            RP_UNROLL for (int v = 0; v < vectors; v++) sum[r * vectors + v] =
                add_fours(sum[r * vectors + v], weight + v * 4 * RP_LANES, four);
        }
    }
    RP_UNROLL for (int r = 0; r < rows; r++) {
        RP_UNROLL for (int v = 0; v < vectors; v++) {
            float *to = y + (size_t)r * matrix->rows + row + v * RP_LANES;
            const floats worth = load(matrix->scale + row + v * RP_LANES) * x_scale[r];
            store(to, load(to) + __builtin_convertvector(sum[r * vectors + v], floats) * worth);
        }
    }
}

/* [any] */
RP_INLINE void tile_bytes(const rp_matrix *matrix, uint32_t row, uint32_t width, const int8_t *x, const float *x_scale,
                          float *y, int vectors, int rows) {
    const int8_t *weight = (const int8_t *)matrix->weights + (size_t)row * matrix->columns;
    for (uint32_t past = 0; past < width; past += (uint32_t)vectors * RP_LANES)
        corner_bytes(weight + 4 * (size_t)past, width, matrix, row + past, x, x_scale, y, vectors, rows);
}

/* [any] */
static void dense_bytes(const rp_matrix *matrix, const int8_t *x, const float *x_scale, uint32_t n, float *y) {
    const uint32_t columns = matrix->columns, rows = matrix->rows;
    for (uint32_t row = 0, width; row < rows; row += width) {
        width = rows - row >= RP_TILE ? RP_TILE : RP_GROUP;
        uint32_t i = 0;
        for (; i + 4 <= n && width == RP_TILE; i += 4)
            tile_bytes(matrix, row, width, x + (size_t)i * columns, x_scale + i, y + (size_t)i * rows, RP_BLOCK_VECTORS,
                       4);
        for (; i < n && width == RP_TILE; i++)
            tile_bytes(matrix, row, width, x + (size_t)i * columns, x_scale + i, y + (size_t)i * rows, PER_TILE, 1);
        for (; i < n; i++)
            tile_bytes(matrix, row, width, x + (size_t)i * columns, x_scale + i, y + (size_t)i * rows, PER_GROUP, 1);
    }
}

/* ---- what lies between the products ---- */

/* [any] */
static float quantise_bytes(const float *x, uint32_t n, int8_t *q) {
    typedef int8_t bytes __attribute__((vector_size(RP_LANES), may_alias));
    const float largest = magnitude(x, n), inverse = 127.0f / largest;
    if (!(inverse > 0 && isfinite(inverse))) {
        memset(q, 0, n);
        return isfinite(largest) ? 0.0f : NAN;
    }
    for (uint32_t i = 0; i < n; i += RP_LANES)
        *(bytes *)(q + i) = __builtin_convertvector((ints)(load(x + i) * inverse + 12582912.0f), bytes);
    return largest / 127.0f;
}

/* [any] */
static void rms_norm(const float *x, const float *weight, uint32_t n, float epsilon, float *y) {
    floats sums[4] = {splat(0), splat(0), splat(0), splat(0)};
    uint32_t i = 0;
    for (uint32_t at = 0; i < n; i += RP_LANES, at = (at + 1) % 4)
        sums[at] = add_product(sums[at], load(x + i), load(x + i));
    const float scale = 1.0f / sqrtf(total((sums[0] + sums[1]) + (sums[2] + sums[3])) / (float)n + epsilon);
    for (i = 0; i < n; i += RP_LANES) store(y + i, load(x + i) * scale * load(weight + i));
}

/* [any] */
static void gelu(float *x, uint32_t n) {
    for (uint32_t i = 0; i < n; i += RP_LANES) {
        const floats at = load(x + i), cube = at * at * at;
        const floats bent = hyperbolic_tangent(0.797884561f * add_product(at, cube, splat(0.044715f)));
        store(x + i, 0.5f * at * (1.0f + bent));
    }
}

/* e^x for x <= 0: 2^n times the exponential of what is left, at most ln 2 / 2, by its series: right to 2e-7. What is
 * below -87 is taken as -87. A NaN stays one. [any] */
RP_INLINE floats exponential(floats x) {
    const floats at = clamp(x, 87.0f), whole = at * 1.44269504f + 12582912.0f, n = whole - 12582912.0f;
    const floats rest = add_product(add_product(at, n, splat(-0.693359375f)), n, splat(2.12194440e-4f));
    floats p = splat(1.0f / 720);
    p = add_product(splat(1.0f / 120), p, rest);
    p = add_product(splat(1.0f / 24), p, rest);
    p = add_product(splat(1.0f / 6), p, rest);
    p = add_product(splat(0.5f), p, rest);
    p = add_product(splat(1.0f), p, rest);
    p = add_product(splat(1.0f), p, rest);
    return p * (floats)(((ints)whole - 0x4b400000 + 127) << 23);
}

/* [any] */
static float exponents(float *x, uint32_t n) {
    floats largest = load(x), sum = splat(0);
    for (uint32_t i = RP_LANES; i < n; i += RP_LANES) {
        const ints larger = load(x + i) > largest;
        largest = (floats)(((ints)load(x + i) & larger) | ((ints)largest & ~larger));
    }
    float most = largest[0];
    RP_UNROLL for (int i = 1; i < RP_LANES; i++) most = largest[i] > most ? largest[i] : most;
    for (uint32_t i = 0; i < n; i += RP_LANES) {
        const floats share = exponential(load(x + i) - most);
        store(x + i, share);
        sum += share;
    }
    return total(sum);
}

/* ---- attention ---- */

/* One group of events after the other, so that the keys are read in order; four sums take turns. [any] */
static void match(const float *keys, const float *q, uint32_t width, uint32_t groups, float *scores) {
    enum { SUMS = 4 * PER_GROUP };
    for (uint32_t group = 0; group < groups; group++, scores += RP_GROUP) {
        floats sum[SUMS];
        RP_UNROLL for (int i = 0; i < SUMS; i++) sum[i] = splat(0);
        for (uint32_t i = 0; i < width; i += 4) {
            ask_ahead(keys, 4 * RP_GROUP * (int)sizeof *keys);
            RP_UNROLL for (int at = 0; at < SUMS; at++, keys += RP_LANES) sum[at] =
                add_product(sum[at], load(keys), splat(q[i + (uint32_t)(at / PER_GROUP)]));
        }
        RP_UNROLL for (int v = 0; v < PER_GROUP; v++) store(
            scores + v * RP_LANES, (sum[v] + sum[PER_GROUP + v]) + (sum[2 * PER_GROUP + v] + sum[3 * PER_GROUP + v]));
    }
}

/* [any] */
static void match_bytes(const int8_t *keys, const float *scale, const int16_t *q, float q_scale, uint32_t width,
                        uint32_t groups, float *scores) {
    enum { SUMS = 4 * PER_GROUP };
    for (uint32_t group = 0; group < groups; group++, scores += RP_GROUP, scale += RP_GROUP) {
        ints sum[SUMS];
        RP_UNROLL for (int i = 0; i < SUMS; i++) sum[i] = (ints){0};
        for (uint32_t i = 0; i < width; i += 8) {
            ask_ahead(keys, 8 * RP_GROUP);
            RP_UNROLL for (int at = 0; at < SUMS; at++, keys += 2 * RP_LANES) sum[at] =
                add_pairs(sum[at], widen(keys), splat_pair(q + i + 2 * (at / PER_GROUP)));
        }
        RP_UNROLL for (int v = 0; v < PER_GROUP; v++) {
            const ints all = (sum[v] + sum[PER_GROUP + v]) + (sum[2 * PER_GROUP + v] + sum[3 * PER_GROUP + v]);
            store(scores + v * RP_LANES, __builtin_convertvector(all, floats) * (load(scale + v * RP_LANES) * q_scale));
        }
    }
}

/* `vectors` vectors of the values' width, in two sums that take turns. [any] */
RP_INLINE void gather_some(const float *values, const float *share, uint32_t width, uint32_t events, float *out,
                           int vectors) {
    floats sum[16];
    RP_UNROLL for (int i = 0; i < 2 * vectors; i++) sum[i] = splat(0);
    uint32_t event = 0;
    for (; event + 2 <= events; event += 2, values += 2 * (size_t)width) {
        RP_UNROLL for (int v = 0; v < vectors; v++) {
            sum[v] = add_product(sum[v], load(values + v * RP_LANES), splat(share[event]));
            sum[vectors + v] =
                add_product(sum[vectors + v], load(values + width + v * RP_LANES), splat(share[event + 1]));
        }
    }
    RP_UNROLL for (int v = 0; v < vectors; v++) {
        if (event < events) sum[v] = add_product(sum[v], load(values + v * RP_LANES), splat(share[event]));
        store(out + v * RP_LANES, sum[v] + sum[vectors + v]);
    }
}

/* [any] */
static void gather(const float *values, const float *share, uint32_t width, uint32_t events, float *out) {
    enum { SOME = PER_TILE < 8 ? PER_TILE : 8 };
    uint32_t i = 0;
    for (; i + SOME * RP_LANES <= width; i += SOME * RP_LANES)
        gather_some(values + i, share, width, events, out + i, SOME);
    for (; i < width; i += RP_GROUP) gather_some(values + i, share, width, events, out + i, PER_GROUP);
}

/* At most 512 events: what a 32-bit sum holds. [any] */
RP_INLINE void gather_some_bytes(const int8_t *values, const int16_t *share, float share_scale, uint32_t width,
                                 uint32_t events, float *out, int vectors) {
    ints sum[8];
    RP_UNROLL for (int v = 0; v < vectors; v++) sum[v] = (ints){0};
    for (uint32_t event = 0; event < events; event += 2, values += 2 * (size_t)width) {
        const ints by = splat_pair(share + event);
        RP_UNROLL for (int v = 0; v < vectors; v++) sum[v] = add_pairs(sum[v], widen(values + v * 2 * RP_LANES), by);
    }
    RP_UNROLL for (int v = 0; v < vectors; v++) {
        float *to = out + v * RP_LANES;
        store(to, load(to) + __builtin_convertvector(sum[v], floats) * share_scale);
    }
}

/* [any] */
static void gather_bytes(const int8_t *values, const int16_t *share, float share_scale, uint32_t width, uint32_t events,
                         float *out) {
    enum { TOGETHER = 512, SOME = PER_TILE < 8 ? PER_TILE : 8 };
    memset(out, 0, width * sizeof *out);
    for (uint32_t first = 0; first < events; first += TOGETHER, share += TOGETHER) {
        const uint32_t some = events - first < TOGETHER ? events - first : TOGETHER;
        const int8_t *from = values + (size_t)first * width;
        uint32_t i = 0;
        for (; i + SOME * RP_LANES <= width; i += SOME * RP_LANES)
            gather_some_bytes(from + 2 * i, share, share_scale, width, some, out + i, SOME);
        for (; i < width; i += RP_GROUP)
            gather_some_bytes(from + 2 * i, share, share_scale, width, some, out + i, PER_GROUP);
    }
}
