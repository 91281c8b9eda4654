"""The singer's tokens: levels, deviations and ages there and back, and what a line's history tells."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ripieno.models.singing import representation as rep


def test_deviations_are_fine_in_the_middle_and_odd() -> None:
    cents = rep.DEVIATION_CENTS
    assert len(cents) == rep.DEVIATIONS
    assert cents[rep.DEVIATIONS // 2] == 0.0
    np.testing.assert_array_equal(cents, -cents[::-1])
    widths = np.diff(cents[rep.DEVIATIONS // 2 :])
    assert widths[0] == 1.5
    assert (np.diff(widths) >= 0).all()
    assert cents[-1] == 250.0
    np.testing.assert_array_equal(rep.deviation_token(cents), np.arange(rep.DEVIATIONS))
    assert rep.deviation_token([-1e9, 1e9]).tolist() == [0, rep.DEVIATIONS - 1]


def test_levels_come_back_within_half_a_step() -> None:
    level = np.linspace(-70.0, 0.0, 200)
    assert np.abs(rep.loudness_level(rep.loudness_token(level)) - level).max() <= rep.LOUDNESS_STEP / 2 + 1e-9
    assert rep.loudness_token([-200.0, 40.0]).tolist() == [0, rep.LOUDNESSES - 1]


def test_ages_fall_into_growing_buckets() -> None:
    assert rep.age_bucket(rep.AGE_EDGES).tolist() == list(range(rep.AGES))
    assert rep.age_bucket([5, 7, 10_000]).tolist() == [4, 5, rep.AGES - 1]


phonations = st.lists(st.integers(0, 3), min_size=1, max_size=60)


@given(phonations, st.integers(0, 2**31))
def test_history_is_what_counting_gives(drawn: list[int], seed: int) -> None:
    notes = np.random.default_rng(seed).integers(0, rep.NOTES, len(drawn))
    phonation, age, note, interval = rep.NOTHING_SUNG
    kind, blocks = rep.REST, 0
    found = rep.history(drawn, notes)
    for block, token in enumerate(drawn):
        now = rep.ONSET if token == rep.SUSTAIN else token
        blocks = 0 if now != kind or token == rep.ONSET else blocks + 1
        kind = now
        if token == rep.ONSET:
            interval = rep.NO_INTERVAL if note == rep.NO_NOTE else int(rep.interval_token(notes[block] - note))
            note = int(notes[block])
        phonation, age = token, int(rep.age_bucket(blocks))
        assert found[block].tolist() == [phonation, age, note, interval]


def test_only_a_note_goes_on_and_a_breath_ends() -> None:
    assert rep.may_follow(rep.REST, 100) == (True, True, True, False)
    assert rep.may_follow(rep.ONSET, 0) == rep.may_follow(rep.SUSTAIN, 9) == (True, True, True, True)
    assert rep.may_follow(rep.BREATH, rep.BREATH_LONGEST - 2) == (True, True, True, False)
    assert rep.may_follow(rep.BREATH, rep.BREATH_LONGEST - 1) == (True, False, True, False)
