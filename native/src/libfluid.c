/* libfluid.c - see libfluid.h. */
#include "libfluid.h"

#include <stddef.h>

#include "library.h"
#include "platform.h"

static const char *const libraries[] = {
#if defined(_WIN32)
    "libfluidsynth-3.dll",
#elif defined(__APPLE__)
    "libfluidsynth.3.dylib",
    "/opt/homebrew/lib/libfluidsynth.3.dylib",
    "/usr/local/lib/libfluidsynth.3.dylib",
#else
    "libfluidsynth.so.3",
#endif
    NULL,
};

#define PLACE(member) offsetof(rp_libfluid, member)
#define SYMBOL(member) {"fluid_" #member, PLACE(member)}
static const rp_symbol symbols[] = {
    SYMBOL(synth_write_float),
    SYMBOL(synth_noteon),
    SYMBOL(synth_noteoff),
    SYMBOL(synth_key_pressure),
    SYMBOL(synth_cc),
    SYMBOL(synth_program_change),
    SYMBOL(synth_channel_pressure),
    SYMBOL(synth_pitch_bend),
    SYMBOL(synth_all_sounds_off),
    {"new_fluid_settings", PLACE(new_settings)},
    {"delete_fluid_settings", PLACE(delete_settings)},
    SYMBOL(settings_setint),
    SYMBOL(settings_setnum),
    {"new_fluid_synth", PLACE(new_synth)},
    {"delete_fluid_synth", PLACE(delete_synth)},
    SYMBOL(synth_sfload),
    SYMBOL(audio_driver_register),
    SYMBOL(set_log_function),
};
enum { SYMBOLS = sizeof symbols / sizeof symbols[0] };
_Static_assert(sizeof(rp_libfluid) == SYMBOLS * sizeof(rp_function), "every member is found by its name");

static rp_complaint complaint = {.held = ATOMIC_FLAG_INIT};

/* FluidSynth calls this wherever it is, in the process thread, too. The first line says why. [any] */
static void hear(int level, const char *line, void *data) {
    (void)level;
    (void)data;
    rp_complaint_hear(&complaint, line);
}

/* Its remarks are nothing to the terminal. [any] */
static void ignore(int level, const char *line, void *data) {
    (void)level;
    (void)line;
    (void)data;
}

void rp_libfluid_complaint(char *out, uint32_t capacity) { rp_complaint_take(&complaint, out, capacity); }

/* It plays into our memory: its own audio drivers, which look for sound cards, are left out. [control] */
static void settle_down(const rp_libfluid *fluid) {
    const char *none[] = {NULL};
    for (int level = 0; level < RP_FLUID_LEVELS; level++)
        fluid->set_log_function(level, level <= RP_FLUID_ERROR ? hear : ignore, NULL);
    fluid->audio_driver_register(none);
}

/* For files that are no SoundFonts it tries another library, which complains through GLib. Not every FluidSynth is
 * built on these: then there is nothing to be kept quiet. */
static rp_glib_log (*set_glib_log)(rp_glib_log call, void *data);

/* [any] */
static void ignore_glib(const char *domain, int level, const char *line, void *data) {
    (void)domain;
    ignore(level, line, data);
}

int rp_libfluid_load(const rp_libfluid *fluid, rp_fluid_synth *synth, const char *path) {
    const rp_glib_log before = set_glib_log ? set_glib_log(ignore_glib, NULL) : NULL;
    const int loaded = fluid->synth_sfload(synth, path, 1);
    if (set_glib_log) set_glib_log(before, NULL);
    return loaded;
}

const rp_libfluid *rp_libfluid_get(void) {
    static rp_libfluid found;
    static int ready;
    if (ready) return &found;
    void *library = rp_library_open(libraries); /* stays open: units hold its functions */
    if (!library || !rp_library_find_all(library, symbols, SYMBOLS, &found)) return NULL;
    set_glib_log = (rp_glib_log (*)(rp_glib_log, void *))rp_library_find(library, "g_log_set_default_handler");
    settle_down(&found);
    ready = 1;
    return &found;
}
