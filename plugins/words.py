"""Words for people: what a name may have been meant to be."""

from collections.abc import Sequence
from difflib import get_close_matches


def did_you_mean(wrong: str, right: Sequence[str]) -> str:
    """A half-sentence with the nearest of the right words, or with all of them where none is near."""
    folded = {word.casefold(): word for word in right}
    near = get_close_matches(wrong.casefold(), folded, 1, 0.6)
    return f"did you mean {folded[near[0]]!r}?" if near else f"there are {', '.join(right)}"
