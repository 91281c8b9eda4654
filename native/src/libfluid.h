/* libfluid.h - the part of FluidSynth's C interface that we use (fluidsynth.org/api), found at run time. */
#ifndef RIPIENO_LIBFLUID_H
#define RIPIENO_LIBFLUID_H
#include <stdint.h>

typedef struct rp_fluid_settings rp_fluid_settings;
typedef struct rp_fluid_synth rp_fluid_synth;
typedef void (*rp_fluid_log)(int level, const char *line, void *data);
typedef void (*rp_glib_log)(const char *domain, int level, const char *line, void *data);

/* Channels are 0 to 15, -1: all. What returns an int returns RP_FLUID_FAILED where it fails. */
enum { RP_FLUID_FAILED = -1 };
enum { RP_FLUID_BLOCK = 64 }; /* frames: it starts notes only between such blocks */
enum { RP_FLUID_PANIC = 0, RP_FLUID_ERROR = 1, RP_FLUID_LEVELS = 5 }; /* of its log */

/* Each member is the function fluid_<member>, or, with new_ or delete_ before it, new_fluid_<member>. What runs in the
 * process thread stands first. */
typedef struct {
    int (*synth_write_float)(rp_fluid_synth *synth, int frames, void *left, int left_at, int left_step, void *right,
                             int right_at, int right_step);
    int (*synth_noteon)(rp_fluid_synth *synth, int channel, int key, int velocity);
    int (*synth_noteoff)(rp_fluid_synth *synth, int channel, int key);
    int (*synth_key_pressure)(rp_fluid_synth *synth, int channel, int key, int value);
    int (*synth_cc)(rp_fluid_synth *synth, int channel, int controller, int value);
    int (*synth_program_change)(rp_fluid_synth *synth, int channel, int program);
    int (*synth_channel_pressure)(rp_fluid_synth *synth, int channel, int value);
    int (*synth_pitch_bend)(rp_fluid_synth *synth, int channel, int value);
    int (*synth_all_sounds_off)(rp_fluid_synth *synth, int channel);

    rp_fluid_settings *(*new_settings)(void);
    void (*delete_settings)(rp_fluid_settings *settings);
    int (*settings_setint)(rp_fluid_settings *settings, const char *name, int value);
    int (*settings_setnum)(rp_fluid_settings *settings, const char *name, double value);
    rp_fluid_synth *(*new_synth)(rp_fluid_settings *settings);
    void (*delete_synth)(rp_fluid_synth *synth);
    int (*synth_sfload)(rp_fluid_synth *synth, const char *path, int reset_presets);
    int (*audio_driver_register)(const char **names);
    rp_fluid_log (*set_log_function)(int level, rp_fluid_log call, void *data);
} rp_libfluid;

/* fluid_synth_sfload, with what it and the libraries under it say kept off the screen. [control] */
int rp_libfluid_load(const rp_libfluid *fluid, rp_fluid_synth *synth, const char *path);
const rp_libfluid *rp_libfluid_get(void); /* opened at the first call; NULL: it is not on this machine [control] */
/* FluidSynth's first complaint since the last call, copied to `out`. [control] */
void rp_libfluid_complaint(char *out, uint32_t capacity);
#endif
