"""The continuation's speed benchmark: that it measures what it says, with the rivals that are there."""

from typing import Any

import numpy as np
import pytest

from needs import needs
from ripieno.daemon.bench import continuation_rivals, continuation_speed
from ripieno.daemon.bench.continuation_speed import Ours, Row
from ripieno.daemon.cli import main
from ripieno.native.transformer import TransformerConfig

TINY = TransformerConfig(32, 2, 2, 64, 16)
CONTEXTS = (20, 40)


def test_both_precisions_are_measured_at_every_context() -> None:
    result = continuation_speed.measure(TINY, CONTEXTS)
    rows = {(row["name"], row["context"]): row for row in result["rows"]}
    for name in ("Ripieno, int8", "Ripieno, fp32"):
        for context in CONTEXTS:
            row = rows[name, context]
            assert row["notes"] == continuation_speed.ROUNDS * continuation_speed.NOTES_A_ROUND
            assert 0 < row["median_us"] <= row["p99_us"]
            assert row["notes_a_second"] == pytest.approx(1e6 / row["median_us"], rel=0.01)
    assert 0 < result["roll_back"]["median_ms"] <= result["roll_back"]["p99_ms"]
    assert result["parameters"] == sum(np.prod(shape) for shape in TINY.shapes().values())


def test_each_note_is_heard_and_then_forgotten() -> None:
    ours = Ours(continuation_speed.random_arrays(TINY), TINY, "int8")
    events, ticks = continuation_speed.random_piece(30)
    ours.prepare(events[:30], ticks[:30])
    for _ in range(2):
        continuation_speed.time_notes(ours, 5)
        assert ours.decoder.length == 35
    assert ours.choice.pointer.last_tick > ticks[29] or ours.choice.pointer.last[0] == 3


def test_the_rivals_play_the_same_network() -> None:
    needs("torch")
    arrays = continuation_speed.random_arrays(TINY)
    events, ticks = continuation_speed.random_piece(30)
    found, missing = continuation_rivals.rivals(arrays, TINY)
    assert not missing
    cached: Any = found[0]
    ours = Ours(arrays, TINY, "fp32")
    for contender in (cached, ours):
        contender.prepare(events, ticks)
        contender.back()
    assert np.allclose(cached.stream[0].numpy(), ours.decoder.stream(), atol=1e-4)
    for _ in range(2):
        cached.back()
        cached.step()
        assert cached.heard == len(events) + 1
        assert next(iter(cached.cache.kept.values()))[0].shape[2] == len(events) + 1


def test_a_missing_rival_is_told_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def absent(*_: object) -> continuation_rivals.Contender:
        raise ImportError

    monkeypatch.setattr(continuation_rivals, "TorchCached", absent)
    result = continuation_speed.measure(TINY, CONTEXTS)
    assert result["missing"] == {"torch": continuation_rivals.REMEDY}
    assert not result["ratios"]
    continuation_speed.print_table(result)
    printed = capsys.readouterr().out
    assert f"torch is not installed, so it was not measured: {continuation_rivals.REMEDY}" in printed
    assert "Ripieno, int8" in printed


def test_ratios_are_of_medians_at_the_same_context() -> None:
    rows = [
        Row("Ripieno, int8", 64, 9, 2.0, 3.0, 0.0),
        Row("a rival", 64, 9, 7.0, 9.0, 0.0),
        Row("a rival", 256, 9, 9.0, 9.0, 0.0),
    ]
    told = continuation_speed.ratios(rows)
    assert told == [{"ours": "Ripieno, int8", "rival": "a rival", "context": 64, "times": 3.5}]


def test_the_command_measures_the_part_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(continuation_speed, "run", lambda json: {"json": json})
    assert main(["bench", "continuation", "--part", "speed", "--json"]) == 0
    assert '"json": true' in capsys.readouterr().out
    assert main(["bench", "continuation", "--part", "sped"]) == 2
    assert "speed" in capsys.readouterr().err
    assert main(["bench", "jack", "--part", "speed"]) == 2
    assert "continuation or singing" in capsys.readouterr().err
    assert main(["bench", "continuation", "--minutes", "0"]) == 2
    assert "--minutes" in capsys.readouterr().err
