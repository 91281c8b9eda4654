"""Our own models at play time: weights on disk, an instrumenter made of them, and how well it does.

A file NAME.safetensors holds two networks, ``solo`` (decides a note when it comes) and ``chord`` (decides the notes of
a chord known whole); its card NAME.json says what they are. No torch is needed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripieno.models import card as cards
from ripieno.models.card import WeightsError as WeightsError  # whoever loads an ensemble looks for it here
from ripieno.models.instrumentation.corpus import Piece
from ripieno.models.instrumentation.performance import Performance
from ripieno.native.instrumenter import FEATURES_VERSION, NO_VOICE, Instrumenter, Trace, Voice, chord_width, solo_width
from ripieno.native.lstm import Lstm, LstmConfig

FORMAT = 1
FOLDER = Path(__file__).parent / "weights"
NETWORKS = ("solo", "chord")

Arrays = dict[str, NDArray[np.float32]]


@dataclass
class Ensemble:
    """Networks that tell the parts `labels` apart. mono: which of them play one note at a time. divides: which of these
    can take a second note of a chord.

    stay: in revise mode, how much better (log probability) another voice must be before a note moves.
    """

    name: str
    labels: tuple[str, ...]
    mono: tuple[bool, ...]
    divides: tuple[bool, ...]
    configs: dict[str, LstmConfig]
    arrays: dict[str, Arrays]
    stay: float = 0.0
    card: dict[str, Any] = field(default_factory=dict)
    _packed: dict[tuple[str, str], Lstm] = field(default_factory=dict, repr=False)

    def network(self, which: str, precision: str = "fp32") -> Lstm:
        """The packed weights of "solo" or "chord", made once."""
        key = (which, precision)
        if key not in self._packed:
            self._packed[key] = Lstm(self.arrays[which], self.configs[which], precision)
        return self._packed[key]

    def voices(self, divide: bool = False) -> list[Voice]:
        """One voice a label, of any range. divide: those that can take a second note of a chord may."""
        flags = zip(self.mono, self.divides, strict=True)
        return [Voice(label=i, polyphony=int(mono), divides=divide and can) for i, (mono, can) in enumerate(flags)]

    def instrumenter(
        self,
        voices: Sequence[Voice] | None = None,
        *,
        sample_rate: int = 48000,
        when: str = "note",
        window_ms: float = 25.0,
        fallback: str = "closest",
        overflow: str = "divisi",
        precision: str = "fp32",
        stay: float | None = None,
        together: bool = False,
    ) -> Instrumenter:
        """Something that decides live: voices name labels by their index in `labels`; None: one voice a label.

        when: "note" (each note as it comes), "window" (a chord after window_ms), "revise" (at once, mended then).
        together: notes of one frame are decided together. Raises ValueError for what does not fit together.
        """
        return Instrumenter(
            self.voices() if voices is None else voices,
            sample_rate=sample_rate,
            when=when,
            window=round(window_ms * sample_rate / 1000.0),
            fallback=fallback,
            overflow=overflow,
            stay=self.stay if stay is None else stay,
            together=together,
            solo=self.network("solo", precision) if when != "window" else None,
            chord=self.network("chord", precision),
        )


def widths(labels: int) -> dict[str, int]:
    """Width of each network's input for so many labels."""
    return {"solo": solo_width(labels), "chord": chord_width(labels)}


def shipped() -> list[str]:
    """Names of the weights that come with the program."""
    return cards.shipped(FOLDER)


def save(folder: Path, ensemble: Ensemble, card: dict[str, Any]) -> Path:
    """Write weights (half precision) and card; `card` adds what the training knows. Returns the weights' path."""
    tensors = {f"{which}.{name}": value for which in NETWORKS for name, value in ensemble.arrays[which].items()}
    whole = {
        "format": FORMAT,
        "features": FEATURES_VERSION,
        "name": ensemble.name,
        "labels": list(ensemble.labels),
        "mono": list(ensemble.mono),
        "divides": list(ensemble.divides),
        "stay": ensemble.stay,
        "networks": {which: asdict(ensemble.configs[which]) for which in NETWORKS},
        **card,
    }
    path = cards.find(ensemble.name, folder)
    cards.write(path, tensors, whole)
    return path


def load(name: str | Path) -> Ensemble:
    """Read weights by the name of shipped ones (``chorales``), or by the path of a .safetensors file.

    Raises WeightsError: no such file or card, a file cut short or not the card's, another version, wrong shapes,
    values that are no numbers.
    """
    path = cards.find(name, FOLDER)
    versions = {"format": FORMAT, "features": FEATURES_VERSION}
    return _assemble(path, *cards.read(path, versions, _CARD_FIELDS, shipped()))


_CARD_FIELDS = ("name", "labels", "mono", "divides", "stay", "networks")


def _assemble(path: Path, card: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> Ensemble:
    try:
        configs = {which: LstmConfig(**card["networks"][which]) for which in NETWORKS}
        mono, divides = (tuple(bool(flag) for flag in card[name]) for name in ("mono", "divides"))
        labels, stay = tuple(card["labels"]), float(card["stay"])
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path}: its card is not one of ours ({error}): train it again") from error
    faults = _faults(configs, labels, (mono, divides), tensors)
    if faults:
        raise WeightsError(f"{path}: {'; '.join(faults)}: train it again")
    arrays = {
        which: {name: tensors[f"{which}.{name}"].astype(np.float32) for name in configs[which].shapes()}
        for which in NETWORKS
    }
    return Ensemble(str(card["name"]), labels, mono, divides, configs, arrays, stay, card)


def _faults(
    configs: dict[str, LstmConfig],
    labels: Sequence[str],
    flags: Sequence[Sequence[bool]],
    tensors: dict[str, NDArray[Any]],
) -> list[str]:
    """Everything about the weights that does not fit."""
    fits = all(len(each) == len(labels) for each in flags)
    faults = [] if fits else ["as many mono and divides flags as labels are needed"]
    for which, config in configs.items():
        if (config.input, config.output) != (widths(len(labels))[which], len(labels)):
            faults.append(f"{which}: {config.input} inputs and {config.output} labels do not fit {len(labels)} labels")
        for name, shape in config.shapes().items():
            value = tensors.get(f"{which}.{name}")
            if value is None:
                faults.append(f"{which}.{name} is missing")
            elif value.shape != shape:
                faults.append(f"{which}.{name}: {list(value.shape)}, expected {list(shape)}")
            elif not np.isfinite(value).all():
                faults.append(f"{which}.{name} holds values that are no numbers")
    return faults


COUNTS = ("notes", "correct", "held", "jumped", "shared", "lost", "doubled", "moved", "fallback")


def play(it: Instrumenter, performance: Performance, notes: int) -> Trace:
    """Run an instrumenter over a performance of a piece with so many notes."""
    p = performance
    return it.trace(p.frame, p.on, p.pitch, p.velocity, p.note, notes)


def evaluate(
    ensemble: Ensemble,
    pieces: Sequence[Piece],
    performances: Sequence[Performance],
    when: str = "note",
    window_ms: float = 25.0,
    *,
    precision: str = "fp32",
    stay: float | None = None,
    divide: bool = False,
    together: bool = False,
) -> dict[str, int]:
    """Counts over pieces, each with its performance. divide: parts that can take a second note of a chord may.

    notes; correct; held: notes that came while a part of one note at a time held a key; jumped: such a part took a
    second note though another was free; shared: it did so since none was, or because it may divide; lost and doubled:
    notes decided never, or more than once; moved (revise); fallback.
    """
    counts = dict.fromkeys(COUNTS, 0)
    it: Instrumenter | None = None
    for piece, performance in zip(pieces, performances, strict=True):
        if it is None:
            it = ensemble.instrumenter(
                ensemble.voices(divide),
                sample_rate=performance.sample_rate,
                when=when,
                window_ms=window_ms,
                precision=precision,
                stay=stay,
                together=together,
            )
        trace = play(it, performance, len(piece))
        counts["notes"] += len(piece)
        counts["correct"] += int((trace.voice == piece.label).sum())
        counts["lost"] += int(((trace.times == 0) | (trace.voice == NO_VOICE)).sum())
        counts["doubled"] += int((trace.times > 1).sum())
        counts["moved"] += int((trace.moves > 0).sum())
        counts["fallback"] += trace.fallbacks
        divides = ensemble.divides if divide else (False,) * len(ensemble.labels)
        witness = _Witness(ensemble.mono, divides, together=together or when != "note")
        for name, count in witness.watch(performance, trace.voice).items():
            counts[name] += count
    return counts


_CHORD_MS = 25


class _Witness:
    """Tells from key events and voices alone what parts of one note at a time did while they held a key.

    divides: parts that may take a second note of the chord they have just begun. together: the notes of a chord were
    decided at once: a part is only free if no note of the chord went there.
    """

    def __init__(self, mono: Sequence[bool], divides: Sequence[bool], *, together: bool) -> None:
        self.mono, self.divides, self.together = mono, divides, together
        self.held = [0] * len(mono)
        self.begun = [0] * len(mono)  # of those held, the ones of the present chord
        self.doubts: list[set[int]] = []  # second notes of the present chord, each with the parts that were free
        self.counts = {"held": 0, "jumped": 0, "shared": 0}

    def watch(self, performance: Performance, voice: NDArray[np.uint8]) -> dict[str, int]:
        """Go through a performance; `voice` [notes] is what each note got."""
        chord = performance.sample_rate * _CHORD_MS // 1000
        start, current = -chord, set[int]()
        for frame, on, note in zip(
            performance.frame.tolist(), performance.on.tolist(), performance.note.tolist(), strict=True
        ):
            part = int(voice[note])
            if part == NO_VOICE:
                continue
            if on and frame - start >= chord:
                self._settle()
                start, current, self.begun = frame, set(), [0] * len(self.mono)
            if on:
                self._strike(part)
                current.add(note)
            else:
                self.held[part] -= 1
                self.begun[part] -= note in current
        self._settle()
        return self.counts

    def _strike(self, part: int) -> None:
        free = {i for i, mono in enumerate(self.mono) if not mono or not self.held[i]}
        self.counts["held"] += len(free) < len(self.mono)
        if part not in free:
            divided = self.divides[part] and self.held[part] == self.begun[part]
            self.doubts.append(set() if divided else free)
        elif self.mono[part]:
            for parts in self.doubts:
                parts.discard(part)
        self.held[part] += 1
        self.begun[part] += 1
        if not self.together:
            self._settle()

    def _settle(self) -> None:
        for parts in self.doubts:
            self.counts["jumped" if parts else "shared"] += 1
        self.doubts = []
