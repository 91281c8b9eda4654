/* driver_portaudio.c - see drivers.h. PortAudio itself is opened by somebody else, and only calls here. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "drivers.h"
#include "platform.h"
#include "process.h"

enum { FRAMES_MAX = 8192, GO_ON = 0, OUTPUT_UNDERFLOW = 4 }; /* paContinue, paOutputUnderflow */

struct rp_portaudio {
    rp_clock *clock;
    uint32_t audios, channels;
    float *audio[RP_PORTS_MAX]; /* [FRAMES_MAX] each, in one piece */
    _Atomic uint64_t buffers, silent, underflows;
    _Atomic uint32_t frames;
};

rp_portaudio *rp_portaudio_new(rp_clock *clock, uint32_t audios, uint32_t channels) {
    if (audios < 1 || audios > RP_PORTS_MAX || channels < 1 || channels > RP_PORTS_MAX) return NULL;
    rp_portaudio *portaudio = calloc(1, sizeof *portaudio);
    float *memory = calloc((size_t)audios * FRAMES_MAX, sizeof *memory);
    if (!portaudio || !memory) {
        free(memory);
        free(portaudio);
        return NULL;
    }
    portaudio->clock = clock;
    portaudio->audios = audios;
    portaudio->channels = channels;
    for (uint32_t i = 0; i < audios; i++) portaudio->audio[i] = memory + (size_t)i * FRAMES_MAX;
    return portaudio;
}

void rp_portaudio_free(rp_portaudio *portaudio) {
    if (!portaudio) return;
    free(portaudio->audio[0]);
    free(portaudio);
}

/* From an array for each output to the channels side by side, out [frames][channels] of zeros. [process] */
static void interleave(const rp_portaudio *portaudio, uint32_t frames, float *out) {
    uint32_t audios = portaudio->audios, channels = portaudio->channels, all = audios == 1 ? channels : audios;
    for (uint32_t i = 0; i < all; i++) {
        const float *from = portaudio->audio[i % audios];
        for (uint32_t n = 0; n < frames; n++) out[n * channels + i % channels] += from[n];
    }
}

int rp_portaudio_callback(const void *input, void *output, unsigned long frames, const void *time, unsigned long flags,
                          void *user) {
    (void)input;
    (void)time;
    rp_portaudio *portaudio = user;
    float *out = output;
    memset(out, 0, frames * portaudio->channels * sizeof *out);
    atomic_fetch_add_explicit(&portaudio->buffers, 1, memory_order_relaxed);
    atomic_store_explicit(&portaudio->frames, (uint32_t)frames, memory_order_relaxed);
    if (flags & OUTPUT_UNDERFLOW) atomic_fetch_add_explicit(&portaudio->underflows, 1, memory_order_relaxed);
    for (unsigned long n; frames > 0; frames -= n, out += n * portaudio->channels) {
        n = frames < FRAMES_MAX ? frames : FRAMES_MAX;
        if (rp_clock_play(portaudio->clock, (uint32_t)n, portaudio->audio, portaudio->audios))
            interleave(portaudio, (uint32_t)n, out);
        else atomic_fetch_add_explicit(&portaudio->silent, 1, memory_order_relaxed);
    }
    return GO_ON;
}

void rp_portaudio_get_state(const rp_portaudio *portaudio, rp_portaudio_state *out) {
    *out = (rp_portaudio_state){
        .buffers = atomic_load_explicit(&portaudio->buffers, memory_order_relaxed),
        .silent = atomic_load_explicit(&portaudio->silent, memory_order_relaxed),
        .underflows = atomic_load_explicit(&portaudio->underflows, memory_order_relaxed),
        .frames = atomic_load_explicit(&portaudio->frames, memory_order_relaxed),
    };
}

/* As ALSA's own, which writes to the terminal. [any] */
static void ignore(const char *file, int line, const char *function, int error, const char *format, ...) {
    (void)file;
    (void)line;
    (void)function;
    (void)error;
    (void)format;
}

void rp_portaudio_hush(void) {
    typedef void (*complain)(const char *, int, const char *, int, const char *, ...);
    static const char *const alsa[] = {"libasound.so.2", NULL};
    void *library = rp_library_open(alsa);
    rp_function found = library ? rp_library_find(library, "snd_lib_error_set_handler") : NULL;
    if (found) ((int (*)(complain))found)(ignore);
}
