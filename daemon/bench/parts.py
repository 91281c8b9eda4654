"""Benchmarks that are measured in parts: `ripieno bench WHAT --part PART`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Parts:
    """bench: its name, and how its parts' modules begin. parts: what each measures. usual: those without --part. takes:
    the options of those that have any, such as the minutes that they last."""

    bench: str
    parts: Mapping[str, str]
    usual: Sequence[str]
    takes: Mapping[str, Sequence[str]]

    def run(self, json: bool = False, part: str | None = None, **given: Any) -> dict[str, Any]:
        """Measure one part, or the usual ones; each prints its own table unless `json`. given: options, None where
        nothing was said.

        UserError: something that the measuring needs is missing.
        """
        results = {}
        for name in (part,) if part else self.usual:
            module = import_module(f"ripieno.daemon.bench.{self.bench}_{name}")
            if not json:
                print(f"-- {name}: {self.parts[name]}")
            options = {key: given[key] for key in self.takes.get(name, ()) if given.get(key) is not None}
            results[name] = module.run(json, **options)
        return results


CONTINUATION = Parts(
    "continuation",
    {
        "speed": "notes a second, beside PyTorch",
        "handover": "from a hand-over to the band's first note, with 1,000 notes in the context",
        "interaction": "half an hour with a player on a JACK server: is what is due there?",
    },
    usual=("speed", "handover"),  # not the one that takes half an hour
    takes={"interaction": ("minutes",)},
)
SINGING = Parts(
    "singing",
    {
        "speed": "real-time factor of networks, decoder and synth on one core, beside PyTorch",
        "latency": "from a key to the first sample of the voice that it changes",
        "live": "with a player and an ensemble on a JACK server, one core busy: is every block there in time?",
    },
    usual=("speed", "latency"),  # not the one that takes a server and minutes
    takes={"live": ("minutes",)},
)
PLUGINS = Parts(
    "plugins",
    {
        "alignment": "a note of one sample through paths of different latencies: is it heard at one sample?",
        "iodelay": "jack_iodelay through an empty chain and a compiled gain, beside a cable",
        "isolation": "what a process for each plugin costs: latency and processor time",
        "render": "a preset with chains played live, and rendered: are the samples the same?",
        "jit": "eight compiled plugins in series while Python is kept busy: underflows",
        "chaos": "plugins killed, hung and made to send nonsense while others play: what of that is heard?",
    },
    usual=("alignment", "iodelay", "isolation", "render"),  # not those that take minutes
    takes={"jit": ("minutes",), "chaos": ("minutes", "vst3")},
)
CLOCK = Parts(
    "clock",
    {
        "follow": "jack_midi_clock, shaken by 1 ms, 60 to 200 BPM with ramps: is our clock in its beats?",
        "handover": "from each source to each other: does a beat jump?",
        "link": "in a Link session that another peer leads from tempo to tempo: is our clock in its bars?",
        "out": "while a quartet plays, and for as long as is wanted: is each tick at its frame?",
    },
    usual=("follow", "handover", "link"),  # not the one that lasts as long as is wanted
    takes={"out": ("minutes",)},
)
RIG = Parts(
    "rig",
    {
        "load": "recorder, flight recorder, clock and Link all on: does the engine notice?",
        "faults": "killed while it records, the disk full, the folder gone: what opens, and does the music go on?",
    },
    usual=("faults",),  # not the one that lasts as long as is wanted
    takes={"load": ("minutes",)},
)
FACE = Parts(
    "face",
    {
        "load": "the page open, OSC on, two hundred changes a second: does the engine notice?",
        "page": "a thousand notes a second: pictures of the page a second, its memory, notes missing on the roll",
        "key": "from a key to its note on the page",
        "agree": "ten thousand changes from page, OSC, ctl and a knob at once: do all agree in the end?",
        "safety": "intruders, ten thousand sockets, a body without an end, on all addresses: is the music untouched?",
    },
    usual=("agree", "safety"),  # not those that last as long as is wanted
    takes={"load": ("minutes",), "page": ("minutes",), "key": ("minutes",)},
)
IN_PARTS = {one.bench: one for one in (CONTINUATION, SINGING, PLUGINS, CLOCK, RIG, FACE)}
