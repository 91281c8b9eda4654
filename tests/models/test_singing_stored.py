"""The singer's weights on disk: read, refused where they are not whole, and what their cards say of drawing."""

import json
from pathlib import Path

import numpy as np
import pytest
import tiny_singer

from ripieno.models import card as cards
from ripieno.models.singing import stored
from ripieno.models.singing.stored import WeightsError
from ripieno.native.piano import ROW
from ripieno.native.singer import Singer
from ripieno.native.transformer import Sampling


def tell(path: Path, **more: object) -> None:
    """Change what a card says."""
    path.write_text(json.dumps(json.loads(path.read_text()) | more))


def test_a_folder_sings(tmp_path: Path) -> None:
    read = stored.read(tiny_singer.write(tmp_path))
    assert stored.voices(read) == tiny_singer.VOICES
    assert set(stored.shapes(read)) == set(stored.PARTS)
    weights = stored.weights(read)
    assert weights.voices == len(tiny_singer.VOICES)
    rows = np.zeros((3, ROW), np.float32)
    assert len(Singer(weights).run(rows)) == 3
    assert Singer(stored.load(tmp_path)).run(rows).tobytes() == Singer(weights).run(rows).tobytes()


@pytest.mark.parametrize("damage", tiny_singer.DAMAGES)
def test_what_is_not_whole_is_refused(tmp_path: Path, damage: str) -> None:
    tiny_singer.write(tmp_path, damage)
    with pytest.raises(WeightsError, match=tiny_singer.DAMAGES[damage]) as error:
        stored.read(tmp_path)
    assert str(tmp_path) in str(error.value)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no folder of a singer's weights"):
        stored.read(tmp_path / "nobody")


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    path = tiny_singer.write(tmp_path) / "line.safetensors"
    card, arrays = cards.read(path, {}, ())
    arrays["register"][3] = np.nan
    cards.write(path, arrays, card)
    with pytest.raises(WeightsError, match="no numbers"):
        stored.read(tmp_path)


def test_parts_that_do_not_fit_each_other_are_refused(tmp_path: Path) -> None:
    path = tiny_singer.write(tmp_path) / "codec.safetensors"
    card, arrays = cards.read(path, {}, ())
    arrays["codebooks.entries"] = arrays["codebooks.entries"][:, :-1]
    cards.write(path, arrays, card)
    with pytest.raises(WeightsError, match=r"codec\.codebooks\.entries"):
        stored.load(tmp_path)


def test_voices_are_named_and_can_be_sung(tmp_path: Path) -> None:
    card = tiny_singer.write(tmp_path) / "codec.json"
    tell(card, voices=["anna", "bruno", "carla", "dora"])
    with pytest.raises(WeightsError, match="4 voices are named, 3 can be sung"):
        stored.load(tmp_path)
    tell(card, voices=[])
    with pytest.raises(WeightsError, match="names no voices"):
        stored.load(tmp_path)


def test_the_cards_tell_how_fields_are_drawn(tmp_path: Path) -> None:
    card = tiny_singer.write(tmp_path) / "delivery.json"
    assert stored.sampling(stored.read(tmp_path)) == {}
    usual = Singer(stored.load(tmp_path)).run(np.zeros((50, ROW), np.float32), mode=0, temperature=1)
    tell(card, sampling={"codes": {"temperature": 0.0}, "loudness": {"top_p": 0.5}})
    told = stored.sampling(stored.read(tmp_path))
    assert told == {"loudness": Sampling(top_p=0.5)} | {f"code{stage}": Sampling(0.0) for stage in range(1, 5)}
    assert (Singer(stored.load(tmp_path)).run(np.zeros((50, ROW), np.float32))["code"] != usual["code"]).any()
    tell(card, sampling={"timbre": {}})
    with pytest.raises(WeightsError, match="no field timbre"):
        stored.load(tmp_path)
    tell(card, sampling={"codes": {"heat": 2}})
    with pytest.raises(WeightsError, match="sampling"):
        stored.load(tmp_path)
