/* driver_jack.c - see drivers.h. What JACK calls; the set-up is in driver_jack_setup.c. */
#include "driver_jack.h"

#include <string.h>

#include "platform.h"

/* [process] */
static void publish(_Atomic uint64_t *place, uint64_t value) {
    atomic_store_explicit(place, value, memory_order_relaxed);
}

int rp_jack_write(rp_sink *sink, uint32_t port, uint32_t offset, const uint8_t *data, uint32_t size) {
    rp_jack *jack = (rp_jack *)sink;
    return jack->lib.midi_event_write(jack->out_buffer[port], offset, data, size) == 0;
}

/* The frame the cycle begins at: the server's at first, and with it over xruns. After the server was away, and where
 * its clock stands still, frames go on from where they were: none is ever played twice. [process] */
static uint64_t begin(rp_jack *jack) {
    uint64_t next = atomic_load_explicit(&jack->frame, memory_order_relaxed);
    uint32_t time = jack->lib.last_frame_time(jack->client);
    if (jack->begun) jack->clock += (uint64_t)(int32_t)(time - jack->last_time);
    else jack->clock = next ? next : time;
    jack->begun = 1;
    jack->last_time = time;
    return jack->raw || jack->clock > next ? jack->clock : next;
}

/* [process] */
static void next_event(const rp_jack *jack, rp_jack_cursor *cursor) {
    while (cursor->next < cursor->count && jack->lib.midi_event_get(&cursor->head, cursor->buffer, cursor->next) != 0)
        cursor->next++;
}

/* [process] */
static void get_buffers(rp_jack *jack, uint32_t frames) {
    for (uint32_t port = 0; port < jack->inputs; port++) {
        void *buffer = jack->lib.port_get_buffer(jack->in[port], frames);
        jack->cursor[port] = (rp_jack_cursor){.buffer = buffer, .count = jack->lib.midi_get_event_count(buffer)};
        next_event(jack, &jack->cursor[port]);
    }
    for (uint32_t port = 0; port < jack->outputs; port++) {
        jack->out_buffer[port] = jack->lib.port_get_buffer(jack->out[port], frames);
        jack->lib.midi_clear_buffer(jack->out_buffer[port]);
    }
}

/* [process] */
static void get_audio(const rp_jack *jack, rp_jack_audio *audio, uint32_t frames) {
    for (uint32_t i = 0; i < audio->count; i++) audio->buffer[i] = jack->lib.port_get_buffer(audio->port[i], frames);
}

/* The input port whose next event is the earliest; RP_PORTS_MAX: none is left. [process] */
static uint32_t earliest(const rp_jack *jack) {
    uint32_t best = RP_PORTS_MAX;
    for (uint32_t port = 0; port < jack->inputs; port++) {
        const rp_jack_cursor *cursor = &jack->cursor[port];
        if (cursor->next == cursor->count) continue;
        if (best == RP_PORTS_MAX || cursor->head.time < jack->cursor[best].head.time) best = port;
    }
    return best;
}

/* The cycle's events of all ports, by time. [process] */
static uint32_t gather(rp_jack *jack, uint32_t frames) {
    uint32_t n = 0;
    for (uint32_t port = earliest(jack); port < RP_PORTS_MAX; port = earliest(jack)) {
        rp_jack_cursor *cursor = &jack->cursor[port];
        const rp_jack_event *event = &cursor->head;
        uint32_t offset = event->time < frames ? event->time : frames - 1;
        if (n < jack->capacity) jack->events[n++] = (rp_input){offset, port, (uint32_t)event->size, event->data};
        else atomic_fetch_add_explicit(&jack->unread, 1, memory_order_relaxed);
        cursor->next++;
        next_event(jack, cursor);
    }
    return n;
}

/* Which outputs have a listener. [process] */
static uint32_t listeners(rp_jack *jack) {
    uint32_t bits = 0;
    for (uint32_t port = 0; port < jack->outputs; port++) {
        int32_t links = jack->counts_links ? jack->lib.port_connected(jack->out[port])
                                           : atomic_load_explicit(&jack->links[port], memory_order_relaxed);
        if (links > 0) bits |= 1u << port;
    }
    return bits;
}

/* The inputs that somebody left, and whether there was an xrun. What he sent may still be in the cycle in which we hear
 * of that, for the server's graph changes between two: in the one after it all is released. [process] */
static uint32_t left(rp_jack *jack) {
    uint32_t now = jack->losing;
    jack->losing = atomic_exchange_explicit(&jack->lost, 0, memory_order_acquire);
    return now | (jack->losing & RP_LOST_OUTPUT);
}

/* [process] */
static void note_load(rp_jack *jack, uint64_t taken, uint32_t frames) {
    uint32_t rate = atomic_load_explicit(&jack->rate, memory_order_relaxed);
    uint32_t load = (uint32_t)(taken * rate / ((uint64_t)frames * 1000000));
    uint32_t sum = atomic_load_explicit(&jack->load_sum, memory_order_relaxed);
    if (load > atomic_load_explicit(&jack->load_max, memory_order_relaxed))
        atomic_store_explicit(&jack->load_max, load, memory_order_relaxed);
    atomic_store_explicit(&jack->load_sum, sum - sum / RP_LOAD_CYCLES + load, memory_order_relaxed);
    atomic_fetch_add_explicit(&jack->overruns, load > RP_WHOLE_PERIOD, memory_order_relaxed);
}

/* The least that we were late by in the last cycles, us, this one included. [process] */
static int64_t least_late(rp_jack *jack, int64_t late) {
    jack->late[jack->woken++ % RP_JACK_LATE] = late;
    uint32_t count = jack->woken < RP_JACK_LATE ? jack->woken : RP_JACK_LATE;
    for (uint32_t i = 0; i < count; i++)
        if (jack->late[i] < late) late = jack->late[i];
    return late;
}

/* When the cycle began, by rp_now. The server's own clock says how long ago, steadier than we were woken; but its
 * filter takes seconds to be right again after an xrun, milliseconds off until then. One of some cycles in a row wakes
 * us on time: what that is late by is the clock's fault. `now`: of rp_now. [process] */
static uint64_t moment(rp_jack *jack, uint64_t now) {
    uint32_t frame;
    uint64_t began, next, time = jack->lib.get_time();
    float period;
    if (jack->lib.get_cycle_times(jack->client, &frame, &began, &next, &period) != 0) return now;
    int64_t late = (int64_t)(time - began);
    return now - (uint64_t)(late - least_late(jack, late)) * 1000;
}

/* Quarter notes a minute. [process] */
static double tempo(const rp_jack_position *at) { return at->beats_per_minute * 4.0 / (double)at->beat_type; }

/* The quarter notes at the beginning of the cycle. JACK's beats are those of the time signature; bars are counted as if
 * all were like this one. [process] */
static double quarters(const rp_jack_position *at) {
    double tick = at->valid & RP_JACK_HAS_TICK ? at->tick_double : at->tick;
    double late = at->valid & RP_JACK_HAS_OFFSET ? at->beat_offset : 0.0;
    double beat = (at->bar - 1) * (double)at->beats_per_bar + (at->beat - 1) + tick / at->ticks_per_beat;
    return beat * 4.0 / (double)at->beat_type + late * tempo(at) / 60.0 / at->frame_rate;
}

/* [process] */
static rp_transport transport(const rp_jack *jack) {
    rp_jack_position at;
    int state = jack->lib.transport_query(jack->client, &at);
    rp_transport now = {.known = 1, .rolling = state == RP_JACK_ROLLING || state == RP_JACK_LOOPING, .frame = at.frame};
    int sound = at.beats_per_minute > 0.0 && at.ticks_per_beat > 0.0 && at.beat_type > 0.0f && at.frame_rate;
    if (!(at.valid & RP_JACK_HAS_BEAT) || !sound) return now;
    now.has_beat = 1;
    now.bpm = tempo(&at);
    now.beat = quarters(&at);
    return now;
}

int rp_jack_process(uint32_t frames, void *argument) {
    rp_jack *jack = argument;
    if (frames == 0) return 0;
    uint64_t began = rp_now(), frame = begin(jack);
    get_buffers(jack, frames);
    get_audio(jack, &jack->audio_in, frames);
    get_audio(jack, &jack->audio_out, frames);
    rp_cycle cycle = {
        .frame = frame,
        .nanoseconds = moment(jack, began),
        .transport = transport(jack),
        .frames = frames,
        .period = atomic_load_explicit(&jack->period, memory_order_relaxed),
        .in = jack->events,
        .inputs = gather(jack, frames),
        .lost = left(jack),
        .connected = listeners(jack),
        .sink = &jack->sink,
        .audio = jack->audio_out.buffer,
        .audios = jack->audio_out.count,
        .audio_in = (const float *const *)jack->audio_in.buffer,
        .audio_ins = jack->audio_in.count,
    };
    jack->play(jack->player, &cycle);
    publish(&jack->frame, frame + frames);
    publish(&jack->cycles, atomic_load_explicit(&jack->cycles, memory_order_relaxed) + 1);
    note_load(jack, rp_now() - began, frames);
    return 0;
}

int rp_jack_on_period(uint32_t frames, void *argument) {
    rp_jack *jack = argument;
    atomic_store_explicit(&jack->period, frames, memory_order_relaxed);
    return 0;
}

/* The least and the most of those that are connected, and of `sum`. [any] */
static rp_jack_latency latency_of(const rp_jack *jack, rp_jack_port *const *port, uint32_t ports, int mode,
                                  rp_jack_latency sum) {
    for (uint32_t i = 0; i < ports; i++) {
        rp_jack_latency one;
        if (jack->lib.port_connected(port[i]) <= 0) continue;
        jack->lib.port_get_latency_range(port[i], mode, &one);
        if (one.min < sum.min) sum.min = one.min;
        if (one.max > sum.max) sum.max = one.max;
    }
    return sum;
}

/* Ours comes on top of the others'. [any] */
static void set_latency(const rp_jack *jack, rp_jack_port *const *port, uint32_t ports, int mode,
                        rp_jack_latency others, uint32_t ours) {
    if (others.min > others.max) others.min = others.max; /* nothing is connected */
    rp_jack_latency all = {others.min + ours, others.max + ours};
    for (uint32_t i = 0; i < ports; i++) jack->lib.port_set_latency_range(port[i], mode, &all);
}

/* [any] */
void rp_jack_on_latency(int mode, void *argument) {
    static const rp_jack_latency nothing = {UINT32_MAX, 0};
    const rp_jack *jack = argument;
    const rp_jack_audio *in = &jack->audio_in, *out = &jack->audio_out;
    uint32_t sound = atomic_load_explicit(&jack->sound_latency, memory_order_relaxed);
    uint32_t midi = atomic_load_explicit(&jack->midi_latency, memory_order_relaxed);
    if (mode == RP_JACK_CAPTURE) { /* how old it is what the outputs give: keys, and sound that came in */
        rp_jack_latency keys = latency_of(jack, jack->in, jack->inputs, mode, nothing);
        for (uint32_t i = 0; i < jack->outputs; i++) {
            uint32_t shift = atomic_load_explicit(&jack->shift[i], memory_order_relaxed);
            set_latency(jack, &jack->out[i], 1, mode, keys, midi + shift);
        }
        rp_jack_latency all = latency_of(jack, in->port, in->count, mode, keys);
        set_latency(jack, out->port, out->count, mode, all, sound);
    } else { /* how late it is heard what comes in: keys in our sound, or where there is none, in what our notes play */
        rp_jack_latency heard = latency_of(jack, out->port, out->count, mode, nothing);
        set_latency(jack, in->port, in->count, mode, heard, sound);
        int loud = heard.min <= heard.max;
        if (!loud) heard = latency_of(jack, jack->out, jack->outputs, mode, nothing);
        set_latency(jack, jack->in, jack->inputs, mode, heard, loud ? sound : midi);
    }
}

int rp_jack_on_rate(uint32_t rate, void *argument) {
    rp_jack *jack = argument;
    atomic_store_explicit(&jack->rate, rate, memory_order_relaxed);
    return 0;
}

int rp_jack_on_xrun(void *argument) {
    rp_jack *jack = argument;
    atomic_fetch_add_explicit(&jack->xruns, 1, memory_order_relaxed);
    atomic_fetch_or_explicit(&jack->lost, RP_LOST_OUTPUT, memory_order_release);
    return 0;
}

/* As much of a name as there is room for. [any] */
static void copy_name(char out[RP_JACK_PORT_NAME_MAX], const char *name) {
    uint32_t n = 0;
    for (; name && name[n] && n < RP_JACK_PORT_NAME_MAX - 1; n++) out[n] = name[n];
    out[n] = 0;
}

/* [any] */
static void tell(rp_jack *jack, uint32_t kind, const rp_jack_port *source, const rp_jack_port *destination) {
    rp_jack_news news = {.kind = kind};
    if (source) copy_name(news.source, jack->lib.port_name(source));
    if (destination) copy_name(news.destination, jack->lib.port_name(destination));
    rp_ring_write(jack->news, kind, &news, sizeof news);
}

/* [any] */
static int is_one_of(const rp_jack_port *port, rp_jack_port *const *ports, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        if (ports[i] == port) return 1;
    return 0;
}

/* [any] */
static int is_ours(const rp_jack *jack, const rp_jack_port *port) {
    return is_one_of(port, jack->in, jack->inputs) || is_one_of(port, jack->out, jack->outputs) ||
           is_one_of(port, jack->audio_in.port, jack->audio_in.count) ||
           is_one_of(port, jack->audio_out.port, jack->audio_out.count);
}

void rp_jack_on_connect(uint32_t a, uint32_t b, int connected, void *argument) {
    rp_jack *jack = argument;
    const rp_jack_port *source = jack->lib.port_by_id(jack->client, a);
    const rp_jack_port *destination = jack->lib.port_by_id(jack->client, b);
    int32_t change = connected ? 1 : -1;
    for (uint32_t port = 0; port < jack->outputs; port++)
        if (jack->out[port] == source) atomic_fetch_add_explicit(&jack->links[port], change, memory_order_relaxed);
    /* Whose notes are held on an input is not known: one player less, and all that sounds from there is released. */
    for (uint32_t port = 0; port < jack->inputs && !connected; port++)
        if (jack->in[port] == destination) atomic_fetch_or_explicit(&jack->lost, 1u << port, memory_order_release);
    if (is_ours(jack, source) || is_ours(jack, destination))
        tell(jack, connected ? RP_JACK_JOINED : RP_JACK_PARTED, source, destination);
}

void rp_jack_on_registration(uint32_t port, int registered, void *argument) {
    rp_jack *jack = argument;
    tell(jack, registered ? RP_JACK_CAME : RP_JACK_WENT, jack->lib.port_by_id(jack->client, port), NULL);
    atomic_fetch_add_explicit(&jack->changes, 1, memory_order_relaxed);
}

void rp_jack_on_shutdown(int code, const char *reason, void *argument) {
    rp_jack *jack = argument;
    (void)code;
    strncpy(jack->reason, reason ? reason : "", sizeof jack->reason - 1);
    atomic_store_explicit(&jack->state, RP_JACK_GONE, memory_order_release);
}
