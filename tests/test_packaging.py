"""What is shipped: the source archive builds the wheel, the wheel holds everything and runs where nothing else is."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("daemon", "models", "native", "plugins", "presets")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# What the folders hold for the build alone, or to compare with.
NOT_SHIPPED = re.compile(
    r"native/(src/.*|CMakeLists\.txt|build\.py)|models/continuation/weights/mmt-.*|.*/__pycache__/.*"
)
BUILD = "import sys; from scikit_build_core import build; print(getattr(build, sys.argv[1])(sys.argv[2]))"


def build(kind: str, source: Path, out: Path) -> Path:
    """Build `source` as pip does, with the tools of this environment; the file made."""
    environment = os.environ | {"PATH": f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [sys.executable, "-c", BUILD, kind, str(out)], cwd=source, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return out / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive, unpacked."""
    pytest.importorskip("scikit_build_core", reason="the build tools are missing: pip install 'ripieno[dev]'")
    place = tmp_path_factory.mktemp("source")
    shutil.unpack_archive(build("build_sdist", ROOT, place), place)
    return place / f"{PROJECT['name']}-{PROJECT['version']}"


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source archive alone."""
    return build("build_wheel", source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command `ripieno` of a fresh environment: the wheel, and the libraries it says it needs."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, symlinks=os.name != "nt")
    scripts = place / ("Scripts" if os.name == "nt" else "bin")
    pip = [sys.executable, "-m", "pip", f"--python={scripts / 'python'}", "--quiet"]
    subprocess.run([*pip, "install", "--no-index", "--no-deps", str(wheel)], check=True)
    # Lent from here, so that the test needs no network. Path files there are not read: no editable install comes along.
    libraries = next(place.glob("**/site-packages")) / "lent.pth"
    libraries.write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return scripts / "ripieno"


def test_the_wheel_holds_all_that_runs_and_no_source(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    ours = {path.relative_to(ROOT).as_posix() for folder in FOLDERS for path in (ROOT / folder).rglob("*.*")}
    expected = {f"ripieno/{name}" for name in ours if (ROOT / name).is_file() and not NOT_SHIPPED.fullmatch(name)}
    assert not expected - names
    extra = {name for name in names - expected if name.startswith("ripieno/")}
    assert len(extra) == 1, extra
    assert next(iter(extra)).startswith("ripieno/native/_native.")


def test_the_wheel_runs_on_every_python_we_name_and_carries_its_licences(wheel: Path) -> None:
    assert wheel.name.split("-")[2:4] == ["cp311", "abi3"]
    names = zipfile.ZipFile(wheel).namelist()
    for file in PROJECT["license-files"]:
        assert any(name.endswith(f"dist-info/licenses/{file}") for name in names), file


def test_the_source_archive_holds_what_a_developer_needs(source: Path) -> None:
    for name in ("Makefile", "CMakePresets.json", "LICENSE", "NOTICE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"):
        assert (source / name).is_file(), name
    tests = {path.relative_to(ROOT) for path in (ROOT / "tests").rglob("*.[chp]*") if "__pycache__" not in path.parts}
    assert not {path for path in tests if path.is_file() and not (source / path).is_file()}


def test_the_installed_command_runs_away_from_its_sources(command: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

    def ripieno(*arguments: str, fine: tuple[int, ...] = (0,)) -> str:
        done = subprocess.run([command, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode in fine, f"ripieno {arguments}: {done.stderr}"
        return done.stdout

    assert PROJECT["version"] in ripieno("version")
    presets = ripieno("presets", "--json")
    json.loads(presets)
    for path in (ROOT / "presets").glob("*.toml"):
        assert f'"{path.stem}"' in presets
    # 1: nothing here can play live, for want of a JACK server, say.
    assert json.loads(ripieno("doctor", "--json", fine=(0, 1)))
    ripieno("demo")
    assert (tmp_path / "out" / "demo.mid").stat().st_size > 1000


def needed(requirement: str) -> str:
    """The import name of a requirement such as "numpy>=1.26"."""
    return re.split(r"[^\w-]", requirement)[0].replace("-", "_")


LATER = {"daemon/web/": "ui", "daemon/remote/osc": "osc"}
"""Modules that are imported where an extra is there, and the extra."""


def extra(path: str) -> set[str]:
    """What such a module may import."""
    extras = PROJECT["optional-dependencies"]
    found = {needed(one) for begin, name in LATER.items() if path.startswith(begin) for one in extras[name]}
    return {"pythonosc" if name == "python_osc" else name for name in found}


def at_the_start() -> Iterator[tuple[str, str]]:
    """Modules of the program by their paths, and what they import when they are imported."""
    for path in (ROOT / "daemon").rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body if "bench" not in path.parts else ():
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            yield from ((path.relative_to(ROOT).as_posix(), name) for name in names)


def test_what_is_imported_at_the_start_is_declared() -> None:
    declared = {"ripieno", *map(needed, PROJECT["dependencies"]), *sys.stdlib_module_names}
    later = set()
    for path, name in at_the_start():
        top = name.split(".")[0]
        assert top in declared | extra(path), f"{path} imports {name}"
        if top not in declared:
            later.add("ripieno." + path.removesuffix(".py").replace("/", "."))
    assert later
    for path, name in at_the_start():
        assert name not in later or extra(path), f"{path} imports {name}, which wants an extra"
