/* unit.c - see unit.h and unit_state.h: what all kinds of units have in common. */
#include <stdlib.h>

#include "unit_state.h"

rp_unit *rp_unit_new(const rp_unit_kind *kind, uint32_t size, uint32_t role, uint32_t parameters) {
    if (size < sizeof(rp_unit) || role > RP_UNIT_INSTRUMENT || parameters > RP_UNIT_PARAMETERS_MAX) return NULL;
    rp_unit *unit = calloc(1, size);
    if (!unit) return NULL;
    unit->kind = kind;
    unit->role = role;
    unit->parameters = parameters;
    atomic_store(&unit->gain, 1);
    return unit;
}

void rp_unit_free(rp_unit *unit) {
    if (unit) unit->kind->free(unit);
}

void rp_unit_set(rp_unit *unit, uint32_t parameter, double value) {
    if (parameter >= unit->parameters) return;
    atomic_store_explicit(&unit->value[parameter], (float)value, memory_order_relaxed);
}

double rp_unit_get(const rp_unit *unit, uint32_t parameter) {
    if (parameter >= unit->parameters) return 0;
    return (double)atomic_load_explicit(&unit->value[parameter], memory_order_relaxed);
}

void rp_unit_set_bypass(rp_unit *unit, uint32_t bypassed) {
    atomic_store_explicit(&unit->bypassed, bypassed != 0, memory_order_relaxed);
}

void rp_unit_set_gain(rp_unit *unit, double gain) {
    atomic_store_explicit(&unit->gain, (float)gain, memory_order_relaxed);
}

void rp_unit_get_state(rp_unit *unit, rp_unit_state *out) {
    *out = (rp_unit_state){
        .blocks = atomic_load_explicit(&unit->blocks, memory_order_relaxed),
        .missed = atomic_load_explicit(&unit->missed, memory_order_relaxed),
        .role = unit->role,
        .parameters = unit->parameters,
        .latency = atomic_load_explicit(&unit->latency, memory_order_relaxed),
        .bypassed = atomic_load_explicit(&unit->bypassed, memory_order_relaxed),
        .fault = atomic_load_explicit(&unit->fault, memory_order_relaxed),
    };
    for (uint32_t i = 0; i < 2; i++) out->peak[i] = atomic_exchange_explicit(&unit->peak[i], 0, memory_order_relaxed);
}
