"""The figures of a sung line, against values worked out by hand."""

import math

import numpy as np
import pytest

from ripieno.models.singing import metrics
from ripieno.models.singing.metrics import Piano, line

C, D, E, G = 60, 62, 64, 67


def piano(*chords: tuple[int, set[int]]) -> Piano:
    """Chords one after another, each struck in its first of so many blocks."""
    classes, onset = np.zeros((sum(blocks for blocks, _ in chords), 12), bool), []
    for blocks, chord in chords:
        classes[len(onset) : len(onset) + blocks, list(chord)] = True
        onset += [True] + [False] * (blocks - 1)
    return Piano(classes, np.array(onset))


def sung(*notes: tuple[int, int]) -> metrics.Line:
    """Notes (pitch, blocks) one after another; -1 is silence. Each begins, the same pitch again too."""
    pitch = [one for one, blocks in notes for _ in range(blocks)]
    onset = [place == 0 for _, blocks in notes for place in range(blocks)]
    return line(pitch, onset)


MAJOR = {0, 4, 7}


def test_chord_tones_are_those_whose_class_sounds() -> None:
    over = piano((4, MAJOR), (4, set()))
    found = metrics.chord_tones(sung((C + 12, 2), (D, 1), (-1, 1), (E, 4)), over)
    assert found.tolist() == [True, True, False, False, False, False, False, False]


def test_a_clash_goes_on_from_note_to_note_until_a_chord_tone_or_silence() -> None:
    over = piano((10, MAJOR), (10, {2, 5, 9}))
    line_ = sung((C, 2), (D, 3), (61, 1), (E, 2), (-1, 1), (D, 1), (C, 4), (-1, 3), (G, 2), (D, 1))
    # D and C sharp until E; D, and C over the next chord, until silence; then G until D.
    assert metrics.clashes(line_, over).tolist() == pytest.approx([4 * 16, 5 * 16, 2 * 16])
    assert metrics.clashes(sung((C, 10)), over.cut(0, 10)).tolist() == []


def test_notes_and_rests() -> None:
    line_ = sung((C, 5), (C, 5), (D, 5), (-1, 19), (G, 5), (-1, 20), (E, 3), (-1, 25))
    assert metrics.intervals(line_).tolist() == [0, 2, 5, -3]
    assert metrics.rests(line_).tolist() == pytest.approx([20 * 0.016, 25 * 0.016])  # 19 blocks are a breath


def test_a_line_without_onsets_begins_a_note_where_it_changes() -> None:
    assert line([-1, C, C, D, -1, D, D]).onset.tolist() == [False, True, False, True, False, True, False]
    assert line([C, -1], [True, True]).onset.tolist() == [True, False]


def test_the_range_leaves_out_the_rarest_blocks() -> None:
    assert metrics.sung_range(sung((C, 96), (G + 12, 4))) == 0
    assert metrics.sung_range(sung((C, 50), (G, 50), (-1, 200))) == 7
    assert math.isnan(metrics.sung_range(sung((-1, 5))))


def test_onsets_with_the_piano() -> None:
    over = piano((10, MAJOR), (20, MAJOR))
    at_ten = sung((-1, 6), (C, 9), (D, 15))  # 4 blocks before, and 5 after
    assert metrics.with_piano(at_ten, over).tolist() == [True, False]


def test_reaction() -> None:
    over = piano((5, MAJOR), (10, {1, 5, 8}))
    assert metrics.reaction(sung((C, 8), (65, 7)), over, 5) == 3
    assert metrics.reaction(sung((65, 15)), over, 5) == 0
    assert metrics.reaction(sung((C, 15)), over, 5) is None


def test_figures_are_pooled() -> None:
    over = piano((100, MAJOR))
    found = metrics.figures([(sung((C, 100)), over), (sung((D, 10), (E, 10), (-1, 80)), over)])
    assert found["chord-tone ratio"] == pytest.approx(110 / 120)
    assert found["clash median (ms)"] == pytest.approx(160)
    assert found["voiced share"] == 0.6
    assert found["notes a second"] == pytest.approx(3 / 3.2)
    assert found["rests a minute"] == pytest.approx(60 / 3.2)
    assert found["rest mean (s)"] == pytest.approx(1.28)
    assert (found["repeats"], found["steps"], found["skips"], found["leaps"]) == (0, 1, 0, 0)
    assert found["range p5-p95 (semitones)"] == 1  # of 0 and 2
    assert all(math.isnan(value) for value in metrics.figures([]).values())


def test_controls() -> None:
    chords = [piano((100, {n % 12})) for n in (C, D, E, G)]
    pairs = [(sung((n, 100)), over) for n, over in zip((C, D, E, G), chords, strict=True)]
    pairs += pairs  # two seeds
    assert metrics.figures(pairs)["chord-tone ratio"] == 1
    wrong = metrics.elsewhere(pairs, 3)
    assert len(wrong) == 8 * 3
    assert metrics.figures(wrong)["chord-tone ratio"] == 0
    melody = sung(*((C + step, 5) for step in (0, 2, 4, 5, 7) * 20), (-1, 50))
    ((drawn, _),) = metrics.at_random([(melody, piano((550, MAJOR)))])
    assert (drawn.onset == melody.onset).all()
    assert (drawn.voiced == melody.voiced).all()
    assert set(metrics.pitches(drawn).tolist()) == set(range(C, G + 1))


def test_shorter_pianos_cut_lines_of_controls() -> None:
    pairs = [(sung((C, 100)), piano((100, MAJOR))), (sung((C, 40)), piano((40, MAJOR)))]
    assert [(len(one), len(over)) for one, over in metrics.elsewhere(pairs)] == [(40, 40), (40, 40)]
