"""The 64 instruments of the continuation, and drums: General MIDI programs that sound alike share one code.

The Multitrack Music Transformer (Dong et al., ICASSP 2023) has 64 instruments and leaves the same 24 programs out
(effects, sounds and three pipes); the grouping below is ours. Code 0 is "none", 1 to 64 are the instruments in this
order, 65 is drums, whose pitch is the General MIDI drum key.
"""

# Each: its name, and the General MIDI programs (0-based) it stands for; the first is the one it plays with.
INSTRUMENTS: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("piano", (0, 1, 2, 3)),
    ("electric piano", (4, 5)),
    ("harpsichord", (6,)),
    ("clavinet", (7,)),
    ("celesta", (8,)),
    ("glockenspiel", (9,)),
    ("music box", (10,)),
    ("vibraphone", (11,)),
    ("marimba", (12,)),
    ("xylophone", (13,)),
    ("tubular bells", (14,)),
    ("dulcimer", (15,)),
    ("organ", (16, 17, 18)),
    ("church organ", (19, 20)),
    ("accordion", (21, 23)),
    ("harmonica", (22,)),
    ("nylon guitar", (24,)),
    ("steel guitar", (25,)),
    ("electric guitar", (27, 26)),
    ("muted guitar", (28,)),
    ("overdriven guitar", (29,)),
    ("distortion guitar", (30, 31)),
    ("acoustic bass", (32,)),
    ("electric bass", (33, 34, 35)),
    ("slap bass", (36, 37)),
    ("synth bass", (38, 39)),
    ("violin", (40,)),
    ("viola", (41,)),
    ("cello", (42,)),
    ("contrabass", (43,)),
    ("pizzicato", (45,)),
    ("harp", (46,)),
    ("timpani", (47,)),
    ("strings", (48, 49, 44)),
    ("synth strings", (50, 51)),
    ("voice", (52, 53, 54)),
    ("orchestra hit", (55,)),
    ("trumpet", (56,)),
    ("trombone", (57,)),
    ("tuba", (58,)),
    ("muted trumpet", (59,)),
    ("horn", (60,)),
    ("brass", (61,)),
    ("synth brass", (62, 63)),
    ("soprano saxophone", (64,)),
    ("alto saxophone", (65,)),
    ("tenor saxophone", (66,)),
    ("baritone saxophone", (67,)),
    ("oboe", (68,)),
    ("english horn", (69,)),
    ("bassoon", (70,)),
    ("clarinet", (71,)),
    ("piccolo", (72,)),
    ("flute", (73,)),
    ("recorder", (74,)),
    ("pan flute", (75,)),
    ("ocarina", (79,)),
    ("square lead", (80,)),
    ("saw lead", (81,)),
    ("lead", (82, 83, 84, 85, 86, 87)),
    ("pad", (89, 88, 90, 91, 92, 93, 94, 95)),
    ("plucked strings", (104, 105, 106, 107)),
    ("bagpipe", (109, 108, 110, 111)),
    ("melodic percussion", (117, 118, 119)),
)
PIANO, DRUMS = 1, 65
NAMES = ("none", *(name for name, _ in INSTRUMENTS), "drums")
_CODES = {program: code for code, (_, programs) in enumerate(INSTRUMENTS, 1) for program in programs}


def code_of_program(program: int) -> int | None:
    """The code of a General MIDI program (0-based); None for the programs that are left out."""
    return _CODES.get(program)


def program_of_code(code: int) -> int:
    """The General MIDI program (0-based) that an instrument plays with; 0 for drums, whose channel says it."""
    return 0 if code == DRUMS else INSTRUMENTS[code - 1][1][0]
