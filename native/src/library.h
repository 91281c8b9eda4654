/* library.h - libraries that are found at run time: their functions by name, and what they complain of. */
#ifndef RIPIENO_LIBRARY_H
#define RIPIENO_LIBRARY_H
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* A function's name, and its place in the struct that holds a library's functions. */
typedef struct {
    const char *name;
    size_t place;
} rp_symbol;
int rp_library_find_all(void *library, const rp_symbol *symbol, uint32_t symbols, void *out); /* 0: not all [control] */

/* The first complaint since the last was taken: that one says why. Start with {.held = ATOMIC_FLAG_INIT}. */
typedef struct {
    atomic_flag held;
    char text[256];
} rp_complaint;
void rp_complaint_hear(rp_complaint *complaint, const char *line); /* whoever finds it held goes on without it [any] */
void rp_complaint_take(rp_complaint *complaint, char *out, uint32_t capacity); /* [any] */
#endif
