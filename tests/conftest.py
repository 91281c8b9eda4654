"""What all tests share: on continuous integration the generated examples are the same in every run, and what programs
keep of their state, and presets of one's own, stay out of the home of whoever runs the tests."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("ripieno", deadline=None, derandomize=os.environ.get("RIPIENO_CI") == "1")
settings.load_profile("ripieno")


@pytest.fixture(autouse=True, scope="session")
def _states(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield
