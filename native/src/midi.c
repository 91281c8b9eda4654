/* midi.c - see midi.h. */
#include "midi.h"

/* [any] */
uint32_t rp_midi_size(uint8_t status) {
    static const uint8_t channel[7] = {3, 3, 3, 3, 2, 2, 3};                            /* 8n to En */
    static const uint8_t system[16] = {0, 2, 3, 2, 0, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 1}; /* F0 to FF */
    if (status < 0x80) return 0;
    return status < 0xF0 ? channel[(status >> 4) - 8] : system[status & 15];
}

rp_midi_message rp_midi_short(uint8_t status, uint8_t first, uint8_t second) {
    rp_midi_message message = {.size = rp_midi_size(status), .byte = {status, first, second}};
    return message;
}

uint8_t rp_midi_kind(const rp_midi_message *message) {
    uint8_t status = message->data ? RP_MIDI_SYSEX : message->byte[0];
    return status < 0xF0 ? status & 0xF0 : status;
}

int rp_midi_is_note_on(const rp_midi_message *message) {
    return rp_midi_kind(message) == RP_MIDI_NOTE_ON && message->byte[2] > 0;
}

int rp_midi_is_note_off(const rp_midi_message *message) {
    uint8_t kind = rp_midi_kind(message);
    return kind == RP_MIDI_NOTE_OFF || (kind == RP_MIDI_NOTE_ON && message->byte[2] == 0);
}

/* Give up the message under way, whose bytes so far are malformed, and running status with it. [any] */
static void abandon(rp_midi_parser *parser) {
    parser->malformed += parser->count + parser->own_status;
    parser->status = parser->own_status = parser->count = 0;
}

/* A status byte begins a message; F4, F5 and an F7 that ends nothing are undefined and dropped. [any] */
static void begin(rp_midi_parser *parser, uint8_t status) {
    abandon(parser);
    if (rp_midi_size(status)) parser->status = status;
    else parser->malformed++;
    parser->own_status = parser->status != 0;
}

/* The message under way is whole. Channel messages leave their status running. [any] */
static void finish(rp_midi_parser *parser, rp_midi_message *message) {
    *message = rp_midi_short(parser->status, parser->held[0], parser->held[1]);
    if (message->size < 3) message->byte[2] = 0;
    if (message->size < 2) message->byte[1] = 0;
    parser->count = parser->own_status = 0;
    if (parser->status >= 0xF0) parser->status = 0;
}

/* One byte outside SysEx; 1 when a message is whole. [any] */
static int feed(rp_midi_parser *parser, uint8_t byte, rp_midi_message *message) {
    if (byte >= 0x80) {
        begin(parser, byte);
        if (rp_midi_size(byte) != 1) return 0;
    } else if (!parser->status) {
        parser->malformed++;
        return 0;
    } else {
        parser->held[parser->count++ & 1] = byte; /* never more than two: the longest message has three bytes */
        if (parser->count + 1u < rp_midi_size(parser->status)) return 0;
    }
    finish(parser, message);
    return 1;
}

/* A real-time byte, which may stand anywhere; the undefined F9 and FD are dropped. [any] */
static void real_time(rp_midi_parser *parser, uint8_t byte, rp_midi_message *message) {
    *message = rp_midi_short(byte, 0, 0);
    if (!message->size) parser->malformed++;
}

/* A piece of SysEx from data[0]: as far as its bytes go. Another status byte ends it without its F7. [any] */
static uint32_t sysex(rp_midi_parser *parser, const uint8_t *data, uint32_t size, rp_midi_message *message) {
    uint32_t n = parser->in_sysex ? 0 : 1;
    parser->in_sysex = 1;
    while (n < size && data[n] < 0x80) n++;
    if (n < size && data[n] == RP_MIDI_SYSEX_END) {
        n++;
        parser->in_sysex = 0;
    } else if (n < size && data[n] < RP_MIDI_CLOCK) {
        parser->in_sysex = 0;
        parser->malformed++;
    }
    if (n) *message = (rp_midi_message){.data = data, .size = n};
    return n;
}

uint32_t rp_midi_parse(rp_midi_parser *parser, const uint8_t *data, uint32_t size, rp_midi_message *message) {
    uint32_t n = 0;
    *message = (rp_midi_message){0};
    while (n < size && !message->size) {
        uint8_t byte = data[n];
        if (byte >= RP_MIDI_CLOCK) {
            real_time(parser, byte, message);
            n++;
        } else if (parser->in_sysex || byte == RP_MIDI_SYSEX) {
            if (!parser->in_sysex) abandon(parser);
            n += sysex(parser, data + n, size - n, message);
        } else {
            feed(parser, byte, message);
            n++;
        }
    }
    return n;
}

uint32_t rp_midi_encode(uint8_t *running, const rp_midi_message *message, uint8_t out[3]) {
    uint8_t status = message->byte[0];
    uint32_t n = 0;
    if (message->data) return 0;
    if (status >= 0xF0 || status != *running) out[n++] = status;
    for (uint32_t i = 1; i < message->size; i++) out[n++] = message->byte[i];
    if (status < 0xF0) *running = status;
    else if (status < RP_MIDI_CLOCK) *running = 0;
    return n;
}
