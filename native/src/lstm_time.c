/* lstm_time.c - how long each step takes, for the benchmark: it reads the clock, so it is no part of playing. */
#include <time.h>

#include "lstm.h"

/* [control] */
static uint64_t nanoseconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void rp_lstm_time(const rp_lstm *lstm, rp_lstm_state *state, uint32_t n, const float *x, float *scores,
                  uint32_t *nanoseconds) {
    const rp_lstm_config *config = rp_lstm_get_config(lstm);
    for (uint32_t i = 0; i < n; i++) {
        const uint64_t start = nanoseconds_now();
        rp_lstm_step(lstm, state, x + (size_t)i * config->input, scores + (size_t)i * config->output);
        nanoseconds[i] = (uint32_t)(nanoseconds_now() - start);
    }
}
