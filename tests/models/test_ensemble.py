"""Our own models at play time: the facts that hold whatever the weights say, and files that are not what they seem."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ripieno.models.instrumentation import ensemble as ensembles
from ripieno.models.instrumentation.corpus import TASKS, Piece
from ripieno.models.instrumentation.ensemble import Ensemble, WeightsError
from ripieno.models.instrumentation.performance import Performance, as_played, low_to_high
from ripieno.native.instrumenter import NO_VOICE, Instrumenter, Voice
from ripieno.native.lstm import LstmConfig

WHENS = ("note", "window", "revise")


def made_up(task: str = "chorales", seed: int = 0) -> Ensemble:
    """An ensemble of small networks whose weights are drawn at random."""
    rng = np.random.default_rng(seed)
    labels = TASKS[task].labels
    widths = ensembles.widths(len(labels))
    configs = {w: LstmConfig(widths[w], 8, 1, len(labels), head=6, skip=True) for w in ensembles.NETWORKS}
    arrays = {
        which: {name: rng.normal(0.0, 0.5, shape).astype(np.float32) for name, shape in config.shapes().items()}
        for which, config in configs.items()
    }
    return Ensemble(task, labels, TASKS[task].mono, TASKS[task].divides, configs, arrays)


def piece(seed: int, chords: int = 60, parts: int = 4, share: float = 0.7, longest: int = 24) -> Piece:
    """Chords of up to `parts` notes, one a part, some held into the next. share: of the parts that take part."""
    rng = np.random.default_rng(seed)
    notes = [
        (12 * step, min(longest, int(rng.choice([6, 12, 24]))), 76 - 7 * part + int(rng.integers(-4, 5)), part)
        for step in range(chords)
        for part in range(parts)
        if rng.random() < share
    ]
    notes.sort(key=lambda note: (note[0], note[2]))
    onset, duration, pitch, label = (np.array(column) for column in zip(*notes, strict=True))
    velocity = np.full(len(notes), 70, np.uint8)
    return Piece(
        "made up", "chorales", "test", onset, duration, pitch.astype(np.uint8), velocity, label.astype(np.uint8)
    )


@pytest.mark.parametrize("when", WHENS)
@pytest.mark.parametrize("column", ["written", "played"])
def test_no_note_is_lost_doubled_or_jumps(when: str, column: str) -> None:
    pieces = [piece(seed) for seed in range(4)]
    rng = np.random.default_rng(0)
    heard = [low_to_high(one) if column == "written" else as_played(one, rng) for one in pieces]
    counts = ensembles.evaluate(made_up(), pieces, heard, when)
    assert counts["notes"] == sum(len(one) for one in pieces)
    assert (counts["jumped"], counts["lost"], counts["doubled"], counts["fallback"]) == (0, 0, 0, 0)
    assert counts["held"] > 0
    assert (counts["moved"] > 0) == (when == "revise")


@pytest.mark.parametrize("when", ["note", "revise"])
def test_notes_of_one_frame_are_decided_together(when: str) -> None:
    pieces = [piece(seed, share=1.0, longest=12) for seed in range(4)]
    heard = [low_to_high(one) for one in pieces]
    together = ensembles.evaluate(made_up(), pieces, heard, when, together=True)
    window = ensembles.evaluate(made_up(), pieces, heard, "window")
    faults = ("jumped", "lost", "doubled", "moved", "fallback")
    assert [together[name] for name in faults] == [0] * 5
    assert together["correct"] == window["correct"]


def test_hindsight_changes_what_is_believed_not_what_sounds() -> None:
    one, ensemble = piece(7), made_up()
    heard = low_to_high(one)
    columns = (heard.frame, heard.on, heard.pitch, heard.velocity, heard.note, len(one))
    solo = ensemble.network("solo")
    plain = Instrumenter(ensemble.voices(), sample_rate=48000, solo=solo).trace(*columns, rows="solo")
    wiser = ensemble.instrumenter(when="note").trace(*columns, rows="solo")
    first = int((one.onset == one.onset[0]).sum())
    np.testing.assert_array_equal(plain.x[:first], wiser.x[:first])
    np.testing.assert_array_equal(plain.voice[:first], wiser.voice[:first])
    assert (plain.x[first:] != wiser.x[first:]).any()
    assert (wiser.moves == 0).all()
    assert (wiser.times == 1).all()


def test_dividing_a_chord_is_told_apart_from_a_jump() -> None:
    pieces = [piece(seed) for seed in range(4)]
    heard = [as_played(one, np.random.default_rng(1)) for one in pieces]
    strict = ensembles.evaluate(made_up(), pieces, heard, "note")
    divided = ensembles.evaluate(made_up(), pieces, heard, "note", divide=True)
    assert divided["jumped"] == 0
    assert divided["shared"] > strict["shared"]


def test_a_note_that_was_over_too_early_to_move_breeds_no_mistake() -> None:
    """Told of as the window would have it: the chord network hears the same either way, though not all could move."""
    one, ensemble = piece(8, share=1.0), replace(made_up(), mono=(False,) * 4)
    heard = low_to_high(replace(one, duration=np.where(np.arange(len(one)) % 3, one.duration, 1), tempo=[(0, 250.0)]))
    columns = (heard.frame, heard.on, heard.pitch, heard.velocity, heard.note, len(one))
    traces = {when: ensemble.instrumenter(when=when).trace(*columns, rows="chord") for when in ("window", "revise")}
    np.testing.assert_array_equal(traces["revise"].x, traces["window"].x)
    stuck = traces["revise"].voice != traces["window"].voice
    assert stuck.any()
    assert (heard_length(heard, len(one))[stuck] < 0.025 * heard.sample_rate).all()


def heard_length(heard: Performance, notes: int) -> np.ndarray:
    """How long each key was down, in frames."""
    length = np.zeros(notes, np.int64)
    np.add.at(length, heard.note, np.where(heard.on, -heard.frame, heard.frame))
    return length


def by_hand(it: Instrumenter, heard: Performance, notes: int) -> list[int | None]:
    """The voices of a performance, asked for event by event as the live engine does."""
    voice: list[int | None] = [None] * notes

    def settle() -> None:
        for decision in it.close(it.deadline() or 0):
            voice[decision.tag] = decision.voice

    for frame, on, pitch, velocity, note in zip(
        heard.frame, heard.on, heard.pitch, heard.velocity, heard.note, strict=True
    ):
        deadline = it.deadline()
        if deadline is not None and deadline <= frame:
            settle()
        if not on:
            it.note_off(int(frame), int(note))
            continue
        decision = it.note_on(int(frame), int(note), int(pitch), int(velocity))
        if not decision.pending:
            voice[note] = decision.voice
    settle()
    return voice


@pytest.mark.parametrize("when", WHENS)
def test_what_is_evaluated_is_what_plays(when: str) -> None:
    one, ensemble = piece(3), made_up()
    heard = as_played(one, np.random.default_rng(3))
    trace = ensembles.play(ensemble.instrumenter(when=when), heard, len(one))
    assert by_hand(ensemble.instrumenter(when=when), heard, len(one)) == trace.voice.tolist()


@pytest.mark.parametrize("rows", ["solo", "chord"])
def test_taught_notes_go_where_the_teacher_says(rows: str) -> None:
    one, ensemble = piece(5), made_up()
    heard = low_to_high(one)
    it = ensemble.instrumenter(when="note" if rows == "solo" else "window")
    columns = (heard.frame, heard.on, heard.pitch, heard.velocity, heard.note, len(one))
    trace = it.trace(*columns, forced=one.label, rows=rows)
    could = trace.row_labels[np.arange(len(one)), one.label[trace.row_note]]
    assert sorted(trace.row_note) == list(range(len(one)))
    assert (trace.voice == one.label)[trace.row_note[could]].all()
    assert could.mean() > 0.5


def test_rows_are_what_the_network_was_asked() -> None:
    one, ensemble = piece(6), made_up()
    heard = as_played(one, np.random.default_rng(6))
    columns = (heard.frame, heard.on, heard.pitch, heard.velocity, heard.note, len(one))
    trace = ensemble.instrumenter(when="note").trace(*columns, rows="solo")
    lstm = ensemble.network("solo")
    lstm.reset()
    np.testing.assert_array_equal(lstm.run(trace.x), trace.scores)
    allowed = np.where(trace.row_labels, trace.scores, -np.inf)
    np.testing.assert_array_equal(allowed.argmax(axis=1), trace.voice[trace.row_note])


@settings(max_examples=60, deadline=None)
@given(
    notes=st.lists(
        st.tuples(st.integers(0, 3000), st.integers(1, 30000), st.integers(0, 127)), min_size=1, max_size=60
    ),
    when=st.sampled_from(WHENS),
    overflow=st.sampled_from(["divisi", "steal", "drop"]),
)
def test_whatever_is_played_each_note_is_decided_once(
    notes: list[tuple[int, int, int]], when: str, overflow: str
) -> None:
    start = np.cumsum([gap for gap, _, _ in notes])
    events = [(int(start[i]), True, i) for i in range(len(notes))]
    events += [(int(start[i]) + length, False, i) for i, (_, length, _) in enumerate(notes)]
    events.sort(key=lambda event: (event[0], event[1], event[2]))
    frame, on, note = (np.array(column) for column in zip(*events, strict=True))
    pitch = np.array([p for _, _, p in notes])[note]
    voices = [Voice(36, 72, 1, 0), Voice(60, 96, 1, 1), Voice(48, 84, 0, 2)]
    it = made_up().instrumenter(voices, when=when, overflow=overflow)
    trace = it.trace(frame, on, pitch, np.full(len(note), 64), note, len(notes))
    assert (trace.times == 1).all()
    if overflow != "drop":
        assert (trace.voice != NO_VOICE).all()
    for (_, _, struck), voice in zip(notes, trace.voice.tolist(), strict=True):
        if voice != NO_VOICE and any(v.lowest <= struck <= v.highest for v in voices):
            assert voices[voice].lowest <= struck <= voices[voice].highest


def test_a_voice_switched_off_is_silent() -> None:
    it = made_up().instrumenter()
    it.set_voice(1, Voice(label=1, polyphony=1, enabled=False))
    voices = {it.note_on(100 * tag, tag, 60 + tag).voice for tag in range(3)}
    assert voices == {0, 2, 3}


def test_without_budget_the_fallback_decides() -> None:
    it = made_up().instrumenter()
    assert it.note_on(0, 0, 60, afford=0).fallback
    assert not it.note_on(10, 1, 64).fallback


# ---- files ----


def test_weights_come_back_as_they_went(tmp_path: Path) -> None:
    before = made_up("band")
    path = ensembles.save(tmp_path, before, {"commit": "none"})
    after = ensembles.load(path)
    assert (after.labels, after.mono, after.divides) == (before.labels, before.mono, before.divides)
    assert after.configs == before.configs
    for which in ensembles.NETWORKS:
        for name, value in before.arrays[which].items():
            np.testing.assert_array_equal(after.arrays[which][name], value.astype(np.float16).astype(np.float32))


def recard(path: Path, **changes: object) -> None:
    card = path.with_suffix(".json")
    card.write_text(json.dumps({**json.loads(card.read_text()), **changes}))


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = ensembles.save(tmp_path, made_up(), {})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightsError, match=r"chorales\.safetensors: cut short"):
        ensembles.load(path)


@pytest.mark.parametrize("field", ["format", "features"])
def test_another_version_is_refused(tmp_path: Path, field: str) -> None:
    path = ensembles.save(tmp_path, made_up(), {})
    recard(path, **{field: 99})
    with pytest.raises(WeightsError, match=f"{field} 99, this program reads"):
        ensembles.load(path)


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    bad = made_up()
    bad.arrays["chord"]["head.bias"][2] = np.nan
    with pytest.raises(WeightsError, match=r"chord\.head\.bias holds values that are no numbers"):
        ensembles.load(ensembles.save(tmp_path, bad, {}))


def test_every_wrong_shape_is_told(tmp_path: Path) -> None:
    bad = made_up()
    bad.arrays["solo"]["head.bias"] = np.zeros(7, np.float32)
    bad.configs["chord"] = replace(bad.configs["chord"], hidden=9)
    with pytest.raises(WeightsError) as refused:
        ensembles.load(ensembles.save(tmp_path, bad, {}))
    assert "solo.head.bias: [7], expected [6]" in str(refused.value)
    assert "chord.lstm.0.w_hh: [32, 8], expected [36, 9]" in str(refused.value)


def test_a_missing_file_says_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such card"):
        ensembles.load(tmp_path / "nothing.safetensors")
    with pytest.raises(WeightsError, match="no such card"):
        ensembles.load("nobody")


@pytest.mark.parametrize("text", ["", "[1]", '{"format": 1}', "no json"])
def test_a_card_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = ensembles.save(tmp_path, made_up(), {})
    path.with_suffix(".json").write_text(text)
    with pytest.raises(WeightsError, match=r"chorales\.json"):
        ensembles.load(path)


def test_words_that_are_not_known_are_told() -> None:
    with pytest.raises(ValueError, match="when = 'later': use one of note, window, revise"):
        Instrumenter([Voice()], sample_rate=48000, decide="zone", when="later")
    with pytest.raises(ValueError, match="needs 1 to 16 voices"):
        Instrumenter([Voice(lowest=70, highest=60)], sample_rate=48000, decide="zone")
