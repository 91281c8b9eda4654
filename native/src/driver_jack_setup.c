/* driver_jack_setup.c - see drivers.h. Everything about the JACK driver that may allocate and wait. */
#include <stdlib.h>
#include <string.h>

#include "driver_jack.h"

enum {
    SMALLEST_EVENT = 8, /* bytes a MIDI event takes in a port's buffer, at the very least */
    NEWS = 1 << 18      /* bytes: some 400 ports that come or go between two looks */
};

/* Copies as much of a name as there is room for. [any] */
static void keep_text(char *out, uint32_t capacity, const char *text) {
    size_t length = strlen(text);
    if (length >= capacity) length = capacity - 1;
    memcpy(out, text, length);
    out[length] = 0;
}

rp_jack *rp_jack_new(const char *name, uint32_t inputs, const char *const *input_names, uint32_t outputs,
                     const char *const *output_names) {
    if (inputs > RP_PORTS_MAX || outputs > RP_PORTS_MAX) return NULL;
    rp_jack *jack = calloc(1, sizeof *jack);
    if (jack) jack->news = rp_ring_new(NEWS);
    if (!jack || !jack->news) {
        free(jack);
        return NULL;
    }
    jack->sink.write = rp_jack_write;
    jack->inputs = inputs;
    jack->outputs = outputs;
    keep_text(jack->name, sizeof jack->name, name);
    for (uint32_t i = 0; i < inputs; i++) keep_text(jack->in_name[i], sizeof jack->in_name[i], input_names[i]);
    for (uint32_t i = 0; i < outputs; i++) keep_text(jack->out_name[i], sizeof jack->out_name[i], output_names[i]);
    return jack;
}

/* [control] */
static void name_audio(rp_jack_audio *audio, uint32_t count, const char *const *names) {
    audio->count = count;
    for (uint32_t i = 0; i < count; i++) keep_text(audio->name[i], sizeof audio->name[i], names[i]);
}

int rp_jack_set_audio(rp_jack *jack, uint32_t inputs, const char *const *input_names, uint32_t outputs,
                      const char *const *output_names) {
    if (inputs > RP_PORTS_MAX || outputs > RP_PORTS_MAX) return 0;
    name_audio(&jack->audio_in, inputs, input_names);
    name_audio(&jack->audio_out, outputs, output_names);
    return 1;
}

void rp_jack_free(rp_jack *jack) {
    if (!jack) return;
    rp_jack_close(jack);
    free(jack->events);
    rp_ring_free(jack->news);
    free(jack);
}

/* [control] */
static void set_callbacks(rp_jack *jack) {
    const rp_libjack *lib = &jack->lib;
    lib->set_process_callback(jack->client, rp_jack_process, jack);
    lib->set_buffer_size_callback(jack->client, rp_jack_on_period, jack);
    lib->set_sample_rate_callback(jack->client, rp_jack_on_rate, jack);
    lib->set_xrun_callback(jack->client, rp_jack_on_xrun, jack);
    lib->set_port_connect_callback(jack->client, rp_jack_on_connect, jack);
    lib->set_port_registration_callback(jack->client, rp_jack_on_registration, jack);
    lib->set_latency_callback(jack->client, rp_jack_on_latency, jack);
    lib->on_info_shutdown(jack->client, rp_jack_on_shutdown, jack);
}

/* [control] */
static int register_audio(rp_jack *jack, rp_jack_audio *audio, unsigned long flag) {
    for (uint32_t i = 0; i < audio->count; i++) {
        audio->port[i] = jack->lib.port_register(jack->client, audio->name[i], RP_JACK_AUDIO, flag, 0);
        if (!audio->port[i]) return 0;
    }
    return 1;
}

/* [control] */
static int register_ports(rp_jack *jack) {
    for (uint32_t i = 0; i < jack->inputs; i++) {
        jack->in[i] = jack->lib.port_register(jack->client, jack->in_name[i], RP_JACK_MIDI, RP_JACK_IS_INPUT, 0);
        if (!jack->in[i]) return 0;
    }
    for (uint32_t i = 0; i < jack->outputs; i++) {
        jack->out[i] = jack->lib.port_register(jack->client, jack->out_name[i], RP_JACK_MIDI, RP_JACK_IS_OUTPUT, 0);
        if (!jack->out[i]) return 0;
    }
    return register_audio(jack, &jack->audio_in, RP_JACK_IS_INPUT) &&
           register_audio(jack, &jack->audio_out, RP_JACK_IS_OUTPUT);
}

/* Room for as many events as the input ports' buffers can hold. [control] */
static int make_room(rp_jack *jack) {
    size_t bytes = jack->lib.port_type_get_buffer_size(jack->client, RP_JACK_MIDI);
    uint32_t capacity = (uint32_t)(bytes / SMALLEST_EVENT) * (jack->inputs ? jack->inputs : 1);
    rp_input *events = realloc(jack->events, capacity * sizeof *events);
    if (!events) return 0;
    jack->events = events;
    jack->capacity = capacity;
    return 1;
}

/* [control] */
static uint32_t join_server(rp_jack *jack) {
    int status = 0;
    jack->client = jack->lib.client_open(jack->name, RP_JACK_NO_START_SERVER, &status);
    if (!jack->client) return status & RP_JACK_SERVER_FAILED ? RP_JACK_NO_SERVER : RP_JACK_REFUSED;
    uint32_t rate = jack->lib.get_sample_rate(jack->client);
    if (jack->engine_rate && rate != jack->engine_rate) return RP_JACK_OTHER_RATE;
    jack->engine_rate = rate;
    atomic_store(&jack->rate, rate);
    atomic_store(&jack->period, jack->lib.get_buffer_size(jack->client));
    /* JACK 2 reads its graph without a lock there; JACK 1 and PipeWire take one. */
    jack->counts_links = strncmp(jack->lib.get_version_string(), "1.9.", 4) == 0;
    set_callbacks(jack);
    if (!make_room(jack)) return RP_JACK_NO_MEMORY;
    return register_ports(jack) ? RP_JACK_FINE : RP_JACK_REFUSED;
}

/* [control] */
static void leave_server(rp_jack *jack) {
    if (jack->client) jack->lib.client_close(jack->client);
    jack->client = NULL;
}

uint32_t rp_jack_open(rp_jack *jack) {
    const rp_libjack *lib = rp_libjack_get();
    rp_jack_close(jack);
    if (!lib) return RP_JACK_NO_LIBRARY;
    jack->lib = *lib;
    rp_libjack_complaint(jack->reason, sizeof jack->reason); /* what it said before is old */
    jack->reason[0] = 0;
    memset(jack->links, 0, sizeof jack->links);
    uint32_t result = join_server(jack), closed = RP_JACK_CLOSED;
    if (result == RP_JACK_FINE && !atomic_compare_exchange_strong(&jack->state, &closed, RP_JACK_OPEN))
        result = RP_JACK_NO_SERVER; /* it went away meanwhile */
    if (result == RP_JACK_FINE) return result;
    leave_server(jack);
    rp_libjack_complaint(jack->reason, sizeof jack->reason);
    return result;
}

/* [process] */
static void run_engine(void *engine, const rp_cycle *cycle) { rp_process(engine, cycle); }

uint32_t rp_jack_start(rp_jack *jack, rp_engine *engine) { return rp_jack_begin(jack, run_engine, engine); }

uint32_t rp_jack_begin(rp_jack *jack, rp_jack_player play, void *player) {
    uint32_t open = RP_JACK_OPEN;
    jack->play = play;
    jack->player = player;
    jack->begun = 0;
    /* Started anew, it knows nothing of what its inputs did meanwhile: what they hold is released. */
    jack->losing = atomic_load(&jack->cycles) ? (1u << jack->inputs) - 1 : 0;
    atomic_store(&jack->lost, 0);
    if (!atomic_compare_exchange_strong(&jack->state, &open, RP_JACK_RUNNING)) return RP_JACK_NO_SERVER;
    if (jack->lib.activate(jack->client) == 0) return RP_JACK_FINE;
    atomic_store(&jack->state, RP_JACK_GONE); /* it does not run, and whoever looks for a server tries again */
    rp_libjack_complaint(jack->reason, sizeof jack->reason);
    return RP_JACK_REFUSED;
}

void rp_jack_close(rp_jack *jack) {
    leave_server(jack);
    atomic_store(&jack->state, RP_JACK_CLOSED);
}

void rp_jack_get_state(const rp_jack *jack, rp_jack_state *out) {
    *out = (rp_jack_state){
        .frame = atomic_load_explicit(&jack->frame, memory_order_relaxed),
        .cycles = atomic_load_explicit(&jack->cycles, memory_order_relaxed),
        .xruns = atomic_load_explicit(&jack->xruns, memory_order_relaxed),
        .unread = atomic_load_explicit(&jack->unread, memory_order_relaxed),
        .state = atomic_load_explicit(&jack->state, memory_order_acquire),
        .sample_rate = atomic_load_explicit(&jack->rate, memory_order_relaxed),
        .period = atomic_load_explicit(&jack->period, memory_order_relaxed),
        .load_max = atomic_load_explicit(&jack->load_max, memory_order_relaxed),
        .load_mean = atomic_load_explicit(&jack->load_sum, memory_order_relaxed) / RP_LOAD_CYCLES,
        .overruns = atomic_load_explicit(&jack->overruns, memory_order_relaxed),
        .changes = atomic_load_explicit(&jack->changes, memory_order_relaxed),
    };
    if (out->state != RP_JACK_RUNNING) keep_text(out->reason, sizeof out->reason, jack->reason);
}

void rp_jack_set_latency(rp_jack *jack, uint32_t audio, uint32_t midi) {
    uint32_t other = atomic_exchange(&jack->sound_latency, audio) != audio;
    other |= atomic_exchange(&jack->midi_latency, midi) != midi;
    if (other && jack->client) jack->lib.recompute_total_latencies(jack->client);
}

void rp_jack_set_shift(rp_jack *jack, uint32_t port, uint32_t frames) {
    int other = port < jack->outputs && atomic_exchange(&jack->shift[port], frames) != frames;
    if (other && jack->client) jack->lib.recompute_total_latencies(jack->client);
}

const char *rp_jack_client_name(const rp_jack *jack) {
    return jack->client ? jack->lib.get_client_name(jack->client) : "";
}

/* Text of unknown length into a place of known size. */
typedef struct {
    char *out;
    uint32_t capacity, size;
} listing;

/* [control] */
static void append(listing *list, const char *text) {
    uint32_t length = (uint32_t)strlen(text);
    if (list->size + length < list->capacity) memcpy(list->out + list->size, text, length + 1);
    list->size += length;
}

/* [control] */
static void append_port(rp_jack *jack, listing *list, const char *name, char *const aliases[2]) {
    enum { OURS = 256, SHOWN = RP_JACK_IS_INPUT | RP_JACK_IS_OUTPUT | RP_JACK_IS_PHYSICAL };
    const rp_jack_port *port = jack->lib.port_by_name(jack->client, name);
    if (!port) return;
    int ours = jack->lib.port_is_mine(jack->client, port) ? OURS : 0;
    int flags = (jack->lib.port_flags(port) & SHOWN) | ours, others = jack->lib.port_get_aliases(port, aliases);
    char number[4] = {(char)('0' + flags / 100), (char)('0' + flags / 10 % 10), (char)('0' + flags % 10), 0};
    append(list, number);
    append(list, "\t");
    append(list, name);
    for (int i = 0; i < others && i < 2; i++) {
        append(list, "\t");
        append(list, aliases[i]);
    }
    append(list, "\n");
}

uint32_t rp_jack_list(rp_jack *jack, uint32_t audio, char *out, uint32_t capacity) {
    listing list = {.out = out, .capacity = capacity};
    if (capacity) out[0] = 0;
    const char *kind = audio ? RP_JACK_AUDIO : RP_JACK_MIDI;
    const char **names = jack->client ? jack->lib.get_ports(jack->client, NULL, kind, 0) : NULL;
    if (!names) return 0;
    size_t size = (size_t)jack->lib.port_name_size();
    char *aliases[2] = {calloc(1, size), calloc(1, size)};
    for (uint32_t i = 0; aliases[0] && aliases[1] && names[i]; i++) append_port(jack, &list, names[i], aliases);
    free(aliases[0]);
    free(aliases[1]);
    jack->lib.free((void *)names);
    return list.size;
}

int rp_jack_hear(rp_jack *jack, rp_jack_news *out) {
    uint32_t kind;
    return rp_ring_read(jack->news, &kind, out, sizeof *out) >= 0;
}

int rp_jack_connect(rp_jack *jack, const char *source, const char *destination) {
    if (!jack->client) return 0;
    return jack->lib.connect(jack->client, source, destination) == 0 || rp_jack_connected(jack, source, destination);
}

int rp_jack_disconnect(rp_jack *jack, const char *source, const char *destination) {
    return jack->client && jack->lib.disconnect(jack->client, source, destination) == 0;
}

int rp_jack_connected(rp_jack *jack, const char *source, const char *destination) {
    if (!jack->client) return 0;
    const rp_jack_port *from = jack->lib.port_by_name(jack->client, source);
    const rp_jack_port *to = jack->lib.port_by_name(jack->client, destination);
    if (from && jack->lib.port_is_mine(jack->client, from)) return jack->lib.port_connected_to(from, destination);
    return to && jack->lib.port_connected_to(to, source);
}
