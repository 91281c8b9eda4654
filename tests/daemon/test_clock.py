"""The one clock: written in presets and set lists, told to the engine as the song that plays says, moved by keys."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ripieno.daemon import clock as clocks
from ripieno.daemon import presets
from ripieno.daemon.clock import ClockSettings, Conductor, begin_offline, check
from ripieno.daemon.clock_keys import FASTEST, SLOWEST, SOURCES
from ripieno.daemon.controls import Control
from ripieno.daemon.errors import UserError
from ripieno.daemon.preset_document import PresetError
from ripieno.daemon.rig import all_outputs, output_names
from ripieno.daemon.setlist import load_list, of_presets, read_list
from ripieno.native import timeline
from ripieno.native.engine import Engine, Event, Rig, run_offline
from ripieno.native.tap import Tap

RATE, BLOCK = 48_000, 128
SECOND = RATE // BLOCK * BLOCK
BASIC = 'name = "One"\nroute = "thru"\n'
FULL = BASIC + '[clock]\nsource = "midi"\ntempo = 96.5\nin = ["IN"]\nout = ["clock", "out"]\ntap = ["controller 64"]\n'
TICK, START = b"\xf8", b"\xfa"


# ---- what is written ----


def test_the_words_are_those_of_the_engine() -> None:
    assert list(SOURCES) == list(timeline.SOURCES)
    assert (SLOWEST, FASTEST) == (timeline.SLOWEST, timeline.FASTEST)


def test_a_clock_is_read_and_shown() -> None:
    preset = presets.read(FULL, "one.toml")
    clock = presets.Clock("midi", 96.5, ("in",), ("clock", "out"), False, (Control(64, True),))
    assert preset.clock == clock
    assert presets.read(presets.show(preset), "again.toml") == preset
    assert presets.as_dict(preset)["clock"]["in"] == ("in",)
    assert presets.read(BASIC, "one.toml").clock is None
    louder = presets.read(FULL, "one.toml", ["source=tap", "clock.tempo=100"])
    assert louder.clock == replace(clock, source="tap", tempo=100)
    assert presets.read(BASIC, "one.toml", ["clock.tempo=100"]).clock == presets.Clock(
        "internal", 100, (), (), False, ()
    )


def test_its_own_output_is_a_port() -> None:
    assert output_names(presets.read(FULL, "one.toml")) == ("out", "clock")
    assert output_names(presets.read(FULL.replace('"clock", ', ""), "one.toml")) == ("out",)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (('"midi"', '"mdi"'), "one.toml:4: clock.source: 'mdi' is not among its values; did you mean 'midi'?"),
        (("96.5", "900"), "one.toml:5: clock.tempo: 900 is not from 20 to 400"),
        (('["IN"]', '["keys"]'), "one.toml:6: clock.in: no input is called 'keys'"),
        (('["clock", "out"]', '"clock"'), "one.toml:7: clock.out: 'clock' is no list of port names"),
        (('"controller 64"', '"pedal"'), "one.toml:8: clock.tap: 'pedal' is no key or controller"),
        (('"thru"', '"thru"\ninputs = ["in", "Clock"]'), "one.toml:3: inputs: 'Clock' is called as the clock's own"),
        (("[clock]", "[[clock]]"), "one.toml:3: clock: write it as a table of its own: [clock]"),
    ],
)
def test_mistakes_are_told_with_their_line(change: tuple[str, str], told: str) -> None:
    with pytest.raises(PresetError) as error:
        presets.read(FULL.replace(*change), "one.toml")
    assert told in str(error.value)


LIST = """\
[clock]
source = "midi"
tempo = 90
out = ["clock"]

[[song]]
preset = "one.toml"

[[song]]
preset = "full.toml"

[[song]]
preset = "one.toml"
tempo = 72
set = { clock = { source = "tap" }, budget = 7 }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "one.toml").write_text(BASIC)
    (tmp_path / "full.toml").write_text(FULL.replace("tempo = 96.5\n", "").replace('"midi"', '"player"'))
    return tmp_path


def test_a_list_s_clock_lies_under_those_of_its_songs(folder: Path) -> None:
    songs = read_list(LIST, folder / "gig.toml")
    said = [(one.clock.source, one.clock.tempo, one.clock.out) for one in songs.presets if one.clock]
    assert said == [("midi", 90, ("clock",)), ("player", 90, ("clock", "out")), ("tap", 72, ("clock",))]
    assert songs.presets[2].budget == 7
    won = read_list(LIST, folder / "gig.toml", ["clock.source=link", "clock.tempo=60"])
    assert {(one.clock.source, one.clock.tempo) for one in won.presets if one.clock} == {("link", 60)}


def test_a_list_s_mistakes_are_told_once(folder: Path) -> None:
    bad = LIST.replace("tempo = 90", "tempo = 9").replace("tempo = 72", "tempo = 10")
    with pytest.raises(PresetError) as error:
        read_list(bad, folder / "gig.toml")
    assert str(error.value).splitlines() == [
        f"{folder / 'gig.toml'}:3: clock.tempo: 9 is not from 20 to 400",
        f"{folder / 'gig.toml'}:14: song.3.tempo: 10 is not from 20 to 400",
    ]


def test_outputs_may_be_another_song_s(folder: Path) -> None:
    (folder / "gig.toml").write_text(LIST.replace('"clock"', '"Violin 1"').replace('"full.toml"', '"string-quartet"'))
    songs = load_list([str(folder / "gig.toml")], ["clock.source=tap"])
    with pytest.raises(UserError, match=r"^One: clock.out: no output is called 'Violin 1'; there are"):
        check(songs)
    check(load_list([str(folder / "gig.toml")], ["outputs=ports"]))
    many = [f"controller {number}" for number in range(33)]
    with pytest.raises(UserError, match="more than 32 keys and controllers that tap and change songs"):
        check(of_presets([presets.read(BASIC, "one.toml", [f"clock.tap={many}"])]))


# ---- what the engine is told ----


class Stage:
    """What a conductor needs of a performance, with an engine that runs as far as it is told."""

    def __init__(self, *texts: str, driver: str = "file") -> None:
        self.songs = of_presets([presets.read(text, "song.toml") for text in texts])
        self.presets = self.songs.presets
        self.outputs = all_outputs(self.presets)
        self.tables = [ClockSettings(one.clock) if one.clock else None for one in self.presets]
        self.driver, self.news = SimpleNamespace(name=driver), list[str]()
        self.engine = self.new_engine()
        self.frame = 0
        self.sent: list[Event] = []
        self.conductor = Conductor(self)  # type: ignore[arg-type]
        self.play(0)

    def new_engine(self) -> Engine:
        engine = Engine(RATE, len(self.presets[0].inputs), len(self.outputs))
        engine.load(Rig("thru"))
        return engine

    def play(self, song: int) -> None:
        """From now on."""
        self.playing, self.preset = song, self.presets[song]
        self.current = SimpleNamespace(clock=self.tables[song])
        self.conductor.look()

    def run(self, frames: int = SECOND, events: Sequence[Event] = ()) -> list[Event]:
        """Look, then go on for so long, as a cycle or many; returns what left. events: their frames from now on."""
        self.conductor.look()
        moved = [(self.frame + frame, port, data) for frame, port, data in events]
        until = self.frame + frames
        self.sent = run_offline(self.engine, moved, until, from_frame=self.frame, block=BLOCK)
        self.frame = until
        self.conductor.look()
        self.conductor.tend(self)  # type: ignore[arg-type]
        return self.sent

    def press(self, key: str) -> str | None:
        return clocks.KEYS[key].act(self.conductor)

    @property
    def now(self) -> dict[str, Any]:
        return self.conductor.status()

    def set(self, text: str) -> str:
        table = self.conductor.table
        assert table
        return table.command(text)


@pytest.fixture
def stage() -> Iterator[Callable[..., Stage]]:
    made: list[Stage] = []

    def make(*texts: str, driver: str = "file") -> Stage:
        made.append(Stage(*texts, driver=driver))
        return made[-1]

    yield make
    for one in made:
        one.conductor.end()
        one.engine.close()


def ticks(bpm: float, seconds: float, start: bool = True) -> list[Event]:
    """MIDI clock, from half a beat on."""
    step = 60 * RATE / bpm / 24
    count = int(seconds * RATE / step)
    begin = [(round(11.9 * step), 0, START)] if start else []
    return [*begin, *((round((12 + n) * step), 0, TICK) for n in range(count))]


def test_the_internal_clock_rolls_from_the_beginning(stage: Callable[..., Stage]) -> None:
    one = stage(BASIC + "[clock]\ntempo = 90\n")
    one.run(2 * SECOND)
    now = one.now
    assert (now["source"], now["state"], now["bpm"], now["rolling"]) == ("internal", "locked", 90, True)
    assert now["position"] == pytest.approx(3, abs=0.01)
    assert (now["bar"], now["beat"]) == (1, 3)
    one.run(SECOND)
    assert (one.now["bar"], one.now["beat"]) == (2, 1)


def test_tempo_up_and_down_and_by_name(stage: Callable[..., Stage]) -> None:
    one = stage(BASIC + "[clock]\ntempo = 399.5\n")
    assert one.press("<") == "tempo = 398.5"
    one.run()
    assert one.now["bpm"] == 398.5
    assert one.press(">") == "tempo = 399.5"
    assert one.press(">") == "tempo = 399.5 is as far as it goes"
    assert one.set("tempo 128") == "tempo = 128"
    one.run()
    assert one.now["bpm"] == 128
    with pytest.raises(UserError, match="is settled when the clock begins"):
        one.set("out clock")


def test_start_and_stop(stage: Callable[..., Stage]) -> None:
    one = stage(BASIC + "[clock]\n")
    one.run()
    assert one.press(" ") == "the clock stops"
    one.run()
    assert not one.now["rolling"]
    assert one.now["position"] == pytest.approx(2, abs=0.01)
    assert one.press(" ") == "the clock starts, at its first beat"
    one.run()
    assert one.now["rolling"]
    assert one.now["position"] == pytest.approx(2, abs=0.01)


def test_taps_take_over_and_are_set_right_by_a_key(stage: Callable[..., Stage]) -> None:
    one = stage(BASIC + "[clock]\n")
    one.run()
    assert one.press("t") == 'the clock\'s source = "tap"'
    for _ in range(6):
        one.run(30_080)  # 0.62667 s
        assert one.press("t") is None
    one.run(BLOCK)
    assert one.now["source"] == "tap"
    assert one.now["bpm"] == pytest.approx(60 * RATE / 30_080, abs=0.1)
    assert one.now["rolling"]
    one.press(">")
    one.run()
    assert one.now["source"] == "internal"
    assert one.now["bpm"] == pytest.approx(60 * RATE / 30_080 + 1, abs=0.1)


def test_taps_are_heard_while_it_is_recorded(stage: Callable[..., Stage]) -> None:
    one = stage(BASIC + "[clock]\n")
    one.engine.set_tap(Tap(RATE, 0, 1.0))
    assert one.press("t") == 'the clock\'s source = "tap"'


def test_a_pedal_taps_and_changes_with_the_song(stage: Callable[..., Stage]) -> None:
    tap = BASIC + '[clock]\nsource = "tap"\ntap = ["controller 64 channel 2"]\n'
    one = stage(tap, BASIC + "[clock]\n")
    pedal = [(frame + late, 0, bytes((0xB1, 64, value))) for frame in range(0, 8 * 24_000, 24_000)
             for late, value in ((0, 127), (480, 0))]  # fmt: skip
    assert one.run(9 * 24_000, pedal) == []  # it is not played
    assert one.now["bpm"] == pytest.approx(120, abs=0.2)
    assert one.now["state"] in ("locked", "taking over")
    one.play(1)
    assert len(one.run(9 * 24_000, pedal)) == len(pedal)  # here it is a pedal


def test_midi_clock_is_followed_and_held(stage: Callable[..., Stage]) -> None:
    one = stage(BASIC + '[clock]\nsource = "midi"\n')
    assert one.run(4 * SECOND, ticks(140, 3.7)) == []  # nothing of it is passed on
    now = one.now
    assert (now["state"], now["rolling"], now["lost"]) == ("locked", True, 0)
    assert now["bpm"] == pytest.approx(140, abs=0.05)
    assert now["residual_ms"] < 0.1
    assert one.news == ["the clock follows midi, at 140.0 beats a minute"]
    with pytest.raises(UserError, match="midi sets the tempo; the key s goes on to another clock"):
        one.press(">")
    one.run(4 * SECOND)
    assert one.now["state"] == "holding"
    assert one.now["bpm"] == pytest.approx(140, abs=0.05)
    assert one.news[1:] == ["midi is heard no more: the tempo is held, at 140.0"]


def test_while_it_stands_another_is_taken_over_at_once(stage: Callable[..., Stage]) -> None:
    one = stage(BASIC + "[clock]\ntempo = 100\n")
    drums = ticks(120, 6)
    one.run(3 * SECOND, [event for event in drums if event[0] < 3 * SECOND])
    one.press(" ")
    one.set("source midi")
    later = [(frame - 3 * SECOND, port, data) for frame, port, data in drums if frame >= 3 * SECOND]
    one.run(SECOND, [event for event in later if event[0] < SECOND])
    assert (one.now["state"], one.now["rolling"]) == ("locked", True)
    assert one.now["position"] == pytest.approx(2 * (4 - 0.25), abs=0.01)  # it began a quarter of a second late


def test_midi_clock_that_began_before_is_started_by_a_key(stage: Callable[..., Stage]) -> None:
    one = stage(BASIC + '[clock]\nsource = "midi"\n')
    running = ticks(120, 20, start=False)
    one.run(3 * SECOND, [event for event in running if event[0] < 3 * SECOND])
    assert (one.now["state"], one.now["rolling"]) == ("locked", False)
    assert one.press(" ") == "the clock starts, at its first beat"
    later = [(frame - 3 * SECOND, port, data) for frame, port, data in running if 3 * SECOND <= frame < 5 * SECOND]
    one.run(2 * SECOND, later)
    assert one.now["rolling"]
    assert one.now["position"] == pytest.approx(4, abs=1 / 24)
    assert one.now["residual_ms"] < 0.1
    one.set("source jack")
    with pytest.raises(UserError, match="start and stop it there"):
        one.press(" ")


def test_the_tempo_is_held_when_the_internal_clock_takes_over(stage: Callable[..., Stage]) -> None:
    one = stage(BASIC + '[clock]\nsource = "midi"\n')
    one.run(4 * SECOND, ticks(140, 3.9))
    one.set("source internal")
    one.run()
    assert one.now["source"] == "internal"
    assert one.now["bpm"] == pytest.approx(140, abs=0.05)
    before = one.now["bpm"]
    one.press(">")
    one.run()
    assert one.now["bpm"] == pytest.approx(before + 1, abs=0.001)
    one.set("source midi")
    one.run()
    one.set("tempo 60")
    one.set("source internal")  # both at once, as a snapshot does
    one.run()
    assert one.now["bpm"] == 60


def test_the_key_goes_through_those_that_can_be_had(stage: Callable[..., Stage], monkeypatch: Any) -> None:
    monkeypatch.setattr(clocks, "find_spec", lambda name: None)
    one = stage(BASIC + "[clock]\n")
    assert [one.press("s") for _ in range(4)] == [
        f'the clock\'s source = "{source}"' for source in ("tap", "midi", "player", "internal")
    ]
    jack = stage(BASIC + '[clock]\nsource = "midi"\n', driver="jack")
    assert jack.press("s") == 'the clock\'s source = "jack"'
    one.set("source jack")
    one.run()
    assert one.news == ["there is no JACK transport with --driver file; the tempo is held"]
    one.set("source link")
    one.run()
    assert "pip install" in one.news[1]
    assert one.now["bpm"] == 120


def test_songs_have_clocks_of_their_own_or_none(stage: Callable[..., Stage]) -> None:
    one = stage(BASIC + "[clock]\ntempo = 90\n", BASIC + "[clock]\ntempo = 70\n", BASIC, BASIC + "[clock]\n")
    one.run(2 * SECOND)
    before = one.now["position"]
    one.play(1)
    one.run(BLOCK)
    assert one.now["bpm"] == 70
    assert one.now["position"] == pytest.approx(before, abs=0.01)  # the beat goes on
    tick = [(0, 0, TICK)]
    assert one.run(BLOCK, tick) == []
    one.play(2)
    assert one.conductor.table is None
    assert [data for _, _, data in one.run(BLOCK, tick)] == [TICK]  # nobody hears it: it is passed on
    one.play(3)
    one.run(SECOND)
    assert one.now["position"] == pytest.approx(2, abs=0.01)  # it begins anew, and rolls


def test_what_was_set_is_the_song_s(stage: Callable[..., Stage]) -> None:
    one = stage(BASIC + "[clock]\ntempo = 90\n", BASIC + "[clock]\ntempo = 90\n")
    one.set("tempo 99")
    one.run()
    one.play(1)
    one.run()
    assert one.now["bpm"] == 90
    one.play(0)
    one.run()
    assert one.now["bpm"] == 99


def test_it_leaves_where_it_is_to(stage: Callable[..., Stage]) -> None:
    one = stage(FULL.replace('"midi"', '"internal"').replace("96.5", "120"))
    sent = one.run(4 * SECOND)
    for port in (0, 1):  # out, and its own
        beats = [frame for frame, to, data in sent if to == port and data == TICK]
        assert len(beats) in (192, 193)
        assert {b - a for a, b in pairwise(beats)} == {1000}


def test_another_engine_is_told_too(stage: Callable[..., Stage]) -> None:
    one = stage(BASIC + "[clock]\ntempo = 90\n")
    one.run()
    with one.engine:
        one.engine, one.frame = one.new_engine(), 0
    one.run(SECOND)
    assert one.now["bpm"] == 90
    assert one.now["position"] == pytest.approx(1.5, abs=0.01)


def test_off_line_it_is_the_preset_s_tempo() -> None:
    with Engine(RATE) as engine:
        engine.load(Rig("thru"))
        begin_offline(engine, presets.read(FULL, "one.toml"))
        run_offline(engine, [], 2 * SECOND, block=BLOCK)
        line = engine.clock().timeline
        assert (line.source, line.bpm, line.rolling) == ("internal", 96.5, True)
        assert line.beat == pytest.approx(2 * 96.5 / 60, abs=0.01)
    with Engine(RATE) as engine:
        engine.load(Rig("thru"))
        begin_offline(engine, presets.read(BASIC, "one.toml"))
        run_offline(engine, [], SECOND, block=BLOCK)
        assert not engine.clock().timeline.rolling
