"""The key that is heard, as Python asks for it."""

from ripieno.native.key import KeyFinder


def hear(finder: KeyFinder, *pitches: int, times: int = 4) -> None:
    for pitch in pitches * times:
        finder.hear(pitch)


def test_a_key_is_found_when_enough_was_heard() -> None:
    finder = KeyFinder()
    assert finder.find() is None
    hear(finder, 60, 64, 67, times=1)
    assert finder.find() is None
    hear(finder, 60, 62, 64, 65, 67, 69, 71, 72)
    assert finder.find() == (0, False)
    hear(finder, 57, 60, 64, 56, 59, 64, 57, 62, 65, times=12)  # and on in A minor: E and G# belong to it
    assert finder.find() == (9, True)
