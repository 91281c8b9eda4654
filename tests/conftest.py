"""What all tests share: on continuous integration the generated examples are the same in every run, and what programs
read and keep for their user is not that of whoever runs the tests."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("ripieno", deadline=None, derandomize=os.environ.get("RIPIENO_CI") == "1")
settings.load_profile("ripieno")


@pytest.fixture(autouse=True, scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for kind in ("state", "config"):
            patch.setenv(f"XDG_{kind.upper()}_HOME", str(tmp_path_factory.mktemp(kind)))
        yield
