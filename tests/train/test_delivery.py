"""How a line is delivered: block by block as the whole at once, and what its tokens mean."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch judges here: pip install torch")

from ripieno.models.singing.delivery import CENTRE, Delivery, Shape, hushed, nothing, shifted, sound, touch  # noqa: E402
from ripieno.models.singing.frames import SILENT  # noqa: E402
from ripieno.models.singing.representation import (  # noqa: E402
    BREATH,
    DEVIATION_CENTS,
    HISTORY_SIZES,
    ONSET,
    REST,
    SUSTAIN,
    history,
)
from ripieno.native import piano  # noqa: E402

TINY = Shape(32, 2, 2, 48, 6, 16, 3, 2, 8)
STEPS = 25


def told(rng: np.random.Generator, steps: int = STEPS) -> list[torch.Tensor]:
    """Any line, touch, voice and said of two sequences."""
    line = torch.stack([torch.from_numpy(rng.integers(0, size, (2, steps))) for size in HISTORY_SIZES], -1)
    said = torch.stack([torch.from_numpy(rng.integers(0, size, (2, steps))) for size in TINY.sizes], -1)
    return [line, torch.from_numpy(rng.random((2, steps, 2), np.float32)), torch.tensor([0, 2]), said]


@torch.no_grad()
def test_steps_are_the_sequence() -> None:
    torch.manual_seed(1)
    network = Delivery(TINY).eval()
    line, struck, voice, said = told(np.random.default_rng(2))
    before, past = shifted(said, TINY), network.begin(2)
    whole = network(line, struck, voice, said, before)
    for step in range(STEPS):
        wanted = network.step(line[:, step], struck[:, step], voice, before[:, step], past)
        for field, scores in enumerate(whole):
            one = network.field_scores(wanted, field, said[:, step], before[:, step])
            assert torch.allclose(one, scores[:, step], atol=1e-5)


@torch.no_grad()
def test_a_field_knows_those_before_it_and_none_after() -> None:
    network = Delivery(TINY).eval()
    line, struck, voice, said = told(np.random.default_rng(3))
    before = shifted(said, TINY)
    whole = network(line, struck, voice, said, before)
    for changed in range(len(TINY.sizes)):
        other = said.clone()
        other[..., changed] = (other[..., changed] + 1) % TINY.sizes[changed]
        for field, (one, two) in enumerate(zip(whole, network(line, struck, voice, other, before), strict=True)):
            assert torch.equal(one, two) == (field <= changed)


def test_before_the_first_nothing_was_said() -> None:
    said = told(np.random.default_rng(4))[3]
    before = shifted(said, TINY)
    assert before[0, 0].tolist() == nothing(TINY) == [0, 0, 0, CENTRE]
    assert torch.equal(before[:, 1:], said[:, :-1])


def test_in_a_rest_loudness_only_falls() -> None:
    scores = torch.zeros(4, 48)
    left = hushed(scores, torch.tensor([REST, REST, REST, SUSTAIN]), torch.tensor([5, 1, 0, 5])).isfinite()
    assert left.sum(-1).tolist() == [5, 1, 1, 48]
    assert left[:, 0].all()


def test_sound_of_tokens() -> None:
    """A breath, a note struck, held and released, another from silence."""
    phonation = [BREATH, ONSET, SUSTAIN, REST, REST, ONSET]
    line = history(phonation, [0, 33, 33, 0, 0, 21])  # A4, A3
    said = np.array([[10, 0, 40], [31, 0, 20], [41, 0, 32], [21, 0, 32], [0, 0, 32], [41, 0, 32]])
    level, f0 = sound(line, said)
    assert level[:, 1].tolist() == [-55.5, -24.0, -9.0, -39.0, SILENT, -9.0]
    assert level[:, 0].tolist() == [-55.5, (-55.5 - 24) / 2, (-24 - 9) / 2, (-9 - 39) / 2, SILENT, -9.0]
    first = 440.0 * 2 ** (DEVIATION_CENTS[20] / 1200)
    assert np.allclose(f0[:, 1], [0, first, 440, 440, 440, 220])
    assert np.allclose(f0[:, 0], [0, first, (440 * first) ** 0.5, 440, 440, 220])


def test_touch_is_the_stroke_and_what_still_rings() -> None:
    rows = piano.rows(piano.events_of([0], [500], [60], [127]), 64)
    struck = touch(rows)
    assert struck[:3, 0].tolist() == [0.0, 1.0, 0.0]
    assert np.allclose(struck[1:, 1], np.exp(-0.016 * np.arange(1, 64)), atol=1e-5)
