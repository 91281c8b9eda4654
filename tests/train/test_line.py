"""The line in torch: its facts, its guidance, singing freely, learning, its reward stage, and what is exported."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from singing_songs import write_songs

from needs import needs

needs("torch")
import torch  # noqa: E402

from ripieno.models import card as cards  # noqa: E402
from ripieno.models.checkpoint import CheckpointError  # noqa: E402
from ripieno.models.singing import export, practice, representation, reward, rollout, songs, stream, train_line  # noqa: E402
from ripieno.models.singing.line import FACTS, GUIDANCE_FACT, SHAPES, Line, facts, lean, sounds, tire  # noqa: E402
from ripieno.models.singing.metrics import line as line_of  # noqa: E402
from ripieno.models.singing.representation import (  # noqa: E402
    BREATH,
    BREATH_LONGEST,
    NO_NOTE,
    NOTE_LOW,
    NOTES,
    ONSET,
    REST,
    SUSTAIN,
)
from ripieno.native import piano  # noqa: E402

OPTIONS = train_line.Options("tiny", 60, 4, 96, 1e-2, 0.0, 0)


def chord(*keys: int, blocks: int = 60) -> torch.Tensor:
    """Rows of a chord that is held."""
    events = piano.events_of([0] * len(keys), [100_000] * len(keys), list(keys), [90] * len(keys))
    return torch.from_numpy(piano.rows(events, blocks))


@pytest.fixture
def line() -> Line:
    torch.manual_seed(0)
    return Line(SHAPES["tiny"]).eval()


# ---- the network ----


@pytest.mark.parametrize("by", [1, 5, 7])
def test_facts_are_told_relative_to_the_note(by: int) -> None:
    one, other = (chord(48 + shift, 52 + shift, 55 + shift)[30] for shift in (0, by))
    low, high = (facts(rows, torch.tensor(64 + shift - NOTE_LOW)) for rows, shift in ((one, 0), (other, by)))
    height, top = 72 + 9, 72 + 9 + 3
    same = [index for index in range(FACTS) if index not in (height, top)]
    torch.testing.assert_close(low[same], high[same])
    assert high[height] - low[height] == pytest.approx(by / 24)


def test_of_no_note_only_the_piano_is_told() -> None:
    found = facts(chord(48, 52)[30], torch.tensor([NO_NOTE, 64 - NOTE_LOW, 65 - NOTE_LOW]), 4.0)
    assert not found[0, :82].any()
    torch.testing.assert_close(found[0, 82:88], found[1, 82:88])
    assert (found[:, GUIDANCE_FACT] == 0.5).all()
    assert found[:, 88].tolist() == [0, 1, 0]  # 64 sounds, four octaves of it or one
    assert found[:, 89].tolist() == [1, 1, 1]


def test_guidance_is_for_what_clashes_alone(line: Line) -> None:
    rows = torch.stack([chord(48, 52)[30], chord(48, 52)[30], torch.zeros(piano.ROW), chord(48, 52)[30]])
    history = torch.tensor([[SUSTAIN, 3, 29, 24], [SUSTAIN, 3, 28, 24], [SUSTAIN, 3, 29, 24], [REST, 3, 29, 24]])
    stream = torch.randn(4, SHAPES["tiny"].dim)
    with torch.no_grad():
        gain = line.phonation(stream, rows, history, 2.0) - line.phonation(stream, rows, history, 0.0)
        notes = line.note(stream, rows, history[:, 2], 2.0) - line.note(stream, rows, history[:, 2], 0.0)
    expected = torch.zeros(4, 4)
    expected[0, ONSET] = 2.0  # 65 clashes; 64 does not; nothing sounds; nothing is sung
    torch.testing.assert_close(gain, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(notes, sounds(rows[:, None], torch.arange(NOTES)).float(), atol=1e-5, rtol=0)


def test_activity_leans_to_singing_or_to_silence() -> None:
    history = torch.tensor([[REST, 0, 48, 49], [BREATH, 0, 48, 49], [ONSET, 0, 5, 49], [SUSTAIN, 4, 5, 49]])
    busy, lazy, learnt = (lean(torch.zeros(4, 4), history, activity) for activity in (1.0, 0.0, 0.5))
    assert (busy.softmax(-1)[:, REST] < 0.1).all()
    assert (lazy[:2].softmax(-1)[:, [BREATH, ONSET]] < 0.1).all()
    assert (lazy[2:].softmax(-1)[:, [REST, BREATH]].sum(-1) > 0.9).all()
    assert not learnt.any()


def test_guidance_lets_a_note_begin(line: Line) -> None:
    rows = chord(48, 52)[[30]].repeat(3, 1)
    history = torch.tensor([[ONSET, 0, 29, 24], [SUSTAIN, 1, 29, 24], [SUSTAIN, 2, 29, 24]])
    with torch.no_grad():
        heard = torch.randn(3, SHAPES["tiny"].dim)
        gain = line.phonation(heard, rows, history, 2.0) - line.phonation(heard, rows, history, 0.0)
    torch.testing.assert_close(gain[:, ONSET], torch.tensor([0.0, 0.0, 2.0]), atol=1e-5, rtol=0)


def test_a_note_or_two_struck_again_and_again_make_way() -> None:
    notes = [20, 22] * 5 + [22, 20, 25] + [25] * 9
    told = torch.from_numpy(representation.history([ONSET] * len(notes), notes))
    pair, strikes = stream.struck_until(told)
    assert strikes.tolist() == [0, *range(11), 0, *range(1, 10)]
    assert pair[0].tolist() == [NOTES, 20]
    assert pair[-1].tolist() == [20, 25]
    lost = tire(torch.zeros(len(notes), NOTES), pair, strikes)
    assert not lost[:8].any()
    assert lost[11, [20, 22, 25]].tolist() == [-4.0, -4.0, 0.0]
    assert lost[21, [20, 22, 25]].tolist() == [-3.0, 0.0, -3.0]


def test_a_sequence_goes_on_from_a_ring_as_step_by_step(line: Line) -> None:
    rows = torch.rand(2, 130, piano.ROW)
    history = torch.tensor(representation.NOTHING_SUNG).expand(2, 130, 4)
    cache = line.tower.cache(2)
    with torch.no_grad():
        for block in range(100):  # more than the window of 48
            line.step(rows[:, block], history[:, block], cache)
        whole = reward.stream_after(line, rows[:, 100:], history[:, 100:], cache)
        steps = [line.step(rows[:, block], history[:, block], cache) for block in range(100, 130)]
    torch.testing.assert_close(whole, torch.stack(steps, 1), atol=1e-5, rtol=1e-4)


# ---- singing freely ----


def test_what_is_sung_can_be_sung(line: Line) -> None:
    rows = torch.stack([chord(48, 52, 55, blocks=400), torch.rand(400, piano.ROW)])
    rows[1, :, piano.SILENCE] = 0.0
    rows[0, 200:, piano.SILENCE] = torch.linspace(0.0, 1.0, 200)
    sung = rollout.sing(line, rows, rollout.Manner(3.0, low=60, high=70), torch.Generator().manual_seed(1))
    for phonation, note, told in zip(sung.phonation.numpy(), sung.note.numpy(), sung.history.numpy(), strict=True):
        ages = representation.ages(phonation)
        for block in range(1, 400):
            assert representation.may_follow(phonation[block - 1], ages[block - 1])[phonation[block]]
        voiced = phonation >= ONSET
        assert ((note[voiced] + NOTE_LOW >= 60) & (note[voiced] + NOTE_LOW <= 70)).all()
        assert ages[phonation == BREATH].max(initial=0) < BREATH_LONGEST
        np.testing.assert_array_equal(told[1:], representation.history(phonation, note)[:-1])
    rests = 200 + int(np.ceil(200 * rollout.ENDS / rollout.SILENCE_UNIT)) + 1
    assert (sung.phonation[0, rests:] == REST).all()


def test_the_likeliest_is_always_the_same(line: Line) -> None:
    rows = chord(50, 53, 57, blocks=80)[None]
    greedy = rollout.Manner(1.0, temperature=0.0)
    one, other = (rollout.sing(line, rows, greedy) for _ in range(2))
    torch.testing.assert_close(one.history, other.history)


# ---- learning ----


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_songs(tmp_path_factory.mktemp("songs"), 200)


def test_training_learns_and_goes_on_from_a_checkpoint(data: Path, tmp_path: Path) -> None:
    whole = train_line.train(data, tmp_path / "whole", OPTIONS)
    first = train_line.Training(data, tmp_path / "none", OPTIONS).check()
    assert sum(whole.valid["60"]) < 0.5 * sum(first)
    train_line.train(data, tmp_path / "parts", replace(OPTIONS, steps=60)).save()
    parts = train_line.Training(data, tmp_path / "parts", OPTIONS)
    parts.resume()
    assert parts.step == 60
    for one, other in zip(whole.line.parameters(), parts.line.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_a_note_that_began_wrong_is_not_learnt(line: Line) -> None:
    batch = train_line.Batch(
        chord(48, 52, 55, blocks=3)[None],
        torch.tensor([[[REST, 0, NO_NOTE, 49], [ONSET, 0, 20, 49], [SUSTAIN, 1, 20, 49]]]),
        torch.tensor([[ONSET, SUSTAIN, ONSET]]),
        torch.tensor([[20, 20, 24]]),
        torch.tensor([[False, False, True]]),
    )
    other = replace(batch, note=torch.tensor([[13, 13, 24]]))
    torch.testing.assert_close(train_line.losses(line, batch), train_line.losses(line, other))
    asked = replace(batch, asked=torch.tensor([[True, False, True]]))
    assert train_line.losses(line, asked)[1] != train_line.losses(line, replace(asked, note=other.note))[1]


# ---- the reward stage ----


def sung(phonation: list[int], note: int) -> rollout.Sung:
    """One line of one note."""
    history = torch.from_numpy(representation.history(phonation, [note] * len(phonation)))[None]
    pair, strikes = stream.struck_until(history[0])
    return rollout.Sung(
        torch.tensor([phonation]), torch.full((1, len(phonation)), note), history, pair[None], strikes[None]
    )


def test_chord_tones_are_worth_more_than_clashes_and_longer_clashes_least() -> None:
    rows, phonation = chord(48, 52, 55, blocks=41)[None, 1:], [ONSET] + [SUSTAIN] * 39
    (tone, none), (clash, lasts) = (
        reward.rewards(rows, sung(phonation, pitch - NOTE_LOW), torch.zeros(1)) for pitch in (64, 65)
    )
    assert (tone[:, 2:] > 0).all()
    assert (clash[:, 2:] < 0).all()
    assert (clash[:, 3:].diff() <= 0).all()
    assert none == 0
    assert lasts == 40
    going_on, _ = reward.rewards(rows, sung(phonation, 65 - NOTE_LOW), lasts)
    assert (going_on[:, 2:10] < clash[:, 2:10]).all()


def test_silence_is_better_than_singing_alone_and_far_notes_are_worth_less() -> None:
    silent = torch.zeros(1, 10, piano.ROW)
    silent[..., piano.SILENCE] = 0.2
    assert (reward.rewards(silent, sung([SUSTAIN] * 10, 28), torch.zeros(1))[0] < 0).all()
    assert not reward.rewards(silent, sung([REST] * 10, 28), torch.zeros(1))[0].any()
    rows = chord(48, blocks=10)[None]
    near, far = (reward.rewards(rows, sung([REST] * 9 + [ONSET], note), torch.zeros(1))[0] for note in (24, 0))
    assert near[0, -1] > far[0, -1]


def test_advantages_are_discounted_sums_less_the_value() -> None:
    worth, value = torch.rand(1, 30), torch.zeros(1, 30)
    gain, target = reward.advantages(worth, value)
    powers = (reward.FORESIGHT * reward.SMOOTH) ** torch.arange(30)
    expected = torch.stack([(worth[0, start:] * powers[: 30 - start]).sum() for start in range(30)])
    torch.testing.assert_close(gain[0], expected)
    torch.testing.assert_close(target, gain)


def test_habits_are_mended_towards_peoples() -> None:
    """Too few notes and rests, all of them leaps, and endless silences: then a note is likelier to begin or to end and
    to be near, and a long silence to end with a breath."""
    torch.manual_seed(0)
    line = Line(SHAPES["tiny"])
    torch.nn.init.normal_(line.phonation_scores.weight, std=0.5)
    habit = reward.Habit(practice.habits([line_of(([60] * 10 + [62] * 10 + [-1] * 25 + [62] * 20 + [-1] * 70) * 8)]))
    rows, stream = chord(48, 52, 55)[40].expand(64, -1), torch.randn(64, SHAPES["tiny"].dim)

    @torch.no_grad()
    def chances(phonation: int, age: int) -> torch.Tensor:
        told = torch.tensor([phonation, representation.age_bucket(age), 24, 26]).expand(64, -1)
        return line.phonation(stream, rows, told).softmax(-1).mean(0)

    @torch.no_grad()
    def near() -> torch.Tensor:
        return line.note(stream, rows, torch.tensor(24).expand(64)).softmax(-1)[:, 22:27].sum()

    habit.mend(line, 1.0)  # nothing was heard yet
    sings, silent, nearness = chances(SUSTAIN, 30), chances(REST, 200), near()
    habit.counted = practice.habits([line_of(([60] * 100 + [70] * 100) * 10 + [-1] * 5000)])
    habit.mend(line, 0.3)
    assert (chances(SUSTAIN, 30)[[REST, ONSET]] > sings[[REST, ONSET]]).all()
    assert chances(REST, 200)[BREATH] > silent[BREATH]
    assert near() > nearness


def test_the_stage_runs_goes_on_and_is_exported(data: Path, tmp_path: Path) -> None:
    train_line.train(data, tmp_path / train_line.NAME, replace(OPTIONS, steps=2))
    options = reward.Options("tiny", 3, 6, 32, 2, 1e-3, 3.0, 0.5, 2, 0)
    stage = reward.run(data, tmp_path / reward.NAME, options, tmp_path / train_line.NAME)
    again = reward.run(data, tmp_path / reward.NAME, replace(options, steps=5), tmp_path / train_line.NAME)
    assert (stage.step, again.step) == (3, 5)
    path = export.export(tmp_path / reward.NAME, data, tmp_path / "out")
    card, arrays = cards.read(path, {"format": export.FORMAT}, ("shape", "data", "training", "follow"))
    assert card["follow"] == 3.0
    assert card["data"]["pop"]["songs"] == len(songs.load(data, "train", ("pop",)))
    assert set(arrays) == set(again.line.state_dict())
    torch.testing.assert_close(
        torch.from_numpy(arrays["row.weight"]).float(), again.line.row.weight.detach(), atol=1e-3, rtol=1e-3
    )


def test_there_must_be_a_checkpoint_to_export(data: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="train it first"):
        export.export(tmp_path, data, tmp_path)
