/* drivers.h - what runs the engine: JACK, a clock thread, or as fast as it goes. */
#ifndef RIPIENO_DRIVERS_H
#define RIPIENO_DRIVERS_H
#include <stdint.h>
#include "engine.h"

/* A tape: MIDI events in time order, growable. [control] */
typedef struct rp_tape rp_tape;
typedef struct {
    uint64_t frame;
    uint32_t port;
    uint32_t size;
    const uint8_t *data; /* valid until the tape grows or is freed */
} rp_tape_event;
rp_tape *rp_tape_new(void);
void rp_tape_free(rp_tape *tape);
void rp_tape_clear(rp_tape *tape);
int rp_tape_add(rp_tape *tape, uint64_t frame, uint32_t port, const uint8_t *data, uint32_t size); /* 0: no memory */
uint32_t rp_tape_count(const rp_tape *tape);
rp_tape_event rp_tape_get(const rp_tape *tape, uint32_t index);

/* Sound: samples of every channel in turn, growable. [control] */
typedef struct rp_sound rp_sound;
rp_sound *rp_sound_new(uint32_t channels); /* NULL: no memory, or not 1 to 16 channels */
void rp_sound_free(rp_sound *sound);
void rp_sound_clear(rp_sound *sound);
uint32_t rp_sound_channels(const rp_sound *sound);
uint64_t rp_sound_frames(const rp_sound *sound);
const float *rp_sound_samples(const rp_sound *sound); /* [frames][channels]; valid until it grows or is freed */
int rp_sound_add(rp_sound *sound, const float *const *channel, uint32_t frames); /* 0: no memory */

/* Run the engine from frame `from` to `until` in blocks, reading `in` and adding to `out`. 0: no memory. Where a voice
 * sings, no block goes beyond the beginning of one of its own: what it sings does not depend on `block`. After each
 * block it waits for the rack's units, so that no plugin is ever late. [control] */
typedef struct {
    uint64_t from, until;
    uint32_t block;
    uint32_t lost;         /* bit n: input port n went away before `from` */
    uint32_t connected;    /* bit n: output port n has a listener */
    uint32_t room;         /* bytes a port takes in a block, 0: any number */
    rp_sound *sound;       /* grows by what the engine's audio ports give; NULL: none */
    const rp_sound *input; /* what comes in at its audio inputs from `from` on, then silence; NULL: nothing */
} rp_offline_span;
int rp_offline_run(rp_engine *engine, const rp_tape *in, rp_tape *out, const rp_offline_span *span);

/* A client of a JACK server: one process callback, output in the cycle of its input. Its frames go on, without a gap,
 * over a change of the period and over a server that went away and came back. */
typedef struct rp_jack rp_jack;
enum { RP_JACK_CLOSED = 0, RP_JACK_OPEN = 1, RP_JACK_RUNNING = 2, RP_JACK_GONE = 3 }; /* GONE: the server left us */
enum {
    RP_JACK_FINE = 0,
    RP_JACK_NO_LIBRARY = 1, /* libjack is not on this machine */
    RP_JACK_NO_SERVER = 2,  /* none runs, or not for this user */
    RP_JACK_REFUSED = 3,    /* the server would not have this client or one of its ports */
    RP_JACK_OTHER_RATE = 4, /* the server came back with another sample rate */
    RP_JACK_NO_MEMORY = 5
};
typedef struct {
    uint64_t frame; /* the next cycle's first; they began at the server's frame time */
    uint64_t cycles;
    uint64_t xruns;
    uint64_t unread; /* events that came in and found no room */
    uint32_t state;  /* RP_JACK_CLOSED... */
    uint32_t sample_rate;
    uint32_t period;    /* frames */
    uint32_t load_max;  /* time spent in a cycle, thousandths of the period: the longest since the start */
    uint32_t load_mean; /* over the last hundred cycles or so */
    uint32_t overruns;  /* cycles that took longer than a period: xruns of our own making */
    uint32_t changes;   /* ports that came or went, on the whole server */
    char reason[128];   /* in JACK's own words: why it failed or left; may be empty */
} rp_jack_state;

/* What became of the server's ports and of our connections, in its order. */
enum { RP_JACK_CAME = 0, RP_JACK_WENT = 1, RP_JACK_JOINED = 2, RP_JACK_PARTED = 3, RP_JACK_PORT_NAME_MAX = 320 };
typedef struct {
    uint32_t kind;         /* RP_JACK_CAME... */
    char source[320];      /* the full name of the port that came or went, or that something comes out of */
    char destination[320]; /* of the one it goes into; "" for a port that came or went */
} rp_jack_news;

rp_jack *rp_jack_new(const char *name, uint32_t inputs, const char *const *input_names, uint32_t outputs,
                     const char *const *output_names); /* NULL: no memory, more than 16 ports [control] */
/* Its audio ports, before it is opened. 0: more than 16. [control] */
int rp_jack_set_audio(rp_jack *jack, uint32_t inputs, const char *const *input_names, uint32_t outputs,
                      const char *const *output_names);
void rp_jack_free(rp_jack *jack);     /* closes it first [control] */
uint32_t rp_jack_open(rp_jack *jack); /* ports are there, silent; RP_JACK_FINE or why not [control] */
uint32_t rp_jack_start(rp_jack *jack, rp_engine *engine); /* from here on the engine runs [control] */
void rp_jack_close(rp_jack *jack);                        /* the engine runs no more; may be opened again [control] */
void rp_jack_get_state(const rp_jack *jack, rp_jack_state *out); /* [any] */
/* Frames that sound and MIDI are late by on their way through this client. JACK is told, and asks all its clients anew,
 * where they are others than before. [control] */
void rp_jack_set_latency(rp_jack *jack, uint32_t audio, uint32_t midi);
void rp_jack_set_shift(rp_jack *jack, uint32_t port, uint32_t frames); /* one MIDI output's own, on top [control] */
const char *rp_jack_client_name(const rp_jack *jack); /* the one the server gave; "" when closed [control] */
/* The server's MIDI ports, or audio ports, a line each: flags (1: others may write to it, 2: read from it, 4: hardware,
 * 256: ours), a tab, the name, and after tabs its other names. Flags are three digits. Returns the characters it takes;
 * all are written when `capacity` is larger than that. [control] */
uint32_t rp_jack_list(rp_jack *jack, uint32_t audio, char *out, uint32_t capacity);
/* The next of what happened; 0: nothing more. Where so much happened that there was no room, the latest is missing.
 * [control] */
int rp_jack_hear(rp_jack *jack, rp_jack_news *out);
/* Full names. connect: 1 when they then are connected. connected: are they, one of them being ours. [control] */
int rp_jack_connect(rp_jack *jack, const char *source, const char *destination);
int rp_jack_disconnect(rp_jack *jack, const char *source, const char *destination);
int rp_jack_connected(rp_jack *jack, const char *source, const char *destination);

/* A JACK client that is no engine: it plays a script and records what it hears, for tests and the benchmark. Its frames
 * are the server's, so that those of two clients can be compared. */
typedef struct rp_probe rp_probe;
typedef struct {
    uint32_t sent;     /* events of the script that have left */
    uint32_t received; /* events heard */
    uint32_t missed;   /* events heard that there was no room for */
} rp_probe_state;
/* The script's frames count from rp_probe_go; it is borrowed. room: bytes to record. NULL: no memory. [control] */
rp_probe *rp_probe_new(const rp_tape *script, uint32_t room);
void rp_probe_free(rp_probe *probe); /* its client is closed [control] */
/* Before it is started: it records up to so many frames of each audio input. 0: no memory. [control] */
int rp_probe_listen(rp_probe *probe, uint32_t inputs, uint32_t frames);
/* Before it is started: from rp_probe_go on its audio outputs play these samples, then silence. Borrowed. [control] */
void rp_probe_say(rp_probe *probe, const float *samples, uint32_t frames);
uint32_t rp_jack_start_probe(rp_jack *jack, rp_probe *probe); /* in rp_jack_start's place [control] */
uint32_t rp_jack_start_wire(rp_jack *jack); /* likewise: what comes in at a port goes out at its like [control] */
void rp_probe_go(rp_probe *probe);          /* [any] */
rp_probe_state rp_probe_get_state(const rp_probe *probe);               /* [any] */
uint64_t rp_probe_sent_frame(const rp_probe *probe, uint32_t index);    /* of those sent [any] */
rp_tape_event rp_probe_received(const rp_probe *probe, uint32_t index); /* of those received [any] */
uint32_t rp_probe_frames(const rp_probe *probe);                        /* of sound recorded so far [any] */
uint64_t rp_probe_went_frame(const rp_probe *probe);                    /* the script's frame 0; 0: it waits [any] */
uint64_t rp_probe_first_frame(const rp_probe *probe);                   /* the first of them, once there is one [any] */
/* A recorded input: as many samples as rp_probe_frames says; NULL: no such input. [any] */
const float *rp_probe_sound(const rp_probe *probe, uint32_t input);

/* A thread that runs the engine at real pace, block by block, for ports that have no clock of their own. */
typedef struct rp_clock rp_clock;
typedef struct {
    uint32_t sample_rate;
    uint32_t block;   /* frames, 1 to 8192 */
    uint32_t sources; /* where bytes come from, 1 to 16; each has one thread that sends */
    uint32_t outputs; /* ports, 1 to 16 */
} rp_clock_config;
typedef struct {
    uint64_t frame; /* the next block's first */
    uint64_t cycles;
    uint64_t xruns;   /* blocks that began more than a block too late */
    uint64_t refused; /* messages that found a source's queue full */
    uint32_t running;
    uint32_t realtime; /* 1: the thread has real-time priority */
    uint32_t load_max; /* as of rp_jack_state, like the next two */
    uint32_t load_mean;
    uint32_t overruns;
    uint32_t driven; /* 1: somebody else runs the cycles at the moment */
} rp_clock_state;
typedef struct {
    uint64_t frame;
    uint32_t port;
    uint32_t size;
    uint8_t data[65536]; /* the first `size` of them */
} rp_clock_event;

rp_clock *rp_clock_new(const rp_clock_config *config);  /* NULL: no memory or a bad config [control] */
void rp_clock_free(rp_clock *clock);                    /* stops it first [control] */
int rp_clock_start(rp_clock *clock, rp_engine *engine); /* 0: no thread [control] */
void rp_clock_stop(rp_clock *clock);                    /* the engine runs no more; may be started again [control] */
/* Bytes for an input port, up to 65,536: as soon as can be; or at a frame, which never decreases within a source.
 * Returns 1, or 0: too long, or the queue is full; nothing was taken. Each source has one thread that sends. [any] */
int rp_clock_send(rp_clock *clock, uint32_t source, uint32_t port, const uint8_t *data, uint32_t size);
int rp_clock_send_at(rp_clock *clock, uint32_t source, uint64_t frame, uint32_t port, const uint8_t *data,
                     uint32_t size);
/* The next event that leaves; waits up to `timeout` milliseconds for one. 1: there is one. One thread receives.
 * [worker] */
int rp_clock_receive(rp_clock *clock, rp_clock_event *out, uint32_t timeout);
void rp_clock_lose(rp_clock *clock, uint32_t port);                  /* that input port was unplugged [any] */
void rp_clock_set_connected(rp_clock *clock, uint32_t outputs);      /* bit n: output port n has a listener [any] */
void rp_clock_get_state(const rp_clock *clock, rp_clock_state *out); /* [any] */
/* One cycle on somebody else's thread, which has a place for sound [audios][frames]. While such cycles come in time the
 * clock's own thread stands by; where they stop it goes on within a tenth of a second or so. 0: nothing was played: the
 * clock does not run, or its own thread is just at it. [process] */
int rp_clock_play(rp_clock *clock, uint32_t frames, float *const *audio, uint32_t audios);

/* What PortAudio calls for each buffer of an output stream of 32-bit floats: it plays a clock. */
typedef struct rp_portaudio rp_portaudio;
typedef struct {
    uint64_t buffers;
    uint64_t silent;     /* of them: the clock would not be played */
    uint64_t underflows; /* PortAudio's own count of buffers that came too late */
    uint32_t frames;     /* of the last buffer */
} rp_portaudio_state;
/* An engine's audio outputs, on so many channels of a device: the only one sounds on all of them, several each on one,
 * in turn. The clock lives longer. NULL: no memory, or not 1 to 16 of both. [control] */
rp_portaudio *rp_portaudio_new(rp_clock *clock, uint32_t audios, uint32_t channels);
void rp_portaudio_free(rp_portaudio *portaudio); /* its stream is closed [control] */
void rp_portaudio_get_state(const rp_portaudio *portaudio, rp_portaudio_state *out); /* [any] */
/* Let ALSA, where it is, keep its complaints to itself: they would cross the screen at every underflow. [control] */
void rp_portaudio_hush(void);
/* A PaStreamCallback; the stream's user data is an rp_portaudio. [process] */
int rp_portaudio_callback(const void *input, void *output, unsigned long frames, const void *time, unsigned long flags,
                          void *user);
#endif
