/* libjack.c - see libjack.h. */
#include "libjack.h"

#include "library.h"
#include "platform.h"

static const char *const libraries[] = {
#if defined(_WIN32)
    "libjack64.dll",
    "libjack.dll",
#elif defined(__APPLE__)
    "libjack.0.dylib",
    "/opt/homebrew/lib/libjack.0.dylib",
    "/usr/local/lib/libjack.0.dylib",
#else
    "libjack.so.0",
#endif
    NULL,
};

#define SYMBOL(member) {"jack_" #member, offsetof(rp_libjack, member)}
static const rp_symbol symbols[] = {
    SYMBOL(port_get_buffer),
    SYMBOL(midi_get_event_count),
    SYMBOL(midi_event_get),
    SYMBOL(midi_clear_buffer),
    SYMBOL(midi_event_write),
    SYMBOL(last_frame_time),
    SYMBOL(port_connected),
    SYMBOL(transport_query),
    SYMBOL(get_cycle_times),
    SYMBOL(get_time),
    SYMBOL(client_open),
    SYMBOL(client_close),
    SYMBOL(get_client_name),
    SYMBOL(activate),
    SYMBOL(deactivate),
    SYMBOL(get_sample_rate),
    SYMBOL(get_buffer_size),
    SYMBOL(get_version_string),
    SYMBOL(port_register),
    SYMBOL(port_by_id),
    SYMBOL(port_by_name),
    SYMBOL(port_name),
    SYMBOL(port_flags),
    SYMBOL(port_is_mine),
    SYMBOL(port_connected_to),
    SYMBOL(port_get_aliases),
    SYMBOL(port_name_size),
    SYMBOL(port_type_get_buffer_size),
    SYMBOL(get_ports),
    SYMBOL(connect),
    SYMBOL(disconnect),
    SYMBOL(free),
    SYMBOL(set_process_callback),
    SYMBOL(set_buffer_size_callback),
    SYMBOL(set_sample_rate_callback),
    SYMBOL(set_xrun_callback),
    SYMBOL(set_port_connect_callback),
    SYMBOL(set_port_registration_callback),
    SYMBOL(set_latency_callback),
    SYMBOL(port_get_latency_range),
    SYMBOL(port_set_latency_range),
    SYMBOL(recompute_total_latencies),
    SYMBOL(on_info_shutdown),
    SYMBOL(set_error_function),
    SYMBOL(set_info_function),
};
enum { SYMBOLS = sizeof symbols / sizeof symbols[0] };
_Static_assert(sizeof(rp_libjack) == SYMBOLS * sizeof(rp_function), "every member is found by its name");

static rp_complaint complaint = {.held = ATOMIC_FLAG_INIT};

/* libjack calls this from threads of its own. The first line says why, those after it what followed. [any] */
static void hear(const char *line) { rp_complaint_hear(&complaint, line); }

/* JACK's news for the terminal is nothing to us. [any] */
static void ignore(const char *line) { (void)line; }

void rp_libjack_complaint(char *out, uint32_t capacity) { rp_complaint_take(&complaint, out, capacity); }

const rp_libjack *rp_libjack_get(void) {
    static rp_libjack found;
    static int ready;
    if (ready) return &found;
    void *library = rp_library_open(libraries); /* stays open: JACK's threads may outlive a client */
    if (!library || !rp_library_find_all(library, symbols, SYMBOLS, &found)) return NULL;
    found.set_error_function(hear);
    found.set_info_function(ignore);
    ready = 1;
    return &found;
}
