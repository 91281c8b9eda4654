"""The pull of the key that was heard, with a network that finds all pitches as likely."""

import numpy as np
import pytest

from ripieno.native.transformer import Choice, Decoder, Sampling, Transformer, TransformerConfig

CONFIG = TransformerConfig(dim=16, layers=1, heads=1, hidden=16, field=16)
FLAT = Transformer({name: np.zeros(shape) for name, shape in CONFIG.shapes().items()}, CONFIG, "fp32")
PIANO, DRUMS = 1, 65
C_MAJOR, F_SHARP_MAJOR = (0, 2, 4, 5, 7, 9, 11), (6, 8, 10, 11, 1, 3, 5)
SAMPLING = (Sampling(),) * 7


def heard(pitches: list[int], code: int = PIANO) -> Decoder:
    """A decoder that has heard a piece's beginning and these notes."""
    decoder = Decoder(FLAT, 1024)
    rows = [[0] * 8, [2] + [0] * 7, *([3, 1, 1, code, pitch + 1, 12, 16, 0] for pitch in pitches)]
    decoder.absorb(rows, [0, 0, *(12 * (n + 1) for n in range(len(pitches)))])
    return decoder


def shares(decoder: Decoder, pull: float, code: int = PIANO, count: int = 3000) -> np.ndarray:
    """[12] shares of the pitch classes among notes drawn one by one, none of which is heard."""
    found = np.zeros(12)
    length = decoder.length
    for seed in range(count):
        choice = Choice(SAMPLING, ranges={code: (0, 119)}, pull=pull)
        events, _, _ = decoder.generate(choice, seed, room=1)
        found[(events[0, 4] - 1) % 12] += 1
        decoder.rewind(length)
    return found / count


def song(scale: tuple[int, ...], count: int) -> list[int]:
    return [60 + int(step) for step in np.random.default_rng(1).choice(scale, count)]


@pytest.mark.parametrize("scale", [C_MAJOR, F_SHARP_MAJOR])
def test_it_draws_into_the_key_and_forbids_nothing(scale: tuple[int, ...]) -> None:
    found = shares(heard(song(scale, 80)), 1.0)
    assert found[list(scale)].sum() == pytest.approx(0.9, abs=0.02)
    assert found[list(scale)] == pytest.approx(0.9 / 7, abs=0.025)
    assert (found > 0).all()


def test_stronger_draws_more_and_none_draws_nowhere() -> None:
    decoder = heard(song(C_MAJOR, 80))
    weak, strong = (shares(decoder, pull)[list(C_MAJOR)].sum() for pull in (0.4, 2.0))
    assert shares(decoder, 0.0) == pytest.approx(1 / 12, abs=0.02)
    assert 7 / 12 + 0.05 < weak < 0.85 < 0.95 < strong


def test_it_follows_a_change_of_key() -> None:
    found = shares(heard(song(C_MAJOR, 150) + song(F_SHARP_MAJOR, 150)), 1.0)
    assert found[list(F_SHARP_MAJOR)].sum() > 0.85


def test_who_has_heard_nothing_or_drums_is_drawn_nowhere() -> None:
    assert shares(heard([]), 1.0) == pytest.approx(1 / 12, abs=0.02)
    assert shares(heard(song(C_MAJOR, 80), DRUMS), 1.0) == pytest.approx(1 / 12, abs=0.02)


def test_drums_are_not_drawn() -> None:
    assert shares(heard(song(C_MAJOR, 80)), 1.0, DRUMS) == pytest.approx(1 / 12, abs=0.02)
