"""The catalogue: what a scan found is kept as long as the files are the same, and what is blocked stays so."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ripieno.plugins import catalogue
from ripieno.plugins.base import Parameter, PluginError
from ripieno.plugins.catalogue import File, Scanned
from ripieno.plugins.open import resolve

GAIN = Parameter("gain", 0, -60, 12, "dB", "how loud")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    return tmp_path


def found(path: Path, *names: str, problem: str = "") -> File:
    """A plugin file, and what a scan would say of it."""
    path.write_bytes(b"library")
    mark = catalogue.mark(path)
    assert mark
    plugins = tuple(Scanned(name, f"vst3:{path}#{name}", "effect", 64, (GAIN,)) for name in names)
    return File(str(path), mark, plugins, problem)


def keep(*files: File) -> None:
    catalogue.keep({file.path: file for file in files})


def test_nothing_is_known_at_first() -> None:
    assert catalogue.files() == {}
    assert catalogue.blocked() == {}
    assert catalogue.find("Echo") is None
    assert catalogue.known("vst3:Echo.vst3") is None


def test_what_was_kept_comes_back(home: Path) -> None:
    one, two = found(home / "A.vst3", "echo", "Delay"), found(home / "B.vst3", problem="no plugin in it")
    keep(one, two)
    assert catalogue.files() == {one.path: one, two.path: two}
    assert catalogue.names() == ["Delay", "echo"]
    assert catalogue.find("ECHO") == f"vst3:{one.path}#echo"
    known = catalogue.known(f"vst3:{one.path}#Delay")
    assert known is not None
    assert (known.role, known.parameters) == ("effect", (GAIN,))


def test_of_two_names_the_one_that_is_written_so_is_meant(home: Path) -> None:
    keep(found(home / "A.vst3", "ECHO", "Echo"))
    assert catalogue.find("Echo") == f"vst3:{home / 'A.vst3'}#Echo"


@pytest.mark.parametrize("change", ["longer", "gone"])
def test_a_file_that_changed_is_not_known(home: Path, change: str) -> None:
    file = found(home / "A.vst3", "Echo")
    keep(file)
    catalogue.block(file.path, "it crashed")
    if change == "gone":
        (home / "A.vst3").unlink()
    else:
        (home / "A.vst3").write_bytes(b"longer library")
    assert catalogue.files() == {}
    assert catalogue.blocked() == {}
    assert catalogue.seen() == [home / "A.vst3"]


def test_a_bundle_is_marked_by_what_it_runs(home: Path) -> None:
    library = home / "A.vst3" / "Contents" / "x86_64-linux" / "A.so"
    library.parent.mkdir(parents=True)
    library.write_bytes(b"1234")
    before = catalogue.mark(home / "A.vst3")
    (home / "A.vst3" / "Contents" / "Resources").mkdir()
    (home / "A.vst3" / "Contents" / "Resources" / "preset").write_bytes(b"x")
    assert catalogue.mark(home / "A.vst3") == before
    library.write_bytes(b"12345")
    after = catalogue.mark(home / "A.vst3")
    assert before
    assert after
    assert (before[0], after[0]) == (4, 5)
    assert catalogue.mark(home / "B.vst3") is None


def test_a_blocked_plugin_is_not_found_until_it_is_allowed(home: Path) -> None:
    file = found(home / "A.vst3", "Echo")
    keep(file, found(home / "B.vst3", "Delay"))
    catalogue.block(file.path, "it hung")
    assert catalogue.names() == ["Delay"]
    assert catalogue.blocked()[file.path].why == "it hung"
    (home / "link").symlink_to(home)
    for way in (file.path, home / "XDG_STATE_HOME" / ".." / "A.vst3", home / "link" / "A.vst3"):
        found_so = catalogue.blocking(way)
        assert found_so is not None
        assert found_so.path == file.path
    assert catalogue.blocking(home / "B.vst3") is None
    with pytest.raises(PluginError, match="it hung"):
        resolve("vst3:link/A.vst3", home)
    for name in ("Echo", "a", "A.vst3"):
        with pytest.raises(PluginError, match=r"blocked since \d{4}-\d\d-\d\d: it hung; `ripieno plugins allow"):
            catalogue.find(name)
    with pytest.raises(PluginError, match="did you mean 'A'"):
        catalogue.allow("Aa")
    assert catalogue.allow("echo") == file.path
    assert catalogue.names() == ["Delay", "Echo"]
    with pytest.raises(PluginError, match="no plugin is blocked"):
        catalogue.allow("echo")
    catalogue.block(file.path, "it hung")
    assert catalogue.allow(str(home / "link" / "A.vst3")) == file.path
    assert resolve("Echo", home) == f"vst3:{file.path}#Echo"


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", '[{"path": 1}]', "null", '[{"path": "a", "mark": [1], "plugins": []}]']
)
def test_a_damaged_cache_is_empty_and_a_damaged_list_is_told(home: Path, text: str) -> None:
    for place in (catalogue.cache_file(), catalogue.block_file()):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    assert catalogue.files() == {}
    assert catalogue.seen() == []
    with pytest.raises(PluginError, match=r"blocked-plugins\.json: damaged"):
        catalogue.blocked()


def test_what_cannot_be_kept_is_told_and_what_was_there_stays(home: Path) -> None:
    file = found(home / "A.vst3", "Echo")
    keep(file)
    before = catalogue.cache_file().read_bytes()
    assert [row["path"] for row in json.loads(before)] == [file.path]
    with pytest.raises(TypeError):
        keep(replace(file, problem={1, 2}))  # type: ignore[arg-type]  # no JSON
    assert catalogue.cache_file().read_bytes() == before
    assert len(list(catalogue.cache_file().parent.iterdir())) == 1
    catalogue.block_file().parent.parent.write_text("a file where the folder should be")
    with pytest.raises(PluginError, match=r"blocked-plugins\.json: cannot be written"):
        catalogue.block(file.path, "it crashed")
