/* The parser on every kind of message, on bytes cut anywhere, and on noise. */
#include "midi.h"
#include "check.h"

#include <stdlib.h>
#include <string.h>

enum { NOISE = 200000 };

typedef struct {
    uint8_t byte[4096];
    uint32_t size, messages;
} text;

/* Parse in pieces of at most `piece` bytes and write every message out in full. */
static void parse(rp_midi_parser *parser, const uint8_t *data, uint32_t size, uint32_t piece, text *out) {
    rp_midi_message message;
    for (uint32_t at = 0; at < size;) {
        uint32_t end = size - at < piece ? size : at + piece;
        while (at < end) {
            uint32_t n = rp_midi_parse(parser, data + at, end - at, &message);
            CHECK(n > 0 && n <= end - at);
            at += n;
            if (!message.size) continue;
            CHECK(out->size + message.size <= sizeof out->byte);
            memcpy(out->byte + out->size, message.data ? message.data : message.byte, message.size);
            out->size += message.size;
            out->messages++;
        }
    }
}

static void expect(const char *name, const uint8_t *in, uint32_t in_size, const uint8_t *want, uint32_t want_size,
                   uint64_t malformed) {
    (void)name;
    for (uint32_t piece = 1; piece <= in_size; piece++) {
        rp_midi_parser parser = {0};
        text out = {.size = 0};
        parse(&parser, in, in_size, piece, &out);
        CHECK(out.size == want_size && memcmp(out.byte, want, want_size) == 0);
        CHECK(parser.malformed == malformed);
    }
}

#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static void test_messages(void) {
    expect("every channel kind", BYTES(0x80, 1, 2, 0x91, 3, 4, 0xA2, 5, 6, 0xB3, 7, 8, 0xC4, 9, 0xD5, 10, 0xE6, 11, 12),
           BYTES(0x80, 1, 2, 0x91, 3, 4, 0xA2, 5, 6, 0xB3, 7, 8, 0xC4, 9, 0xD5, 10, 0xE6, 11, 12), 0);
    expect("running status", BYTES(0x90, 60, 1, 62, 1, 0xC0, 5, 6), BYTES(0x90, 60, 1, 0x90, 62, 1, 0xC0, 5, 0xC0, 6),
           0);
    expect("system common", BYTES(0xF1, 1, 0xF2, 2, 3, 0xF3, 4, 0xF6), BYTES(0xF1, 1, 0xF2, 2, 3, 0xF3, 4, 0xF6), 0);
    expect("system common ends running status", BYTES(0x90, 60, 1, 0xF6, 62, 1), BYTES(0x90, 60, 1, 0xF6), 2);
    expect("clock between the bytes of a note", BYTES(0x90, 0xF8, 60, 0xFE, 1), BYTES(0xF8, 0xFE, 0x90, 60, 1), 0);
    expect("clock keeps running status", BYTES(0x90, 60, 1, 0xF8, 62, 1), BYTES(0x90, 60, 1, 0xF8, 0x90, 62, 1), 0);
    expect("SysEx", BYTES(0xF0, 1, 2, 3, 0xF7, 0x90, 60, 1), BYTES(0xF0, 1, 2, 3, 0xF7, 0x90, 60, 1), 0);
    expect("empty SysEx", BYTES(0xF0, 0xF7), BYTES(0xF0, 0xF7), 0);
    expect("clock inside SysEx", BYTES(0xF0, 1, 0xF8, 2, 0xF7), BYTES(0xF0, 1, 0xF8, 2, 0xF7), 0);
}

static void test_malformed(void) {
    expect("data with no status", BYTES(1, 2, 0x90, 60, 1), BYTES(0x90, 60, 1), 2);
    expect("a note cut short", BYTES(0x90, 60, 0x80, 60, 0), BYTES(0x80, 60, 0), 2);
    expect("undefined F4, F5, F9, FD", BYTES(0xF4, 0xF5, 0xF9, 0xFD, 0xF8), BYTES(0xF8), 4);
    expect("an end without SysEx", BYTES(0xF7, 0x90, 60, 1), BYTES(0x90, 60, 1), 1);
    expect("SysEx cut by a note", BYTES(0xF0, 1, 0x90, 60, 1), BYTES(0xF0, 1, 0x90, 60, 1), 1);
    expect("F4 ends running status", BYTES(0x90, 60, 1, 0xF4, 60, 1), BYTES(0x90, 60, 1), 3);
}

/* Whatever comes in, what comes out is whole, and a parser that was fed noise still reads a note. */
static void test_noise(void) {
    rp_midi_parser parser = {0};
    srand(1);
    for (uint32_t i = 0; i < NOISE; i++) {
        uint8_t data[32];
        uint32_t size = 1 + (uint32_t)rand() % sizeof data;
        for (uint32_t n = 0; n < size; n++) data[n] = (uint8_t)(rand() % (i & 1 ? 256 : 512));
        rp_midi_message message;
        for (uint32_t at = 0; at < size;) {
            at += rp_midi_parse(&parser, data + at, size - at, &message);
            if (!message.size || message.data) continue;
            CHECK(message.size == rp_midi_size(message.byte[0]));
            for (uint32_t n = 1; n < message.size; n++) CHECK(message.byte[n] < 0x80);
        }
    }
    text out = {.size = 0};
    parse(&parser, BYTES(0x93, 61, 7), 3, &out);
    CHECK(memcmp(out.byte + out.size - 3, BYTES(0x93, 61, 7)) == 0);
}

/* What the encoder writes with running status, the parser reads back. */
static void test_encoder(void) {
    static const uint8_t status[] = {0x90, 0x90, 0xB1, 0xF8, 0xB1, 0xF6, 0xB1, 0xC2, 0xC2, 0xE3, 0xF2, 0xE3};
    uint8_t running = 0, line[64], bytes[3];
    uint32_t size = 0;
    text sent = {.size = 0}, got = {.size = 0};
    for (uint32_t i = 0; i < sizeof status; i++) {
        rp_midi_message message = rp_midi_short(status[i], (uint8_t)i, (uint8_t)(i + 1));
        uint32_t n = rp_midi_encode(&running, &message, bytes);
        memcpy(line + size, bytes, n);
        size += n;
        memcpy(sent.byte + sent.size, message.byte, message.size);
        sent.size += message.size;
    }
    CHECK(size == sent.size - 3); /* the second 90, B1 after F8, and the second C2 run on */
    rp_midi_parser parser = {0};
    parse(&parser, line, size, 1, &got);
    CHECK(got.size == sent.size && memcmp(got.byte, sent.byte, got.size) == 0 && parser.malformed == 0);
}

int main(void) {
    test_messages();
    test_malformed();
    test_noise();
    test_encoder();
    return 0;
}
