"""The continuation measured, in parts: `ripieno bench continuation --part PART`."""

from importlib import import_module
from typing import Any

PARTS = {
    "speed": "notes a second, beside PyTorch",
    "handover": "from a hand-over to the band's first note, with 1,000 notes in the context",
    "interaction": "half an hour with a player on a JACK server: is what is due there?",
}
USUAL = ("speed", "handover")  # without --part: those that take no half hour


def run(json: bool = False, part: str | None = None, minutes: float | None = None) -> dict[str, Any]:
    """Measure one part, or the usual ones; each prints its own table unless `json`. minutes: of the interaction.

    UserError: something that the measuring needs is missing.
    """
    results = {}
    for name in (part,) if part else USUAL:
        module = import_module(f"ripieno.daemon.bench.continuation_{name}")
        if not json:
            print(f"-- {name}: {PARTS[name]}")
        options = {"minutes": minutes} if name == "interaction" and minutes else {}
        results[name] = module.run(json, **options)
    return results
