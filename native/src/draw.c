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

/* order [values]: the likeliest first, of equals the first (Shell's sort, with Ciura's steps). [worker] */
static void sort(const double *weight, uint32_t values, uint16_t *order) {
    static const uint32_t STEPS[] = {301, 132, 57, 23, 10, 4, 1};
    for (uint32_t i = 0; i < values; i++) order[i] = (uint16_t)i;
    for (uint32_t s = 0; s < sizeof STEPS / sizeof *STEPS; s++) {
        const uint32_t step = STEPS[s];
        for (uint32_t i = step; i < values; i++) {
            const uint16_t value = order[i];
            uint32_t at = i;
            for (; at >= step; at -= step) {
                const uint16_t other = order[at - step];
                if (weight[other] > weight[value] || (weight[other] >= weight[value] && other < value)) break;
                order[at] = other;
            }
            order[at] = value;
        }
    }
}

void rp_truncate(double *weight, uint32_t values, const rp_sampling *sampling) {
    const uint32_t most = sampling->top_k ? sampling->top_k : values;
    const double share = sampling->top_p > 0 && sampling->top_p < 1 ? (double)sampling->top_p : 2;
    if (most >= values && share > 1) return;
    uint16_t order[RP_DRAW_MAX];
    double all = 0, taken = 0;
    sort(weight, values, order);
    for (uint32_t value = 0; value < values; value++) all += weight[value];
    for (uint32_t rank = 0; rank < values; rank++) {
        double *one = &weight[order[rank]];
        if (rank >= most || taken >= share * all) *one = 0;
        taken += *one;
    }
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
