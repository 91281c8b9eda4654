"""The shipped singer in C, beside PyTorch block by block: the same tokens and the same sound."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from needs import needs

needs("torch")

from ripieno.models.singing import stored, stream, torch_side  # noqa: E402
from ripieno.models.singing.rollout import Manner  # noqa: E402
from ripieno.native import piano, singer, vocoder  # noqa: E402

BLOCKS, RATE = 600, 24_000  # longer than either window
GUIDANCE, ACTIVITY, VOICE = 3.0, 1.0, 1  # what is likeliest at each block is seldom a beginning: it is made so


def chords(blocks: int) -> NDArray[np.float32]:
    """Four chords over and over, broken, with a melody above them now and then."""
    rng = np.random.default_rng(5)
    roots, steps = [48, 45, 41, 43], [0, 12, 16, 19]
    notes: list[tuple[int, int, int, int]] = []
    for beat in range(blocks * 16 // 250):
        root = roots[beat // 4 % 4]
        notes.append((250 * beat, 250 * beat + 400, root + steps[beat % 4], 60 + int(rng.integers(30))))
        if rng.random() < 0.4:
            notes.append((250 * beat, 250 * beat + 500, root + 24 + int(rng.choice([0, 4, 7, 9])), 90))
    return piano.rows(piano.events_of(*(list(part) for part in zip(*notes, strict=True))), blocks, first=1)


def test_it_sings_what_pytorch_sings() -> None:
    model, rows = stored.read(), chords(BLOCKS)
    networks = torch_side.networks(model)
    manner = Manner(guidance=GUIDANCE, temperature=0.0, activity=ACTIVITY)
    judge = stream.stream(networks, rows, manner, [stream.GREEDY] * len(networks.delivery.shape.sizes), VOICE)
    controls: dict[str, Any] = {
        "follow": GUIDANCE,
        "activity": ACTIVITY,
        "voice": VOICE,
        "temperature": 0,
        "vibrato": 0,
    }
    sung = singer.Singer(stored.weights(model)).run(rows, **controls)
    assert (sung["phonation"] >= 2).mean() > 0.1
    np.testing.assert_array_equal(np.stack([sung["phonation"], sung["note"]], -1), judge.line[:, [0, 2]])
    said = np.column_stack([sung["loudness"], sung["code"][:, : networks.codec.shape.stages], sung["deviation"]])
    np.testing.assert_array_equal(said, judge.said)
    wave, other = (vocoder.sing(frames, RATE) for frames in (singer.frames(sung), judge.frames))
    assert np.abs(other).max() > 0.01
    assert np.abs(wave - other).max() < 1e-4


@pytest.mark.parametrize("mode", ["free", "double", "harmony"])
def test_no_voice_flutters_or_sticks(mode: str) -> None:
    """As people sing: a note is not chopped into blocks, and nothing sounds when the player has stopped."""
    rows, model = chords(1200), stored.read()
    silence = piano.rows(piano.events_of([0], [1], [60], [1]), 400)[200:]
    for voice in range(len(stored.voices(model))):
        one = singer.Singer(stored.weights(model))
        sung = one.run(rows, voice=voice, mode=singer.MODES.index(mode), seed=voice)
        sings = sung["phonation"] >= 2
        onsets = int(((sung["flags"] & singer.ONSET) > 0).sum())
        assert sings.mean() > 0.05
        assert onsets <= sings.sum() / 4
        rest = one.run(silence, voice=voice, mode=singer.MODES.index(mode), seed=voice)
        assert rest["frame"]["level"][-50:].max() <= -90
