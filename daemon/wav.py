"""Sound as it is, in WAV files of 32-bit floats: nothing is rounded and nothing clipped."""

import struct
from pathlib import Path
from typing import TYPE_CHECKING

from ripieno.daemon.errors import UserError
from ripieno.daemon.files import whole_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FLOAT, _BITS = 3, 32  # WAVE_FORMAT_IEEE_FLOAT, of Microsoft's "Multiple Channel Audio Data and WAVE Files"
_LARGEST = 2**32 - 1


def write_float(path: Path, samples: "NDArray[np.float32]", rate: int) -> None:
    """Samples [frames, channels], 1.0 full scale, at `rate` frames a second; the file appears whole or not at all.

    UserError, naming the file, where it cannot be written.
    """
    frames, channels = samples.shape
    data = samples.astype("<f4", copy=False)
    width = channels * _BITS // 8
    form = struct.pack("<HHIIHHH", _FLOAT, channels, rate, rate * width, width, _BITS, 0)
    chunks = [(b"fmt ", form), (b"fact", struct.pack("<I", frames)), (b"data", b"")]
    size = 4 + sum(8 + len(body) for _, body in chunks) + data.nbytes
    if size > _LARGEST:
        raise UserError(f"{path}: {frames / rate:.0f} seconds are too long for a WAV file")
    with whole_file(path) as out:
        out.write(b"RIFF" + struct.pack("<I", size) + b"WAVE")
        for name, body in chunks:
            out.write(name + struct.pack("<I", len(body) if body else data.nbytes) + body)
        out.write(data.tobytes())


def read_float(path: Path) -> "tuple[NDArray[np.float32], int]":
    """What `write_float` wrote: samples [frames, channels], and their rate. ValueError for another file."""
    import numpy as np

    data = path.read_bytes()
    if data[:4] != b"RIFF" or data[8:16] != b"WAVEfmt " or struct.unpack_from("<H", data, 20)[0] != _FLOAT:
        raise ValueError(f"{path}: no WAV file of floats")
    channels, rate = struct.unpack_from("<HI", data, 22)
    at = data.index(b"data", 36) + 8
    return np.frombuffer(data, "<f4", offset=at).reshape(-1, channels).astype(np.float32), rate
