/* The JACK driver on a server of our own making: what it reads, writes and counts in a cycle, without jackd. */
#define _GNU_SOURCE
#include <string.h>

#include "driver_jack.h"
#include "platform.h"
#include "rigs.h"

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define CAN_CONFINE 1
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

enum { PORTS = 3, EVENTS = 8, OUT_BYTES = 64, FRAMES = 128 };

/* A port's buffer, and the port. */
typedef struct {
    uint32_t id, count;
    rp_jack_event event[EVENTS];
    uint8_t out[OUT_BYTES];
    uint32_t used, times[EVENTS], writes, clears;
    int links;
    const char *name;
    rp_jack_latency latency[2]; /* capture, playback */
} port;

static port ports[2 * PORTS];
static uint32_t now;

static void *buffer_of(rp_jack_port *at, uint32_t frames) {
    (void)frames;
    return at;
}

static uint32_t count_of(void *buffer) { return ((port *)buffer)->count; }

static int event_of(rp_jack_event *event, void *buffer, uint32_t index) {
    *event = ((port *)buffer)->event[index];
    return event->size == 0; /* JACK says so of a broken one */
}

static void clear(void *buffer) {
    port *at = buffer;
    at->used = at->writes = 0;
    at->clears++;
}

static int write_event(void *buffer, uint32_t time, const uint8_t *data, size_t size) {
    port *at = buffer;
    if (at->used + size > OUT_BYTES || at->writes == EVENTS) return 1;
    memcpy(at->out + at->used, data, size);
    at->used += (uint32_t)size;
    at->times[at->writes++] = time;
    return 0;
}

static uint32_t frame_time(const rp_jack_client *client) {
    (void)client;
    return now;
}

static int links_of(const rp_jack_port *at) { return ((const port *)at)->links; }

static rp_jack_port *port_of(rp_jack_client *client, uint32_t id) {
    (void)client;
    return (rp_jack_port *)&ports[id];
}

static const char *name_of(const rp_jack_port *at) { return ((const port *)at)->name; }

static void get_latency(rp_jack_port *at, int mode, rp_jack_latency *range) { *range = ((port *)at)->latency[mode]; }

static void set_latency(rp_jack_port *at, int mode, rp_jack_latency *range) { ((port *)at)->latency[mode] = *range; }

static rp_jack_position place;
static int rolls;

static int query(const rp_jack_client *client, rp_jack_position *position) {
    (void)client;
    *position = place;
    return rolls;
}

static uint64_t ago; /* microseconds since the cycle began */
static const uint64_t TIME = 5000000;

static int cycle_times(const rp_jack_client *client, uint32_t *frame, uint64_t *began, uint64_t *next, float *period) {
    (void)client;
    *frame = now;
    *began = TIME - ago;
    *next = *began + 2667;
    *period = 2667.0f;
    return 0;
}

static uint64_t time_now(void) { return TIME; }

static uint32_t asked;

static int recompute(rp_jack_client *client) {
    (void)client;
    asked++;
    return 0;
}

/* What the engine is given; a player in its place. */
static rp_cycle seen;
static rp_input seen_in[EVENTS * PORTS];

static void look(void *player, const rp_cycle *cycle) {
    (void)player;
    seen = *cycle;
    memcpy(seen_in, cycle->in, cycle->inputs * sizeof *cycle->in);
}

static rp_jack *open_driver(uint32_t inputs, uint32_t outputs, uint32_t capacity) {
    static const char *const names[PORTS] = {"one", "two", "three"};
    rp_jack *jack = rp_jack_new("test", inputs, names, outputs, names);
    CHECK(jack);
    memset(ports, 0, sizeof ports);
    jack->lib = (rp_libjack){
        .port_get_buffer = buffer_of,
        .midi_get_event_count = count_of,
        .midi_event_get = event_of,
        .midi_clear_buffer = clear,
        .midi_event_write = write_event,
        .last_frame_time = frame_time,
        .port_connected = links_of,
        .transport_query = query,
        .get_cycle_times = cycle_times,
        .get_time = time_now,
        .port_by_id = port_of,
        .port_name = name_of,
        .port_get_latency_range = get_latency,
        .port_set_latency_range = set_latency,
        .recompute_total_latencies = recompute,
    };
    for (uint32_t i = 0; i < inputs; i++) jack->in[i] = (rp_jack_port *)&ports[i];
    for (uint32_t i = 0; i < outputs; i++) jack->out[i] = (rp_jack_port *)&ports[PORTS + i];
    jack->events = calloc(capacity, sizeof *jack->events);
    jack->capacity = capacity;
    jack->play = look;
    jack->rate = 48000;
    now = 1000;
    return jack;
}

static void put(uint32_t input, uint32_t time, const uint8_t *data, size_t size) {
    port *at = &ports[input];
    at->event[at->count++] = (rp_jack_event){.time = time, .size = size, .data = (uint8_t *)data};
}

static void cycle(rp_jack *jack, uint32_t frames) {
    forbid_waiting(1);
    CHECK(rp_jack_process(frames, jack) == 0);
    forbid_waiting(0);
}

static const uint8_t note[3] = {0x90, 60, 100};

static void test_events_of_all_ports_by_time(void) {
    rp_jack *jack = open_driver(3, 1, 64);
    static const uint32_t times[3][3] = {{0, 50, 127}, {10, 50, 60}, {5, 50, 50}};
    for (uint32_t i = 0; i < 3; i++)
        for (uint32_t n = 0; n < 3; n++) put(i, times[i][n], note, 3);
    cycle(jack, FRAMES);
    CHECK(seen.inputs == 9 && seen.frames == FRAMES);
    for (uint32_t i = 1; i < 9; i++) CHECK(seen_in[i].offset >= seen_in[i - 1].offset);
    CHECK(seen_in[0].port == 0 && seen_in[1].port == 2 && seen_in[2].port == 1);
    CHECK(seen_in[3].port == 0 && seen_in[4].port == 1 && seen_in[5].port == 2); /* at once: by port */
    rp_jack_free(jack);
}

static void test_broken_late_and_too_many_events(void) {
    rp_jack *jack = open_driver(1, 1, 3);
    put(0, 3, note, 0);
    put(0, 4, note, 3);
    put(0, 999, note, 3); /* beyond the cycle: its end */
    put(0, 999, note, 0);
    put(0, 1000, note, 3);
    put(0, 1001, note, 3);
    cycle(jack, FRAMES);
    CHECK(seen.inputs == 3 && seen_in[0].offset == 4 && seen_in[1].offset == FRAMES - 1);
    rp_jack_state state;
    rp_jack_get_state(jack, &state);
    CHECK(state.unread == 1 && state.cycles == 1);
    rp_jack_free(jack);
}

static void test_audio_ports(void) {
    static const char *const names[17] = {"left", "right"};
    rp_jack *jack = open_driver(1, 1, 8);
    CHECK(!rp_jack_set_audio(jack, 17, names, 0, names) && !rp_jack_set_audio(jack, 0, names, 17, names));
    CHECK(rp_jack_set_audio(jack, 1, names, 2, names));
    jack->audio_in.port[0] = (rp_jack_port *)&ports[1];
    for (uint32_t i = 0; i < 2; i++) jack->audio_out.port[i] = (rp_jack_port *)&ports[PORTS + 1 + i];
    cycle(jack, FRAMES);
    CHECK(seen.audio_ins == 1 && (const void *)seen.audio_in[0] == &ports[1]);
    CHECK(seen.audios == 2 && (void *)seen.audio[0] == &ports[PORTS + 1] && (void *)seen.audio[1] == &ports[PORTS + 2]);
    rp_jack_free(jack);
}

static void test_period(void) {
    rp_jack *jack = open_driver(1, 1, 8);
    CHECK(rp_jack_on_period(256, jack) == 0);
    cycle(jack, FRAMES);
    CHECK(seen.period == 256 && seen.frames == FRAMES);
    rp_jack_free(jack);
}

static int is(uint32_t which, int mode, uint32_t least, uint32_t most) {
    return ports[which].latency[mode].min == least && ports[which].latency[mode].max == most;
}

/* Ports 0, 1: a keyboard's and a microphone's; 3, 4: a synthesiser's and a loudspeaker's. */
static void test_latency(void) {
    static const char *const names[1] = {"sound"};
    rp_jack *jack = open_driver(1, 1, 8);
    CHECK(rp_jack_set_audio(jack, 1, names, 1, names));
    jack->audio_in.port[0] = (rp_jack_port *)&ports[1];
    jack->audio_out.port[0] = (rp_jack_port *)&ports[PORTS + 1];
    rp_jack_set_latency(jack, 500, 300);
    CHECK(asked == 0); /* there is no server to ask */
    jack->client = (rp_jack_client *)jack;
    rp_jack_set_latency(jack, 500, 300);
    CHECK(asked == 0);
    rp_jack_set_latency(jack, 500, 200);
    rp_jack_set_latency(jack, 400, 200);
    CHECK(asked == 2);
    ports[0].latency[RP_JACK_CAPTURE] = (rp_jack_latency){10, 20};
    ports[1].latency[RP_JACK_CAPTURE] = (rp_jack_latency){128, 130};
    ports[PORTS].latency[RP_JACK_PLAYBACK] = (rp_jack_latency){1000, 2000};
    ports[PORTS + 1].latency[RP_JACK_PLAYBACK] = (rp_jack_latency){256, 256};
    rp_jack_on_latency(RP_JACK_CAPTURE, jack);
    rp_jack_on_latency(RP_JACK_PLAYBACK, jack);
    CHECK(is(PORTS, RP_JACK_CAPTURE, 200, 200) && is(PORTS + 1, RP_JACK_CAPTURE, 400, 400)); /* nobody is connected */
    CHECK(is(0, RP_JACK_PLAYBACK, 200, 200) && is(1, RP_JACK_PLAYBACK, 400, 400));
    ports[0].links = ports[1].links = ports[PORTS].links = 1;
    rp_jack_on_latency(RP_JACK_CAPTURE, jack);
    rp_jack_on_latency(RP_JACK_PLAYBACK, jack);
    CHECK(is(PORTS, RP_JACK_CAPTURE, 210, 220) && is(PORTS + 1, RP_JACK_CAPTURE, 410, 530));
    CHECK(is(0, RP_JACK_PLAYBACK, 1200, 2200) && is(1, RP_JACK_PLAYBACK, 400, 400));
    ports[PORTS + 1].links = 2;
    rp_jack_on_latency(RP_JACK_PLAYBACK, jack);
    CHECK(is(0, RP_JACK_PLAYBACK, 656, 656) && is(1, RP_JACK_PLAYBACK, 656, 656));
    rp_jack_set_shift(jack, 0, 50);
    rp_jack_set_shift(jack, 0, 50);
    rp_jack_set_shift(jack, 1, 50); /* there is no such output */
    CHECK(asked == 3);
    rp_jack_on_latency(RP_JACK_CAPTURE, jack);
    CHECK(is(PORTS, RP_JACK_CAPTURE, 260, 270) && is(PORTS + 1, RP_JACK_CAPTURE, 410, 530));
    jack->client = NULL;
    rp_jack_free(jack);
}

static void test_frames_never_go_back(void) {
    rp_jack *jack = open_driver(1, 1, 3);
    now = 0xFFFFFF00u;
    cycle(jack, FRAMES);
    CHECK(seen.frame == 0xFFFFFF00u);
    now += FRAMES;
    cycle(jack, FRAMES);
    now += FRAMES;   /* it wraps around */
    cycle(jack, 64); /* and the period changes */
    CHECK(seen.frame == 0x100000000u && seen.frames == 64);
    now += 64 + 640; /* an xrun of ten periods */
    cycle(jack, 64);
    CHECK(seen.frame == 0x100000000u + 704);
    cycle(jack, 64); /* the server's clock stands still */
    CHECK(seen.frame == 0x100000000u + 768);
    now += 128; /* and goes on: we are with it again */
    cycle(jack, 64);
    CHECK(seen.frame == 0x100000000u + 832);
    now = 5; /* another server, started anew */
    jack->begun = 0;
    cycle(jack, 64);
    CHECK(seen.frame == 0x100000000u + 896);
    now = 5 + 64;
    cycle(jack, 64);
    CHECK(seen.frame == 0x100000000u + 960);
    cycle(jack, 0); /* JACK may call with nothing to do */
    CHECK(seen.frame == 0x100000000u + 960);
    jack->raw = 1; /* a probe wants the server's clock as it is */
    now = 5 + 32;
    cycle(jack, 64);
    CHECK(seen.frame == 0x100000000u + 928);
    rp_jack_free(jack);
}

static void test_connections(void) {
    rp_jack *jack = open_driver(2, 2, 3);
    jack->counts_links = 1;
    ports[PORTS + 1].links = 2;
    cycle(jack, FRAMES);
    CHECK(seen.connected == 2 && seen.lost == 0);
    jack->counts_links = 0; /* by the notifications alone */
    rp_jack_on_connect(PORTS, 1, 1, jack);
    rp_jack_on_connect(PORTS, 2, 1, jack);
    rp_jack_on_connect(PORTS, 1, 0, jack);
    cycle(jack, FRAMES);
    CHECK(seen.connected == 1 && seen.lost == 0); /* port 1 stands for a listener and is our input too */
    cycle(jack, FRAMES);
    CHECK(seen.lost == 2); /* a cycle later: what he sent may still have been in the last one */
    cycle(jack, FRAMES);
    CHECK(seen.lost == 0);
    rp_jack_on_connect(PORTS, 2, 0, jack);
    rp_jack_on_connect(PORTS + 2, 0, 1, jack);
    cycle(jack, FRAMES);
    CHECK(seen.connected == 0 && seen.lost == 0);
    cycle(jack, FRAMES);
    CHECK(seen.lost == 0);
    rp_jack_free(jack);
}

static void check_news(rp_jack *jack, uint32_t kind, const char *source, const char *destination) {
    rp_jack_news news;
    CHECK(rp_jack_hear(jack, &news) && news.kind == kind);
    CHECK(strcmp(news.source, source) == 0 && strcmp(news.destination, destination) == 0);
}

static void test_news(void) {
    rp_jack *jack = open_driver(1, 1, 3);
    rp_jack_news none;
    ports[0].name = "test:in";
    ports[PORTS].name = "test:out";
    ports[1].name = "keys:out";
    ports[2].name = NULL; /* already forgotten */
    rp_jack_on_registration(1, 1, jack);
    rp_jack_on_connect(1, 0, 1, jack);
    rp_jack_on_connect(1, 2, 1, jack); /* nothing of ours */
    rp_jack_on_connect(PORTS, 2, 0, jack);
    rp_jack_on_registration(1, 0, jack);
    check_news(jack, RP_JACK_CAME, "keys:out", "");
    check_news(jack, RP_JACK_JOINED, "keys:out", "test:in");
    check_news(jack, RP_JACK_PARTED, "test:out", "");
    check_news(jack, RP_JACK_WENT, "keys:out", "");
    CHECK(!rp_jack_hear(jack, &none));
    char long_name[400];
    memset(long_name, 'x', sizeof long_name);
    long_name[sizeof long_name - 1] = 0;
    ports[1].name = long_name;
    for (uint32_t i = 0; i < 1000; i++) rp_jack_on_registration(1, 1, jack); /* more than there is room for */
    uint32_t heard = 0;
    for (; rp_jack_hear(jack, &none); heard++) CHECK(strlen(none.source) == RP_JACK_PORT_NAME_MAX - 1);
    CHECK(heard > 100 && heard < 1000);
    rp_jack_free(jack);
}

static void test_when_the_cycle_began(void) {
    rp_jack *jack = open_driver(1, 1, 3);
    for (ago = 0; ago < 2000; ago += 700) {
        uint64_t before = rp_now();
        cycle(jack, FRAMES);
        CHECK(seen.nanoseconds >= before - ago * 1000 && seen.nanoseconds <= rp_now() - ago * 1000);
    }
    ago = 0;
    rp_jack_free(jack);
}

/* After an xrun the server's clock is off by 15 ms, either way; one cycle in eight still begins on time. */
static void test_when_the_cycle_began_though_the_clock_is_off(void) {
    static const int64_t off[3] = {15000, -15000, 0};
    rp_jack *jack = open_driver(1, 1, 3);
    for (uint32_t n = 0; n < 3 * 100; n++) {
        int64_t late = n % 8 * 90;
        ago = (uint64_t)(off[n / 100] + late);
        uint64_t before = rp_now();
        cycle(jack, FRAMES);
        if (n % 100 < RP_JACK_LATE) continue;
        CHECK(seen.nanoseconds >= before - (uint64_t)late * 1000);
        CHECK(seen.nanoseconds <= rp_now() - (uint64_t)late * 1000);
    }
    ago = 0;
    rp_jack_free(jack);
}

/* Four and a half beats of 6/8 are two quarters and a quarter of one; the tempo counts eighths. */
static void test_transport(void) {
    rp_jack *jack = open_driver(1, 1, 3);
    place = (rp_jack_position){.frame = 96000, .frame_rate = 48000, .bar = 1, .beat = 5, .tick = 960};
    place.beats_per_bar = 6, place.beat_type = 8, place.ticks_per_beat = 1920, place.beats_per_minute = 180;
    cycle(jack, FRAMES);
    CHECK(seen.transport.known && !seen.transport.rolling && !seen.transport.has_beat);
    CHECK(seen.transport.frame == 96000);
    place.valid = RP_JACK_HAS_BEAT;
    rolls = RP_JACK_ROLLING;
    cycle(jack, FRAMES);
    CHECK(seen.transport.rolling && seen.transport.has_beat);
    CHECK(seen.transport.beat == 2.25 && seen.transport.bpm == 90.0);
    place.valid |= RP_JACK_HAS_OFFSET; /* a quarter of a second ago */
    place.beat_offset = 12000;
    cycle(jack, FRAMES);
    CHECK(seen.transport.beat == 2.625);
    place.valid |= RP_JACK_HAS_TICK;
    place.tick_double = 0.0;
    place.bar = 3;
    cycle(jack, FRAMES);
    CHECK(seen.transport.beat == 8.375);
    rolls = 3; /* it waits for somebody */
    place.ticks_per_beat = 0;
    cycle(jack, FRAMES);
    CHECK(!seen.transport.rolling && !seen.transport.has_beat);
    rolls = 0;
    rp_jack_free(jack);
}

static void test_counts(void) {
    rp_jack *jack = open_driver(1, 1, 3);
    rp_jack_state state;
    CHECK(rp_jack_on_xrun(jack) == 0 && rp_jack_on_period(256, jack) == 0 && rp_jack_on_rate(44100, jack) == 0);
    rp_jack_on_registration(4, 1, jack);
    rp_jack_get_state(jack, &state);
    CHECK(state.xruns == 1 && state.period == 256 && state.sample_rate == 44100 && state.changes == 1);
    CHECK(state.state == RP_JACK_CLOSED && state.reason[0] == 0);
    char long_reason[300];
    memset(long_reason, 'x', sizeof long_reason);
    long_reason[sizeof long_reason - 1] = 0;
    rp_jack_on_shutdown(0, long_reason, jack);
    rp_jack_get_state(jack, &state);
    CHECK(state.state == RP_JACK_GONE && strlen(state.reason) == sizeof state.reason - 1);
    rp_jack_on_shutdown(0, NULL, jack);
    rp_jack_get_state(jack, &state);
    CHECK(state.reason[0] == 0);
    rp_jack_free(jack);
}

/* The engine itself, thru: a port that is full gets the rest in the next cycle. */
static void test_engine_in_the_cycle(void) {
    rp_jack *jack = open_driver(1, 1, 64);
    const rp_engine_config config = {.sample_rate = 48000, .inputs = 1, .outputs = 1};
    rp_engine *engine = rp_engine_new(&config);
    CHECK(engine && rp_engine_load(engine, thru_rig()));
    CHECK(rp_jack_start(jack, engine) == RP_JACK_NO_SERVER); /* it is not open; but it knows its engine now */
    jack->counts_links = ports[PORTS].links = 1;
    for (uint32_t i = 0; i < EVENTS; i++) put(0, 10 * i, note, 3);
    cycle(jack, FRAMES);
    CHECK(ports[PORTS].writes == EVENTS && ports[PORTS].times[3] == 30 && memcmp(ports[PORTS].out, note, 3) == 0);
    cycle(jack, FRAMES); /* the same events once more */
    cycle(jack, FRAMES);
    CHECK(ports[PORTS].clears == 3);
    ports[0].count = 0;
    CHECK(rp_engine_stop(engine));
    cycle(jack, FRAMES);
    CHECK(ports[PORTS].writes == 1 && (ports[PORTS].out[0] & 0xF0) == 0x80);
    rp_jack_free(jack);
    rp_engine_free(engine);
}

static void test_probe_and_wire(void) {
    static const uint8_t off[3] = {0x80, 60, 0};
    rp_jack *jack = open_driver(2, 1, 64);
    rp_tape *tape = rp_tape_new();
    CHECK(tape && rp_tape_add(tape, 5, 0, note, 3) && rp_tape_add(tape, 130, 0, off, 3));
    rp_probe *probe = rp_probe_new(tape, 8);
    CHECK(probe);
    CHECK(rp_jack_start_probe(jack, probe) == RP_JACK_NO_SERVER);
    put(0, 9, note, 3);
    put(1, 11, off, 3);
    put(1, 12, off, 3);
    cycle(jack, FRAMES);
    rp_probe_state state = rp_probe_get_state(probe);
    CHECK(state.sent == 0 && state.received == 2 && state.missed == 1); /* there was room for eight bytes */
    rp_tape_event heard = rp_probe_received(probe, 1);
    CHECK(heard.frame == 1011 && heard.port == 1 && heard.size == 3 && memcmp(heard.data, off, 3) == 0);
    rp_probe_go(probe);
    now += FRAMES;
    cycle(jack, FRAMES);
    CHECK(ports[PORTS].writes == 1 && ports[PORTS].times[0] == 5 && rp_probe_sent_frame(probe, 0) == 1133);
    now += FRAMES;
    cycle(jack, FRAMES);
    CHECK(ports[PORTS].times[0] == 2 && rp_probe_get_state(probe).sent == 2 && rp_probe_sent_frame(probe, 1) == 1258);
    CHECK(rp_jack_start_wire(jack) == RP_JACK_NO_SERVER);
    cycle(jack, FRAMES);
    CHECK(ports[PORTS].writes == 1 && ports[PORTS].times[0] == 9); /* the second input has no output of its own */
    rp_jack_free(jack);
    rp_probe_free(probe);
    rp_tape_free(tape);
}

static void test_failing_allocations(void) {
    static const char *const names[17] = {"port"};
    CHECK(!rp_jack_new("x", 17, names, 0, names) && !rp_jack_new("x", 0, names, 17, names));
    rp_tape *tape = rp_tape_new();
    long held = allocations_held();
    for (long n = 0; fail_allocation(n); n++) {
        rp_jack *jack = rp_jack_new("x", 1, names, 1, names);
        rp_probe *probe = rp_probe_new(tape, 100);
        int failed = allocation_failed();
        fail_allocation(-1);
        CHECK(failed == (!jack || !probe));
        rp_jack_free(jack);
        rp_probe_free(probe);
        CHECK(allocations_held() == held);
        if (!failed) break;
    }
    rp_tape_free(tape);
}

#ifdef CAN_CONFINE
/* From here on any system call but exit kills. (The kernel's strict mode would forbid to read the time stamp counter
 * too, by which the clock is read without a system call.) 0: this kernel cannot. */
static int confine(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL),
    };
    struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* Runs it where no system call is left to it. 1: it came to its end. */
static int confined(void (*body)(void *), void *argument) {
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        if (!confine()) _exit(0);
        body(argument);
        syscall(SYS_exit, 0);
        _exit(1);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void read_clock(void *argument) { *(uint64_t *)argument = rp_now(); }

static void many_cycles(void *jack) {
    for (uint32_t i = 0; i < 10000; i++) {
        ports[0].event[0].time = i % FRAMES;
        cycle(jack, FRAMES);
        now += FRAMES;
    }
}

static void test_no_system_call_in_the_cycle(void) {
    uint64_t time;
    if (!confined(read_clock, &time)) {
        printf("this machine reads its clock by a system call: not checked\n");
        return;
    }
    rp_jack *jack = open_driver(1, 1, 64);
    const rp_engine_config config = {.sample_rate = 48000, .inputs = 1, .outputs = 1};
    rp_engine *engine = rp_engine_new(&config);
    CHECK(engine && rp_engine_load(engine, thru_rig()));
    rp_jack_start(jack, engine);
    put(0, 0, note, 3);
    CHECK(confined(many_cycles, jack));
    rp_jack_free(jack);
    rp_engine_free(engine);
}
#endif

int main(void) {
    test_events_of_all_ports_by_time();
    test_broken_late_and_too_many_events();
    test_audio_ports();
    test_period();
    test_latency();
    test_frames_never_go_back();
    test_connections();
    test_news();
    test_when_the_cycle_began();
    test_when_the_cycle_began_though_the_clock_is_off();
    test_transport();
    test_counts();
    test_engine_in_the_cycle();
    test_probe_and_wire();
    test_failing_allocations();
#ifdef CAN_CONFINE
    test_no_system_call_in_the_cycle();
#endif
    return 0;
}
