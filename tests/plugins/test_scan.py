"""The scan: plugins are found wherever they stand, and one that crashes or hangs is noted and harms nothing."""

from pathlib import Path

import pytest
from vst3_build import EFFECT, INSTRUMENT, build

from needs import needs
from ripieno.plugins import catalogue, scan
from ripieno.plugins.base import PluginError
from ripieno.plugins.scan import Step


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with nothing in cache and state."""
    for variable in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    (tmp_path / "plugins").mkdir()
    return tmp_path / "plugins"


def run(folder: Path, limit_s: float = 120, again: bool = False) -> list[Step]:
    steps: list[Step] = []
    scan.scan([folder], steps.append, limit_s, again)
    return steps


def test_candidates_are_found_below_folders_and_by_themselves(home: Path) -> None:
    inside = home / "Maker" / "One.vst3"
    (inside / "Contents" / "Two.vst3").mkdir(parents=True)
    single = home / "Old.VST3"
    single.write_bytes(b"")
    (home / "notes.txt").write_bytes(b"")
    (home / "Maker" / "loop").symlink_to(home)
    assert scan.candidates([home, home / "nowhere"]) == [inside, single]
    assert scan.candidates([inside, home]) == [inside, single]


def test_the_usual_folders_are_the_users_and_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("HOME", "/home/anna")
    assert [str(folder) for folder in scan.usual_folders()] == [
        "/home/anna/.vst3",
        "/usr/lib/vst3",
        "/usr/local/lib/vst3",
    ]


def test_a_file_is_opened_once_and_again_when_it_changes(home: Path) -> None:
    needs("pedalboard")
    bundle = build(home)
    (step,) = run(home)
    assert (step.number, step.total, step.opened, step.blocked, step.file.problem) == (1, 1, True, False, "")
    effect, instrument = step.file.plugins
    assert (effect.name, effect.role, effect.spec) == (EFFECT, "effect", f"vst3:{bundle}#{EFFECT}")
    assert (instrument.name, instrument.role) == (INSTRUMENT, "instrument")
    gain = next(parameter for parameter in effect.parameters if parameter.name == "gain")
    assert (gain.low, gain.high, gain.usual, gain.unit) == (-60, 12, 0, "dB")
    assert catalogue.find(EFFECT.upper()) == effect.spec
    known = catalogue.known(effect.spec)
    assert known is not None
    assert known.parameters == effect.parameters

    (step,) = run(home)
    assert (step.opened, step.file.plugins) == (False, (effect, instrument))
    (step,) = run(home, again=True)
    assert step.opened
    (library,) = (bundle / "Contents").glob("*-linux/*.so")
    with library.open("ab") as more:
        more.write(b"a new version")
    assert catalogue.find(EFFECT) is None
    (step,) = run(home / "nowhere")  # what was found before is looked at wherever it stands
    assert step.opened
    assert catalogue.find(EFFECT) == effect.spec


def test_latency_is_noted(home: Path) -> None:
    needs("pedalboard")
    build(home, latency=64)
    (step,) = run(home)
    assert [plugin.latency for plugin in step.file.plugins] == [64, 64]


def test_crash_and_hang_are_blocked_and_the_rest_is_found(home: Path) -> None:
    needs("pedalboard")
    crash, good = build(home, "A Crash", "crash"), build(home, "Good")
    hang = build(home / "slow", "A Hang", "hang")
    first, second = run(home / "A Crash.vst3") + run(home / "Good.vst3")
    assert first.blocked
    assert "SIGSEGV" in first.file.problem
    assert [plugin.name for plugin in second.file.plugins] == [EFFECT, INSTRUMENT]
    third = run(home / "slow", limit_s=2)[0]
    assert (third.blocked, third.file.path) == (True, str(hang))
    assert "not open after 2 s" in third.file.problem
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(hang).encode() in contents(path)]

    assert set(catalogue.blocked()) == {str(crash), str(hang)}
    assert set(catalogue.files()) == {str(good)}
    again = run(home)
    assert [(step.opened, step.blocked) for step in again] == [(False, True), (False, False), (False, True)]
    with pytest.raises(PluginError, match=r"blocked since .*SIGSEGV.*allow"):
        catalogue.find("a crash")

    catalogue.allow("A Crash")
    (crash / "Contents" / "at-load").unlink()  # mended
    (step,) = (step for step in run(home) if step.opened)
    assert step.file.path == str(crash)
    assert not step.blocked
    assert set(catalogue.blocked()) == {str(hang)}


def contents(path: Path) -> bytes:
    """b"" for a process that ended meanwhile."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_what_is_no_plugin_is_noted_and_not_blocked(home: Path) -> None:
    needs("pedalboard")
    library = build(home) / "Contents"
    (library,) = library.glob("*-linux/*.so")
    library.write_bytes(b"no library")
    (step,) = run(home)
    assert not step.blocked
    assert step.file.problem
    (step,) = run(home)
    assert not step.opened
    assert catalogue.names() == []


def test_what_makes_no_sense_is_a_problem() -> None:
    for said, why in ((b"", "no plugin"), (b"what", "cannot be read"), (b'{"name": 1}', "cannot be read")):
        plugins, problem = scan._read(said)
        assert plugins == []
        assert why in problem


def test_without_pedalboard_it_says_what_to_install(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "find_spec", lambda name: None)
    with pytest.raises(PluginError, match=r"ripieno\[vst\]"):
        run(home)
    with pytest.raises(PluginError, match=r"ripieno\[vst\]"):
        scan.examine("vst3", str(home / "One.vst3"))
