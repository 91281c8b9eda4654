"""The voice measured, in parts: `ripieno bench singing --part PART`."""

from importlib import import_module
from typing import Any

PARTS = {
    "speed": "real-time factor of networks, decoder and synth on one core, beside PyTorch",
    "latency": "from a key to the first sample of the voice that it changes",
    "live": "with a player and an ensemble on a JACK server, one core busy: is every block there in time?",
}
USUAL = ("speed", "latency")  # without --part: those that take no server and no minutes


def run(json: bool = False, part: str | None = None, minutes: float | None = None) -> dict[str, Any]:
    """Measure one part, or the usual ones; each prints its own table unless `json`. minutes: of the live part.

    UserError: something that the measuring needs is missing.
    """
    results = {}
    for name in (part,) if part else USUAL:
        module = import_module(f"ripieno.daemon.bench.singing_{name}")
        if not json:
            print(f"-- {name}: {PARTS[name]}")
        options = {"minutes": minutes} if name == "live" and minutes else {}
        results[name] = module.run(json, **options)
    return results
