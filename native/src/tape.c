/* tape.c - see drivers.h. */
#include <stdlib.h>
#include <string.h>

#include "drivers.h"

typedef struct {
    uint64_t frame;
    uint32_t port, size;
    size_t start; /* in bytes */
} entry;

struct rp_tape {
    entry *entry;
    uint8_t *bytes;
    size_t used, room;
    uint32_t count, capacity;
};

rp_tape *rp_tape_new(void) { return calloc(1, sizeof(rp_tape)); }

void rp_tape_free(rp_tape *tape) {
    if (!tape) return;
    free(tape->entry);
    free(tape->bytes);
    free(tape);
}

void rp_tape_clear(rp_tape *tape) {
    tape->count = 0;
    tape->used = 0;
}

/* Twice the room until it is enough. 0: no memory. [control] */
static int grow(rp_tape *tape, uint32_t size) {
    if (tape->count == tape->capacity) {
        uint32_t capacity = tape->capacity ? tape->capacity * 2 : 256;
        entry *bigger = realloc(tape->entry, capacity * sizeof *bigger);
        if (!bigger) return 0;
        tape->entry = bigger;
        tape->capacity = capacity;
    }
    if (tape->room - tape->used < size) {
        size_t room = (tape->room ? tape->room * 2 : 1024) + size;
        uint8_t *bigger = realloc(tape->bytes, room);
        if (!bigger) return 0;
        tape->bytes = bigger;
        tape->room = room;
    }
    return 1;
}

int rp_tape_add(rp_tape *tape, uint64_t frame, uint32_t port, const uint8_t *data, uint32_t size) {
    if (!grow(tape, size)) return 0;
    tape->entry[tape->count++] = (entry){.frame = frame, .port = port, .size = size, .start = tape->used};
    if (size) memcpy(tape->bytes + tape->used, data, size);
    tape->used += size;
    return 1;
}

uint32_t rp_tape_count(const rp_tape *tape) { return tape->count; }

rp_tape_event rp_tape_get(const rp_tape *tape, uint32_t index) {
    const entry *one = &tape->entry[index];
    return (rp_tape_event){one->frame, one->port, one->size, tape->bytes + one->start};
}
