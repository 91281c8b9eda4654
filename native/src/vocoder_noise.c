/* vocoder_noise.c - see vocoder_noise.h. A band is made as a spectrum of random phases, by an inverse Fourier
 * transform; what it has too much of is faded into its beginning, so that it may go round. */
#include "vocoder_noise.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sampler.h"

static const double TURN = 6.283185307179586;
static const double LOWEST = 30, WIDTH = 12000; /* Hz: no noise below; what the mean power of an envelope is over */

/* The mel scale (O'Shaughnessy): 2595 log10(1 + f / 700), so that 60 Hz is band 0 and 12 kHz band 39. */
static const float BANDS = 13.8492408f, FIRST = 1.13893523f;

float rp_band_of(float hertz) { return BANDS * logf(1 + hertz / 700) - FIRST; }

float rp_band_centre(uint32_t band) { return 700 * (expf(((float)band + FIRST) / BANDS) - 1); }

/* [control] */
static double complex turned(double angle) { return cexp((double complex)I * angle); }

/* ---- the Fourier transform ---- */

/* [control] */
static void reorder(double complex *z, uint32_t n) {
    for (uint32_t i = 1, j = 0; i < n; i++) {
        uint32_t bit = n >> 1;
        for (; j & bit; bit >>= 1) j ^= bit;
        j |= bit;
        if (i >= j) continue;
        const double complex kept = z[i];
        z[i] = z[j];
        z[j] = kept;
    }
}

/* z becomes sum over m of z[m] e^(2 pi i m t / n), n a power of two; turn [n / 2]: e^(2 pi i m / n). (Cooley and Tukey
 * 1965.) [control] */
static void transform(double complex *z, const double complex *turn, uint32_t n) {
    reorder(z, n);
    for (uint32_t half = 1; half < n; half *= 2)
        for (uint32_t from = 0; from < n; from += 2 * half)
            for (uint32_t i = from; i < from + half; i++) {
                const double complex other = z[i + half] * turn[(i - from) * (n / (2 * half))];
                z[i + half] = z[i] - other;
                z[i] += other;
            }
}

/* ---- one band ---- */

/* A band's share of the power at a frequency: a triangle from centre to centre. [control] */
static double weight(uint32_t band, double hertz) {
    const double at = fmax(0, (double)rp_band_of((float)hertz));
    return fmax(0, 1 - fabs(at - band));
}

/* Add `unit` times a real band's spectrum. [control] */
static void add_spectrum(double complex *z, uint32_t n, uint32_t band, double rate, double highest,
                         double complex unit) {
    rp_random random = {band};
    const double step = rate / n;
    for (uint32_t m = (uint32_t)(LOWEST / step) + 1; m * step < highest; m++) {
        const double phase = TURN * rp_random_next(&random);
        const double size = sqrt(weight(band, m * step) * step / (2 * WIDTH));
        z[m] += unit * size * turned(phase);
        z[n - m] += unit * size * turned(-phase);
    }
}

/* [control] */
static uint32_t prime_below(uint32_t n) {
    for (;; n--) {
        uint32_t factor = 2;
        while (factor * factor <= n && n % factor) factor++;
        if (factor * factor > n) return n;
    }
}

/* [control] */
static uint32_t length_of(uint32_t band, uint32_t n) { return prime_below(n - n / 16 - band * (n / 128)); }

/* x [n], every `stride`th, as a loop of `length`: what comes after the loop's end fades out over its beginning.
 * [control] */
static void fold(const double *x, uint32_t stride, uint32_t n, uint32_t length, float *out) {
    const uint32_t over = n - length;
    for (uint32_t i = 0; i < length; i++) {
        const double angle = i < over ? TURN / 4 * (i + 0.5) / over : TURN / 4;
        const double tail = i < over ? x[(size_t)(length + i) * stride] : 0;
        out[i] = (float)(sin(angle) * x[(size_t)i * stride] + cos(angle) * tail);
    }
    memcpy(out + length, out, RP_NOISE_SPAN * sizeof *out);
}

/* ---- all of them ---- */

/* Two at a time, one real and one imaginary. [control] */
static void fill(rp_noise *noise, double complex *z, const double complex *turn, uint32_t n, double rate,
                 double highest) {
    float *out = noise->memory;
    for (uint32_t band = 0; band < RP_VOCAL_BANDS; band += 2) {
        memset(z, 0, n * sizeof *z);
        add_spectrum(z, n, band, rate, highest, 1);
        add_spectrum(z, n, band + 1, rate, highest, (double complex)I);
        transform(z, turn, n);
        for (uint32_t i = 0; i < 2; i++) {
            const uint32_t length = length_of(band + i, n);
            fold((const double *)z + i, 2, n, length, out);
            noise->band[band + i] = (rp_noise_band){length, out};
            out += length + RP_NOISE_SPAN;
        }
    }
}

int rp_noise_make(rp_noise *noise, uint32_t sample_rate, double highest) {
    uint32_t n = 4096;
    while (n < 0.6 * sample_rate) n *= 2;
    size_t floats = 0;
    for (uint32_t band = 0; band < RP_VOCAL_BANDS; band++) floats += length_of(band, n) + RP_NOISE_SPAN;
    noise->memory = malloc(floats * sizeof *noise->memory);
    double complex *z = malloc((n + n / 2) * sizeof *z);
    if (noise->memory && z) {
        double complex *turn = z + n;
        for (uint32_t m = 0; m < n / 2; m++) turn[m] = turned(TURN * m / n);
        fill(noise, z, turn, n, sample_rate, highest);
    }
    const int made = noise->memory && z;
    free(z);
    if (!made) rp_noise_free(noise);
    return made;
}

void rp_noise_free(rp_noise *noise) {
    free(noise->memory);
    noise->memory = NULL;
}
