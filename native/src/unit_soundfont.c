/* unit_soundfont.c - see soundfont.h.
 *
 * FluidSynth starts and ends notes between blocks of 64 frames only. It is asked for one such block at a time, however
 * long the cycles are, so that what it plays does not depend on them: a message counts from the next multiple of 64
 * frames of the unit's own time, up to 63 frames (1.3 ms at 48 kHz) late and never early. Of MPE it knows nothing but
 * the ranges of bends: a zone's channels are given here what its manager has. Its lock is left out
 * (threadsafe-api 0): one thread plays it. So are its reverberation and its chorus: they ask for memory at each block
 * (OpenMP's team of one), and there are plugins for that. */
#include "soundfont.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libfluid.h"
#include "unit_smooth.h"
#include "unit_state.h"

enum { RATE_LOW = 8000, RATE_HIGH = 96000, POLYPHONY_HIGH = 4096, CHANNELS = 16 };
enum { CC_DATA = 6, CC_DATA_FINE = 38, CC_TIMBRE = 74, CC_INCREASE = 96, RPN_MSB = 101, RPN_MPE = 6 };
enum { STRAIGHT = 8192, BEND_HIGH = 16383, MANAGER_BEND = 2, MEMBER_BEND = 48 };
enum { RPN_LSB = 100, RPN_TUNING_PROGRAM = 3, RPN_TUNING_BANK = 4, RPN_NONE = 127, RESET_CONTROLLERS = 121 };
static const double LOUDNESS = 0.5; /* FluidSynth's own gain: a chord of an instrument is below full scale */
static const rp_parameter parameters[RP_SOUNDFONT_PARAMETERS] = {
    {"gain", "dB", "how much louder", -60, 24, 0, 0},
};

typedef struct {
    rp_unit unit;
    const rp_libfluid *fluid;
    rp_fluid_settings *settings;
    rp_fluid_synth *synth;
    rp_ramp gain;
    uint32_t used;             /* frames of `ready` that were heard */
    int asked, zone, manager;  /* 1: a zone may be told next; there is one; and its manager's channel */
    int bend[CHANNELS], range; /* as each channel was sent it; semitones, of a zone's notes */
    float ready[2][RP_FLUID_BLOCK];
} soundfont_unit;

const rp_parameter *rp_soundfont_parameters(void) { return parameters; }

/* ---- playing ---- */

/* Is it for all notes of a zone? [process] */
static int is_for_all(const soundfont_unit *it, int channel, int controller) {
    const int parameter =
        controller == CC_DATA || controller == CC_DATA_FINE || (controller >= CC_INCREASE && controller <= RPN_MSB);
    return it->zone && channel == it->manager && controller != CC_TIMBRE && !parameter;
}

/* A zone, or the range of its notes' bends. [process] */
static void hear_zone(soundfont_unit *it, int channel, int controller, int value) {
    if (controller == RPN_LSB) it->asked = value;
    if (controller != CC_DATA) return;
    if (it->asked == RPN_MPE) {
        it->zone = value > 0;
        it->manager = channel;
        it->range = MEMBER_BEND;
    } else if (it->asked == 0 && channel != it->manager && value) {
        it->range = value;
    }
}

/* A bend, and with it, in a zone, the manager's. [process] */
static void bend(soundfont_unit *it, int channel, int value) {
    it->bend[channel] = value - STRAIGHT;
    for (int one = 0; one < CHANNELS; one++) {
        const int added = it->zone && one != it->manager ? it->bend[it->manager] * MANAGER_BEND / it->range : 0;
        const int sum = it->bend[one] + added + STRAIGHT, whole = sum > BEND_HIGH ? BEND_HIGH : sum;
        if (one == channel || (it->zone && channel == it->manager))
            it->fluid->synth_pitch_bend(it->synth, one, whole < 0 ? 0 : whole);
    }
}

/* A controller. FluidSynth asks for memory when a tuning is chosen that it has not: no tuning is chosen. [process] */
static void control(soundfont_unit *it, int channel, int controller, int value) {
    hear_zone(it, channel, controller, value);
    if (controller == RPN_LSB && (value == RPN_TUNING_PROGRAM || value == RPN_TUNING_BANK)) value = RPN_NONE;
    for (int one = 0; one < CHANNELS; one++)
        if (one == channel || is_for_all(it, channel, controller))
            it->fluid->synth_cc(it->synth, one, controller, value);
}

/* [process] */
static void change_program(const soundfont_unit *it, int channel, int program) {
    for (int one = 0; one < CHANNELS; one++)
        if (one == channel || (it->zone && channel == it->manager))
            it->fluid->synth_program_change(it->synth, one, program);
}

/* [process] */
static void play(soundfont_unit *it, const rp_unit_event *event) {
    const rp_libfluid *fluid = it->fluid;
    const int channel = event->byte[0] & 15, one = event->byte[1] & 127, two = event->byte[2] & 127;
    switch (event->byte[0] & 0xF0) {
    case 0x80: fluid->synth_noteoff(it->synth, channel, one); break;
    case 0x90: fluid->synth_noteon(it->synth, channel, one, two); break; /* velocity 0 ends it */
    case 0xA0: fluid->synth_key_pressure(it->synth, channel, one, two); break;
    case 0xB0: control(it, channel, one, two); break;
    case 0xC0: change_program(it, channel, one); break;
    case 0xD0: fluid->synth_channel_pressure(it->synth, channel, one); break;
    case 0xE0: bend(it, channel, one | two << 7); break;
    default: break;
    }
}

/* The block's frames from `at` to `end`. [process] */
static void render(soundfont_unit *it, const rp_unit_block *block, uint32_t at, uint32_t end) {
    for (; at < end; at++) {
        if (it->used == RP_FLUID_BLOCK) {
            it->fluid->synth_write_float(it->synth, RP_FLUID_BLOCK, it->ready[0], 0, 1, it->ready[1], 0, 1);
            it->used = 0;
        }
        const float gain = rp_ramp_next(&it->gain);
        for (uint32_t c = 0; c < 2; c++) block->audio[c][at] = it->ready[c][it->used] * gain;
        it->used++;
    }
}

/* [process] */
static void process(rp_unit *unit, const rp_unit_block *block) {
    soundfont_unit *it = (soundfont_unit *)unit;
    const rp_parameter *gain = &parameters[RP_SOUNDFONT_GAIN];
    const double wanted = fmin(fmax(rp_unit_get(unit, RP_SOUNDFONT_GAIN), gain->low), gain->high);
    rp_ramp_aim(&it->gain, (float)rp_from_decibels(wanted));
    uint32_t at = 0;
    for (uint32_t i = 0; i < block->events; i++) {
        const uint32_t offset = block->event[i].offset < block->frames ? block->event[i].offset : block->frames;
        render(it, block, at, offset);
        at = offset > at ? offset : at;
        play(it, &block->event[i]);
    }
    render(it, block, at, block->frames);
}

/* [process] */
static void reset(rp_unit *unit) {
    soundfont_unit *it = (soundfont_unit *)unit;
    it->fluid->synth_all_sounds_off(it->synth, -1);
    for (int channel = 0; channel < CHANNELS; channel++) /* no pedal holds what is played from now on */
        it->fluid->synth_cc(it->synth, channel, RESET_CONTROLLERS, 0);
    memset(it->bend, 0, sizeof it->bend);
    memset(it->ready, 0, sizeof it->ready);
    rp_ramp_restart(&it->gain);
}

/* ---- making ---- */

/* [control] */
static void release(rp_unit *unit) {
    soundfont_unit *it = (soundfont_unit *)unit;
    if (it->synth) it->fluid->delete_synth(it->synth);
    if (it->settings) it->fluid->delete_settings(it->settings);
    free(it);
}

static const rp_unit_kind soundfont_kind = {.process = process, .reset = reset, .free = release};

/* 0: a setting that it does not take. [control] */
static int set_up(const rp_libfluid *fluid, rp_fluid_settings *settings, uint32_t sample_rate, uint32_t polyphony) {
    const struct {
        const char *name;
        int value;
    } whole[] = {
        {"synth.polyphony", (int)polyphony},
        {"synth.midi-channels", CHANNELS},
        {"synth.threadsafe-api", 0},
        {"synth.dynamic-sample-loading", 0},
        {"synth.reverb.active", 0},
        {"synth.chorus.active", 0},
        {"synth.cpu-cores", 1},
    };
    for (uint32_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (fluid->settings_setint(settings, whole[i].name, whole[i].value) == RP_FLUID_FAILED) return 0;
    return fluid->settings_setnum(settings, "synth.sample-rate", sample_rate) != RP_FLUID_FAILED &&
           fluid->settings_setnum(settings, "synth.gain", LOUDNESS) != RP_FLUID_FAILED;
}

/* "": it is ready; else what is wrong. [control] */
static const char *load(soundfont_unit *it, const char *path, uint32_t sample_rate, uint32_t polyphony) {
    const rp_libfluid *fluid = it->fluid;
    it->settings = fluid->new_settings();
    if (!it->settings) return "no memory for FluidSynth";
    if (!set_up(fluid, it->settings, sample_rate, polyphony)) return "this FluidSynth does not take our settings";
    it->synth = fluid->new_synth(it->settings);
    if (!it->synth) return "no memory for FluidSynth";
    if (rp_libfluid_load(fluid, it->synth, path) == RP_FLUID_FAILED)
        return "it is no whole SoundFont; get it again, or name another";
    return "";
}

/* [control] */
static const char *unfit(const rp_libfluid *fluid, uint32_t sample_rate, uint32_t polyphony) {
    if (!fluid) return "FluidSynth is not installed; Debian: apt install libfluidsynth3";
    if (sample_rate < RATE_LOW || sample_rate > RATE_HIGH)
        return "FluidSynth plays at 8,000 to 96,000 Hz; choose such a rate";
    if (polyphony < 1 || polyphony > POLYPHONY_HIGH) return "FluidSynth has 1 to 4,096 voices";
    return "";
}

/* [control] */
static soundfont_unit *make(const rp_libfluid *fluid, uint32_t sample_rate) {
    rp_unit *unit = rp_unit_new(&soundfont_kind, sizeof(soundfont_unit), RP_UNIT_INSTRUMENT, RP_SOUNDFONT_PARAMETERS);
    soundfont_unit *it = (soundfont_unit *)unit;
    if (!it) return NULL;
    it->fluid = fluid;
    it->used = RP_FLUID_BLOCK;
    it->gain.length = rp_ramp_length(sample_rate);
    rp_unit_set(unit, RP_SOUNDFONT_GAIN, parameters[RP_SOUNDFONT_GAIN].usual);
    return it;
}

int rp_soundfont_available(void) { return rp_libfluid_get() != NULL; }

rp_unit *rp_unit_soundfont(const char *path, uint32_t sample_rate, uint32_t polyphony, char *why, uint32_t capacity) {
    const rp_libfluid *fluid = rp_libfluid_get();
    const char *wrong = unfit(fluid, sample_rate, polyphony);
    char complaint[256] = "";
    soundfont_unit *it = *wrong ? NULL : make(fluid, sample_rate);
    if (it) {
        rp_libfluid_complaint(complaint, sizeof complaint); /* an old one */
        wrong = load(it, path, sample_rate, polyphony);
        rp_libfluid_complaint(complaint, sizeof complaint);
    }
    if (it && !*wrong) return &it->unit;
    if (it) release(&it->unit);
    snprintf(why, capacity, "%s%s%s%s", *wrong ? wrong : "no memory", *complaint ? " (" : "", complaint,
             *complaint ? ")" : "");
    return NULL;
}
