/* controller.c - the parameters of the test plugin, as hosts see them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

/* Hosts make "MIDI CC ..." of a plugin out to be no parameter for people. */
const struct parameter PARAMETER[PARAMETERS] = {
    [GAIN] = {"Gain", "dB", -60, 12, 0, 0, VST_AUTOMATED},
    [LATENCY] = {"Latency", "frames", 0, LATENCY_MAX, 0, LATENCY_MAX, VST_AUTOMATED},
    [FAULT] = {"Fault", "", 0, FAULTS - 1, 0, FAULTS - 1, VST_AUTOMATED},
    [ALL_NOTES_OFF] = {"MIDI CC all notes off", "", 0, 127, 0, 127, VST_HIDDEN},
};

double parameter_usual(int id) {
    char word[BUNDLE_WORD];
    return id == LATENCY && bundle_word("latency", word, false) ? strtod(word, NULL) : PARAMETER[id].usual;
}

static void to_text(const char *from, int16_t *text, size_t size) {
    size_t i = 0;
    for (; from[i] && i + 1 < size; i++) text[i] = (uint8_t)from[i];
    text[i] = 0;
}

static double plain_of(const struct parameter *parameter, double value) {
    double plain = parameter->low + fmin(fmax(value, 0), 1) * (parameter->high - parameter->low);
    return parameter->steps ? round(plain) : plain;
}

static double normal_of(const struct parameter *parameter, double plain) {
    return fmin(fmax((plain - parameter->low) / (parameter->high - parameter->low), 0), 1);
}

static int32_t initialise(void *self, void *context) {
    (void)self, (void)context;
    return VST_OK;
}

static int32_t terminate(void *self) {
    (void)self;
    return VST_OK;
}

/* Component and controller are one: what the one has read the other knows. */
static int32_t no_state(void *self, const struct vst_stream **stream) {
    (void)self, (void)stream;
    return VST_OK;
}

static int32_t count(void *self) { return parameter_count(of(self)); }

static int32_t describe(void *self, int32_t index, struct vst_parameter *out) {
    if (index < 0 || index >= count(self)) return VST_INVALID;
    const struct parameter *parameter = &PARAMETER[index];
    *out = (struct vst_parameter){.id = (uint32_t)index, .steps = parameter->steps, .flags = parameter->flags};
    out->usual = normal_of(parameter, parameter_usual(index));
    to_text(parameter->name, out->title, 128);
    to_text(parameter->name, out->short_title, 128);
    to_text(parameter->unit, out->units, 128);
    return VST_OK;
}

static int32_t text_of(void *self, uint32_t id, double value, int16_t *text) {
    (void)self;
    char plain[32];
    if (id >= PARAMETERS) return VST_INVALID;
    snprintf(plain, sizeof plain, PARAMETER[id].steps ? "%.0f" : "%.2f", plain_of(&PARAMETER[id], value));
    to_text(plain, text, 128);
    return VST_OK;
}

static int32_t value_of(void *self, uint32_t id, const int16_t *text, double *value) {
    (void)self;
    char plain[32] = "", *end;
    if (id >= PARAMETERS) return VST_INVALID;
    for (size_t i = 0; i + 1 < sizeof plain && text[i] > 0 && text[i] < 128; i++) plain[i] = (char)text[i];
    double number = strtod(plain, &end);
    if (end == plain) return VST_FALSE;
    *value = normal_of(&PARAMETER[id], number);
    return VST_OK;
}

static double plain(void *self, uint32_t id, double value) {
    (void)self;
    return id < PARAMETERS ? plain_of(&PARAMETER[id], value) : 0;
}

static double normal(void *self, uint32_t id, double plain_value) {
    (void)self;
    return id < PARAMETERS ? normal_of(&PARAMETER[id], plain_value) : 0;
}

static double get(void *self, uint32_t id) {
    return id < PARAMETERS ? normal_of(&PARAMETER[id], atomic_load(&of(self)->value[id])) : 0;
}

/* The host is told of another latency, and asks for it then. */
static void tell_latency(struct plugin *plugin) {
    unsigned latency = (unsigned)atomic_load(&plugin->value[LATENCY]);
    if (atomic_exchange(&plugin->told_latency, latency) != latency && plugin->handler)
        (*plugin->handler)->restart(plugin->handler, VST_LATENCY_CHANGED);
}

static int32_t set(void *self, uint32_t id, double value) {
    if (id >= PARAMETERS) return VST_INVALID;
    atomic_store(&of(self)->value[id], plain_of(&PARAMETER[id], value));
    if (id == LATENCY) tell_latency(of(self));
    return VST_OK;
}

static int32_t set_handler(void *self, const struct vst_handler **handler) {
    struct plugin *plugin = of(self);
    if (handler) (*handler)->add(handler);
    if (plugin->handler) (*plugin->handler)->release(plugin->handler);
    plugin->handler = handler;
    return VST_OK;
}

static void *no_view(void *self, const char *name) {
    (void)self, (void)name;
    return NULL;
}

const struct vst_controller CONTROLLER = {
    face_query, face_add, face_release, initialise, terminate, no_state, no_state, no_state,    count,
    describe,   text_of,  value_of,     plain,      normal,    get,      set,      set_handler, no_view,
};

static int32_t mapped(void *self, int32_t bus, int16_t channel, int16_t controller, uint32_t *id) {
    (void)channel;
    bool ends = controller == VST_ALL_SOUND_OFF || controller == VST_ALL_NOTES_OFF;
    if (!of(self)->kind->events || bus || !ends) return VST_FALSE;
    *id = ALL_NOTES_OFF;
    return VST_OK;
}

const struct vst_midi_mapping MIDI_MAPPING = {face_query, face_add, face_release, mapped};
