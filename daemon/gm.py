"""The General MIDI programs by name, numbered from 1 as musicians count them (GM System Level 1, MMA 1991)."""

from difflib import get_close_matches

_NAMES = """
Acoustic Grand Piano, Bright Acoustic Piano, Electric Grand Piano, Honky-tonk Piano,
Electric Piano 1, Electric Piano 2, Harpsichord, Clavinet,
Celesta, Glockenspiel, Music Box, Vibraphone, Marimba, Xylophone, Tubular Bells, Dulcimer,
Drawbar Organ, Percussive Organ, Rock Organ, Church Organ, Reed Organ, Accordion, Harmonica, Tango Accordion,
Nylon Guitar, Steel Guitar, Jazz Guitar, Clean Guitar, Muted Guitar, Overdriven Guitar, Distortion Guitar,
Guitar Harmonics,
Acoustic Bass, Fingered Bass, Picked Bass, Fretless Bass, Slap Bass 1, Slap Bass 2, Synth Bass 1, Synth Bass 2,
Violin, Viola, Cello, Contrabass, Tremolo Strings, Pizzicato Strings, Harp, Timpani,
String Ensemble 1, String Ensemble 2, Synth Strings 1, Synth Strings 2, Choir Aahs, Voice Oohs, Synth Voice,
Orchestra Hit,
Trumpet, Trombone, Tuba, Muted Trumpet, French Horn, Brass Section, Synth Brass 1, Synth Brass 2,
Soprano Sax, Alto Sax, Tenor Sax, Baritone Sax, Oboe, English Horn, Bassoon, Clarinet,
Piccolo, Flute, Recorder, Pan Flute, Blown Bottle, Shakuhachi, Whistle, Ocarina,
Square Lead, Sawtooth Lead, Calliope Lead, Chiff Lead, Charang Lead, Voice Lead, Fifths Lead, Bass and Lead,
New Age Pad, Warm Pad, Polysynth Pad, Choir Pad, Bowed Pad, Metallic Pad, Halo Pad, Sweep Pad,
Rain, Soundtrack, Crystal, Atmosphere, Brightness, Goblins, Echoes, Sci-fi,
Sitar, Banjo, Shamisen, Koto, Kalimba, Bagpipe, Fiddle, Shanai,
Tinkle Bell, Agogo, Steel Drums, Woodblock, Taiko Drum, Melodic Tom, Synth Drum, Reverse Cymbal,
Guitar Fret Noise, Breath Noise, Seashore, Bird Tweet, Telephone Ring, Helicopter, Applause, Gunshot
"""
PROGRAMS: tuple[str, ...] = tuple(" ".join(name.split()) for name in _NAMES.split(","))
_NUMBERS = {name.casefold(): number for number, name in enumerate(PROGRAMS, 1)}


def program_number(name: str) -> int:
    """The number, 1 to 128, of the program of that name (in any case). ValueError with the nearest name otherwise."""
    wanted = " ".join(name.split()).casefold()
    if wanted not in _NUMBERS:
        near = get_close_matches(wanted, _NUMBERS, 1, 0.5)
        hint = f" (did you mean {PROGRAMS[_NUMBERS[near[0]] - 1]!r}?)" if near else ""
        raise ValueError(f"no General MIDI program is called {name!r}{hint}; a number from 1 to 128 will do, too")
    return _NUMBERS[wanted]


def program_name(number: int) -> str:
    """The name of a program, 1 to 128."""
    return PROGRAMS[number - 1]
