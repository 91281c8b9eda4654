/* midi.h - MIDI 1.0 bytes to messages and back (MIDI 1.0 Detailed Specification 4.2, MMA 1996). */
#ifndef RIPIENO_MIDI_H
#define RIPIENO_MIDI_H
#include <stdint.h>

enum {
    RP_MIDI_NOTE_OFF = 0x80,
    RP_MIDI_NOTE_ON = 0x90,
    RP_MIDI_POLY_PRESSURE = 0xA0,
    RP_MIDI_CONTROL = 0xB0,
    RP_MIDI_PROGRAM = 0xC0,
    RP_MIDI_PRESSURE = 0xD0,
    RP_MIDI_BEND = 0xE0,
    RP_MIDI_SYSEX = 0xF0,
    RP_MIDI_SYSEX_END = 0xF7,
    RP_MIDI_CLOCK = 0xF8,
    RP_MIDI_RESET = 0xFF
};
enum {
    RP_CC_VOLUME = 7,
    RP_CC_SUSTAIN = 64,
    RP_CC_SOSTENUTO = 66,
    RP_CC_SOFT = 67,
    RP_CC_TIMBRE = 74,
    RP_CC_ALL_SOUND_OFF = 120,
    RP_CC_ALL_NOTES_OFF = 123
};

/* A whole message, or a piece of a SysEx: its bytes lie where the parser was given them. */
typedef struct {
    const uint8_t *data; /* of a SysEx piece; else NULL and the bytes are in `byte` */
    uint32_t size;
    uint8_t byte[3];
} rp_midi_message;

/* What a stream of bytes leaves behind between calls. Zeroed is ready. */
typedef struct {
    uint8_t status;     /* of the message under way, or running; 0: none */
    uint8_t own_status; /* 1: the message under way brought its status byte, 0: it runs on the last one's */
    uint8_t held[2];    /* its data bytes so far */
    uint8_t count;
    uint8_t in_sysex;
    uint64_t malformed; /* bytes dropped */
} rp_midi_parser;

/* Reads from data[0..size) up to the end of the next message or SysEx piece, and returns how many bytes it took.
 * message->size is 0 when the bytes ended first. Running status is resolved; real-time bytes come out between the
 * bytes of others; a piece of SysEx ends at the data's end, at a real-time byte, or with its F7. [any] */
uint32_t rp_midi_parse(rp_midi_parser *parser, const uint8_t *data, uint32_t size, rp_midi_message *message);

/* The bytes of a message with this status byte: 1 to 3, 0 for SysEx, F7 and undefined ones. [any] */
uint32_t rp_midi_size(uint8_t status);

/* Write a message for a serial line into `out` (3 bytes): running status leaves out a repeated status byte, real-time
 * messages do not end it, system ones do. `running` is the line's own memory, zeroed at first. Returns the number of
 * bytes. [any] */
uint32_t rp_midi_encode(uint8_t *running, const rp_midi_message *message, uint8_t out[3]);

rp_midi_message rp_midi_short(uint8_t status, uint8_t first, uint8_t second); /* [any] */
/* The status without its channel; system messages as they are. [any] */
uint8_t rp_midi_kind(const rp_midi_message *message);
/* A note-on with velocity 0 is a note-off. [any] */
int rp_midi_is_note_on(const rp_midi_message *message);
int rp_midi_is_note_off(const rp_midi_message *message);
#endif
