"""The continuation's network and its sampler, computed by the C kernels.

Events are rows of 8 small integers with a tick each (12 a beat), as models/continuation/representation.py makes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ripieno.native._native import ffi, lib

Floats = NDArray[np.float32]
Events = NDArray[np.int16]
Ticks = NDArray[np.int64]

PRECISIONS = {"fp32": lib.RP_F32, "int8": lib.RP_INT8}
"""How weights, keys and values are held: floats, or 8 bits with a scale for each row, or for each head and event."""

FIELDS = lib.RP_FIELDS
COLUMNS = lib.RP_COLUMNS
STOPS = {
    lib.RP_STOP_ROOM: "room",
    lib.RP_STOP_UNTIL: "until",
    lib.RP_STOP_END: "end",
    lib.RP_STOP_NOTHING: "nothing",
    lib.RP_STOP_FAULT: "fault",
    lib.RP_STOP_CONTEXT: "context",
}
"""Why `Decoder.generate` stopped: `sampler.h` tells what each means."""

_EVENT = np.dtype([("tick", np.int64), ("column", np.int16, (COLUMNS,))])


@dataclass(frozen=True)
class TransformerConfig:
    """The network's shape: width of the stream, layers, heads, width between a layer's two matrices, and width of the
    layer that chooses a field. All widths, a head's too, are multiples of 16."""

    dim: int
    layers: int
    heads: int
    hidden: int
    field: int

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every array the network needs, by its name in PyTorch. ValueError: a shape that the kernels do not take."""
        config = self._pointer("fp32")
        shapes: dict[str, tuple[int, ...]] = {}
        for index in range(lib.rp_transformer_arrays(config)):
            array = ffi.new("rp_array *")
            lib.rp_transformer_array(config, index, array)
            shape = (array.rows, array.columns) if array.columns else (array.rows,)
            shapes[ffi.string(array.name).decode()] = shape
        if not shapes:
            raise ValueError(f"{self}: widths must be multiples of 16, the heads' too, and heads divide dim")
        return shapes

    def _pointer(self, precision: str) -> Any:
        return ffi.new("rp_transformer_config *", {**asdict(self), "precision": PRECISIONS[precision]})


class Transformer:
    """Packed weights; any number of decoders may share them. `pointer` is the C `const rp_transformer *`: whoever keeps
    it keeps this object too."""

    def __init__(self, arrays: Mapping[str, ArrayLike], config: TransformerConfig, precision: str = "int8") -> None:
        """arrays: by the names and shapes of `config.shapes()`; they are copied. ValueError: a wrong name or shape
        (each is told); MemoryError: the weights do not fit."""
        if precision not in PRECISIONS:
            raise ValueError(f"no precision {precision!r}; there are {', '.join(PRECISIONS)}")
        self.config, self.precision = config, precision
        weights = _checked(arrays, config.shapes())
        pointers = ffi.new("float *[]", [ffi.from_buffer("float[]", array) for array in weights])
        self.pointer = ffi.gc(
            _made(lib.rp_transformer_new(config._pointer(precision), pointers)),
            lib.rp_transformer_free,
            size=sum(array.size for array in weights) * (1 if precision == "int8" else 4),
        )


@dataclass(frozen=True)
class Sampling:
    """How one field is drawn: temperature 0 takes the likeliest; only the likeliest values that together have `top_p`,
    and no more than `top_k` of them (0: all), are left."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0


class Choice:
    """What the next event may be; it follows what is chosen. `pointer` is the C `rp_choice *`, for what is not here."""

    def __init__(
        self,
        sampling: Sequence[Sampling] = (Sampling(),) * FIELDS,
        earliest: int | None = None,
        latest: int | None = None,
        ranges: Mapping[int, tuple[int, int]] | None = None,
        pitch_classes: Iterable[int] | None = None,
        bar_beats: int = 0,
        bar_tick: int = 0,
        may_end: bool = False,
        pull: float = 0.0,
    ) -> None:
        """earliest, latest: ticks, both included. ranges: instruments' codes that may play, and the lowest and highest
        MIDI pitch of each; None: all. pitch_classes: those allowed, 0 to 11; drums are free. bar_beats: 0 where the
        meter is not known. pull: how strongly the key heard lately draws the next pitch. ValueError: a code,
        pitch or pitch class that there is not, or not 7 samplings."""
        self.pointer = ffi.new("rp_choice *")
        lib.rp_choice_init(self.pointer)
        if len(sampling) != FIELDS:
            raise ValueError(f"{len(sampling)} samplings; there are {FIELDS} fields")
        for index, one in enumerate(sampling):
            self.pointer.sampling[index] = asdict(one)
        if earliest is not None:
            self.pointer.earliest = earliest
        if latest is not None:
            self.pointer.latest = latest
        if may_end:
            self.pointer.types |= 1 << lib.RP_TYPE_END
        self.pointer.bar_beats, self.pointer.bar_tick = bar_beats, bar_tick
        self.pointer.pull = pull
        if ranges is not None:
            self._allow_instruments(ranges)
        if pitch_classes is not None:
            self._allow_classes(set(pitch_classes))

    def follow(self, event: ArrayLike, tick: int) -> None:
        """`event` [8] was the last."""
        lib.rp_choice_follow(self.pointer, _events(np.asarray(event)[None], [tick])[1])

    def _allow_instruments(self, ranges: Mapping[int, tuple[int, int]]) -> None:
        codes = lib.rp_column_values(lib.RP_FIELD_INSTRUMENT)
        for code in range(codes):
            self.pointer.instrument[code] = 0
        for code, (low, high) in ranges.items():
            if not 1 <= code < codes or not 0 <= low <= high <= 127:
                raise ValueError(
                    f"instrument {code} from {low} to {high}: codes are 1 to {codes - 1}, pitches 0 to 127"
                )
            self.pointer.instrument[code] = 1
            self.pointer.low[code], self.pointer.high[code] = low, high

    def _allow_classes(self, classes: set[int]) -> None:
        if not classes <= set(range(12)):
            raise ValueError(f"pitch classes {sorted(classes)}: they are 0 to 11")
        for one in range(12):
            self.pointer.pitch_class[one] = one in classes


class Decoder:
    """What was heard so far, for one thread: keys and values of at most `context` events."""

    def __init__(self, transformer: Transformer, context: int) -> None:
        """ValueError: a context that is not 1 to 65536; MemoryError: it does not fit."""
        if not 1 <= context <= 65536:
            raise ValueError(f"a context of {context} events: it is 1 to 65536")
        self.transformer = transformer
        self.context = context
        self.pointer = ffi.gc(_made(lib.rp_decoder_new(transformer.pointer, context)), lib.rp_decoder_free)

    @property
    def length(self) -> int:
        """Events heard."""
        return int(lib.rp_decoder_length(self.pointer))

    def rewind(self, length: int) -> None:
        """Forget what came after the first `length` events."""
        lib.rp_decoder_rewind(self.pointer, length)

    def absorb(self, events: ArrayLike, ticks: ArrayLike) -> int:
        """Hear events [n, 8] at ticks [n]; how many fitted. ValueError: a column or a tick out of its range."""
        rows, pointer = _events(events, ticks)
        heard = int(lib.rp_decoder_absorb(self.pointer, pointer, len(rows)))
        if heard < len(rows) and self.length < self.context:
            raise ValueError(f"event {heard}, {rows['column'][heard].tolist()}: a column or its tick is out of range")
        return heard

    def stream(self) -> Floats:
        """[dim] what was made of the last event. ValueError: none was heard."""
        if self.length == 0:
            raise ValueError("nothing was heard yet")
        pointer = lib.rp_decoder_stream(self.pointer)
        return np.frombuffer(ffi.buffer(pointer, 4 * self.transformer.config.dim), np.float32).copy()

    def scores(self, field: int, event: ArrayLike, tick: int = 0) -> Floats:
        """Scores of a field of the next event, of which the columns before that field are settled; from the position on
        its tick too. ValueError: nothing was heard yet, or a column is out of its range."""
        out = np.zeros(lib.RP_VALUES_MAX, np.float32)
        _, pointer = _events(np.asarray(event)[None], [tick])
        count = lib.rp_decoder_scores(self.pointer, field, pointer, ffi.from_buffer("float[]", out))
        if count == 0:
            raise ValueError("nothing was heard yet, or a column is out of its range")
        return out[:count]

    def judge(self, events: ArrayLike, ticks: ArrayLike) -> Floats:
        """[n, 7] natural logarithms of how likely each field of each event was; the events are heard as they come. 0
        for the first event of all, and but for the type where an event is no note. ValueError as `absorb`, and where
        they do not fit."""
        rows, pointer = _events(events, ticks)
        out = np.zeros((len(rows), FIELDS), np.float32)
        heard = lib.rp_judge(self.pointer, pointer, len(rows), ffi.from_buffer("float[]", out))
        if heard < len(rows):
            raise ValueError(f"event {heard} of {len(rows)}: no room left, or a column is out of its range")
        return out

    def generate(
        self, choice: Choice, seed: int, until: int | None = None, room: int = 1024
    ) -> tuple[Events, Ticks, str]:
        """Events that follow what was heard, each heard in turn: at most `room` of them, before the tick `until`.

        Gives events [n, 8], ticks [n] and why it stopped: one of `STOPS`. The same seed gives the same events.
        """
        rows, why = np.zeros(room, _EVENT), ffi.new("uint32_t *")
        random = ffi.new("rp_random *", {"state": seed % 2**64})
        limit = 2**63 - 1 if until is None else until
        out = ffi.cast("rp_event *", ffi.from_buffer(rows))
        count = lib.rp_generate(self.pointer, choice.pointer, random, limit, out, room, why)
        return rows["column"][:count].copy(), rows["tick"][:count].copy(), STOPS[why[0]]


def _made(pointer: Any) -> Any:
    if pointer == ffi.NULL:
        raise MemoryError("no memory for the network")
    return pointer


def _events(events: ArrayLike, ticks: ArrayLike) -> tuple[NDArray[Any], Any]:
    """Events as C has them, and the pointer to them; the array must live as long as the pointer."""
    columns, when = np.asarray(events), np.asarray(ticks)
    if columns.ndim != 2 or columns.shape[1] != COLUMNS or when.shape != columns.shape[:1]:
        raise ValueError(f"events {columns.shape}, ticks {when.shape}; they are [n, {COLUMNS}] and [n]")
    rows = np.zeros(len(columns), _EVENT)
    rows["column"], rows["tick"] = columns, when
    return rows, ffi.cast("rp_event *", ffi.from_buffer(rows))


def _checked(arrays: Mapping[str, ArrayLike], shapes: Mapping[str, tuple[int, ...]]) -> list[Floats]:
    """The arrays as contiguous float32, or a ValueError that names every one that is missing, unknown or misshapen."""
    faults = [f"{name}: not a part of this network" for name in arrays if name not in shapes]
    found: list[Floats] = []
    for name, shape in shapes.items():
        if name not in arrays:
            faults.append(f"{name}: missing, expected {list(shape)}")
            continue
        found.append(np.ascontiguousarray(arrays[name], np.float32))
        if found[-1].shape != shape:
            faults.append(f"{name}: {list(found[-1].shape)}, expected {list(shape)}")
    if faults:
        raise ValueError("the weights do not fit the network: " + "; ".join(faults))
    return found


assert _EVENT.itemsize == ffi.sizeof("rp_event")
