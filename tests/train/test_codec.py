"""The codec of timbre in PyTorch: it hears only the past, its codes are what they say, and it learns and goes on."""

import json
from pathlib import Path

import numpy as np
import pytest

from needs import needs

needs("torch")
import torch  # noqa: E402

from ripieno.models import card as cards  # noqa: E402
from ripieno.models.singing import frames, syllables, train_codec, voices  # noqa: E402
from ripieno.models.singing.codec import INPUTS, SHAPES, Codebooks, Codec, stored_arrays  # noqa: E402
from ripieno.models.singing.frames import BANDS, BLOCK, NOISES, PERIOD, SHAPE, Frames  # noqa: E402
from ripieno.models.singing.recordings import Phoneme  # noqa: E402

TINY = SHAPES["tiny"]


def random_blocks(count: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(-10, 8, (count, INPUTS)).astype(np.float32))


@pytest.fixture
def codec() -> Codec:
    torch.manual_seed(1)
    made = Codec(TINY).eval()
    made.prepare(random_blocks(200))
    torch.nn.init.normal_(made.decoder.last.weight, std=0.3)
    return made


# ---- The network ----


def test_codes_hear_only_the_past(codec: Codec) -> None:
    blocks = random_blocks(20)[None]
    changed = blocks.clone()
    changed[:, 12:] += 30.0
    one, other = codec.encode(blocks), codec.encode(changed)
    assert torch.equal(one[:, :12], other[:, :12])
    assert not torch.equal(one[:, 12:], other[:, 12:])


def test_a_block_is_decoded_from_the_past_alone_and_from_its_own_code(codec: Codec) -> None:
    codes = torch.randint(TINY.size, (1, 20, TINY.stages))
    changed = codes.clone()
    changed[:, 12:] = (changed[:, 12:] + 1) % TINY.size
    one, other = codec.decode(codes), codec.decode(changed)
    assert torch.equal(one[:, :12], other[:, :12])
    assert (one[:, 12] - other[:, 12]).abs().max() > 1e-3


def test_a_point_keeps_a_share_of_the_last(codec: Codec) -> None:
    books = codec.codebooks
    codes = torch.randint(TINY.size, (1, 3, TINY.stages))
    new = sum(books.entries[stage][codes[0, :, stage]] for stage in range(TINY.stages))
    points = books.decode(codes)[0]
    assert torch.allclose(points[0], new[0])
    assert torch.allclose(points[2], 0.7 * (0.7 * new[0] + new[1]) + new[2], atol=1e-6)


def test_what_is_made_of_codes_is_coded_as_they_are() -> None:
    torch.manual_seed(3)
    books = Codebooks(2, 8, 4, 0.7)
    books.entries[1] *= 0.01  # the second stage says little, so that the nearest sum is the one that was meant
    codes = torch.randint(8, (2, 10, 2))
    again, new = books.encode(books.decode(codes))
    assert torch.equal(again, codes)
    assert torch.allclose(new, books.look_up(codes), atol=1e-5)


def test_more_beginnings_come_nearer(codec: Codec) -> None:
    new = torch.randn(300, TINY.dim)
    far = [((new - codec.codebooks.look_up(codec.codebooks.nearest(new, beam))) ** 2).sum(-1) for beam in (1, 6)]
    assert far[1].mean() < far[0].mean()


def test_entries_move_to_what_chooses_them_and_the_unused_are_set_anew() -> None:
    torch.manual_seed(4)
    books = Codebooks(1, 4, 2, 0.0)
    books.entries[0] = torch.tensor([[1.0, 0.0], [0.0, 1.0], [50.0, 50.0], [-50.0, 50.0]])
    clusters = torch.tensor([[1.2, 0.1], [0.1, 1.3], [-1.0, -1.0], [1.0, -1.0]])
    for _ in range(400):
        seen = clusters.repeat(16, 1) + 0.01 * torch.randn(64, 2)
        books.learn(seen, books.nearest(seen, 1))
    far = torch.cdist(clusters, books.entries[0])
    assert far.min(0).values.max() < 1.2, "none stays where nothing is"
    assert (far.min(1).values < 0.05).sum() >= 2, "and they are means of what is near"


def test_gradients_pass_through_the_codes(codec: Codec) -> None:
    codec.train()
    rebuilt, apart = codec(random_blocks(40).reshape(2, 20, INPUTS))
    (rebuilt.square().mean() + apart).backward()
    assert codec.encoder.first.weight.grad is not None
    assert codec.encoder.direct.weight.grad is not None
    assert float(codec.encoder.direct.weight.grad.abs().max()) > 0.0


def test_in_use_the_codebooks_stay(codec: Codec) -> None:
    before = codec.codebooks.entries.clone()
    codec(random_blocks(40)[None])
    assert torch.equal(codec.codebooks.entries, before)


def test_the_running_means_are_not_shipped(codec: Codec) -> None:
    names = stored_arrays(codec.state_dict())
    assert {"codebooks.entries", "codebooks.keep", "mean", "scale", "decoder.direct.weight"} <= set(names)
    assert not {"codebooks.counts", "codebooks.sums"} & set(names)


# ---- The training ----


def sung(seed: int, count: int = 400) -> tuple[Frames, list[Phoneme]]:
    """Frames that are labelled "pau a" again and again, with moving formants."""
    rng = np.random.default_rng(seed)
    at = np.arange(count)
    waves = np.cos(np.outer(np.arange(1, 7), (np.arange(BANDS) + 0.5) * np.pi / BANDS))
    envelope = 10.0 * np.sin(np.outer(at, rng.uniform(0.02, 0.2, 6)) + rng.uniform(0, 6, 6)) @ waves
    voiced = at % 100 >= 20
    noise = np.where(voiced, -30.0, 0.0)[:, None].repeat(NOISES, 1)
    arrays = (np.where(voiced, 220.0, 0.0), np.where(voiced, -15.0, -70.0), envelope, noise)
    phonemes = [
        phoneme
        for start in range(0, count, 100)
        for phoneme in (
            Phoneme(start * PERIOD, (start + 20) * PERIOD, "br" if start else "pau"),
            Phoneme((start + 20) * PERIOD, (start + 100) * PERIOD, "a"),
        )
    ]
    return Frames(*(part.astype(np.float32) for part in arrays)), phonemes


def write_recording(data: Path, out: Path, name: str, seed: int) -> None:
    """A recording whose frames have been analysed already."""
    whole, phonemes = sung(seed)
    (data / voices.FOLDER).mkdir(parents=True, exist_ok=True)
    (data / voices.FOLDER / f"{name}.flac").touch()
    lines = [f"{round(one.start * 1e7)} {round(one.end * 1e7)} {one.name}" for one in phonemes]
    (data / voices.FOLDER / f"{name}.lab").write_text("\n".join(lines))
    out.mkdir(exist_ok=True)
    np.savez(out / f"{name}.npz", **vars(whole))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    data, out = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("voices")
    for seed, name in enumerate(("one", "two", *voices.HELD_OUT)):
        write_recording(data, out, name, seed)
    for name, singer in voices.SINGERS.items():
        syllables.save(voices.path_of(out, name), voices.gather(name, singer, [sung(9)], None))
    return data, out


def arguments(folders: tuple[Path, Path], runs: Path, steps: int) -> list[str]:
    data, out = folders
    told = {"--data": data, "--voices": out, "--runs": runs, "--out": runs / "out", "--size": "tiny", "--steps": steps}
    return [str(part) for pair in told.items() for part in pair]


def test_it_learns_goes_on_and_is_shipped(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("BATCH", 6), ("BLOCKS", 12), ("SUNG_BLOCKS", 200)):
        monkeypatch.setattr(train_codec, name, value)
    assert train_codec.main(arguments(folders, tmp_path, 5)) == 0
    assert train_codec.main(arguments(folders, tmp_path, 60)) == 0
    assert "going on from step 5" in capsys.readouterr().out
    valid = json.loads((tmp_path / "checkpoint.json").read_text())["valid"]
    for name in voices.HELD_OUT:
        assert valid["60"][name] < valid["5"][name]
    card, arrays = cards.read(tmp_path / "out" / "codec.safetensors", {"format": train_codec.FORMAT}, ("shape",))
    assert card["split"] == {"held out": list(voices.HELD_OUT)}
    assert arrays["codebooks.entries"].shape == (TINY.stages, TINY.size, TINY.dim)
    assert "CC BY 3.0" in card["data"]["soprano, tenor"]


def test_the_distortion_is_that_of_the_frames(folders: tuple[Path, Path]) -> None:
    torch.manual_seed(0)
    codec = Codec(TINY).eval()
    codec.prepare(random_blocks(100))
    whole, _ = sung(1)
    count = len(whole) // BLOCK
    rebuilt = codec.decode(codec.encode(torch.from_numpy(whole.shape()).reshape(1, count, INPUTS))).detach()
    each = frames.mel_cepstral_distortion(rebuilt.reshape(-1, SHAPE).numpy()[:, :BANDS], whole.envelope)
    assert train_codec.distortion(codec, whole) == pytest.approx(each[whole.level > frames.HEARD].mean())


def test_what_is_missing_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train_codec.main(arguments((tmp_path, tmp_path / "v"), tmp_path / "runs", 2)) == 1
    assert "no recordings" in capsys.readouterr().err


def test_an_excerpt_is_moved_a_little() -> None:
    whole, _ = sung(2, 64)
    moved = train_codec.move(whole.shape().astype(float), np.random.default_rng(0))
    apart = np.abs(moved - whole.shape())
    assert 0.0 < apart.mean() < 2.0
    assert moved[:, BANDS:].max() <= 0.0
