"""What the delivery learns from, that it learns, goes on where it was, and is shipped."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from needs import needs

needs("torch")
import torch  # noqa: E402
from singing_songs import write_songs  # noqa: E402

from ripieno.models import card as cards  # noqa: E402
from ripieno.models.checkpoint import CheckpointError  # noqa: E402
from ripieno.models.collection import CorpusError  # noqa: E402
from ripieno.models.singing import delivered, deliveries, delivery_corpus, export_delivery, songs, syllables  # noqa: E402
from ripieno.models.singing import train_delivery as training  # noqa: E402
from ripieno.models.singing.codec import Codec, CodecShape, stored_arrays  # noqa: E402
from ripieno.models.singing.deliveries import Excerpts, Lesson  # noqa: E402
from ripieno.models.singing.delivery import CENTRE, Delivery, Shape  # noqa: E402
from ripieno.models.singing.frames import BANDS, BLOCK, NOISES, PERIOD, Frames  # noqa: E402
from ripieno.models.singing.recordings import Phoneme, Sung, label  # noqa: E402
from ripieno.models.singing.representation import HISTORY_SIZES, ONSET, REST, SUSTAIN  # noqa: E402

CODEC = CodecShape(2, 8, 4, 16, 1)
SHAPE = Shape(32, 1, 1, 48, 24, 16, 2, 2, 8)
OPTIONS = training.Options(steps=6, batch=2, blocks=20, rate=1e-2, dropout=0.0, seed=1)
LEVEL = -20.0


def frames_of(seconds: float, hertz: float = 220.0) -> Frames:
    count = round(seconds / PERIOD)
    bands = np.random.default_rng(0).normal(0.0, 3.0, (count, BANDS)).astype(np.float32)
    full = [np.full(count, value, np.float32) for value in (hertz, LEVEL)]
    return Frames(*full, bands, np.full((count, NOISES), -30.0, np.float32))


def recording() -> tuple[Frames, list[Phoneme]]:
    ends = np.cumsum([0.2, 0.1, 0.8, 0.2, 0.4, 0.1, 0.6])
    names = ["pau", "m", "a", "pau", "br", "pau", "a"]
    starts = [0.0, *ends[:-1]]
    return frames_of(ends[-1]), [Phoneme(*each) for each in zip(starts, ends, names, strict=True)]


def stage(folder: Path) -> delivery_corpus.Stage:
    """Two voices that are one, a recording to sing and one held out, songs, and a codec that has learnt nothing."""
    frames, phonemes = recording()
    cut, found, breaths = syllables.cut(frames, phonemes)
    voices = [syllables.Voice(name, cut, tuple(found), tuple(breaths), 50, 64) for name in ("one", "two")]
    sung = frames, label(frames, phonemes)
    recordings = {"kept": sung, delivery_corpus.voices.HELD_OUT[0]: sung}
    write_songs(folder)
    torch.manual_seed(0)
    train, valid = (songs.load(folder, split) for split in ("train", "valid"))
    return delivery_corpus.Stage(voices, recordings, train, valid, Codec(CODEC).eval(), "tag")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"BLOCKS": 300, "LESSONS": 2, "HELD_OUT_LESSONS": 1, "AGAIN": 2}.items():
        monkeypatch.setattr(delivery_corpus, name, value)


def test_a_singing_as_tokens() -> None:
    """Loudness follows the piano; a rest is silent though the recording is not; codes are taken over."""
    phonation = np.array([REST] * 5 + [ONSET] + [SUSTAIN] * 60 + [REST] * 5)
    frames, note = frames_of(71 * BLOCK * PERIOD), np.full(71, 21)
    frames.level[:10] = frames.level[-10:] = -60.0
    frames.f0[20:24] = 0.0
    touch = np.zeros((71, 2))
    touch[30:, 1] = 0.9
    codes = np.arange(142).reshape(71, 2) % 8
    found = deliveries.lesson(frames, Sung(phonation, note, np.full(142, 7.0)), codes, touch)
    loudness = found.said[:, 0]
    assert (loudness[:5] == 0).all()
    assert (loudness[-5:] == 0).all()
    assert loudness[28] < loudness[60]
    assert np.array_equal(found.said[:, 1:3], codes)
    assert abs(deliveries.deviation_token(7.0) - found.said[:, 3]).max() == 0
    assert (found.weight[10:12, 3] == 0).all()
    assert (found.weight[12:66, 3] == 1).all()
    assert (found.weight[:5, 0] == 0).all()
    assert (found.weight[:5, 1] == np.float16(deliveries.UNHEARD)).all()


def test_loudness_follows_slowly_and_not_too_far() -> None:
    touch = np.zeros((500, 2))
    touch[250:] = 1.0
    gain = deliveries.following(touch)
    assert gain[249] == -deliveries.FOLLOW_MOST
    assert gain[-1] == deliveries.FOLLOW_MOST
    assert abs(np.diff(gain)).max() < 1.0


def test_a_release_only_falls() -> None:
    phonation = np.array([REST, SUSTAIN, REST, REST, REST, REST, SUSTAIN, REST])
    loudness = np.array([7, 40, 42, 30, 31, 0, 20, 9])
    assert deliveries.released(loudness, phonation).tolist() == [0, 40, 39, 30, 29, 0, 20, 9]


def random_lesson(blocks: int, seed: int) -> Lesson:
    """One whose codes follow from its notes, so that there is something to learn."""
    rng = np.random.default_rng(seed)
    line = np.stack([rng.integers(0, size, blocks) for size in HISTORY_SIZES], 1)
    said = np.column_stack([line[:, 2] % 48, line[:, 2] % 8, line[:, 0], np.full(blocks, CENTRE)])
    return Lesson(
        line.astype(np.uint8),
        said.astype(np.uint16),
        rng.random((blocks, 2)).astype(np.float16),
        np.ones((blocks, 4), np.float16),
    )


def singing() -> training.Singing:
    voices = [[random_lesson(60, seed) for seed in (voice, voice + 2)] for voice in range(2)]
    return training.Singing(voices, voices, [1.0, 1.0])


def test_lessons_are_kept(tmp_path: Path) -> None:
    lessons = [random_lesson(30, 0), random_lesson(50, 1)]
    deliveries.write(tmp_path / "one.npz", lessons)
    for one, other in zip(lessons, deliveries.read(tmp_path / "one.npz"), strict=True):
        assert all(np.array_equal(getattr(one, name), getattr(other, name)) for name in vars(one))
    (tmp_path / "two.npz").write_bytes(b"PK")
    with pytest.raises(CorpusError, match=r"two\.npz: no lessons of a delivery"):
        deliveries.read(tmp_path / "two.npz")


def test_excerpts_know_the_block_before() -> None:
    lessons = [random_lesson(60, 0)]
    drawn = Excerpts([lessons], [1.0], SHAPE, 20)
    batch = drawn.batch(np.random.default_rng(0), 30)
    assert torch.equal(batch.before[:, 1:], batch.said[:, :-1])
    said = [tuple(row) for row in lessons[0].said.tolist()]
    follow = set(zip([(0, 0, 0, CENTRE), *said[:-1]], said, strict=True))
    drawn_firsts = zip(batch.before[:, 0].tolist(), batch.said[:, 0].tolist(), strict=True)
    assert {(tuple(before), tuple(first)) for before, first in drawn_firsts} <= follow
    with pytest.raises(CorpusError, match="voice 0 sings nothing longer than 60 blocks"):
        Excerpts([lessons], [1.0], SHAPE, 60)


def test_the_corpus_is_made_once(tmp_path: Path, small: None) -> None:
    told = stage(tmp_path)
    train, valid = delivery_corpus.build(told, tmp_path / "lessons", 1)
    assert [len(voice) for voice in train] == [4, 2]
    assert [len(voice) for voice in valid] == [2, 1]
    files = sorted((tmp_path / "lessons").glob("*.npz"))
    kept = {path: path.stat().st_mtime_ns for path in files}
    files[0].unlink()
    again, _ = delivery_corpus.build(told, tmp_path / "lessons", 1)
    assert {path: path.stat().st_mtime_ns for path in files[1:]} == {path: kept[path] for path in files[1:]}
    assert all(np.array_equal(one.said, other.said) for one, other in zip(train[0], again[0], strict=True))
    assert (train[1][0].line[:, 0] == ONSET).any()
    assert train[1][0].said[:, 0].max() > 20


def test_it_learns(tmp_path: Path) -> None:
    trained = training.train(singing(), tmp_path, SHAPE, training.Options(120, 8, 20, 1e-2, 0.0, 1))
    with torch.no_grad():
        first = training.losses(Delivery(SHAPE), trained.checks[0])
    assert (torch.tensor(trained.valid["120"]) < 0.5 * first).all()


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    """Six steps, and three and three, are the same network."""
    once = training.train(singing(), tmp_path / "once", SHAPE, OPTIONS)
    half = training.Training(singing(), tmp_path / "twice", SHAPE, OPTIONS)
    for _ in range(3):
        half.learn()
    half.save()
    twice = training.train(singing(), tmp_path / "twice", SHAPE, OPTIONS)
    assert all(torch.equal(a, b) for a, b in zip(once.network.parameters(), twice.network.parameters(), strict=True))


def test_what_it_would_have_said_is_heard_where_it_is_loud() -> None:
    torch.manual_seed(0)
    network, batch = (
        Delivery(SHAPE),
        Excerpts([[random_lesson(60, 0)]], [1.0], SHAPE, 20).batch(np.random.default_rng(0), 16),
    )
    believed = training.own(network, batch, 0.5).before
    other = (believed != batch.before).any(-1)
    assert 0.2 < other.float().mean() < 0.6
    assert not other[:, 0].any()
    assert not other[batch.before[..., 0] == 0].any()
    assert torch.equal(training.own(network, batch, 0.0).before, batch.before)


def test_drawing() -> None:
    scores = torch.log(torch.tensor([[0.6, 0.3, 0.1]])).expand(4000, 3)
    random = torch.Generator().manual_seed(0)
    shares = delivered.draw(scores, delivered.Sampling(), random).bincount(minlength=3) / 4000
    assert torch.allclose(shares, torch.tensor([0.6, 0.3, 0.1]), atol=0.03)
    cut = delivered.draw(scores, delivered.Sampling(1.0, 0.7), random).bincount(minlength=3) / 4000
    assert torch.allclose(cut, torch.tensor([2 / 3, 1 / 3, 0.0]), atol=0.03)
    assert delivered.draw(scores, delivered.Sampling(0.0)).eq(0).all()


def test_figures_of_a_held_note() -> None:
    """Half of the codes change; the pitch lies 7.5 cents off; loudness steps by one token at every second block."""
    line = np.tile([SUSTAIN, 10, 20, 24], (1, 40, 1))
    said = np.zeros((1, 40, 4), int)
    said[..., 0] = 30 + np.arange(40) // 2 % 2
    said[..., 1] = np.arange(40) // 2
    said[..., 3] = deliveries.deviation_token(7.5)
    found = delivered.figures(line, said)
    assert found["changes 1"] == pytest.approx(19 / 39)
    assert found["changes 2"] == 0.0
    assert found["loudness step"] == pytest.approx(1.5 * 19 / 39)
    assert found["deviation median"] == pytest.approx(7.5, abs=0.8)


def test_it_is_shipped(tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    told = stage(tmp_path)
    codec = tmp_path / "codec.safetensors"
    cards.write(codec, stored_arrays(told.codec.state_dict()), {"format": 1, "shape": asdict(CODEC)})
    monkeypatch.setattr(export_delivery, "set_stage", lambda *_: told)
    monkeypatch.setattr(export_delivery, "BLOCKS", 60)
    monkeypatch.setattr(export_delivery, "TEMPERATURES", (0.5, 1.0))
    monkeypatch.setattr(export_delivery.voices, "VOICES", ("one", "two"))
    lessons = delivery_corpus.build(told, tmp_path / training.NAME / "lessons", 1)
    training.train(training.Singing(*lessons, [1.0, 1.0]), tmp_path / training.NAME, SHAPE, OPTIONS, told.codec)
    path = export_delivery.export(tmp_path, tmp_path, codec, tmp_path, tmp_path / "out", 1)
    card, arrays = cards.read(path, {"format": 1}, ("shape", "sampling", "voices", "metrics"))
    assert card["model"] == "delivery"
    assert set(card["sampling"]) == {"loudness", "codes", "deviation"}
    assert {"one: corpus, free", "two: corpus, free"} < set(card["metrics"])
    Delivery(Shape(**card["shape"])).load_state_dict({k: torch.from_numpy(v) for k, v in arrays.items()})


def test_without_a_checkpoint_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint of a delivery"):
        export_delivery.read_delivery(tmp_path)
    (tmp_path / "checkpoint.json").write_text(json.dumps({"step": 1}))
    with pytest.raises(CheckpointError, match="train it first"):
        export_delivery.read_delivery(tmp_path)
