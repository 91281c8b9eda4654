"""How much faster than real time the engine plays a file: the demo's performance, over and over."""

import time
from importlib.resources import as_file, files
from typing import Any

from ripieno.daemon.offline import RATE, play
from ripieno.daemon.presets import load
from ripieno.daemon.progress import Progress
from ripieno.daemon.score import read_score

PRESETS = ("thru", "choir", "string-quartet", "pop-band", "game-band")
RUNS = 5


def run(as_json: bool = False, runs: int = RUNS) -> dict[str, Any]:
    """Play the demo's performance through each shipped preset; print a table unless as_json.

    Gives, for each preset, the median time in seconds, and how many seconds of music are played in one.
    """
    with as_file(files("ripieno.daemon.demo") / "bach-bwv858.mid") as path:
        score = read_score(path, RATE)
    rows: dict[str, Any] = {}
    with Progress("playing") as progress:
        for i, name in enumerate(PRESETS):
            preset, times = load(name), []
            for _ in range(runs):
                begun = time.perf_counter()
                take = play(preset, score, lambda share: None)
                times.append(time.perf_counter() - begun)
            median = sorted(times)[runs // 2]
            rows[name] = {
                "seconds": round(median, 4),
                "times_real_time": round(score.frames / RATE / median),
                "notes": take.stats.notes_out,
            }
            progress((i + 1) / len(PRESETS))
    if not as_json:
        for name, row in rows.items():
            print(
                f"  {name:16} {row['times_real_time']:6} x real time ({row['notes']} notes in {row['seconds']:.3f} s)"
            )
    return {"music_seconds": round(score.frames / RATE, 1), "presets": rows}
