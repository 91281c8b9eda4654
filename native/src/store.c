/* store.c - see store.h. */
#include "store.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernels_pack.h"
#include "lstm.h"

enum { NAME = 96, LARGEST = 1 << 24 }; /* characters of a name; numbers of one array: beyond is a mistake */

/* [control] */
static const rp_stored *find(const rp_store *store, const char *format, va_list values, char name[NAME]) {
    vsnprintf(name, NAME, format, values);
    for (uint32_t i = 0; i < store->count; i++)
        if (strcmp(store->array[i].name, name) == 0) return &store->array[i];
    return NULL;
}

const rp_stored *rp_store_find(const rp_store *store, const char *format, ...) {
    char name[NAME];
    va_list values;
    va_start(values, format);
    const rp_stored *found = find(store, format, values, name);
    va_end(values);
    return found;
}

void rp_store_fault(rp_store *store, const char *format, ...) {
    va_list values;
    va_start(values, format);
    if (!store->faulty && store->why && store->room) vsnprintf(store->why, store->room, format, values);
    va_end(values);
    store->faulty = 1;
}

/* [control] */
static const rp_stored *need(rp_store *store, const char *format, va_list values, char name[NAME]) {
    const rp_stored *found = find(store, format, values, name);
    if (!found) rp_store_fault(store, "%s: missing", name);
    return found;
}

uint32_t rp_store_rows(rp_store *store, const char *format, ...) {
    char name[NAME];
    va_list values;
    va_start(values, format);
    const rp_stored *found = need(store, format, values, name);
    va_end(values);
    return found ? found->rows : 0;
}

uint32_t rp_store_columns(rp_store *store, const char *format, ...) {
    char name[NAME];
    va_list values;
    va_start(values, format);
    const rp_stored *found = need(store, format, values, name);
    va_end(values);
    return found ? found->columns : 0;
}

/* The numbers of an array of that shape, or NULL and a fault. [control] */
static const float *numbers(rp_store *store, uint32_t rows, uint32_t columns, const char *format, va_list values) {
    char name[NAME];
    const rp_stored *found = need(store, format, values, name);
    if (!found) return NULL;
    store->taken++;
    if (found->rows == rows && found->columns == columns && found->values && (uint64_t)rows * columns <= LARGEST)
        return found->values;
    rp_store_fault(store, "%s: [%u, %u], expected [%u, %u]", name, (unsigned)found->rows, (unsigned)found->columns,
                   (unsigned)rows, (unsigned)columns);
    return NULL;
}

const float *rp_store_plain(rp_store *store, uint32_t rows, uint32_t columns, const char *format, ...) {
    va_list values;
    va_start(values, format);
    const float *from = numbers(store, rows, columns, format, values);
    va_end(values);
    if (!from) return NULL;
    const uint32_t count = columns ? rows * columns : rows;
    float *to = rp_arena_take(&store->arena, rp_pad(count, RP_GROUP), sizeof *to);
    if (to) memcpy(to, from, count * sizeof *to);
    return to;
}

void rp_store_matrix(rp_store *store, rp_matrix *matrix, uint32_t rows, uint32_t columns, const char *format, ...) {
    va_list values;
    va_start(values, format);
    const rp_plain_matrix plain = {numbers(store, rows, columns, format, values), 1, rows, columns, columns};
    va_end(values);
    *matrix = (rp_matrix){0};
    if (!plain.weights) return;
    rp_pack_reserve(&store->arena, &plain, RP_PRECISION_FP32, matrix);
    if (store->arena.base) rp_pack_matrix(&plain, matrix);
}
