"""The presets for those outside: found, saved, renamed and deleted in the user's folder, and nowhere else."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripieno.daemon import presets
from ripieno.daemon.errors import UserError
from ripieno.daemon.preset_document import PresetError
from ripieno.daemon.remote import library
from ripieno.daemon.remote.library import LONGEST, LONGEST_NAME, Missing, Taken

MINE = """\
# my own
name = "Mine"
model = "closest" # no network

[[ensemble]]
name = "Cello"
program = "Cello"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "ripieno" / "presets"


def everything(root: Path) -> set[Path]:
    return {path for path in root.rglob("*") if path.is_file()}


def test_all_presets_are_listed(folder: Path) -> None:
    found = {one.name: one for one in library.entries()}
    assert found.keys() == presets.available().keys()
    choir = found["choir"]
    assert (choir.title, choir.own, choir.hides, choir.error) == ("Choir", False, False, "")
    assert choir.players == ("Soprano", "Alto", "Tenor", "Bass")


def test_one_is_saved_read_and_deleted(folder: Path) -> None:
    made = library.save("mine", MINE)
    assert (made.own, made.hides, made.title, made.players) == (True, False, "Mine", ("Cello",))
    assert (folder / "mine.toml").read_text() == MINE == library.text_of("mine")
    assert presets.load("mine").name == "Mine"
    library.delete("mine")
    assert everything(folder) == set()
    with pytest.raises(Missing, match="no preset is called 'mine'"):
        library.text_of("mine")


def test_what_comes_with_ripieno_stays_behind_the_users_own(folder: Path) -> None:
    shipped = library.text_of("choir")
    made = library.save("choir", MINE)
    assert (made.own, made.hides) == (True, True)
    assert presets.load("choir").name == "Mine"
    assert (presets.shipped_folder() / "choir.toml").read_text(encoding="utf-8") == shipped
    library.delete("choir")
    assert library.text_of("choir") == shipped
    with pytest.raises(Taken, match="comes with Ripieno and cannot be deleted"):
        library.delete("choir")
    with pytest.raises(Taken, match="cannot be renamed"):
        library.rename("choir", "My choir", MINE)


def test_nobody_elses_change_is_lost(folder: Path) -> None:
    library.save("mine", MINE)
    known = library.version(library.text_of("mine"))
    theirs = MINE.replace("no network", "theirs")
    library.save("mine", theirs, known)
    with pytest.raises(Taken, match="somebody else has changed it"):
        library.save("mine", MINE, known)
    assert library.text_of("mine") == theirs
    library.save("mine", MINE)  # over it, as somebody wants
    assert library.text_of("mine") == MINE


def test_a_new_name_is_new(folder: Path) -> None:
    assert library.create("My Own: Quartet!", MINE).name == "my-own-quartet"
    for title in ("my own quartet", "Choir", "C-h-o-i-r"):
        with pytest.raises(Taken, match="already"):
            library.create(title, MINE)
    with pytest.raises(Taken, match="'choir' already"):
        library.save("Choir", MINE)
    assert library.create("Überklang 2", MINE).name == "überklang-2"


def test_one_is_renamed(folder: Path) -> None:
    library.save("mine", MINE)
    assert library.rename("mine", "Yours", MINE).name == "yours"
    assert [path.name for path in everything(folder)] == ["yours.toml"]
    assert library.rename("yours", "YOURS", MINE).name == "yours"
    with pytest.raises(Taken):
        library.rename("yours", "Choir", MINE)
    assert [path.name for path in everything(folder)] == ["yours.toml"]


BAD_NAMES = ["", ".", "..", "../choir", "a/b", "a\\b", "/etc/passwd", ".hidden", "a\0b", "a\nb", "~", "a.", "-a", "C:x",
             "x" * (LONGEST_NAME + 1), "x" * 100_000]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES, ids=lambda name: repr(name[:12]))
def test_no_name_leads_out(folder: Path, name: str) -> None:
    before = everything(folder.parent.parent)
    with pytest.raises(UserError, match="is no name of a preset"):
        library.save(name, MINE)
    with pytest.raises(Missing):
        library.text_of(name)
    with pytest.raises(Missing):
        library.delete(name)
    assert everything(folder.parent.parent) == before


@pytest.mark.parametrize("title", ["", "...", "  ", "///", "x" * (LONGEST_NAME + 1)])
def test_a_title_needs_letters(folder: Path, title: str) -> None:
    with pytest.raises(UserError, match="is no name: write"):
        library.create(title, MINE)


@given(st.text(max_size=80))
def test_whatever_it_is_called_it_lies_in_the_folder(tmp_path_factory: pytest.TempPathFactory, title: str) -> None:
    try:
        name = library.name_of(title)
    except UserError:
        return
    assert Path(name).name == name
    assert library._own(name).parent == presets.user_folder()


BAD_TEXTS = {
    "no TOML": ("name = ", 1, "", "this is no TOML"),
    "unknown key": (MINE.replace("model", "modell"), 3, "modell", "did you mean 'model'"),
    "bad value": (MINE + "level = 128\n", 8, "ensemble.cello.level", "is not from 0 to 127"),
    "missing": (MINE.replace('program = "Cello"\n', ""), 5, "ensemble.cello.program", "is missing"),
    "nested": ("a = " + "[" * 20_000, 1, "", "nested too deeply"),
    "digits": ("a = " + "9" * 5_000, 1, "", "too many digits"),
    "long": ("#" * (LONGEST + 1), 1, "", "too long"),
}


@pytest.mark.parametrize("what", BAD_TEXTS)
def test_what_is_wrong_is_not_saved(folder: Path, what: str) -> None:
    text, line, key, why = BAD_TEXTS[what]
    library.save("mine", MINE)
    with pytest.raises(PresetError) as caught:
        library.save("mine", text)
    (problem,) = caught.value.problems
    assert (problem.line, problem.key) == (line, key)
    assert why in problem.message
    assert library.text_of("mine") == MINE
    assert [path.name for path in everything(folder)] == ["mine.toml"]


def test_one_with_mistakes_is_listed_and_says_so(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "wrong.toml").write_text(MINE + "level = 128\n")
    (folder / "latin.toml").write_bytes(b'name = "\xe9"\n')
    found = {one.name: one.error for one in library.entries()}
    assert found["wrong"] == "line 8: ensemble.cello.level: 128 is not from 0 to 127"
    assert "no UTF-8" in found["latin"]
    assert library.text_of("wrong") == MINE + "level = 128\n"


def test_no_link_leads_out(folder: Path, tmp_path: Path) -> None:
    folder.mkdir(parents=True)
    secret = tmp_path / "secret.toml"
    secret.write_text(MINE)
    (folder / "link.toml").symlink_to(secret)
    (folder / "loop.toml").symlink_to(folder / "loop.toml")
    for name in ("link", "loop"):
        with pytest.raises(UserError, match="is a link that leads out of its folder"):
            library.text_of(name)
        with pytest.raises(UserError, match="is a link that leads out of its folder"):
            library.save(name, MINE + "# mine\n")
    assert secret.read_text() == MINE
    assert "is a link" in next(one for one in library.entries() if one.name == "link").error


def test_the_folder_itself_may_be_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    folder.parent.mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    library.save("mine", MINE)
    assert (tmp_path / "elsewhere" / "mine.toml").read_text() == MINE == library.text_of("mine")


def test_a_folder_that_cannot_be_made_is_told(folder: Path) -> None:
    folder.parent.write_text("a file is in its place")
    with pytest.raises(UserError, match=r"presets: cannot be made"):
        library.save("mine", MINE)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told(folder: Path) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o500)
    try:
        with pytest.raises(UserError, match=r"mine.toml: cannot be written"):
            library.save("mine", MINE)
    finally:
        folder.chmod(0o700)


def test_a_place_that_cannot_be_written_is_told(folder: Path) -> None:
    """Also for root: a folder is in the file's place."""
    (folder / "mine.toml").mkdir(parents=True)
    with pytest.raises(UserError, match=r"mine.toml: cannot be"):
        library.save("mine", MINE)
    assert everything(folder) == set()


def test_line_ends_and_umlauts_stay(folder: Path) -> None:
    text = MINE.replace("\n", "\r\n").replace("my own", "für mich")
    library.save("mine", text)
    assert (folder / "mine.toml").read_bytes() == text.encode()
    assert library.text_of("mine") == text
