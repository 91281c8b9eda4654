"""The page, and the API that it and other programs use: served to this computer, or to devices that were paired.

Its libraries are an extra: what needs them is imported where somebody asks for the page.
"""

from importlib.util import find_spec

PORT = 8765
_NEEDED = ("starlette", "uvicorn", "websockets", "segno")


def missing() -> str:
    """What to say where the libraries are not installed, else ""."""
    lacking = [name for name in _NEEDED if find_spec(name) is None]
    return f'no page without {" and ".join(lacking)}: pip install "ripieno[ui]"' if lacking else ""
