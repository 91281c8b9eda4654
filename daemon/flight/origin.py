"""What a rig was made from, as plain values, and the same rig made again."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ripieno.daemon.errors import UserError
from ripieno.daemon.presets import Preset, read, show
from ripieno.daemon.weights import UNTRAINED, shipped_singer, weights_file

if TYPE_CHECKING:
    from ripieno.daemon.chains import Chains
    from ripieno.native.engine import Rig


def origin_of(preset: Preset, outputs: Sequence[str], audios: Sequence[str]) -> dict[str, Any]:
    """The preset's text, its seed, the SHA-256 of each file of weights that it plays with, and the names of the
    engine's ports."""
    return {
        "preset": preset.name,
        "text": show(preset),
        "seed": preset.seed,
        "models": {str(path): file_hash(path) for path in model_files(preset)},
        "outputs": list(outputs),
        "audios": list(audios),
    }


def model_files(preset: Preset) -> list[Path]:
    """The files of weights that a preset plays with."""
    found = []
    if preset.ensemble and preset.model not in UNTRAINED:
        found.append(weights_file(preset.model, Path()))
    if preset.continuation:
        from ripieno.models import card
        from ripieno.models.continuation.stored import FOLDER

        found.append(card.find(preset.continuation.weights, FOLDER))
    if preset.singing:
        folder = Path(preset.singing.weights) if preset.singing.weights else shipped_singer()
        found += sorted(folder.glob("*.safetensors"))
    return found


def file_hash(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits; "" where it cannot be read."""
    try:
        status = path.stat()
        return _hash(path, status.st_mtime_ns, status.st_size)
    except OSError:
        return ""


@lru_cache(maxsize=64)
def _hash(path: Path, _modified: int, _size: int) -> str:
    from hashlib import sha256

    return sha256(path.read_bytes()).hexdigest()


def changed_models(origin: dict[str, Any]) -> list[str]:
    """What weights are others now than those that a rig was made from, in sentences."""
    return [
        f"{path}: {'is not here any more' if not now else 'these weights are others than those that played'}"
        for path, then in origin.get("models", {}).items()
        if (now := file_hash(Path(path))) != then
    ]


@dataclass
class Remade:
    """Rigs made again, and what they borrow; `end` when no engine has them any longer."""

    rate: int
    news: list[str] = field(default_factory=list)
    _chains: "list[Chains]" = field(default_factory=list)

    def rig(self, origin: dict[str, Any], period: int) -> "Rig":
        """The rig that this was told of. Nobody thinks for it: what its band and its voice said is played from a
        recording. UserError where it cannot be made here."""
        from ripieno.daemon.band import make_band
        from ripieno.daemon.chains import make_chains
        from ripieno.daemon.rig import build
        from ripieno.daemon.singer import make_singer

        if "text" not in origin:
            raise UserError("the recording does not say what this rig was made from")
        self.news += [text for text in changed_models(origin) if text not in self.news]
        preset = read(origin["text"], f"the recording's preset {origin['preset']!r}")
        outputs, audios = tuple(origin["outputs"]), tuple(origin["audios"])
        band = make_band(preset, self.rate) if preset.continuation else None
        voice = make_singer(preset, self.rate) if preset.singing else None
        chains, news = make_chains(preset, self.rate, period, outputs, audios) if preset.chain else (None, [])
        self.news += news
        if chains:
            self._chains.append(chains)
        cores = (band.core if band else None, voice.core if voice else None, chains.rack if chains else None)
        return build(preset, self.rate, outputs, *cores, audios)

    def end(self) -> None:
        """Give back what the rigs borrowed."""
        for chains in self._chains:
            chains.end()
        self._chains.clear()
