#include "check.h"

#include <pthread.h>
#include <stdatomic.h>

static atomic_long countdown = -1, held;
static atomic_int failed, forbidden;

#ifdef RIPIENO_WRAPPED
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
int __real_pthread_mutex_lock(pthread_mutex_t *mutex);

static void forbid(const char *what) {
    if (!atomic_load(&forbidden)) return;
    atomic_store(&forbidden, 0);
    fprintf(stderr, "%s where nothing may wait\n", what);
    abort();
}

static int due(void) {
    forbid("an allocation");
    if (atomic_load(&countdown) < 0 || atomic_fetch_sub(&countdown, 1) > 0) return 0;
    atomic_store(&failed, 1);
    return 1;
}

static void *counted(void *memory) {
    if (memory) atomic_fetch_add(&held, 1);
    return memory;
}

void *__wrap_malloc(size_t size) { return due() ? NULL : counted(__real_malloc(size)); }

void *__wrap_calloc(size_t count, size_t size) { return due() ? NULL : counted(__real_calloc(count, size)); }

void *__wrap_realloc(void *memory, size_t size) {
    if (due()) return NULL;
    return memory ? __real_realloc(memory, size) : counted(__real_realloc(memory, size));
}

void __wrap_free(void *memory) {
    forbid("a release");
    if (memory) atomic_fetch_sub(&held, 1);
    __real_free(memory);
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex) {
    forbid("a lock");
    return __real_pthread_mutex_lock(mutex);
}

int fail_allocation(long after) {
    atomic_store(&failed, 0);
    atomic_store(&countdown, after);
    return 1;
}
#else
int fail_allocation(long after) {
    (void)after;
    return 0;
}
#endif

void forbid_waiting(int on) { atomic_store(&forbidden, on); }

int allocation_failed(void) { return atomic_load(&failed); }

long allocations_held(void) { return atomic_load(&held); }
