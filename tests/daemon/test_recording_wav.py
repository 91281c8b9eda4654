"""WAV files that grow: what a well-known reader sees in them at any moment, after a crash and beyond 4 GiB."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from needs import needs
from ripieno.daemon.recording.wav import HEADER, WavFile, mend

needs("soundfile")

RATE = 8000


def noise(frames: int, channels: int, seed: int = 1) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(-1, 1, (frames, channels)).astype(np.float32)


def read(path: Path) -> NDArray[np.float32]:
    import soundfile

    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate == RATE
    return samples


@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("bits", [32, 24])
def test_a_reader_sees_what_was_written(tmp_path: Path, channels: int, bits: int) -> None:
    wav = WavFile(tmp_path / "a.wav", RATE, channels, bits)
    played = noise(1001, channels)
    for n in range(0, 1001, 77):
        wav.write(played[n : n + 77])
    assert wav.frames == 1001
    wav.close()
    error = 0 if bits == 32 else 2.0**-24
    np.testing.assert_allclose(read(wav.path), played, rtol=0, atol=error)
    assert wav.path.stat().st_size % 2 == 0


def test_it_opens_at_any_moment_and_says_what_was_synced(tmp_path: Path) -> None:
    wav, played = WavFile(tmp_path / "a.wav", RATE, 2), noise(300, 2)
    assert len(read(wav.path)) == 0
    wav.write(played[:100])
    assert len(read(wav.path)) == 0
    wav.sync()
    np.testing.assert_array_equal(read(wav.path), played[:100])
    wav.write(played[100:])
    np.testing.assert_array_equal(read(wav.path), played[:100])
    assert mend(wav.path) == 300
    np.testing.assert_array_equal(read(wav.path), played)
    wav.close()


def test_whole_numbers_are_clipped_and_what_is_no_number_is_silent(tmp_path: Path) -> None:
    wav = WavFile(tmp_path / "a.wav", RATE, 1, 24)
    wav.write(np.array([[2.0], [-2.0], [np.nan], [2.0**-23]], np.float32))
    wav.close()
    np.testing.assert_array_equal(read(wav.path)[:, 0], np.array([1 - 2.0**-23, -1, 0, 2.0**-23], np.float32))


@pytest.mark.parametrize("bits", [32, 24])
def test_wherever_a_power_cut_left_it_all_whole_frames_are_there(tmp_path: Path, bits: int) -> None:
    wav, played = WavFile(tmp_path / "a.wav", RATE, 3, bits), noise(7, 3)
    wav.write(played)
    wav.sync()
    whole = wav.path.read_bytes()
    width = 3 * bits // 8
    for size in range(HEADER, len(whole)):
        cut = tmp_path / "cut.wav"
        cut.write_bytes(whole[:size])
        assert mend(cut) == (size - HEADER) // width
        np.testing.assert_allclose(read(cut), played[: (size - HEADER) // width], rtol=0, atol=2.0**-24)
    wav.close()


def test_silence_lies_between(tmp_path: Path) -> None:
    wav, played = WavFile(tmp_path / "a.wav", RATE, 2, 24), np.ones((10, 2), np.float32) / 2
    wav.write(played)
    wav.silence(30)
    wav.write(played)
    wav.close()
    assert read(wav.path)[:, 1].tolist() == [0.5] * 10 + [0.0] * 30 + [0.5] * 10


def test_beyond_four_gigabytes_it_is_an_rf64(tmp_path: Path) -> None:
    import soundfile

    wav, played = WavFile(tmp_path / "long.wav", RATE, 2), noise(50, 2)
    wav.write(played[:20])
    wav.silence(2**29 - 20)  # a hole: no room is taken on disk
    wav.sync()
    wav.write(played[20:])
    wav.sync()
    for finish in (lambda: None, lambda: mend(wav.path), wav.close):
        finish()
        with soundfile.SoundFile(wav.path) as file:
            assert (file.format, file.frames) == ("RF64", 2**29 + 30)
            np.testing.assert_array_equal(file.read(20, dtype="float32"), played[:20])
            file.seek(2**29)
            np.testing.assert_array_equal(file.read(dtype="float32"), played[20:])


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    import soundfile

    path = tmp_path / "theirs.wav"
    soundfile.write(path, noise(10, 1), RATE)
    before = path.read_bytes()
    assert mend(path) is None
    assert path.read_bytes() == before
    path.write_bytes(b"RIFF")
    assert mend(path) is None


def test_no_file_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("mine")
    with pytest.raises(FileExistsError):
        WavFile(tmp_path / "a.wav", RATE, 1)
    assert (tmp_path / "a.wav").read_text() == "mine"
