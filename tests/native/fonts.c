#include "fonts.h"

#include <math.h>
#include <string.h>

#include "check.h"

enum { LOOP = 1200, LEAD = 8, TAIL = 46, SAMPLE = LEAD + LOOP + LEAD + TAIL }; /* 1200 samples: 11 periods at 48 kHz */
enum { GEN_INSTRUMENT = 41, GEN_SAMPLE = 53, GEN_MODES = 54, LOOPED = 1 };

typedef struct {
    uint8_t *byte;
    uint32_t count;
} writer;

static void put(writer *to, const void *bytes, uint32_t count) {
    CHECK(to->count + count <= FONT_ROOM);
    memcpy(to->byte + to->count, bytes, count);
    to->count += count;
}

static void put16(writer *to, uint32_t value) { put(to, (uint8_t[]){value & 255, value >> 8 & 255}, 2); }

static void put32(writer *to, uint32_t value) {
    put16(to, value & 0xFFFF);
    put16(to, value >> 16);
}

static void put_name(writer *to, const char *name) {
    char field[20] = "";
    strncpy(field, name, sizeof field - 1);
    put(to, field, sizeof field);
}

/* A chunk: its name, then its size, which `end` fills in. */
static uint32_t begin(writer *to, const char *name) {
    put(to, name, 4);
    put32(to, 0);
    return to->count;
}

static uint32_t begin_list(writer *to, const char *list, const char *name) {
    const uint32_t at = begin(to, list);
    put(to, name, 4);
    return at;
}

static void end(writer *to, uint32_t at) {
    writer size = {to->byte, at - 4};
    put32(&size, to->count - at);
}

static void put_info(writer *to) {
    const uint32_t info = begin_list(to, "LIST", "INFO");
    uint32_t at = begin(to, "ifil");
    put32(to, 2 | 1 << 16);
    end(to, at);
    at = begin(to, "isng");
    put(to, "EMU8000\0", 8);
    end(to, at);
    at = begin(to, "INAM");
    put(to, "Test", 4);
    put(to, "\0\0", 2);
    end(to, at);
    end(to, info);
}

static void put_samples(writer *to) {
    const uint32_t data = begin_list(to, "LIST", "sdta"), at = begin(to, "smpl");
    for (uint32_t kind = 0; kind < 2; kind++)
        for (int i = 0; i < SAMPLE; i++) {
            const double wave = sin(6.283185307179586 * 11 * (i - LEAD) / LOOP);
            const double value = kind == FONT_SINE ? 16000 * wave : wave < 0 ? -8000 : 8000;
            put16(to, i < SAMPLE - TAIL ? (uint32_t)lrint(value) & 0xFFFF : 0);
        }
    end(to, at);
    end(to, data);
}

static void put_preset(writer *to, const char *name, uint32_t program, uint32_t bank, uint32_t bag) {
    put_name(to, name);
    put16(to, program);
    put16(to, bank);
    put16(to, bag);
    for (uint32_t i = 0; i < 3; i++) put32(to, 0);
}

/* One zone each: bag i has the generators from `each` * i on. */
static void put_bags(writer *to, const char *name, uint32_t count, uint32_t each) {
    const uint32_t at = begin(to, name);
    for (uint32_t i = 0; i <= count; i++) {
        put16(to, each * i);
        put16(to, 0);
    }
    end(to, at);
}

static void put_nothing(writer *to, const char *name, uint32_t bytes) {
    const uint32_t at = begin(to, name);
    for (uint32_t i = 0; i < bytes; i++) put(to, "", 1);
    end(to, at);
}

static void put_presets(writer *to) {
    uint32_t at = begin(to, "phdr");
    put_preset(to, "Sine", FONT_SINE, 0, 0);
    put_preset(to, "Square", FONT_SQUARE, 0, 1);
    put_preset(to, "Drums", 0, 128, 2);
    put_preset(to, "EOP", 0, 0, 3);
    end(to, at);
    put_bags(to, "pbag", 3, 1);
    put_nothing(to, "pmod", 10);
    at = begin(to, "pgen");
    const uint32_t instruments[] = {FONT_SINE, FONT_SQUARE, FONT_SQUARE};
    for (uint32_t i = 0; i < 3; i++) {
        put16(to, GEN_INSTRUMENT);
        put16(to, instruments[i]);
    }
    put32(to, 0);
    end(to, at);
}

static void put_instruments(writer *to) {
    uint32_t at = begin(to, "inst");
    for (uint32_t i = 0; i < 3; i++) {
        put_name(to, i < 2 ? "Wave" : "EOI");
        put16(to, i);
    }
    end(to, at);
    put_bags(to, "ibag", 2, 2);
    put_nothing(to, "imod", 10);
    at = begin(to, "igen");
    for (uint32_t i = 0; i < 2; i++) {
        put16(to, GEN_MODES);
        put16(to, LOOPED);
        put16(to, GEN_SAMPLE);
        put16(to, i);
    }
    put32(to, 0);
    end(to, at);
}

static void put_sample_headers(writer *to) {
    const uint32_t at = begin(to, "shdr");
    for (uint32_t i = 0; i < 2; i++) {
        const uint32_t start = i * SAMPLE;
        put_name(to, "Wave");
        put32(to, start);
        put32(to, start + SAMPLE - TAIL);
        put32(to, start + LEAD);
        put32(to, start + LEAD + LOOP);
        put32(to, 48000);
        put(to, (uint8_t[]){69, 0}, 2);
        put32(to, 1 << 16); /* no other channel; mono */
    }
    put_name(to, "EOS");
    for (uint32_t i = 0; i < 26; i++) put(to, "", 1);
    end(to, at);
}

uint32_t make_font(uint8_t out[FONT_ROOM]) {
    writer to = {out, 0};
    const uint32_t file = begin_list(&to, "RIFF", "sfbk");
    put_info(&to);
    put_samples(&to);
    const uint32_t data = begin_list(&to, "LIST", "pdta");
    put_presets(&to);
    put_instruments(&to);
    put_sample_headers(&to);
    end(&to, data);
    end(&to, file);
    return to.count;
}

void write_font(const char *path, const uint8_t *bytes, uint32_t count) {
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(bytes, 1, count, file) == count && fclose(file) == 0);
}
