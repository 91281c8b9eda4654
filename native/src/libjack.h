/* libjack.h - the part of JACK's C interface that we use (jackaudio.org/api), found at run time. */
#ifndef RIPIENO_LIBJACK_H
#define RIPIENO_LIBJACK_H
#include <stddef.h>
#include <stdint.h>

typedef struct rp_jack_client rp_jack_client;
typedef struct rp_jack_port rp_jack_port;
typedef struct {
    uint32_t time;
    size_t size;
    uint8_t *data;
} rp_jack_event;

/* Frames; jack_latency_range_t. */
typedef struct {
    uint32_t min, max;
} rp_jack_latency;
enum { RP_JACK_CAPTURE = 0, RP_JACK_PLAYBACK = 1 }; /* since it came in; until it is heard */

/* jack_position_t: the transport's place at the beginning of a cycle. Without gaps, so that it is the same on every
 * machine. */
#pragma pack(push, 1)
typedef struct {
    uint64_t unique_1, microseconds;
    uint32_t frame_rate, frame;
    uint32_t valid; /* RP_JACK_HAS_... : which of the others are */
    int32_t bar, beat, tick;
    double bar_start_tick;
    float beats_per_bar, beat_type;
    double ticks_per_beat, beats_per_minute;
    double frame_time, next_time;
    uint32_t beat_offset; /* frames before the cycle, of which bar, beat and tick are */
    float audio_frames_per_video_frame;
    uint32_t video_offset;
    double tick_double;
    int32_t padding[5];
    uint64_t unique_2;
} rp_jack_position;
#pragma pack(pop)
enum { RP_JACK_STOPPED = 0, RP_JACK_ROLLING = 1, RP_JACK_LOOPING = 2 }; /* others wait to roll */
enum { RP_JACK_HAS_BEAT = 0x10, RP_JACK_HAS_OFFSET = 0x40, RP_JACK_HAS_TICK = 0x200 };

#define RP_JACK_MIDI "8 bit raw midi"
#define RP_JACK_AUDIO "32 bit float mono audio"
enum { RP_JACK_NO_START_SERVER = 1, RP_JACK_EXACT_NAME = 2 };                  /* options */
enum { RP_JACK_SERVER_FAILED = 0x10, RP_JACK_VERSION_ERROR = 0x400 };          /* status bits */
enum { RP_JACK_IS_INPUT = 1, RP_JACK_IS_OUTPUT = 2, RP_JACK_IS_PHYSICAL = 4 }; /* port flags */

/* Each member is the function jack_<member>. What runs in the process callback stands first. */
typedef struct {
    void *(*port_get_buffer)(rp_jack_port *port, uint32_t frames);
    uint32_t (*midi_get_event_count)(void *buffer);
    int (*midi_event_get)(rp_jack_event *event, void *buffer, uint32_t index);
    void (*midi_clear_buffer)(void *buffer);
    int (*midi_event_write)(void *buffer, uint32_t time, const uint8_t *data, size_t size);
    uint32_t (*last_frame_time)(const rp_jack_client *client);
    int (*port_connected)(const rp_jack_port *port);
    int (*transport_query)(const rp_jack_client *client, rp_jack_position *position); /* RP_JACK_ROLLING... */
    int (*get_cycle_times)(const rp_jack_client *client, uint32_t *frame, uint64_t *microseconds, uint64_t *next,
                           float *period);
    uint64_t (*get_time)(void); /* microseconds */

    rp_jack_client *(*client_open)(const char *name, int options, int *status, ...);
    int (*client_close)(rp_jack_client *client);
    char *(*get_client_name)(rp_jack_client *client);
    int (*activate)(rp_jack_client *client);
    int (*deactivate)(rp_jack_client *client);
    uint32_t (*get_sample_rate)(rp_jack_client *client);
    uint32_t (*get_buffer_size)(rp_jack_client *client);
    const char *(*get_version_string)(void);
    rp_jack_port *(*port_register)(rp_jack_client *client, const char *name, const char *type, unsigned long flags,
                                   unsigned long buffer_size);
    rp_jack_port *(*port_by_id)(rp_jack_client *client, uint32_t id);
    rp_jack_port *(*port_by_name)(rp_jack_client *client, const char *name);
    const char *(*port_name)(const rp_jack_port *port);
    int (*port_flags)(const rp_jack_port *port);
    int (*port_is_mine)(const rp_jack_client *client, const rp_jack_port *port);
    int (*port_connected_to)(const rp_jack_port *port, const char *name);
    int (*port_get_aliases)(const rp_jack_port *port, char *const aliases[2]);
    int (*port_name_size)(void);
    size_t (*port_type_get_buffer_size)(rp_jack_client *client, const char *type);
    const char **(*get_ports)(rp_jack_client *client, const char *name_pattern, const char *type_pattern,
                              unsigned long flags);
    int (*connect)(rp_jack_client *client, const char *source, const char *destination);
    int (*disconnect)(rp_jack_client *client, const char *source, const char *destination);
    void (*free)(void *memory);

    int (*set_process_callback)(rp_jack_client *client, int (*call)(uint32_t frames, void *argument), void *argument);
    int (*set_buffer_size_callback)(rp_jack_client *client, int (*call)(uint32_t frames, void *argument),
                                    void *argument);
    int (*set_sample_rate_callback)(rp_jack_client *client, int (*call)(uint32_t rate, void *argument), void *argument);
    int (*set_xrun_callback)(rp_jack_client *client, int (*call)(void *argument), void *argument);
    int (*set_port_connect_callback)(rp_jack_client *client,
                                     void (*call)(uint32_t a, uint32_t b, int connect, void *argument), void *argument);
    int (*set_port_registration_callback)(rp_jack_client *client,
                                          void (*call)(uint32_t port, int registered, void *argument), void *argument);
    int (*set_latency_callback)(rp_jack_client *client, void (*call)(int mode, void *argument), void *argument);
    void (*port_get_latency_range)(rp_jack_port *port, int mode, rp_jack_latency *range);
    void (*port_set_latency_range)(rp_jack_port *port, int mode, rp_jack_latency *range);
    int (*recompute_total_latencies)(rp_jack_client *client);
    void (*on_info_shutdown)(rp_jack_client *client, void (*call)(int code, const char *reason, void *argument),
                             void *argument);
    void (*set_error_function)(void (*call)(const char *line));
    void (*set_info_function)(void (*call)(const char *line));
} rp_libjack;

const rp_libjack *rp_libjack_get(void); /* opened at the first call; NULL: it is not on this machine [control] */
/* JACK's first complaint since the last call, copied to `out`. [control] */
void rp_libjack_complaint(char *out, uint32_t capacity);
#endif
