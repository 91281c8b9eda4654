/* flight_watch.c - see flight_watch.h. A number's key: of a port, its own number; SOUND; of a unit, UNITS and where it
 * is. */
#include "flight_watch.h"

#include <string.h>

enum { SOUND = RP_PORTS_MAX };
enum { UNITS = 1 << 24, STRIP_SHIFT = 16, UNIT_SHIFT = 12, VALUE_MASK = (1 << UNIT_SHIFT) - 1 };
enum { BYPASSED = RP_UNIT_PARAMETERS_MAX, GAIN };

/* [process] */
static void set_shifts(rp_engine *engine) {
    rp_alignment *alignment = atomic_load_explicit(&engine->alignment, memory_order_acquire);
    uint32_t at = 0, key, value;
    while (rp_flight_value(engine->flight, &at, &key, &value)) {
        if (key < RP_PORTS_MAX) rp_outlet_set_shift(&engine->outlet, key, value);
        else if (key == SOUND && alignment) rp_alignment_set(alignment, value);
    }
}

/* [process] */
static void note_shifts(rp_engine *engine) {
    const rp_alignment *alignment = atomic_load_explicit(&engine->alignment, memory_order_acquire);
    struct rp_flight_known *known = engine->flight->known;
    for (uint32_t port = 0; port < engine->config.outputs; port++)
        rp_flight_note(engine->flight, port, &known->shift[port], engine->outlet.shift[port]);
    if (alignment) rp_flight_note(engine->flight, SOUND, &known->sound, rp_alignment_get(alignment));
}

void rp_flight_begin_outlet(rp_engine *engine, const rp_cycle *cycle) {
    const rp_flight *flight = engine->flight;
    if (flight && flight->script) set_shifts(engine);
    rp_outlet_begin(&engine->outlet, cycle);
    if (flight && !flight->script) note_shifts(engine);
}

/* [process] */
static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* [process] */
static void note_unit(rp_flight *flight, uint32_t key, const rp_unit *unit, uint32_t known[RP_FLIGHT_UNIT_VALUES]) {
    for (uint32_t p = 0; p < unit->parameters; p++) {
        float value = atomic_load_explicit(&unit->value[p], memory_order_relaxed);
        rp_flight_note(flight, key | p, &known[p], bits_of(value));
    }
    uint32_t bypassed = atomic_load_explicit(&unit->bypassed, memory_order_relaxed);
    float gain = atomic_load_explicit(&unit->gain, memory_order_relaxed);
    rp_flight_note(flight, key | BYPASSED, &known[BYPASSED], bypassed);
    rp_flight_note(flight, key | GAIN, &known[GAIN], bits_of(gain));
}

/* Of another rack than before nothing is known. [process] */
static void note_units(rp_flight *flight, const rp_rack *rack) {
    struct rp_flight_known *known = flight->known;
    if (known->rack != rack) memset(known->unit, 0xFF, sizeof known->unit);
    known->rack = rack;
    for (uint32_t s = 0; rack && s <= RP_STRIPS_MAX; s++)
        for (uint32_t u = 0; u < rack->strip[s].units; u++)
            note_unit(flight, UNITS | s << STRIP_SHIFT | u << UNIT_SHIFT, rack->strip[s].unit[u].unit,
                      known->unit[s][u]);
}

/* [process] */
static void set_value(rp_unit *unit, uint32_t which, uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    if (which == BYPASSED) atomic_store_explicit(&unit->bypassed, bits, memory_order_relaxed);
    else if (which == GAIN) atomic_store_explicit(&unit->gain, value, memory_order_relaxed);
    else if (which < unit->parameters) atomic_store_explicit(&unit->value[which], value, memory_order_relaxed);
}

/* [process] */
static void set_units(const rp_flight *flight, const rp_rack *rack) {
    uint32_t at = 0, key, value;
    while (rack && rp_flight_value(flight, &at, &key, &value)) {
        uint32_t s = (key & (UNITS - 1)) >> STRIP_SHIFT, u = key >> UNIT_SHIFT & (RP_STRIP_UNITS_MAX - 1);
        if (key < UNITS || s > RP_STRIPS_MAX || u >= rack->strip[s].units) continue;
        set_value(rack->strip[s].unit[u].unit, key & VALUE_MASK, value);
    }
}

void rp_flight_watch_units(rp_engine *engine) {
    if (!engine->flight) return;
    if (engine->flight->script) set_units(engine->flight, engine->audio.rack);
    else note_units(engine->flight, engine->audio.rack);
}
