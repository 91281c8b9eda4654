"""The benches of the band, in small: that they measure what they say."""

import pytest

from needs import needs
from ripieno.daemon.bench import continuation_handover, continuation_interaction
from ripieno.daemon.bench.continuation_interaction import difference, melody
from ripieno.native.continuation import BandStats
from ripieno.native.transformer import TransformerConfig

TINY = TransformerConfig(32, 1, 2, 32, 16)


def counts(**some: int) -> BandStats:
    return BandStats(**(dict.fromkeys(BandStats.__dataclass_fields__, 0) | some))


def test_success_counts_what_was_missing_and_what_was_late() -> None:
    row = difference(counts(due=100, missed=1), counts(due=1100, missed=3, late=3, stale=10))
    assert row["success"] == 0.995
    assert row["staleness"] == 0.01
    assert difference(counts(), counts())["success"] == 1.0
    assert counts(due=1000, missed=1, late=1).success == 0.998
    assert counts().success == 1.0


def test_the_melody_begins_at_once_and_ends_every_note() -> None:
    script = melody(10)
    assert script[0][0] == 0
    assert [frame for frame, _, _ in script] == sorted(frame for frame, _, _ in script)
    sounding: dict[int, int] = {}
    for _, _, (status, pitch, _) in script:
        sounding[pitch] = sounding.get(pitch, 0) + (1 if status == 0x90 else -1)
    assert not any(sounding.values())
    assert melody(10, seed=2) != script


def test_hand_overs_are_measured() -> None:
    network = continuation_handover.random_transformer(TINY)
    found = continuation_handover.measure(network, rounds=3, notes=50)
    assert found["hand_overs"] == 3
    assert found["least_notes_in_context"] >= 50
    for name in ("answer", "absorb", "absorb_with_roll_back"):
        assert 0 < found[name]["median_ms"] <= found[name]["p99_ms"] <= found[name]["max_ms"]
    assert found["absorb_with_roll_back"]["times"] >= 3


def test_the_interaction_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    needs("jackd")
    network = continuation_handover.random_transformer(TINY)
    found = continuation_interaction.measure(7 / 60, network, moves=0, wire_seconds=0.5)
    assert [row["tempo"] for row in found["tempi"]] == list(continuation_interaction.TEMPI)
    assert found["all"]["heard"] > 20
    assert found["all"]["due"] >= sum(row["due"] for row in found["tempi"])  # and what was due between them
    continuation_interaction.show(found)
    assert "180" in capsys.readouterr().out
