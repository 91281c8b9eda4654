"""The last state of a performance: kept when something changes, brought back after a crash."""

import json
import os
import signal
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, cast

import mido
import pytest
from command import ripieno
from screen import Screen
from stage import connected, daemon, name_of, wait_for

from needs import needs
from ripieno.daemon import presets
from ripieno.daemon.band import Band
from ripieno.daemon.bench.jack_server import DummyServer
from ripieno.daemon.errors import UserError
from ripieno.daemon.ready import Ready
from ripieno.daemon.schema import Key, number
from ripieno.daemon.service.state import (
    Cable,
    Memory,
    State,
    Values,
    changes,
    read_state,
    restore,
    start_of,
    state_path,
    switched,
    values_of,
    write_state,
)
from ripieno.daemon.settings import Settings
from ripieno.daemon.singer import Singer
from ripieno.native.links import Identity, Link
from ripieno.native.probe import JackProbe

CABLE = Cable("in", "Keys:out", ["alsa:keys"], True, False)
STATE = State(
    ["a", "/b/c.toml"], "Choir", 3, {"Alto": False}, {"singing": {"follow": "2"}, "Hall, 2": {"mix": "0.5"}}, [CABLE]
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where states are kept."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


class Core:
    """What would play: it takes what it is told."""

    def __init__(self) -> None:
        self.told: dict[str, float | str] = {}

    def set(self, name: str, value: float | str) -> None:
        self.told[name] = value


class Driver:
    """As much of one as a state is of: the connections that others made."""

    def __init__(self) -> None:
        self.links: list[Link] = []

    def made_by_hand(self) -> list[Link]:
        return self.links

    def make_again(self, links: Sequence[Link]) -> None:
        self.links = [*self.links, *links]


class Stage:
    """As much of a performance as a state is of: a song with a band, a voice and instruments."""

    def __init__(self, title: str = "Duet", playing: int = 0) -> None:
        self.news: list[str] = []
        self.driver = Driver()
        self.begin(title, playing)

    def begin(self, title: str, playing: int, band: bool = True) -> None:
        """This song plays from now on."""
        self.song, self.playing = SimpleNamespace(title=title), playing
        preset, core = presets.load("duet"), cast(Any, Core())
        enabled = [one.enabled for one in preset.ensemble]
        self.current = Ready(playing, preset, 48_000, cast(Any, None), enabled)
        self.current.band = Band(preset, core, 48_000) if band else None
        self.current.singer = Singer(presets.load("singer"), core, ("alma", "bruno"), 48_000)

    @property
    def values(self) -> Values:
        return values_of(self.current.tables)

    def switch(self, place: int) -> None:
        self.current.enabled[place] ^= True

    def set_all(self) -> None:
        for title, keys in SET.items():
            for name, text in keys.items():
                self.current.tables[title].put(name, text)
        self.switch(1)


SET = {
    "continuation": {
        "tempo": "96",
        "key": "D minor",
        "while_playing": "comp",
        "tempo_source": "fixed",
        "density": "0.5",
    },
    "singing": {
        "voice": "bruno",
        "range": '["C3", "C5"]',
        "mode": "harmony",
        "on": "false",
        "seed": "77",
        "follow": "2",
    },
}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_state(tmp_path / "one.json", STATE)
    assert read_state(tmp_path / "one.json") == STATE
    assert read_state(tmp_path / "none.json") is None
    assert [path.name for path in tmp_path.glob("*.json")] == ["one.json"]


GOOD = {"presets": ["a"], "song": "a", "number": 0, "switched": {}, "settings": {}, "cables": []}
WRONG = (
    *({"presets": 1}, {"presets": [1]}, {"presets": []}, {"song": None}, {"number": "0"}, {"number": True}),
    *({"cables": 1}, {"cables": [1]}, {"cables": [{"ours": "in"}]}, {"cables": [asdict(CABLE) | {"into": 1}]}),
    *({"cables": [asdict(CABLE) | {"name": 1}]}, {"cables": [asdict(CABLE) | {"other": 1}]}),
    *({"switched": [1]}, {"switched": {"a": 1}}),
    *({"settings": []}, {"settings": {"a": 1}}, {"settings": {"a": {"b": 1}}}),
)
BROKEN = [b"", b"{", b"[]", b"{}", b"\xff\x00", *(json.dumps(GOOD | one).encode() for one in WRONG)]


@pytest.mark.parametrize("data", BROKEN)
def test_a_broken_state_is_told_and_it_begins_anew(data: bytes) -> None:
    path = state_path("ripieno")
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    with pytest.raises(UserError, match=f"{path}: this is no state"):
        read_state(path)
    memory, stage = Memory("ripieno", ["duet"], resume=True), Stage()
    memory.begin(stage)
    assert written(memory, stage) == State(["duet"], "Duet")
    memory.end()
    assert stage.news == [f"{path}: this is no state of a performance; remove it"]
    path.write_bytes(data)
    with pytest.raises(UserError, match="remove it; name a preset"):
        Memory("ripieno", [], resume=True)


def test_what_was_set_is_set_again() -> None:
    stage, other = Stage(), Stage()
    start = start_of(stage.current)
    assert changes(stage.current.tables, start.values) == switched(stage.current, start.enabled) == {}
    stage.set_all()
    kept = changes(stage.current.tables, start.values)
    assert {title: set(keys) for title, keys in kept.items()} == {title: set(keys) for title, keys in SET.items()}
    assert restore(other, State([], settings=kept, switched=switched(stage.current, start.enabled))) == []
    assert other.values == stage.values != start.values
    assert other.current.enabled == stage.current.enabled != start.enabled
    assert other.current.band.core.told == stage.current.band.core.told


class Plugin(Settings):
    """One with a parameter in steps, which are whole numbers held as others."""

    who, fixed = "the plugin", frozenset()
    live = MappingProxyType(
        {"bands": Key("bands", number(1, 8, True), 4, ""), "mix": Key("mix", number(0, 1, False), 0, "")}
    )

    def apply(self, name: str, value: Any) -> None:
        setattr(self.settings, name, value)

    def keep(self, name: str, value: Any) -> None:
        """It is applied already."""


def test_a_step_of_a_plugin_is_a_whole_number() -> None:
    def plugin(bands: float, mix: float) -> Settings:
        return Plugin(SimpleNamespace(bands=bands, mix=mix), {})

    kept = changes({"EQ": plugin(3.0, 1.0)}, values_of({"EQ": plugin(4.0, 0.0)}))
    assert kept == {"EQ": {"bands": "3", "mix": "1"}}
    other = plugin(4.0, 0.0)
    for name, text in kept["EQ"].items():
        other.put(name, text)
    assert values_of({"EQ": other}) == {"EQ": {"bands": 3, "mix": 1}}


def test_what_cannot_be_set_again_is_told_and_the_rest_is_set() -> None:
    stage = Stage()
    stage.begin("Duet", 0, band=False)
    settings = {"continuation": {"tempo": "96"}, "singing": {"follow": "99", "none": "1", "activity": "0.2"}}
    told = restore(stage, State([], settings=settings, switched={"Nobody": False}))
    assert [line.split(":")[0] for line in told] == [
        "continuation.tempo cannot be set again",
        "singing.follow cannot be set again",
        "singing.none cannot be set again",
    ]
    assert stage.current.singer.now("activity") == 0.2


class Clock:
    """Seconds that pass when told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def written(memory: Memory, stage: Any) -> State | None:
    """What is kept, once its thread is done and whatever was due then, too."""
    for _ in range(2):
        if memory._writing:
            memory._writing.exception(30)
        memory.tend(stage)
    if memory._writing:
        memory._writing.exception(30)
    return read_state(memory.path)


def test_it_is_written_when_it_changes_and_not_too_often() -> None:
    clock, stage = Clock(), Stage()
    memory = Memory("ripieno", ["duet", "./mine.toml"], clock=clock)
    memory.begin(stage)
    names = ["duet", str(Path("mine.toml").resolve())]
    assert written(memory, stage) == State(names, "Duet")
    stage.current.band.put("tempo", "96")
    memory.tend(stage)
    assert written(memory, stage) == State(names, "Duet")  # a moment later
    clock.now += 1
    memory.tend(stage)
    assert written(memory, stage) == State(names, "Duet", 0, {}, {"continuation": {"tempo": "96"}})
    at = memory.path.stat().st_mtime_ns
    clock.now += 1
    memory.tend(stage)
    written(memory, stage)
    assert memory.path.stat().st_mtime_ns == at  # nothing has changed
    memory.end()


def test_each_song_is_kept_as_it_was_left() -> None:
    clock, stage = Clock(), Stage("One", 0)
    memory = Memory("ripieno", ["duet", "duet"], clock=clock)
    memory.begin(stage)
    stage.set_all()
    one = stage.current
    stage.begin("Two", 1)
    clock.now += 1
    memory.tend(stage)
    assert written(memory, stage) == State(["duet", "duet"], "Two", 1)
    stage.song, stage.playing, stage.current = SimpleNamespace(title="One"), 0, one  # it was kept ready
    clock.now += 1
    memory.tend(stage)
    assert set(written(memory, stage).settings) == set(SET)
    stage.begin("One", 0)  # made ready anew, it is as it says
    clock.now += 1
    memory.tend(stage)
    assert written(memory, stage) == State(["duet", "duet"], "One")
    memory.end()


def test_while_a_song_is_made_ready_nothing_is_forgotten() -> None:
    clock, stage = Clock(), Stage()
    memory = Memory("ripieno", ["duet"], clock=clock)
    memory.begin(stage)
    kept = written(memory, stage)
    stage.current = None
    clock.now += 1
    memory.tend(stage)
    assert written(memory, stage) == kept
    memory.end()


def test_it_goes_on_as_it_was() -> None:
    clock, stage, other = Clock(), Stage("Two", 1), Stage("Two", 1)
    one = Memory("ripieno", ["choir", "duet"], clock=clock)
    one.begin(stage)
    stage.set_all()
    stage.driver.links = [Link("in", Identity("Keys:out", ("alsa:keys",)), True)]
    clock.now += 1
    one.tend(stage)
    assert written(one, stage).cables == [CABLE]
    one.end()
    two = Memory("ripieno", [], resume=True, clock=clock)
    assert two.presets == ["choir", "duet"]
    two.begin(other)
    assert (other.values, other.current.enabled) == (stage.values, stage.current.enabled)
    assert other.news == ["goes on as it was, with Two"]
    assert other.driver.links == stage.driver.links
    assert written(two, other) == written(one, stage)  # what was set before the crash is still known as set
    two.end()


def test_the_song_that_played_is_found() -> None:
    write_state(state_path("ripieno"), State(["list.toml"], "Two", 1))
    memory = Memory("ripieno", ["other.toml"], resume=True)
    assert memory.first(["One", "Two", "Two"]) == 1
    assert memory.first(["One", "New", "Two"]) == 2  # the list was changed
    assert memory.first(["Two"]) == 0
    assert memory.first(["One", "New"]) == 0
    stage = Stage("One", 0)
    memory.begin(stage)
    memory.end()
    assert stage.news == ["Two played last, which is not in the list now: it begins anew"]
    assert Memory("ripieno", ["other.toml"]).first(["One", "Two"]) == 0  # not asked to go on


def test_what_cannot_be_written_is_told_and_the_music_goes_on(folder: Path) -> None:
    folder.write_text("a file where the folder should be")
    clock, stage = Clock(), Stage()
    memory = Memory("ripieno", ["duet"], clock=clock)
    memory.begin(stage)
    memory._writing.exception(30)
    memory.tend(stage)
    assert len(stage.news) == 1
    assert stage.news[0].startswith(f"{memory.path}: cannot be written: ")
    folder.unlink()
    stage.switch(0)
    clock.now += 1
    memory.tend(stage)
    assert written(memory, stage).switched
    memory.end()


def test_names_that_a_file_cannot_have() -> None:
    assert state_path("a/b c").name == "a_b_c.performance.json"
    assert state_path("ripieno-1").name == "ripieno-1.performance.json"


# ---- the whole program ----


@pytest.fixture
def silence(tmp_path: Path) -> Path:
    """Four minutes of it."""
    track = mido.MidiTrack([mido.MetaMessage("end_of_track", time=480 * 480)])
    mido.MidiFile(type=0, tracks=[track]).save(tmp_path / "silence.mid")
    return tmp_path / "silence.mid"


def test_nothing_to_go_on_with_is_told() -> None:
    assert "name a preset" in ripieno("run", "--resume", "--name", name_of("none"), status=1).stderr
    assert "name a preset" in ripieno("run", status=2).stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
def test_after_a_kill_it_is_as_it_was(silence: Path) -> None:
    name = name_of("state")
    line = ("--set", "model=closest", "--driver", "file", "--input", silence, "--name", name)
    screen = Screen("run", "thru", "choir", *line)
    screen.shows("Thru")
    screen.type("n")
    screen.shows("Soprano")
    screen.type("2")
    off = State(["thru", "choir"], "Choir", 1, {"Alto": False})
    wait_for(lambda: state_path(name).exists() and read_state(state_path(name)) == off, "it is written")
    os.kill(screen.pid, signal.SIGKILL)
    os.waitpid(screen.pid, 0)
    with daemon("--resume", *line) as one:
        one.hear("ready")
        assert one.hear("news")["text"] == "goes on as it was, with Choir"
        assert one.hear("status")["preset"] == "Choir"
        on = [True, False, True, True]  # the board hears it from the engine
        wait_for(lambda: [player["enabled"] for player in one.hear("status")["players"]] == on, "the switch")
        assert one.end(signal.SIGTERM) == 0
    assert read_state(state_path(name)) == off


def test_what_somebody_connected_is_connected_after_a_kill(tmp_path: Path) -> None:
    needs("jackd")
    name = name_of("cables")
    line = ("--driver", "jack", "--name", name)
    with (
        DummyServer(),
        closing(JackProbe("keys", [], ["out"])) as keys,
        closing(JackProbe("synth", ["in"], [])) as synth,
    ):
        for probe in (keys, synth):
            probe.open()
            probe.start()
        ends = (("keys:out", f"{name}:in"), (f"{name}:out", "synth:in"))
        with daemon("thru", *line) as one:
            one.hear("ready")
            for probe, pair in zip((keys, synth), ends, strict=True):
                wait_for(lambda probe=probe, pair=pair: connected(probe, *pair), f"a connection of {pair}")
            wait_for(lambda: (kept := read_state(state_path(name))) and len(kept.cables) == 2, "it is written")
            one.end(signal.SIGKILL)
        with daemon("--resume", *line) as two:
            two.hear("ready")
            for probe, pair in zip((keys, synth), ends, strict=True):
                wait_for(lambda probe=probe, pair=pair: probe.connected(*pair), f"{pair} again")
            assert two.end(signal.SIGTERM) == 0
        with daemon("thru", *line) as three:  # that does not ask to go on as it was
            three.hear("ready")
            three.hear("status")
            assert not any(probe.connected(*pair) for probe, pair in zip((keys, synth), ends, strict=True))
            assert three.end(signal.SIGTERM) == 0
