/* kernels.c - which instruction set runs, and what all of them share. [any] */
#include "kernels.h"

#include <stdatomic.h>
#include <string.h>

#include "lstm.h"

typedef struct {
    const rp_kernels *kernels;
    int (*present)(void);
} candidate;

/* [any] */
static int always(void) { return 1; }

#if defined(__x86_64__)
/* The compiler's run-time check also asks whether the system saves the wide registers. [any] */
static int has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

/* [any] */
static int has_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vnni");
}
#endif

/* Best first. */
static const candidate candidates[] = {
#if defined(__x86_64__)
    {&rp_kernels_avx512, has_avx512},
    {&rp_kernels_avx2, has_avx2},
#elif defined(__aarch64__)
    {&rp_kernels_neon, always},
#endif
    {&rp_kernels_generic, always},
};
enum { CANDIDATES = sizeof candidates / sizeof *candidates };

static _Atomic(const rp_kernels *) in_use;

/* [any] */
const rp_kernels *rp_kernels_get(void) {
    const rp_kernels *kernels = atomic_load_explicit(&in_use, memory_order_relaxed);
    for (size_t i = 0; !kernels; i++)
        if (candidates[i].present()) kernels = candidates[i].kernels;
    atomic_store_explicit(&in_use, kernels, memory_order_relaxed);
    return kernels;
}

/* [any] */
const char *rp_kernels_name(void) { return rp_kernels_get()->name; }

/* [control] */
int rp_kernels_use(const char *name) {
    for (size_t i = 0; i < CANDIDATES; i++) {
        if (strcmp(candidates[i].kernels->name, name) != 0 || !candidates[i].present()) continue;
        atomic_store_explicit(&in_use, candidates[i].kernels, memory_order_relaxed);
        return 0;
    }
    return -1;
}
