/* fonts.h - a small SoundFont, made for the tests: every note's sound is known to the sample. */
#ifndef RIPIENO_FONTS_H
#define RIPIENO_FONTS_H
#include <stdint.h>

enum { FONT_ROOM = 65536, FONT_SINE = 0, FONT_SQUARE = 1 }; /* programs of bank 0; the drums are the square */
/* A SoundFont (2.01): key 69 is 440 Hz, held as long as its key. Returns its bytes. */
uint32_t make_font(uint8_t out[FONT_ROOM]);
/* Writes a file; ends the program where it cannot. */
void write_font(const char *path, const uint8_t *bytes, uint32_t count);
#endif
