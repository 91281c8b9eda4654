/* draw.c - see draw.h. */
#include "draw.h"

#include <float.h>
#include <math.h>

int rp_likeliest(const double *weight, uint32_t values) {
    uint32_t found = 0;
    for (uint32_t value = 1; value < values; value++)
        if (weight[value] > weight[found]) found = value;
    return (int)found;
}

/* Whether one value comes before another: the likelier, and the first of equals. [worker] */
static int comes_first(const double *weight, uint32_t one, uint32_t other) {
    return weight[one] > weight[other] || (weight[one] >= weight[other] && one < other);
}

/* heap [values] from `at` on: each value comes before the two at twice its place, and one and two beyond. [worker] */
static void sink(const double *weight, uint16_t *heap, uint32_t values, uint32_t at) {
    const uint16_t value = heap[at];
    for (uint32_t next; (next = 2 * at + 1) < values; at = next) {
        if (next + 1 < values && comes_first(weight, heap[next + 1], heap[next])) next++;
        if (comes_first(weight, value, heap[next])) break;
        heap[at] = heap[next];
    }
    heap[at] = value;
}

/* A heap gives the likeliest one after another, and no more of them than are asked for. */
void rp_truncate(double *weight, uint32_t values, const rp_sampling *sampling) {
    const uint32_t most = sampling->top_k ? sampling->top_k : values;
    const double share = sampling->top_p > 0 && sampling->top_p < 1 ? (double)sampling->top_p : 2;
    if (most >= values && share > 1) return;
    uint16_t heap[RP_DRAW_MAX];
    double all = 0, taken = 0;
    for (uint32_t i = 0; i < values; i++) heap[i] = (uint16_t)i;
    for (uint32_t i = values / 2; i-- > 0;) sink(weight, heap, values, i);
    for (uint32_t value = 0; value < values; value++) all += weight[value];
    uint32_t left = values;
    for (uint32_t rank = 0; left && rank < most && taken < share * all; rank++) {
        taken += weight[heap[0]];
        heap[0] = heap[--left];
        if (left) sink(weight, heap, left, 0);
    }
    for (uint32_t i = 0; i < left; i++) weight[heap[i]] = 0;
}

int rp_draw(const double *weight, uint32_t values, double at) {
    double all = 0;
    int last = -1;
    for (uint32_t value = 0; value < values; value++) all += weight[value];
    at *= all;
    for (uint32_t value = 0; value < values; value++) {
        if (weight[value] <= 0) continue;
        last = (int)value;
        if (at < weight[value]) break;
        at -= weight[value];
    }
    return last;
}

int rp_draw_score(const float *scores, uint32_t values, const rp_sampling *sampling, double at) {
    double weight[RP_DRAW_MAX], most = -DBL_MAX;
    const double heat = sampling->temperature > 0 ? (double)sampling->temperature : 1;
    for (uint32_t value = 0; value < values; value++) {
        if (isnan(scores[value]) || scores[value] > FLT_MAX) return -1;
        most = fmax(most, (double)scores[value]);
    }
    for (uint32_t value = 0; value < values; value++) weight[value] = exp(((double)scores[value] - most) / heat);
    if (!(sampling->temperature > 0)) return rp_likeliest(weight, values);
    rp_truncate(weight, values, sampling);
    return rp_draw(weight, values, at);
}
