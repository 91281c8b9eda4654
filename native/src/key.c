/* key.c - see key.h. */
#include "key.h"

#include <math.h>
#include <string.h>

#include "continuation.h"

/* How well each step of the scale fits a key: Krumhansl and Kessler 1982, as in Krumhansl 1990, table 2.1. */
static const double PROFILE[2][12] = {
    {6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88},
    {6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17},
};
static const uint8_t SCALE[2][12] = {
    {1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1},
    {1, 0, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1},
};
static const double FADE = 0.985; /* a note counts half after about 45 others */
static const double ENOUGH = 12.0;

void rp_key_hear(rp_key *key, uint8_t pitch) {
    for (uint32_t i = 0; i < 12; i++) key->weight[i] *= FADE;
    key->notes = key->notes * FADE + 1.0;
    key->weight[pitch % 12] += 1.0;
}

/* Correlation of what was heard with a key's profile. [any] */
static double fit(const rp_key *key, uint32_t root, uint32_t minor) {
    double mean = 0.0, other = 0.0, both = 0.0, square = 0.0;
    for (uint32_t i = 0; i < 12; i++) {
        mean += key->weight[i] / 12.0;
        other += PROFILE[minor][i] / 12.0;
    }
    for (uint32_t i = 0; i < 12; i++) {
        double expected = PROFILE[minor][(i + 12 - root) % 12] - other;
        both += (key->weight[i] - mean) * expected;
        square += expected * expected;
    }
    return both / sqrt(square);
}

int rp_key_find(const rp_key *key, uint32_t *root, uint32_t *minor) {
    double most = -INFINITY;
    if (key->notes < ENOUGH) return 0;
    for (uint32_t candidate = 0; candidate < 24; candidate++) {
        double value = fit(key, candidate % 12, candidate / 12);
        if (value <= most) continue;
        most = value;
        *root = candidate % 12;
        *minor = candidate / 12;
    }
    return 1;
}

void rp_key_allow(const rp_key *key, uint32_t root, uint32_t mode, uint8_t allowed[12]) {
    uint32_t minor = mode == RP_KEY_MINOR;
    memset(allowed, 1, 12);
    if (mode == RP_KEY_OFF || (mode == RP_KEY_AUTO && !rp_key_find(key, &root, &minor))) return;
    for (uint32_t i = 0; i < 12; i++) allowed[i] = SCALE[minor][(i + 12 - root % 12) % 12];
}
