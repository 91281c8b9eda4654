"""What all tests share: on continuous integration the generated examples are the same in every run, and what programs
read and keep for their user is not that of whoever runs the tests, nor that of tests beside these."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("ripieno", deadline=None, derandomize=os.environ.get("RIPIENO_CI") == "1")
settings.load_profile("ripieno")
_MEMORY = Path("/dev/shm")


@pytest.fixture(autouse=True, scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    memory = _MEMORY if _MEMORY.is_dir() else None
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="ripieno-", dir=memory) as runtime:
        patch.setenv("XDG_RUNTIME_DIR", runtime)
        for kind in ("state", "config"):
            patch.setenv(f"XDG_{kind.upper()}_HOME", str(tmp_path_factory.mktemp(kind)))
        yield
