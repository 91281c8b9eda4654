/* library.c - see library.h. */
#include "library.h"

#include <string.h>

#include "platform.h"

int rp_library_find_all(void *library, const rp_symbol *symbol, uint32_t symbols, void *out) {
    for (uint32_t i = 0; i < symbols; i++) {
        rp_function function = rp_library_find(library, symbol[i].name);
        if (!function) return 0;
        memcpy((char *)out + symbol[i].place, &function, sizeof function);
    }
    return 1;
}

void rp_complaint_hear(rp_complaint *complaint, const char *line) {
    if (atomic_flag_test_and_set(&complaint->held)) return;
    if (!complaint->text[0]) strncpy(complaint->text, line, sizeof complaint->text - 1);
    atomic_flag_clear(&complaint->held);
}

void rp_complaint_take(rp_complaint *complaint, char *out, uint32_t capacity) {
    out[0] = 0;
    if (atomic_flag_test_and_set(&complaint->held)) return;
    strncat(out, complaint->text, capacity - 1);
    complaint->text[0] = 0;
    atomic_flag_clear(&complaint->held);
}
