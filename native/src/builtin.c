/* builtin.c - see builtin.h: the table of our own plugins, one a file. */
#include "builtin.h"

#include <math.h>
#include <stdlib.h>

#include "unit_builtin.h"

enum { RATE_LOW = 8000, RATE_HIGH = 384000 };

static const rp_builtin_maker *const makers[] = {&rp_gain, &rp_pan, &rp_filter, &rp_limiter, &rp_delay, &rp_reverb};
enum { MAKERS = sizeof makers / sizeof makers[0] };

uint32_t rp_builtins(void) { return MAKERS; }

const rp_builtin *rp_builtin_get(uint32_t which) { return which < MAKERS ? &makers[which]->face : NULL; }

rp_unit *rp_unit_builtin(uint32_t which, uint32_t sample_rate) {
    if (which >= MAKERS || sample_rate < RATE_LOW || sample_rate > RATE_HIGH) return NULL;
    const rp_builtin_maker *maker = makers[which];
    const rp_builtin *face = &maker->face;
    const uint32_t size = maker->size + (maker->lines ? maker->lines(sample_rate) : 0);
    rp_unit *unit = rp_unit_new(&maker->kind, size, face->role, face->parameters);
    if (!unit) return NULL;
    for (uint32_t i = 0; i < face->parameters; i++) rp_unit_set(unit, i, face->parameter[i].usual);
    maker->prepare(unit, sample_rate);
    return unit;
}

double rp_builtin_wanted(const rp_unit *unit, const rp_parameter *table, uint32_t parameter) {
    const rp_parameter *one = &table[parameter];
    return fmin(fmax(rp_unit_get(unit, parameter), one->low), one->high); /* fmax: of a NaN, the other */
}

void rp_builtin_free(rp_unit *unit) { free(unit); }
