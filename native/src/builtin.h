/* builtin.h - plugins of our own, in C. */
#ifndef RIPIENO_BUILTIN_H
#define RIPIENO_BUILTIN_H
#include <stdint.h>
#include "unit.h"

typedef struct {
    const char *name, *what;
    uint32_t role, parameters;
    const rp_parameter *parameter; /* [parameters] */
} rp_builtin;
uint32_t rp_builtins(void);                                     /* how many there are [any] */
const rp_builtin *rp_builtin_get(uint32_t which);               /* NULL: no such [any] */
rp_unit *rp_unit_builtin(uint32_t which, uint32_t sample_rate); /* NULL: no memory, no such [control] */
#endif
