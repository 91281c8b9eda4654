"""What all tests share: on continuous integration the generated examples are the same in every run."""

import os

from hypothesis import settings

settings.register_profile("ripieno", deadline=None, derandomize=os.environ.get("RIPIENO_CI") == "1")
settings.load_profile("ripieno")
