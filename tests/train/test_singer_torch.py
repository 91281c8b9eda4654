"""The file that the C singer is judged by is still what PyTorch sings (tests/train/test_stream.py compares the two)."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np

from needs import needs

needs("torch")

_spec = importlib.util.spec_from_file_location("export_singer", Path(__file__).with_name("export_singer.py"))
assert _spec is not None
assert _spec.loader is not None
export: Any = importlib.util.module_from_spec(_spec)
sys.modules["export_singer"] = export
_spec.loader.exec_module(export)


def test_the_file_is_what_pytorch_sings() -> None:
    stored, made = np.load(export.FILE), export.kept()
    assert set(stored.files) == set(made)
    for name, value in made.items():
        np.testing.assert_allclose(stored[name].astype(float), value.astype(float), atol=1e-4, err_msg=name)
