/* component.c - the test plugin as a host loads and plays it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

static const char WRITTEN[] = "ripieno test 1: gain %.17g latency %.17g begun %u\n";
static const char READ[] = "ripieno test 1: gain %lf latency %lf begun %u";

int32_t parameter_count(const struct plugin *plugin) { return plugin->kind->events ? PARAMETERS : ALL_NOTES_OFF; }

/* ---- FUnknown, the same for every interface ---- */

static void *face_of(struct plugin *plugin, const uint8_t *id) {
    static const uint8_t unknown[] = VST_UNKNOWN_ID, base[] = VST_BASE_ID, component[] = VST_COMPONENT_ID;
    static const uint8_t processor[] = VST_PROCESSOR_ID, controller[] = VST_CONTROLLER_ID;
    static const uint8_t midi_mapping[] = VST_MIDI_MAPPING_ID;
    const struct {
        const uint8_t *id;
        void *face;
    } faces[] = {
        {unknown, &plugin->component},   {base, &plugin->component},        {component, &plugin->component},
        {processor, &plugin->processor}, {controller, &plugin->controller}, {midi_mapping, &plugin->midi_mapping},
    };
    for (size_t i = 0; i < sizeof faces / sizeof *faces; i++)
        if (!memcmp(id, faces[i].id, sizeof unknown)) return faces[i].face;
    return NULL;
}

int32_t plugin_query(struct plugin *plugin, const uint8_t *id, void **found) {
    *found = face_of(plugin, id);
    if (!*found) return VST_NO_INTERFACE;
    atomic_fetch_add(&plugin->references, 1);
    return VST_OK;
}

void plugin_release(struct plugin *plugin) {
    if (atomic_fetch_sub(&plugin->references, 1) > 1) return;
    if (plugin->handler) (*plugin->handler)->release(plugin->handler);
    free(plugin);
}

int32_t face_query(void *self, const uint8_t *id, void **found) { return plugin_query(of(self), id, found); }

uint32_t face_add(void *self) { return atomic_fetch_add(&of(self)->references, 1) + 1; }

uint32_t face_release(void *self) {
    uint32_t left = atomic_load(&of(self)->references) - 1;
    plugin_release(of(self));
    return left;
}

/* ---- IComponent ---- */

static int32_t initialise(void *self, void *context) {
    (void)self, (void)context;
    return VST_OK;
}

static int32_t terminate(void *self) {
    struct plugin *plugin = of(self);
    if (plugin->handler) (*plugin->handler)->release(plugin->handler);
    plugin->handler = NULL;
    return VST_OK;
}

static int32_t controller_class(void *self, const uint8_t *id) {
    (void)self, (void)id;
    return VST_NOT_IMPLEMENTED; /* the component is its controller */
}

static int32_t set_mode(void *self, int32_t mode) {
    (void)self, (void)mode;
    return VST_OK;
}

/* Sound comes in for an effect, notes for an instrument; sound goes out. */
static int32_t bus_count(void *self, int32_t media, int32_t direction) {
    bool events = of(self)->kind->events;
    if (direction == VST_OUTPUT) return media == VST_AUDIO;
    return media == VST_EVENTS ? events : !events;
}

static int32_t bus_info(void *self, int32_t media, int32_t direction, int32_t index, struct vst_bus *bus) {
    if (index || !bus_count(self, media, direction)) return VST_INVALID;
    *bus = (struct vst_bus){media, direction, media == VST_AUDIO ? CHANNELS : 16, {0}, VST_MAIN, VST_ACTIVE};
    const char *name = direction == VST_OUTPUT ? "Out" : media == VST_AUDIO ? "In" : "Notes";
    for (size_t i = 0; name[i]; i++) bus->name[i] = (uint8_t)name[i];
    return VST_OK;
}

static int32_t routing(void *self, void *in, void *out) {
    (void)self, (void)in, (void)out;
    return VST_NOT_IMPLEMENTED;
}

static int32_t activate_bus(void *self, int32_t media, int32_t direction, int32_t index, uint8_t active) {
    (void)active;
    return !index && bus_count(self, media, direction) ? VST_OK : VST_INVALID;
}

static int32_t set_active(void *self, uint8_t active) {
    if (active) sound_reset(of(self));
    return VST_OK;
}

static int32_t set_state(void *self, const struct vst_stream **stream) {
    struct plugin *plugin = of(self);
    char text[256] = "";
    int32_t read = 0;
    double gain, latency;
    unsigned begun;
    if ((*stream)->read(stream, text, sizeof text - 1, &read) != VST_OK) return VST_FALSE;
    if (sscanf(text, READ, &gain, &latency, &begun) != 3) return VST_FALSE; /* NOLINT(cert-err34-c): it must be ours */
    atomic_store(&plugin->value[GAIN], gain);
    atomic_store(&plugin->value[LATENCY], latency);
    plugin->begun = begun;
    return VST_OK;
}

static int32_t get_state(void *self, const struct vst_stream **stream) {
    struct plugin *plugin = of(self);
    char text[256];
    fault_of_state(plugin);
    int length = snprintf(text, sizeof text, WRITTEN, atomic_load(&plugin->value[GAIN]),
                          atomic_load(&plugin->value[LATENCY]), plugin->begun);
    return (*stream)->write(stream, text, length, NULL);
}

static const struct vst_component COMPONENT = {
    face_query, face_add, face_release, initialise,   terminate,  controller_class, set_mode,
    bus_count,  bus_info, routing,      activate_bus, set_active, set_state,        get_state,
};

/* ---- IAudioProcessor ---- */

static int32_t set_arrangements(void *self, const uint64_t *in, int32_t inputs, const uint64_t *out, int32_t outputs) {
    bool effect = !of(self)->kind->events;
    if (inputs != effect || outputs != 1 || out[0] != VST_STEREO) return VST_FALSE;
    return !effect || in[0] == VST_STEREO ? VST_OK : VST_FALSE;
}

static int32_t arrangement(void *self, int32_t direction, int32_t index, uint64_t *out) {
    if (index || !bus_count(self, VST_AUDIO, direction)) return VST_INVALID;
    *out = VST_STEREO;
    return VST_OK;
}

static int32_t can_process(void *self, int32_t sample_size) {
    (void)self;
    return sample_size == VST_FLOATS ? VST_OK : VST_FALSE;
}

static uint32_t latency(void *self) {
    unsigned frames = (unsigned)atomic_load(&of(self)->value[LATENCY]);
    atomic_store(&of(self)->told_latency, frames);
    return frames;
}

static int32_t setup(void *self, struct vst_setup *setup) {
    of(self)->sample_rate = setup->sample_rate;
    return can_process(self, setup->sample_size);
}

static int32_t set_processing(void *self, uint8_t processing) {
    if (processing) sound_reset(of(self));
    return VST_OK;
}

/* A parameter is as its last point says; that all notes end is as exact as a note. */
static void take_changes(struct plugin *plugin, const struct vst_changes **changes) {
    for (int32_t i = 0, count = (*changes)->count(changes); i < count; i++) {
        const struct vst_queue **queue = (*changes)->queue(changes, i);
        int32_t points = queue ? (*queue)->count(queue) : 0, frame;
        uint32_t id = points ? (*queue)->parameter(queue) : PARAMETERS;
        double value;
        if (id >= PARAMETERS || (*queue)->point(queue, points - 1, &frame, &value) != VST_OK) continue;
        if (id == ALL_NOTES_OFF) sound_note(plugin, (struct note){frame, 0, -1, 0});
        else atomic_store(&plugin->value[id], CONTROLLER.plain(&plugin->controller, id, value));
    }
}

static void take_events(struct plugin *plugin, const struct vst_events **events) {
    struct vst_event event;
    for (int32_t i = 0, count = (*events)->count(events); i < count; i++) {
        if ((*events)->get(events, i, &event) != VST_OK) continue;
        if (event.type == VST_NOTE_ON)
            sound_note(plugin, (struct note){event.frame, event.on.channel, event.on.pitch, event.on.velocity});
        else if (event.type == VST_NOTE_OFF)
            sound_note(plugin, (struct note){event.frame, event.off.channel, event.off.pitch, 0});
    }
}

static int32_t process(void *self, struct vst_block *block) {
    struct plugin *plugin = of(self);
    bool effect = !plugin->kind->events;
    if (block->changes) take_changes(plugin, block->changes);
    if (block->events && !effect) take_events(plugin, block->events);
    if (block->outputs < 1 || block->output->channels < CHANNELS || block->frames < 1) return VST_OK;
    if (effect && (block->inputs < 1 || block->input->channels < CHANNELS)) return VST_OK;
    sound_block(plugin, effect ? block->input->samples : NULL, block->output->samples, block->frames);
    block->output->silent = 0;
    fault_do(fault_now(plugin), block->output->samples, block->frames);
    return VST_OK;
}

static uint32_t tail(void *self) { return latency(self); }

static const struct vst_processor PROCESSOR = {
    face_query, face_add, face_release,   set_arrangements, arrangement, can_process,
    latency,    setup,    set_processing, process,          tail,
};

struct plugin *plugin_new(const struct kind *kind) {
    struct plugin *plugin = calloc(1, sizeof *plugin);
    if (!plugin) return NULL;
    plugin->component = (struct face){&COMPONENT, plugin};
    plugin->processor = (struct face){&PROCESSOR, plugin};
    plugin->controller = (struct face){&CONTROLLER, plugin};
    plugin->midi_mapping = (struct face){&MIDI_MAPPING, plugin};
    plugin->kind = kind;
    plugin->sample_rate = 44100;
    atomic_init(&plugin->references, 1);
    for (int i = 0; i < PARAMETERS; i++) atomic_init(&plugin->value[i], parameter_usual(i));
    return plugin;
}
