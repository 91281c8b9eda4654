"""The recorder of a live performance: begun and ended by a key, told of its presets, and ended with it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ripieno.daemon.recording.recorder import Recorder
from ripieno.daemon.recording.sources import instruments_of, sources_of
from ripieno.daemon.recording.take import check_folder, recover

if TYPE_CHECKING:
    from ripieno.daemon.live import Performance
    from ripieno.daemon.presets import Preset
    from ripieno.native.engine import Engine


def recordings_folder() -> Path:
    """Where recordings are kept, unless the player says otherwise."""
    return Path.home() / "Music" / "ripieno"


class Session:
    """Records into a folder, whichever engine plays. A watcher of the performance."""

    def __init__(self, folder: Path, at_once: bool) -> None:
        """at_once: from the first note on; else when somebody asks. UserError where nothing can be recorded there.

        What a crash or a power cut left there is put right first.
        """
        check_folder(folder)
        self.folder, self._wanted = folder, at_once
        self._news = recover(folder)
        self._recorder: Recorder | None = None
        self._preset: Preset | None = None
        self._outputs: tuple[str, ...] = ()

    def attach(self, engine: "Engine", preset: "Preset", outputs: tuple[str, ...], audios: Sequence[str]) -> None:
        """An engine that no driver runs yet, after the one before, if any. outputs, audios: its ports' names."""
        from ripieno.native.tap import Tap

        self._news += self.over()
        tap = Tap(engine.sample_rate, len(audios))
        engine.set_tap(tap)
        self._preset, self._outputs = preset, outputs
        self._recorder = Recorder(tap, sources_of(preset, engine.sample_rate, outputs, audios), self.folder)
        if self._wanted:
            self._recorder.record(preset.name)
        self._recorder.start()

    def begin(self, performance: "Performance") -> None:
        """It plays now."""
        self.tend(performance)

    def tend(self, performance: "Performance") -> None:
        """A few times a second, and whenever another song begins."""
        if not self._recorder:
            return
        if performance.preset is not self._preset:
            self._preset = performance.preset
            self._recorder.name(instruments_of(self._preset, self._outputs))
        performance.news += [*self._news, *self._recorder.take_news()]
        self._news = []

    def end(self) -> None:
        """It is about to end: how it ends is recorded, too."""

    def over(self) -> list[str]:
        """The engine has ended, and so do recordings. What there is to tell."""
        if not self._recorder:
            return []
        self._recorder.close()
        news, self._recorder = self._recorder.take_news(), None
        return news

    def toggle(self) -> None:
        """Record, or no longer."""
        self._wanted = not self._wanted
        if not self._recorder or not self._preset:
            return
        if self._wanted:
            self._recorder.record(self._preset.name)
        else:
            self._recorder.end()

    def save(self) -> None:
        """Write down the last minutes."""
        if self._recorder and self._preset:
            self._recorder.save(f"{self._preset.name}, the last minutes")

    def status(self) -> dict[str, Any]:
        """How it stands, as plain values."""
        return self._recorder.plain_status() if self._recorder else {}
