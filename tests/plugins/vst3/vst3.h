/* vst3.h - the binary interface of a VST3 plugin, as far as the test plugin needs it.
 *
 * Declarations of our own after what Steinberg publishes: the VST 3 API documentation (steinbergmedia.github.io/vst3_doc)
 * and its C form (github.com/steinbergmedia/vst3_c_api), whose names of interfaces and functions stand in the comments.
 * Identifiers, the order of functions and the layout of structs are those of the interface; on systems other than
 * Windows. An interface is a pointer to a pointer to a table of functions, of which the first three are FUnknown's.
 */
#ifndef RIPIENO_TEST_VST3_H
#define RIPIENO_TEST_VST3_H

#include <stdint.h>

/* tresult */
enum { VST_OK = 0, VST_FALSE = 1, VST_INVALID = 2, VST_NOT_IMPLEMENTED = 3, VST_NO_INTERFACE = -1 };

/* TUID, of the four words in which it is published */
#define VST_BYTES(word) (uint8_t)((word) >> 24), (uint8_t)((word) >> 16), (uint8_t)((word) >> 8), (uint8_t)(word)
#define VST_ID(a, b, c, d) {VST_BYTES(a##u), VST_BYTES(b##u), VST_BYTES(c##u), VST_BYTES(d##u)}
#define VST_UNKNOWN_ID VST_ID(0x00000000, 0x00000000, 0xC0000000, 0x00000046)
#define VST_FACTORY_ID VST_ID(0x7A4D811C, 0x52114A1F, 0xAED9D2EE, 0x0B43BF9F)
#define VST_FACTORY2_ID VST_ID(0x0007B650, 0xF24B4C0B, 0xA464EDB9, 0xF00B2ABB)
#define VST_BASE_ID VST_ID(0x22888DDB, 0x156E45AE, 0x8358B348, 0x08190625)
#define VST_COMPONENT_ID VST_ID(0xE831FF31, 0xF2D54301, 0x928EBBEE, 0x25697802)
#define VST_PROCESSOR_ID VST_ID(0x42043F99, 0xB7DA453C, 0xA569E79D, 0x9AAEC33D)
#define VST_CONTROLLER_ID VST_ID(0xDCD7BBE3, 0x7742448D, 0xA874AACC, 0x979C759E)
#define VST_MIDI_MAPPING_ID VST_ID(0xDF0FF9F7, 0x49B74669, 0xB63AB732, 0x7ADBF5E5)

typedef int16_t vst_text[128]; /* String128: UTF-16 */

/* FUnknown */
#define VST_UNKNOWN                                                \
    int32_t (*query)(void *self, const uint8_t *id, void **found); \
    uint32_t (*add)(void *self);                                   \
    uint32_t (*release)(void *self)

/* IPluginBase */
#define VST_BASE                                      \
    VST_UNKNOWN;                                      \
    int32_t (*initialise)(void *self, void *context); \
    int32_t (*terminate)(void *self)

/* ---- the factory ---- */

struct vst_factory_info { /* PFactoryInfo */
    char vendor[64], url[256], email[128];
    int32_t flags;
};
enum { VST_FACTORY_UNICODE = 1 << 4 };

struct vst_class { /* PClassInfo */
    uint8_t id[16];
    int32_t cardinality;
    char category[32], name[64];
};
enum { VST_MANY = 0x7FFFFFFF };

struct vst_class2 { /* PClassInfo2 */
    uint8_t id[16];
    int32_t cardinality;
    char category[32], name[64];
    uint32_t flags;
    char kinds[128], vendor[64], version[64], sdk[64];
};

struct vst_factory { /* IPluginFactory2 */
    VST_UNKNOWN;
    int32_t (*info)(void *self, struct vst_factory_info *info);
    int32_t (*count)(void *self);
    int32_t (*class_info)(void *self, int32_t index, struct vst_class *info);
    int32_t (*create)(void *self, const char *class_id, const char *interface_id, void **made);
    int32_t (*class_info2)(void *self, int32_t index, struct vst_class2 *info);
};

/* ---- what a host hands in ---- */

struct vst_stream { /* IBStream */
    VST_UNKNOWN;
    int32_t (*read)(void *self, void *bytes, int32_t count, int32_t *done);
    int32_t (*write)(void *self, void *bytes, int32_t count, int32_t *done);
    int32_t (*seek)(void *self, int64_t position, int32_t mode, int64_t *result);
    int32_t (*tell)(void *self, int64_t *position);
};

struct vst_handler { /* IComponentHandler */
    VST_UNKNOWN;
    int32_t (*begin)(void *self, uint32_t parameter);
    int32_t (*perform)(void *self, uint32_t parameter, double value);
    int32_t (*end)(void *self, uint32_t parameter);
    int32_t (*restart)(void *self, int32_t flags);
};
enum { VST_LATENCY_CHANGED = 1 << 3 };

struct vst_queue { /* IParamValueQueue */
    VST_UNKNOWN;
    uint32_t (*parameter)(void *self);
    int32_t (*count)(void *self);
    int32_t (*point)(void *self, int32_t index, int32_t *frame, double *value);
    int32_t (*add_point)(void *self, int32_t frame, double value, int32_t *index);
};

struct vst_changes { /* IParameterChanges */
    VST_UNKNOWN;
    int32_t (*count)(void *self);
    const struct vst_queue **(*queue)(void *self, int32_t index);
    const struct vst_queue **(*add_queue)(void *self, const uint32_t *parameter, int32_t *index);
};

struct vst_event { /* Event */
    int32_t bus, frame;
    double beat;
    uint16_t flags, type;
    union {
        struct {
            int16_t channel, pitch;
            float tuning, velocity;
            int32_t length, id;
        } on;
        struct {
            int16_t channel, pitch;
            float velocity;
            int32_t id;
            float tuning;
        } off;
        void *longest[3]; /* as long as the longest of all kinds */
    };
};
enum { VST_NOTE_ON = 0, VST_NOTE_OFF = 1 };

struct vst_events { /* IEventList */
    VST_UNKNOWN;
    int32_t (*count)(void *self);
    int32_t (*get)(void *self, int32_t index, struct vst_event *event);
    int32_t (*add_event)(void *self, struct vst_event *event);
};

struct vst_buffers { /* AudioBusBuffers */
    int32_t channels;
    uint64_t silent;
    float **samples; /* [channels][frames] */
};

struct vst_block { /* ProcessData */
    int32_t mode, sample_size, frames, inputs, outputs;
    struct vst_buffers *input, *output;
    const struct vst_changes **changes;
    void *changes_out;
    const struct vst_events **events;
    void *events_out;
    void *context;
};

/* ---- what a plugin is ---- */

struct vst_bus { /* BusInfo */
    int32_t media, direction, channels;
    vst_text name;
    int32_t type;
    uint32_t flags;
};
enum { VST_AUDIO = 0, VST_EVENTS = 1, VST_INPUT = 0, VST_OUTPUT = 1, VST_MAIN = 0, VST_ACTIVE = 1 };

struct vst_component { /* IComponent */
    VST_BASE;
    int32_t (*controller_class)(void *self, const uint8_t *id);
    int32_t (*set_mode)(void *self, int32_t mode);
    int32_t (*bus_count)(void *self, int32_t media, int32_t direction);
    int32_t (*bus_info)(void *self, int32_t media, int32_t direction, int32_t index, struct vst_bus *bus);
    int32_t (*routing)(void *self, void *in, void *out);
    int32_t (*activate_bus)(void *self, int32_t media, int32_t direction, int32_t index, uint8_t active);
    int32_t (*set_active)(void *self, uint8_t active);
    int32_t (*set_state)(void *self, const struct vst_stream **stream);
    int32_t (*get_state)(void *self, const struct vst_stream **stream);
};

struct vst_setup { /* ProcessSetup */
    int32_t mode, sample_size, longest;
    double sample_rate;
};
enum { VST_FLOATS = 0, VST_STEREO = 3 };

struct vst_processor { /* IAudioProcessor */
    VST_UNKNOWN;
    int32_t (*set_arrangements)(void *self, const uint64_t *in, int32_t inputs, const uint64_t *out, int32_t outputs);
    int32_t (*arrangement)(void *self, int32_t direction, int32_t index, uint64_t *arrangement);
    int32_t (*can_process)(void *self, int32_t sample_size);
    uint32_t (*latency)(void *self);
    int32_t (*setup)(void *self, struct vst_setup *setup);
    int32_t (*set_processing)(void *self, uint8_t processing);
    int32_t (*process)(void *self, struct vst_block *block);
    uint32_t (*tail)(void *self);
};

struct vst_parameter { /* ParameterInfo */
    uint32_t id;
    vst_text title, short_title, units;
    int32_t steps;
    double usual; /* of 0 to 1 */
    int32_t unit, flags;
};
enum { VST_AUTOMATED = 1 << 0, VST_HIDDEN = 1 << 4 };

struct vst_controller { /* IEditController */
    VST_BASE;
    int32_t (*set_component_state)(void *self, const struct vst_stream **stream);
    int32_t (*set_state)(void *self, const struct vst_stream **stream);
    int32_t (*get_state)(void *self, const struct vst_stream **stream);
    int32_t (*parameters)(void *self);
    int32_t (*parameter)(void *self, int32_t index, struct vst_parameter *parameter);
    int32_t (*text)(void *self, uint32_t id, double value, int16_t *text);
    int32_t (*value_of_text)(void *self, uint32_t id, const int16_t *text, double *value);
    double (*plain)(void *self, uint32_t id, double value);
    double (*normal)(void *self, uint32_t id, double plain);
    double (*get)(void *self, uint32_t id);
    int32_t (*set)(void *self, uint32_t id, double value);
    int32_t (*set_handler)(void *self, const struct vst_handler **handler);
    void *(*view)(void *self, const char *name);
};

struct vst_midi_mapping { /* IMidiMapping */
    VST_UNKNOWN;
    int32_t (*parameter)(void *self, int32_t bus, int16_t channel, int16_t controller, uint32_t *id);
};
enum { VST_ALL_SOUND_OFF = 120, VST_ALL_NOTES_OFF = 123 };

#endif
