/* store.h - stored arrays found by their names, checked, copied and packed into one arena. */
#ifndef RIPIENO_STORE_H
#define RIPIENO_STORE_H
#include <stddef.h>

#include "arena.h"
#include "kernels.h"
#include "singer.h"

/* What is laid out, twice: once to measure and to find what is wrong, once to fill. */
typedef struct {
    const rp_stored *array;
    uint32_t count;
    rp_arena arena;
    char *why; /* [room] the first fault; NULL: nobody asks */
    uint32_t room;
    int faulty;
    uint32_t taken; /* arrays that were laid out */
} rp_store;

/* Arrays are named by a printf format, so that their numbers need no buffer of the caller's. */
#define RP_NAMED(at) __attribute__((format(printf, at, (at) + 1)))

/* The array of that name, or NULL. [control] */
const rp_stored *rp_store_find(const rp_store *store, const char *format, ...) RP_NAMED(2);
/* Note a fault, the first one; what was laid out so far must not be used. [control] */
void rp_store_fault(rp_store *store, const char *format, ...) RP_NAMED(2);
/* Rows, or columns, of an array that must be there; 0 and a fault: it is not. [control] */
uint32_t rp_store_rows(rp_store *store, const char *format, ...) RP_NAMED(2);
uint32_t rp_store_columns(rp_store *store, const char *format, ...) RP_NAMED(2);
/* Its numbers as they are, padded with zeros to a multiple of 16; columns 0: a vector. NULL while measuring, and where
 * it is missing or has another shape, which is a fault. [control] */
const float *rp_store_plain(rp_store *store, uint32_t rows, uint32_t columns, const char *format, ...) RP_NAMED(4);
/* The same, packed for rp_kernels' dense: rows padded to 16, columns to 4. [control] */
void rp_store_matrix(rp_store *store, rp_matrix *matrix, uint32_t rows, uint32_t columns, const char *format, ...)
    RP_NAMED(5);
#endif
