"""Presets: what is shipped is right, and every mistake is told at once, where it stands."""

import dataclasses
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripieno.daemon import presets
from ripieno.daemon.chain_keys import CHAIN_KEYS
from ripieno.daemon.clock_keys import CLOCK_KEYS
from ripieno.daemon.continuation_keys import CONTINUATION_KEYS
from ripieno.daemon.errors import UserError
from ripieno.daemon.preset_document import PresetError, Problem
from ripieno.daemon.presets import Chain, Clock, Continuation, Instrument, Preset, Singing
from ripieno.daemon.schema import INSTRUMENT_KEYS, PRESET_KEYS, quote
from ripieno.daemon.singing_keys import SINGING_KEYS
from ripieno.daemon.toml_lines import key_lines, line_of

TRIO = """\
name = "Trio"
model = "closest"

[[ensemble]]
name = "Violin 1"
program = "Violin"

[[ensemble]]
name = "Viola"
program = 42

[[ensemble]]
name = "Cello"
program = "Cello"
range = ["C2", "E5"]
"""


def mistakes(text: str, *options: str) -> list[Problem]:
    with pytest.raises(PresetError) as caught:
        presets.read(text, "trio.toml", options)
    return caught.value.problems


@pytest.mark.parametrize("name", ["thru", "choir", "string-quartet", "pop-band", "game-band", "duet", "band"])
def test_shipped_presets_are_right(name: str) -> None:
    preset = presets.load(name)
    assert preset.description
    assert (10 in preset.in_channels) == (name == "thru")
    assert (preset.route == "thru") == (name == "thru")
    channels = [one.channel for one in preset.ensemble]
    assert len(set(channels)) == len(channels)
    assert (10 in channels) == (name == "band")


def test_keys_and_fields_are_the_same() -> None:
    assert [f.name for f in dataclasses.fields(Preset)] == [key.name for key in PRESET_KEYS] + [
        "ensemble",
        "chain",
        "input",
        "learn",
        "continuation",
        "singing",
        "clock",
        "file",
    ]
    assert [f.name for f in dataclasses.fields(Clock)] == [key.field for key in CLOCK_KEYS]
    assert [f.name for f in dataclasses.fields(Singing)] == [key.name for key in SINGING_KEYS]
    assert [f.name for f in dataclasses.fields(Continuation)] == [key.name for key in CONTINUATION_KEYS]
    assert [f.name for f in dataclasses.fields(Chain)] == [key.name for key in CHAIN_KEYS]
    assert [f.name for f in dataclasses.fields(Instrument)] == [key.name for key in INSTRUMENT_KEYS]


def test_defaults_are_values_of_their_kind() -> None:
    for key in PRESET_KEYS + CONTINUATION_KEYS + SINGING_KEYS + CLOCK_KEYS + CHAIN_KEYS:
        if key.default is not ...:
            assert key.kind.read(tomllib.loads(f"x = {key.kind.show(key.default)}")["x"]) == key.default


def test_read_fills_in_channels_and_parts() -> None:
    trio = presets.read(TRIO, "trio.toml")
    assert [(one.program, one.channel) for one in trio.ensemble] == [(41, 1), (42, 2), (43, 3)]
    assert trio.ensemble[2].range == (36, 76)


@pytest.mark.parametrize(
    ("line", "instead", "key", "told"),
    [
        (2, 'modell = "closest"', "modell", "did you mean 'model'"),
        (2, 'model = "closes"', "model", "did you mean 'closest'"),
        (2, 'when = "revized"', "when", "did you mean 'revise'"),
        (2, "budget = 0", "budget", "is not from 1 to 256"),
        (2, "budget = 1.5", "budget", "is no whole number"),
        (2, "send_programs = 1", "send_programs", "neither true nor false"),
        (2, "in_channels = [0]", "in_channels", "from 1 to 16"),
        (2, "inputs = []", "inputs", "list of port names"),
        (2, 'when = "window"', "when", "chord_window_ms"),
        (2, 'route = "thru"', "route", "can have no ensemble"),
        (5, 'name = "viola"', "ensemble.viola.name", "would be called the same"),
        (6, 'program = "Violine"', "ensemble.violin1.program", "did you mean 'Violin'"),
        (6, "programm = 41", "ensemble.violin1.programm", "did you mean 'program'"),
        (10, "program = 129", "ensemble.viola.program", "from 1 to 128"),
        (15, 'range = ["C2", "H5"]', "ensemble.cello.range", "C4 is middle C"),
        (15, 'range = ["C5", "C2"]', "ensemble.cello.range", "lowest note first"),
        (15, 'color = "red"', "ensemble.cello.color", "is no colour"),
        (15, 'centre = "Z"', "ensemble.cello.centre", "is no note"),
        (15, "divides = 2", "ensemble.cello.divides", "neither true nor false"),
    ],
)
def test_a_mistake_is_told_with_its_line(line: int, instead: str, key: str, told: str) -> None:
    lines = TRIO.splitlines()
    lines[line - 1] = instead
    found = [p for p in mistakes("\n".join(lines)) if p.key == key and told in p.message]
    assert found, [str(p) for p in mistakes("\n".join(lines))]
    assert found[0].where == "trio.toml"
    assert found[0].line == (9 if "would be called" in told else line)


def test_free_channels_leave_out_taken_ones_and_drums() -> None:
    taken = TRIO + "channel = 1\n"
    assert [one.channel for one in presets.read(taken, "trio.toml").ensemble] == [2, 3, 1]
    twelve = TRIO + "".join(f'[[ensemble]]\nname = "Extra {n}"\nprogram = {n}\n' for n in range(1, 10))
    assert [one.channel for one in presets.read(twelve, "trio.toml").ensemble] == [*range(1, 10), 11, 12, 13]
    (problem,) = mistakes(taken.replace("program = 42", "program = 42\nchannel = 1"))
    assert (problem.key, problem.line) == ("ensemble.cello.channel", 17)


BAD_LINES = st.lists(
    st.sampled_from(
        [
            ("budget = -1", "budget"),
            ("overflow = 'divide'", "overflow"),
            ("expiry_s = 'never'", "expiry_s"),
            ("fallback = 3", "fallback"),
            ("fallbakc = 'last'", "fallbakc"),
            ("inputs = 'in'", "inputs"),
        ]
    ),
    unique_by=lambda pair: pair[1],
)
NOISE = st.sampled_from(
    ["", "# budget = 7", 'description = """\nfallback = 3\n[[ensemble]]\n"""', "seed = 4 # budget = 3", "\n\n"]
)


@given(bad=BAD_LINES, noise=st.lists(NOISE, max_size=3, unique=True))
def test_every_mistake_is_told_at_once_with_its_line(bad: list[tuple[str, str]], noise: list[str]) -> None:
    head = [*noise, *(line for line, _ in bad)]
    text = "\n".join([*head, TRIO])
    if not bad:
        assert presets.read(text, "trio.toml").name == "Trio"
        return
    found = {problem.key: problem.line for problem in mistakes(text)}
    before = sum(part.count("\n") + 1 for part in noise)
    assert found == {key: before + n for n, (_, key) in enumerate(bad, 1)}


def test_syntax_errors_have_a_line() -> None:
    (problem,) = mistakes(TRIO + "\nwhen = note\n")
    assert problem.line == 17
    assert "no TOML" in problem.message


def test_options_override_and_tell_of_themselves() -> None:
    trio = presets.read(TRIO, "t", ["overflow=steal", "ensemble.violin1.channel=9", "ensemble.3.name=Bass", "name=7"])
    assert (trio.overflow, trio.ensemble[0].channel, trio.ensemble[2].name, trio.name) == ("steal", 9, "Bass", "7")
    assert presets.read(TRIO, "t", ["budget=3", "budget=4"]).budget == 4
    texts = [str(p) for p in mistakes(TRIO, "overflow=stael", "budgte=3", "ensemble.celo.channel=2", "overflow")]
    assert "--set overflow=stael: overflow: 'stael' is not among its values; did you mean 'steal'?" in texts
    assert any("--set budgte=3" in t and "did you mean 'budget'" in t for t in texts)
    assert any("--set ensemble.celo.channel=2" in t and "did you mean 'cello'" in t for t in texts)
    assert any("--set overflow: write KEY=VALUE" in t for t in texts)


@given(text=st.text())
def test_quoted_text_reads_as_itself(text: str) -> None:
    if not any("\ud800" <= c <= "\udfff" for c in text):
        assert tomllib.loads(f"x = {quote(text)}")["x"] == text


@given(
    text=st.text(max_size=200) | st.lists(st.sampled_from([*TRIO.splitlines(), "x = {", "]", "a.b = 1"])).map("\n".join)
)
def test_any_text_is_a_preset_or_a_preset_error(text: str) -> None:
    try:
        presets.read(text, "any.toml")
    except PresetError as error:
        problems = error.problems
        assert problems
        assert all(problem.line for problem in problems)


def test_shown_presets_read_back_the_same() -> None:
    for name in presets.available():
        preset = presets.load(name)
        assert presets.read(presets.show(preset), "shown.toml") == preset


def test_presets_are_found_by_name_file_and_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    mine = tmp_path / "config" / "ripieno" / "presets"
    mine.mkdir(parents=True)
    (mine / "trio.toml").write_text(TRIO)
    (tmp_path / "duo.toml").write_text(TRIO.replace("Trio", "Duo"))
    assert presets.load("trio").name == "Trio"
    assert presets.load(str(tmp_path / "duo.toml")).name == "Duo"
    assert presets.load("duo", folder=tmp_path).name == "Duo"
    with pytest.raises(UserError, match="did you mean 'trio'"):
        presets.load("trios")
    with pytest.raises(UserError, match="no such file"):
        presets.load(str(tmp_path / "none.toml"))
    with pytest.raises(UserError, match="no such folder"):
        presets.load("duo", folder=tmp_path / "none")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match=r"bytes\.toml"):
        presets.load(str(tmp_path / "bytes.toml"))


def test_lines_of_nested_values() -> None:
    text = "a = [\n  {b = 1},\n  {b = '''\n]''', c.d = 2},\n]\n[x.y]\n'k z' = [1,\n2]\n[[t]]\n[[t]]\n[t.u]\nv = 1\n"
    assert tomllib.loads(text)
    lines = key_lines(text)
    wanted = {("a",): 1, ("a", 0, "b"): 2, ("a", 1, "b"): 3, ("a", 1, "c", "d"): 4, ("x", "y", "k z", 1): 8}
    wanted |= {("t", 0): 9, ("t", 1): 10, ("t", 1, "u", "v"): 12}
    assert {path: lines.get(path) for path in wanted} == wanted
    assert line_of(lines, ("t", 1, "u", "nothing")) == 11
