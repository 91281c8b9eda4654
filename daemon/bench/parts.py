"""Benchmarks that are measured in parts: `ripieno bench WHAT --part PART`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Parts:
    """bench: its name, and how its parts' modules begin. parts: what each measures. usual: those without --part. timed:
    the one that takes so many minutes."""

    bench: str
    parts: Mapping[str, str]
    usual: Sequence[str]
    timed: str

    def run(self, json: bool = False, part: str | None = None, minutes: float | None = None) -> dict[str, Any]:
        """Measure one part, or the usual ones; each prints its own table unless `json`.

        UserError: something that the measuring needs is missing.
        """
        results = {}
        for name in (part,) if part else self.usual:
            module = import_module(f"ripieno.daemon.bench.{self.bench}_{name}")
            if not json:
                print(f"-- {name}: {self.parts[name]}")
            options = {"minutes": minutes} if name == self.timed and minutes else {}
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
    timed="interaction",
)
SINGING = Parts(
    "singing",
    {
        "speed": "real-time factor of networks, decoder and synth on one core, beside PyTorch",
        "latency": "from a key to the first sample of the voice that it changes",
        "live": "with a player and an ensemble on a JACK server, one core busy: is every block there in time?",
    },
    usual=("speed", "latency"),  # not the one that takes a server and minutes
    timed="live",
)
IN_PARTS = {one.bench: one for one in (CONTINUATION, SINGING)}
