"""The devices around a performance: keyboards that its presets name, and outputs that arrive together."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ripieno.daemon import devices
from ripieno.daemon.errors import UserError
from ripieno.daemon.latencies import align, measured, named, read, tell
from ripieno.daemon.rig import all_audios, all_outputs

if TYPE_CHECKING:
    from ripieno.daemon.live import Performance
    from ripieno.daemon.presets import Preset
    from ripieno.native.engine import Engine


class Outside:
    """A `Watcher` of ripieno.daemon.live: connects the devices that [[input]] tables name, as soon as they are there,
    and lets what leaves on quick outputs wait for the slowest.
    """

    def __init__(self, presets: "Sequence[Preset]", options: Sequence[str] = ()) -> None:
        """options: latencies as --latency gives them. They go before those of the preset, which go before what was
        measured. UserError: they are none, or of an output that is not there."""
        self._outputs = all_outputs(presets)
        self._said = named(read(options), self._outputs, bool(all_audios(presets)))
        inputs = [(one.device, preset.inputs.index(one.port)) for preset in presets for one in preset.input]
        self._figures: Mapping[str, devices.Figure] = {}
        # Device and input: why it is not connected yet.
        self._wanted = {(device, port): "" for device, port in inputs if device}
        self._engine: Engine | None = None
        self._latencies: dict[str, float] = {}

    def begin(self, performance: "Performance") -> None:
        """The performance begins."""
        try:
            self._figures = devices.load()
        except UserError as error:  # the music goes on without
            performance.news.append(str(error))
        self.tend(performance)

    def tend(self, performance: "Performance") -> None:
        """A few times a second."""
        for device, port in list(self._wanted):
            self._connect(performance, device, port)
        self._align(performance)

    def end(self) -> None:
        """The performance ends."""

    def _connect(self, performance: "Performance", device: str, port: int) -> None:
        try:
            performance.news.append(f"{performance.driver.connect_in(device, port)} is connected")
            del self._wanted[device, port]
        except UserError as error:
            why, *_ = str(error).split(";")  # behind it stands what else there is, which may change often
            if self._wanted[device, port] != why:
                performance.news.append(f"{error}; it is connected as soon as it is there")
            self._wanted[device, port] = why

    def _align(self, performance: "Performance") -> None:
        found = measured(performance.driver.listeners(), lambda key: _late(self._figures.get(key)))
        wanted = found | dict(performance.preset.latency_ms) | self._said
        if performance.engine is self._engine and wanted == self._latencies:
            return
        if wanted != self._latencies and (news := tell(wanted)):
            performance.news.append(news)
        self._engine, self._latencies = performance.engine, wanted
        align(performance.engine, self._outputs, wanted)


def _late(figure: devices.Figure | None) -> float | None:
    return figure.latency_ms if figure else None
