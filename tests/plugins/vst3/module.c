/* module.c - the test plugin's library: its entry points, and the factory that makes its two plugins. */
#include <stdio.h>
#include <string.h>

#include "plugin.h"

#define EXPORTED __attribute__((visibility("default")))

const struct kind KINDS[2] = {
    {VST_ID(0x52697069, 0x656E6F54, 0x65737400, 0x00000001), "Ripieno Test Effect", "Fx", false},
    {VST_ID(0x52697069, 0x656E6F54, 0x65737400, 0x00000002), "Ripieno Test Instrument", "Instrument|Synth", true},
};
enum { KIND_COUNT = sizeof KINDS / sizeof *KINDS };

static int32_t query(void *self, const uint8_t *id, void **found) {
    static const uint8_t unknown[] = VST_UNKNOWN_ID, first[] = VST_FACTORY_ID, second[] = VST_FACTORY2_ID;
    bool known = !memcmp(id, unknown, 16) || !memcmp(id, first, 16) || !memcmp(id, second, 16);
    *found = known ? self : NULL;
    return known ? VST_OK : VST_NO_INTERFACE;
}

/* It is there as long as the library is. */
static uint32_t count_reference(void *self) {
    (void)self;
    return 1;
}

static int32_t info(void *self, struct vst_factory_info *out) {
    (void)self;
    *out = (struct vst_factory_info){.vendor = "Ripieno", .flags = VST_FACTORY_UNICODE};
    return VST_OK;
}

static int32_t count(void *self) {
    (void)self;
    return KIND_COUNT;
}

static int32_t class_info2(void *self, int32_t index, struct vst_class2 *out) {
    (void)self;
    if (index < 0 || index >= KIND_COUNT) return VST_INVALID;
    *out = (struct vst_class2){.cardinality = VST_MANY,
                               .category = "Audio Module Class",
                               .vendor = "Ripieno",
                               .version = "1.0",
                               .sdk = "VST 3.8"};
    memcpy(out->id, KINDS[index].id, sizeof out->id);
    snprintf(out->name, sizeof out->name, "%s", KINDS[index].name);
    snprintf(out->kinds, sizeof out->kinds, "%s", KINDS[index].kinds);
    return VST_OK;
}

/* The shorter description is how the longer one begins. */
static int32_t class_info(void *self, int32_t index, struct vst_class *out) {
    struct vst_class2 all;
    int32_t result = class_info2(self, index, &all);
    if (result == VST_OK) memcpy(out, &all, sizeof *out);
    return result;
}

static int32_t create(void *self, const char *class_id, const char *interface_id, void **made) {
    (void)self;
    *made = NULL;
    for (int i = 0; i < KIND_COUNT; i++) {
        if (memcmp(class_id, KINDS[i].id, sizeof KINDS[i].id) != 0) continue;
        struct plugin *plugin = plugin_new(&KINDS[i]);
        if (!plugin) return VST_FALSE;
        int32_t result = plugin_query(plugin, (const uint8_t *)interface_id, made);
        plugin_release(plugin);
        return result;
    }
    return VST_NO_INTERFACE;
}

static const struct vst_factory FUNCTIONS = {query, count_reference, count_reference, info,
                                             count, class_info,      create,          class_info2};

EXPORTED bool ModuleEntry(void *library);
EXPORTED bool ModuleExit(void);
EXPORTED const struct vst_factory **GetPluginFactory(void);

bool ModuleEntry(void *library) {
    (void)library;
    fault_at_load();
    return true;
}

bool ModuleExit(void) { return true; }

const struct vst_factory **GetPluginFactory(void) {
    static const struct vst_factory *factory = &FUNCTIONS;
    return &factory;
}
