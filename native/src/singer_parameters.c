/* singer_parameters.c - what may be set while it sings. */
#include "singer.h"

static const rp_parameter PARAMETERS[RP_SING_COUNT] = {
    [RP_SING_ON] = {"on", "", "1: it sings; 0: it ends its note and rests", 0, 1, 1, 1},
    [RP_SING_MODE] = {"mode", "", "0 free: its own melody; 1 double: the top line; 2 harmony: with the top line", 0, 2,
                      0, 1},
    [RP_SING_FOLLOW] = {"follow", "", "the guidance: how strongly it is drawn to what sounds; 0: not at all", 0, 8, 3,
                        0},
    [RP_SING_ACTIVITY] = {"activity", "", "how much it sings: 0 hardly, 0.5 as the model likes, 1 nearly always", 0, 1,
                          0.5, 0},
    [RP_SING_LOW] = {"low", "MIDI pitch", "the lowest note it sings", 36, 83, 57, 1},
    [RP_SING_HIGH] = {"high", "MIDI pitch", "the highest note it sings", 36, 83, 76, 1},
    [RP_SING_OCTAVE] = {"octave", "octaves", "double: so far from the top line, as the range allows", -2, 2, 0, 1},
    [RP_SING_INTERVAL] = {"interval", "steps", "harmony: 3 a third below, 6 a sixth, 0 whichever fits better", 0, 6, 0,
                          1},
    [RP_SING_VOICE] = {"voice", "", "whose voice", 0, 15, 0, 1},
    [RP_SING_BRIGHTNESS] = {"brightness", "", "-1 dark, 1 bright: 3 dB an octave either way", -1, 1, 0, 0},
    [RP_SING_VIBRATO] = {"vibrato", "", "its depth: 0 none, 1 about 40 cents on long notes", 0, 2, 1, 0},
    [RP_SING_VIBRATO_RATE] = {"vibrato_rate", "Hz", "how fast the vibrato is, on average", 4, 7, 5.6, 0},
    [RP_SING_BREATH] = {"breath", "", "0 neither breaths nor air in the tone, 1 as learnt, 2 airy", 0, 2, 1, 0},
    [RP_SING_VOLUME] = {"volume", "dB", "how loud", -40, 12, 0, 0},
    [RP_SING_TEMPERATURE] = {"temperature", "", "adventurousness: 1 as learnt, less is safer, 0 always the likeliest",
                             0, 2, 1, 0},
    [RP_SING_SEED] = {"seed", "", "the same seed and the same playing give the same song", 0, 4294967295.0, 0, 1},
};

const rp_parameter *rp_singer_parameters(void) { return PARAMETERS; }

void rp_singer_usual(rp_singer_controls *controls) {
    for (uint32_t i = 0; i < RP_SING_COUNT; i++) controls->value[i] = PARAMETERS[i].usual;
}
