/* soundfont.h - a SoundFont played by FluidSynth, which is found at run time, in the process thread. */
#ifndef RIPIENO_SOUNDFONT_H
#define RIPIENO_SOUNDFONT_H
#include <stdint.h>
#include "unit.h"

int rp_soundfont_available(void); /* 1: libfluidsynth is on this machine [control] */
/* Loads a file, which takes a while. NULL: it cannot; why [capacity] says so. Parameter 0: gain. [control] */
rp_unit *rp_unit_soundfont(const char *path, uint32_t sample_rate, uint32_t polyphony, char *why, uint32_t capacity);
enum { RP_SOUNDFONT_GAIN = 0, RP_SOUNDFONT_PARAMETERS = 1 };
const rp_parameter *rp_soundfont_parameters(void); /* [RP_SOUNDFONT_PARAMETERS] [any] */
#endif
