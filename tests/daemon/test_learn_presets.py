"""[[learn]] tables: what they mean, every mistake in them where it stands, and how they are written back."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripieno.daemon import presets
from ripieno.daemon.errors import UserError
from ripieno.daemon.learn_keys import Knob, parse_knob
from ripieno.daemon.preset_document import PresetError
from ripieno.daemon.presets import Learn
from ripieno.daemon.remote.learn_file import keep, own_file, table_text, with_tables
from ripieno.daemon.rig import all_outputs, build, output_names
from ripieno.native.engine import Engine, run_offline

DUO = """\
# ours
name = "Duo"
model = "closest"
inputs = ["in", "Knobs"]

[[ensemble]]
name = "Violin 1"
program = "Violin"

[[learn]] # the left fader
control = "controller 21 channel 2"  # which is long
path = "players/violin-1/level"
port = "knobs"
high = 90
feedback = "faders"

# what the band does
[[learn]]
control = "key C8"
path = "panic"

[[ensemble]]
name = "Cello"
program = "Cello"
"""


def mistakes(text: str) -> list[tuple[int | None, str]]:
    with pytest.raises(PresetError) as caught:
        presets.read(text, "duo.toml")
    return [(problem.line, str(problem)) for problem in caught.value.problems]


def test_they_are_read_and_shown() -> None:
    one = presets.read(DUO, "duo.toml")
    fader, key = one.learn
    assert fader.control == Knob("controller", 21, 2)
    assert (fader.port, fader.low, fader.high, fader.feedback) == ("Knobs", None, 90, "faders")
    assert (key.control, key.path) == (Knob("key", 108), "panic")
    assert presets.read(presets.show(one), "shown.toml").learn == one.learn
    assert presets.as_dict(one)["learn"]
    assert (output_names(one), all_outputs([one])) == (("out",), ("out", "faders"))
    assert presets.read(DUO, "duo.toml", ["learn.1.low=10"]).learn[0].low == 10


def test_what_goes_straight_through_stays_away_from_the_faders() -> None:
    text = 'name = "Two"\nroute = "thru"\ninputs = ["keys", "pads"]\n\n[[learn]]\ncontrol = "bend"\npath = "panic"\n'
    preset = presets.read(text + 'feedback = "faders"\n', "two.toml")
    outputs = ("violin", *all_outputs([preset]))  # of a song before it
    with Engine(48_000, len(preset.inputs), len(outputs)) as engine:
        engine.load(build(preset, 48_000, outputs))
        sent = run_offline(engine, [(0, port, bytes((0xB0, 1, port))) for port in (0, 1)], 128)
        assert [(outputs[port], data[2]) for _, port, data in sent] == [("out", 0), ("out", 1)]


@pytest.mark.parametrize(
    ("written", "instead", "line", "told"),
    [
        ("controller 21 channel 2", "controler 21", 11, "is no control"),
        ("controller 21 channel 2", "controller 121", 11, "its numbers go from 0 to 119"),
        ("controller 21 channel 2", "program 0", 11, "its numbers go from 1 to 128"),
        ("controller 21 channel 2", "bend channel 17", 11, "channels go from 1 to 16"),
        ('port = "knobs"', 'port = "knob"', 13, "no input is called 'knob'"),
        ("high = 90", 'high = "most"', 14, "is no number"),
        ("high = 90", 'curve = "round"', 14, "not among its values"),
        ("high = 90", 'encoder = "offset 64"\nhigh = 90', None, ""),
        ('path = "panic"', 'path = "panic"\nencoder = "offset 64"', 21, "only a controller turns without end"),
        ('path = "panic"', 'path = "/panic"', 20, "is no path"),
        ('path = "panic"', 'path = "panic"\nfeedback = "out"', 21, "is another port"),
        ('path = "panic"', 'path = "panic"\nfeedback = "IN"', 21, "is another port"),
        ('control = "key C8"', 'control = "program 3"\nfeedback = "faders"', 20, "hears a program change"),
        ('path = "panic"', 'path = "panic"\npick_upp = "jump"', 21, "there is no such key"),
        ('control = "key C8"\n', "", 18, "is missing"),
    ],
)
def test_mistakes_are_told_where_they_stand(written: str, instead: str, line: int | None, told: str) -> None:
    text = DUO.replace(written, instead)
    assert text != DUO
    if line is None:
        assert presets.read(text, "duo.toml").learn
        return
    assert [(where, told in message) for where, message in mistakes(text)] == [(line, True)]


def test_no_control_is_bound_to_one_path_twice() -> None:
    twice = DUO + '[[learn]]\ncontrol = "key C8"\npath = "panic"\n'
    assert "table 2 binds key C8 to panic already" in mistakes(twice)[0][1]


@given(
    st.one_of(
        st.builds(Knob, st.just("controller"), st.integers(0, 119), st.integers(0, 16)),
        st.builds(Knob, st.sampled_from(["nrpn", "rpn"]), st.integers(0, 16383), st.integers(0, 16)),
        st.builds(Knob, st.sampled_from(["bend", "pressure"]), st.none(), st.integers(0, 16)),
        st.builds(Knob, st.just("program"), st.one_of(st.none(), st.integers(0, 127)), st.integers(0, 16)),
        st.builds(Knob, st.just("key"), st.integers(0, 127), st.integers(0, 16)),
    )
)
def test_a_control_is_read_as_it_is_written(knob: Knob) -> None:
    assert parse_knob(str(knob)) == knob


ROWS = st.builds(
    Learn,
    st.builds(Knob, st.just("controller"), st.integers(0, 119), st.integers(0, 16)),
    st.sampled_from(["panic", "players/violin-1/level", "clock/tempo"]),
    low=st.one_of(st.none(), st.integers(0, 100)),
    curve=st.sampled_from(["linear", "exponential", "inverted"]),
    play=st.booleans(),
)


@given(st.lists(ROWS, max_size=6, unique=True), st.lists(st.booleans(), min_size=2, max_size=2), st.booleans())
def test_only_these_tables_are_written(rows: list[Learn], stay: list[bool], crlf: bool) -> None:
    text = DUO.replace("\n", "\r\n") if crlf else DUO
    before = presets.read(DUO, "duo.toml").learn
    all_rows = [row for row, stays in zip(before, stay, strict=True) if stays] + rows
    written = with_tables(text, all_rows, "duo.toml")
    rest = [line for line in text.split("\n") if line.strip()]
    for table, stays in ((rest[7:13], stay[0]), (rest[14:17], stay[1])):
        assert ("\n".join(table) in written) == stays
    assert [line for line in rest[:7] + rest[13:14] + rest[17:] if line not in written] == []
    assert with_tables(written, all_rows, "duo.toml") == written  # once is enough
    back = with_tables(written, (), "duo.toml")
    assert "[[learn]]" not in back
    assert "# what the band does" in back
    assert ("\r\n" in written) == crlf
    assert crlf == (written.count("\r\n") == written.count("\n"))


def test_what_cannot_be_told_apart_is_left_alone() -> None:
    listed = 'name = "Thru"\nroute = "thru"\nlearn = [{ control = "key C8", path = "panic" }]\n'
    with pytest.raises(UserError, match="written as a list"):
        with_tables(listed, (), "thru.toml")
    text = 'name = """\n[[learn]]\n"""\n'
    row = Learn(Knob("bend"), "panic")
    assert with_tables(text, [row], "odd.toml") == text + "\n" + table_text(row)


def test_our_own_presets_are_kept_as_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    ours = presets.load("string-quartet")
    row = Learn(Knob("controller", 7, 1), "players/cello/level")
    path = keep(ours, [row])
    assert path == own_file(ours) == tmp_path / "ripieno" / "presets" / "string-quartet.toml"
    copy = presets.load("string-quartet")
    assert (copy.file, copy.learn, copy.ensemble) == (str(path), (row,), ours.ensemble)
    assert Path(ours.file).read_text() in path.read_text()
    assert keep(copy, ()) == path
    assert presets.load("string-quartet").learn == ()
    gone = presets.read(DUO, str(tmp_path / "gone.toml"))
    with pytest.raises(UserError, match="not there any more"):
        keep(gone, ())
