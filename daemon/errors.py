"""What a user can put right: shown as a sentence, never as a traceback."""

from difflib import get_close_matches


class UserError(Exception):
    """A mistake or a lack that the user can mend.

    The message names the file, port or key, what is wrong, and what to do. The command line prints it and ends with
    `status`.
    """

    status = 1


class UsageError(UserError):
    """The command line itself makes no sense."""

    status = 2


def did_you_mean(wrong: str, right: list[str]) -> str:
    """A half-sentence with the nearest of the right words, or with all of them where none is near."""
    folded = {word.casefold(): word for word in right}
    near = get_close_matches(wrong.casefold(), folded, 1, 0.6)
    return f"did you mean {folded[near[0]]!r}?" if near else f"there are {', '.join(right)}"
