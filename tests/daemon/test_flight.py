"""The flight recorder's files: what was kept opens, up to where a crash ended it, and is played again by its presets; a
page is made of it; a disk that fails is told of, once."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import tiny
import tiny_singer
from command import ripieno

from ripieno.daemon.chains import make_chains
from ripieno.daemon.errors import UserError
from ripieno.daemon.flight import file, log, report
from ripieno.daemon.flight.file import CYCLES, MAGIC, Recording, encode, encode_cycles, encode_json
from ripieno.daemon.flight.log import FlightLog, new_session, newest_session
from ripieno.daemon.flight.origin import Remade, changed_models, origin_of
from ripieno.daemon.flight.replay import describe, replay
from ripieno.daemon.flight.report import LATE, Session, read_session, render, write_report
from ripieno.daemon.flight.svg import Line, clock, plot, round_step, thin, ticks, time_step
from ripieno.daemon.presets import Preset, load, read, show
from ripieno.daemon.rig import audio_names, build, output_names
from ripieno.daemon.singer import make_singer
from ripieno.native.engine import BLACKBOX_SIZE, Engine, Sound, run_offline
from ripieno.native.flight import cycles

RATE = 48_000


def perform(folder: Path, names: list[str], seconds: int = 6, **options: Any) -> FlightLog:
    """A second or so by each of some presets in turn, recorded into a folder."""
    presets = [load(name, ["expiry_s=2"]) for name in names]
    outputs = tuple(dict.fromkeys(name for preset in presets for name in output_names(preset)))
    chance, at = random.Random(4), 0
    writer = FlightLog(folder, {"client": "test"}, clock=lambda: 1_000_000.0 + at / RATE, **options)
    with Engine(RATE, 1, len(outputs)) as engine:
        writer.attach(engine)
        for second in range(seconds):
            preset = presets[second % len(presets)]
            play_by(engine, preset, outputs)
            writer.sample({"load": 0.1, "load_max": 0.2 + second / 100, "xruns": second // 2, "late": second})
            events = []
            for n in range(12):
                pitch, frame = chance.randrange(40, 80), at + n * RATE // 12 + chance.randrange(1000)
                events += [(frame, 0, bytes([0x90, pitch, 80])), (frame + 3000, 0, bytes([0x80, pitch, 0]))]
            run_offline(engine, sorted(events), at + RATE, from_frame=at)
            engine.poll()
            at += RATE
            writer.drain()
        writer.news("the JACK server is back")
        writer.end()
    return writer


def play_by(engine: Engine, preset: Preset, outputs: tuple[str, ...]) -> None:
    engine.load(build(preset, engine.sample_rate, outputs))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flights") / "20260101-000000-test"
    perform(folder, ["thru", "string-quartet"])
    return folder


def test_a_session_played_again_is_the_same(recorded: Path) -> None:
    outcome = replay(recorded)
    assert outcome.same
    assert outcome.ended
    assert not outcome.trouble
    assert outcome.frames == 6 * RATE
    assert describe(outcome).startswith("the same bytes, in all of")
    said = ripieno("replay", recorded, "--json")
    assert json.loads(said.stdout)["same"] is True


def test_an_engine_that_begins_anew_is_played_anew(tmp_path: Path) -> None:
    writer, box = FlightLog(tmp_path), bytearray(BLACKBOX_SIZE)
    for rate in (48_000, 44_100):
        with Engine(rate, blackbox=box) as engine:
            writer.attach(engine, bytes(box))
            play_by(engine, load("thru"), ("out",))
            assert run_offline(engine, [(9, 0, b"\x90\x3c\x40")], 512)
    writer.end()
    outcome = replay(tmp_path)
    assert outcome.same, outcome
    assert (outcome.engines, outcome.rate) == (2, 44_100)


def test_a_file_cut_anywhere_opens_up_to_there(recorded: Path, tmp_path: Path) -> None:
    [path] = file.segments(recorded)
    whole, part = path.read_bytes(), tmp_path / "0001.flight"
    all_records = list(Recording(path).records())
    ends, at = [], len(MAGIC)
    for record in all_records:
        at += 9 + len(record.body)
        ends.append(at)
    assert ends[-1] == len(whole)
    chance = random.Random(1)
    for cut in sorted({0, 1, len(MAGIC), *(chance.randrange(len(whole)) for _ in range(60)), *ends[:3]}):
        part.write_bytes(whole[:cut])
        recording = Recording(part)
        found = [record[:2] for record in recording.records()]
        assert found == [record[:2] for record in all_records[: sum(end <= cut for end in ends)]]
        assert bool(recording.trouble) == (cut not in (len(MAGIC), *ends))
        assert not recording.trouble or str(part) in recording.trouble
    part.write_bytes(whole[: ends[-3] + 20])
    outcome = replay(part)
    assert outcome.same
    assert not outcome.ended
    assert "cut off" in describe(outcome)


def test_a_flipped_byte_is_found(recorded: Path, tmp_path: Path) -> None:
    """On the disk: no record from there on is believed."""
    [path] = file.segments(recorded)
    data = bytearray(path.read_bytes())
    records = list(Recording(path).records())
    place = next(n for n, record in enumerate(records) if n > len(records) // 2 and record.kind == CYCLES)
    before = sum(c.cycles for record in records[:place] if record.kind == CYCLES for c in cycles(record.cycles))
    data[len(MAGIC) + sum(9 + len(record.body) for record in records[:place]) + 30] ^= 1
    part = tmp_path / "0001.flight"
    part.write_bytes(data)
    outcome = replay(part)
    assert (outcome.same, outcome.cycles) == (True, before)
    assert re.search(r"damaged between the bytes \d+ and \d+", describe(outcome))


def rewrite(source: Path, out: Path, change: Any) -> None:
    """The recording again, its bodies changed by `change(kind, body)`."""
    [path] = file.segments(source)
    parts = []
    for record in Recording(path).records():
        if record.kind == CYCLES:
            parts.append(encode_cycles(change(CYCLES, record.cycles)))
        else:
            parts.append(encode(record.kind, change(record.kind, record.body)))
    out.write_bytes(MAGIC + b"".join(parts))


def test_a_byte_that_left_otherwise_is_found_at_its_cycle(recorded: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    count = 0

    def change(kind: int, body: bytes) -> bytes:
        nonlocal count
        parts = []
        for cycle in cycles(body) if kind == CYCLES else ():
            outs = [item for item in cycle.items if item.kind == "out" and item.data[0] >> 4 == 9]
            if outs and count > 1500 and not told:
                wrong = outs[0]._replace(data=bytes([outs[0].data[0], outs[0].data[1] ^ 2, outs[0].data[2]]))
                cycle = cycle._replace(items=tuple(wrong if item is outs[0] else item for item in cycle.items))
                told.append((count, cycle.frame))
            parts.append(cycle.encode())
            count += cycle.cycles
        return b"".join(parts) if kind == CYCLES else body

    out = tmp_path / "0001.flight"
    rewrite(recorded, out, change)
    outcome = replay(out)
    assert outcome.first
    assert [(outcome.first.cycle, outcome.first.frame)] == told
    said = ripieno("replay", out, status=1).stdout
    assert f"it differs first in cycle {told[0][0]}, frame {told[0][1]}" in said
    assert "then  output 0" in said
    assert "1 of" in said


def test_other_builds_and_other_files_are_refused(recorded: Path, tmp_path: Path) -> None:
    out = tmp_path / "0001.flight"
    rewrite(recorded, out, lambda kind, body: body.replace(b'"layout": [', b'"layout": [1, ') if kind == 1 else body)
    with pytest.raises(UserError, match="another build"):
        replay(out)
    head = next(Recording(recorded).records()).body
    for junk in (b"junk", encode_cycles(b"")[9:-1], encode_cycles(b"junk")[9:]):
        out.write_bytes(MAGIC + encode(file.HEAD, head) + encode(CYCLES, junk))
        with pytest.raises(UserError, match="makes no sense"):
            replay(out)
    out.write_bytes(b"something else altogether")
    with pytest.raises(UserError, match=r"0001\.flight: this is no recording"):
        replay(out)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(UserError, match="no recording is in this folder"):
        replay(tmp_path / "nothing")
    with pytest.raises(UserError, match="no such file"):
        replay(tmp_path / "none.flight")
    out.write_bytes(MAGIC + encode_json(1, {"first": True}))
    with pytest.raises(UserError, match="makes no sense"):
        replay(out)


def test_the_oldest_goes_and_the_rest_still_plays(tmp_path: Path) -> None:
    perform(tmp_path, ["thru"], seconds=30, most=24_000, segment=6_000)
    left = file.segments(tmp_path)
    assert left[0].name > "0001.flight"
    assert sum(path.stat().st_size for path in left) < 32_000
    outcome = replay(tmp_path)
    assert outcome.cycles > 1000
    assert any("beginning is not here" in text for text in outcome.told)
    assert outcome.differences < 5  # a note that sounded at the beginning


def test_a_folder_that_goes_and_a_disk_that_is_full_are_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "taken").write_text("")
    writer = perform(tmp_path / "taken" / "session", ["thru"], seconds=2)
    assert str(tmp_path / "taken") in writer.trouble
    assert "the music goes on" in writer.trouble

    writer = FlightLog(tmp_path / "full")
    with Engine(RATE) as engine:
        writer.attach(engine)
        play_by(engine, load("thru"), ("out",))
        run_offline(engine, [(0, 0, b"\x90\x3c\x40")], 512)
        writer.drain()

        class Full:
            name = "full"

            def write(self, _: bytes) -> int:
                raise OSError(28, "No space left on device")

            def close(self) -> None:
                raise OSError(28, "No space left on device")

        monkeypatch.setattr(writer, "_file", Full())
        run_offline(engine, [(600, 0, b"\x80\x3c\x40")], 1024, from_frame=512)
        writer.drain()
        assert "No space left on device" in writer.trouble
        run_offline(engine, [], 2048, from_frame=1024)
        writer.end()
        assert writer.missed == 0
    assert replay(tmp_path / "full").same


def test_the_newest_sessions_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert newest_session(tmp_path) is None
    monkeypatch.setattr(log, "_SESSIONS", 10)
    for n in range(14):
        folder = tmp_path / f"202601{n:02}-000000-x"
        folder.mkdir()
        (folder / "0001.flight").write_bytes(MAGIC)
    (tmp_path / "mine-own").mkdir()
    session = new_session("a b/c", tmp_path)
    assert session.name.endswith("-a_b_c")
    assert len(list(tmp_path.glob("2026*"))) == 9
    assert (tmp_path / "mine-own").is_dir()
    assert newest_session(tmp_path) == tmp_path / "20260113-000000-x"
    monkeypatch.setattr(log, "_OLD_BYTES", 3 * len(MAGIC))
    assert len(list(tmp_path.glob("2026*"))) == 9
    session = new_session("x", tmp_path)
    assert sorted(path.name[:8] for path in tmp_path.glob("2026*")) == ["20260111", "20260112", "20260113"]
    session.mkdir()
    assert new_session("x", tmp_path) != session  # begun anew within the second


def test_weights_that_are_others_now_are_told(tmp_path: Path) -> None:
    weights = tiny.write(tmp_path / "band.safetensors")
    preset = load("duet", [f"continuation.weights={weights}"])
    origin = origin_of(preset, output_names(preset), ())
    assert read(origin["text"], "again") == preset
    assert str(weights) in origin["models"]
    assert changed_models(origin) == []
    tiny.write(weights, seed=2)
    assert [text.split(": ")[0] for text in changed_models(origin)] == [str(weights)]
    remade = Remade(RATE)
    remade.rig(origin, 128).free()
    assert "others than those that played" in remade.news[0]


# ---- the report ----


class Page(HTMLParser):
    """Its text, and that its tags close as they open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.points: list[str] = []
        self.links: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        links = [value or "" for name, value in attrs if name in ("src", "href")]
        assert all(value.startswith("file:///") for value in links), "it stands by itself"
        self.links += links
        if tag == "polyline":
            self.points.append(dict(attrs)["points"] or "")
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_report_tells_the_session(recorded: Path, tmp_path: Path) -> None:
    out = tmp_path / "gig.html"
    session = write_report(recorded, out)
    assert len(session.samples) == 6
    page = Page(out.read_text())
    text = "\n".join(page.text)
    for said in ("Thru", "String quartet", "the JACK server is back", "a port had no room", "25%", "There was none."):
        assert said in text, said
    assert len(page.points) >= 4
    said = ripieno("replay", recorded, "--report", tmp_path / "other.html").stdout
    assert "made" in said
    assert (tmp_path / "other.html").read_text() == out.read_text()


def test_a_count_goes_on_where_an_engine_begins_anew() -> None:
    samples = [{"time": 10 + n, "xruns": count} for n, count in enumerate([0, 2, 2, 0, 1])]
    session = Session([{"time": 10}], samples)
    assert session.counts(lambda one: one["xruns"]) == [(0, 0), (1, 2), (2, 2), (3, 2), (4, 3)]
    assert session.total(lambda one: one["xruns"]) == 3
    assert session.seconds == 4


def test_every_cause_is_found_where_the_status_has_it() -> None:
    plugin = {"name": "<b>", "missed": 6, "restarts": 2}
    sample: dict[str, Any] = {
        "late": 1,
        "fallback": 2,
        "stolen": 7,
        "lost": 8,
        "clock": {"bpm": 120},
        "load": 0.1,
        "load_max": 1,
    }
    sample |= {"band": {"late": 3, "missed": 4}, "voice": {"late": 5}, "chains": {"plugins": [plugin]}}
    session = Session([{"time": 0}], [{"time": 0} | dict.fromkeys(sample, 0), {"time": 60} | sample])
    assert [session.total(of) for of in LATE.values()] == [1, 2, 3, 4, 5, 6, 7, 8]
    page = render(session)
    assert "started again 2 times" in page
    assert "<b>" not in page
    assert "<th>tempo</th><td>120.0 to 120.0 beats a minute</td>" in page
    Page(page)


def test_the_report_tells_of_the_clock_the_songs_and_recordings() -> None:
    clock = {"source": "midi", "state": "locked", "bpm": 120.5, "residual_ms": 0.25, "confidence": 0.5, "ticks": 48}
    samples = [
        {"time": n, "preset": "Choir" if n < 30 else "Duet", "clock": clock | {"ticks": 48 * n, "lost": n // 20}}
        for n in range(60)
    ]
    samples[40]["clock"]["state"] = "holding"
    news = [
        {"time": 3, "text": "recording in /takes/a & b"},
        {"time": 9, "text": "Keystation went away"},
        {"time": 11, "text": "Keystation is connected"},
        {"time": 50, "text": "saved the last 50 s in /takes/c"},
    ]
    session = Session([{"time": 0}], samples, news)
    assert session.songs == [(0, "Choir"), (30, "Duet")]
    assert [text for _, text in session.reconnects] == ["Keystation is connected"]
    page = Page(render(session))
    text = "\n".join(page.text)
    assert page.links == ["file:///takes/a%20%26%20b", "file:///takes/c"]
    for said in ("saved after the fact", "Keystation went away", "midi, holding", "2832 came in, 2 were lost, 0 left"):
        assert said in text, said
    assert "0.25 ms, at most 0.25 ms" in text
    assert "120.5 to 120.5 beats a minute" in text


def test_a_session_of_weeks_has_a_page_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not every sample of it; and what was played is not looked into."""
    monkeypatch.setattr(report, "_SAMPLES", 100)
    out = tmp_path / "0001.flight"
    records = [encode_json(file.SAMPLE, {"time": n, "xruns": n // 100}) for n in range(1000)]
    out.write_bytes(MAGIC + encode_json(1, {"time": 0}) + encode(CYCLES, b"nothing") + b"".join(records))
    session = read_session(out)
    assert 50 <= len(session.samples) <= 100
    assert session.samples[-1]["time"] == 999
    assert session.total(lambda one: one["xruns"]) == 9
    assert not session.trouble
    out.write_bytes(out.read_bytes()[:-1] + encode(CYCLES, b"nothing")[:-2])
    assert "damaged" in read_session(out).trouble
    out.write_bytes(MAGIC + encode(CYCLES, b"nothing")[:-2])
    assert read_session(out).trouble == f"{out}: it is cut off at byte {out.stat().st_size}"


def test_an_empty_session_and_a_broken_one_have_a_page(recorded: Path, tmp_path: Path) -> None:
    Page(render(Session()))
    [path] = file.segments(recorded)
    part = tmp_path / "0001.flight"
    part.write_bytes(path.read_bytes()[:-30])
    session = read_session(part)
    assert session.trouble
    assert "The recording is not whole" in render(session)


def test_an_hour_takes_no_more_points_than_can_be_seen() -> None:
    peaks = [(float(n), 9.0 if n == 7777 else n % 2) for n in range(100_000)]
    seen = thin(Line("load", peaks, "red"))
    assert len(seen) < 2000
    assert (7777.0, 9.0) in seen
    assert seen == sorted(seen)
    steps = Line("xruns", [(float(n), float(n >= 500)) for n in range(1000)], "red", steps=True)
    assert thin(steps) == [(0, 0), (500, 1), (999, 1)]


def test_ticks_are_round() -> None:
    assert ticks(0, 10, round_step(10)) == [0, 2, 4, 6, 8, 10]
    assert ticks(104.5, 116, round_step(11.5)) == [106, 108, 110, 112, 114, 116]
    assert ticks(0, 3600, time_step(3600)) == [0, 600, 1200, 1800, 2400, 3000, 3600]
    assert [time_step(seconds) for seconds in (0.1, 100, 90_000, 10**7)] == [1, 30, 21_600, 20 * 86_400]
    assert round_step(0.4) == pytest.approx(0.1)
    assert [clock(s) for s in (0, 59.6, 185, 3723)] == ["0:00", "1:00", "3:05", "1:02:03"]
    assert "polyline" in plot([Line("a", [(0, 1), (1, float("nan")), (2, 3)], "red")], 2, "x")


# ---- plugins ----

HALL = """
[[chain]]
on = "voice"
plugin = "delay"

[[chain]]
on = "master"
plugin = "reverb"
"""


def test_what_plugins_are_set_to_while_they_play_is_played_again(tmp_path: Path) -> None:
    weights = tiny_singer.write(tmp_path / "singer")
    preset = read(show(load("singer", [f"weights={weights}"])) + HALL, "hall")
    outputs, audios = output_names(preset), audio_names(preset)
    chains, news = make_chains(preset, RATE, 128, outputs, audios)
    assert not news
    writer, sound = FlightLog(tmp_path / "session"), Sound(len(audios))
    delay, reverb = chains.links
    turns: dict[int, Callable[[], object]] = {
        2: lambda: delay.set("mix", 0.8),
        3: lambda: reverb.set("bypass", True),
        4: lambda: delay.set("gain_db", -6),
        5: lambda: engine.shift_port(1, 100),
        6: lambda: engine.shift_sound(333),
    }
    with Engine(RATE, 1, len(outputs), audios=len(audios)) as engine:
        writer.attach(engine)
        voice = make_singer(preset, RATE, synchronous=True)
        engine.load(build(preset, RATE, outputs, None, voice.core, chains.rack, audios))
        for n in range(8):
            turns.get(n, lambda: None)()
            at = n * RATE // 2
            events = [(at + 50, 0, bytes([0x90, 60 + n, 90])), (at + 20_000, 0, bytes([0x80, 60 + n, 0]))]
            run_offline(engine, events, at + RATE // 2, from_frame=at, sound=sound)
            engine.poll()
            writer.drain()
        writer.end()
    chains.end()
    assert abs(sound.samples()).max() > 0.001
    outcome = replay(tmp_path / "session")
    assert outcome.same, describe(outcome)
    rewrite(tmp_path / "session", tmp_path / "0001.flight", _without_values)
    assert not replay(tmp_path / "0001.flight").same


def _without_values(kind: int, body: bytes) -> bytes:
    """What was set while it played is left out."""
    kept = (c._replace(items=tuple(i for i in c.items if i.kind != "value")) for c in cycles(body) if kind == CYCLES)
    return b"".join(cycle.encode() for cycle in kept) if kind == CYCLES else body
