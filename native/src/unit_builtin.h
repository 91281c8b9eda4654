/* unit_builtin.h - a built-in from within: what each of their files gives to the table in builtin.c. */
#ifndef RIPIENO_UNIT_BUILTIN_H
#define RIPIENO_UNIT_BUILTIN_H
#include "builtin.h"
#include "unit_state.h"

typedef struct {
    rp_builtin face;
    rp_unit_kind kind;
    uint32_t size;                                        /* of its own struct */
    uint32_t (*lines)(uint32_t sample_rate);              /* bytes of memory behind that; NULL: none [control] */
    void (*prepare)(rp_unit *unit, uint32_t sample_rate); /* all is zero, parameters are as usual [control] */
} rp_builtin_maker;

/* What a parameter is wanted to be, within its range, whatever was set. [process] */
double rp_builtin_wanted(const rp_unit *unit, const rp_parameter *table, uint32_t parameter);
void rp_builtin_free(rp_unit *unit); /* of one that is a single piece of memory [control] */

extern const rp_builtin_maker rp_gain, rp_pan, rp_filter, rp_limiter, rp_delay, rp_reverb;
#endif
