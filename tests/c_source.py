"""Just enough of a reader of our own C to check its layers: functions, where they may be called, and what they call."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

MARK = re.compile(r"\[(process|worker|control|any)\]")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
LITERAL = re.compile(r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'")
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.)*(?:\\\n[^\n]*)*", re.MULTILINE)
# A definition or declaration at the start of a line: a type, a name, its arguments, and then { or ;
FUNCTION = re.compile(
    r"^(?!\s)(?P<type>[A-Za-z_][\w \t*\n]*?[\s*])(?P<name>\w+)\((?P<arguments>[^{};]*?)\)\s*(?P<end>[{;])", re.M
)
CALL = re.compile(r"(?<![\w.>])(\w+)\s*\(")
NOT_CALLS = frozenset(
    {"if", "for", "while", "switch", "return", "sizeof", "defined", "__attribute__", "_Alignas", "vector_size"}
)


@dataclass(frozen=True)
class Function:
    """A function's name, the place it may be called from (None: it does not say) and the names it calls."""

    name: str
    mark: str | None
    calls: frozenset[str]
    defined: bool
    static: bool


def _blank(pattern: re.Pattern[str], text: str) -> str:
    """The text with every match replaced by spaces, so that positions stay."""
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def _body_end(code: str, start: int) -> int:
    """The place after the brace that closes the one at `start`."""
    depth = 0
    for place in range(start, len(code)):
        depth += {"{": 1, "}": -1}.get(code[place], 0)
        if depth == 0:
            return place + 1
    return len(code)


def _mark(text: str, start: int, end: int, declared: bool) -> str | None:
    """The mark of the comment behind a declaration, else of the comment above, which may stand above a group."""
    rest_of_line = text[end : text.find("\n", end)]
    if declared and (found := MARK.findall(rest_of_line)):
        return found[-1]
    above = text[:start].rstrip("\n")
    gap = text[len(above) : start].count("\n")
    if gap > 1:
        return None
    paragraph = above[above.rfind("\n\n") + 1 :]
    found = [MARK.findall(comment) for comment in COMMENT.findall(paragraph)]
    last = [marks[-1] for marks in found if marks] if declared else [marks[-1] for marks in found[-1:] if marks]
    return last[-1] if last else None


@cache
def functions(path: Path) -> tuple[Function, ...]:
    """Every function that a file declares or defines, in order.

    A mark at the end of the file's first comment is for every function without one.
    """
    text = path.read_text(encoding="utf-8")
    opening = COMMENT.match(text)
    usual = MARK.findall(opening.group())[-1:] if opening else []
    code = _blank(DIRECTIVE, _blank(LITERAL, _blank(COMMENT, text)))
    place, found = 0, []
    while match := FUNCTION.search(code, place):
        defined = match["end"] == "{"
        place = _body_end(code, match.end() - 1) if defined else match.end()
        mark = _mark(text, match.start(), match.end(), not defined) or next(iter(usual), None)
        calls = frozenset(CALL.findall(code[match.end() : place])) - NOT_CALLS if defined else frozenset()
        if not match["type"].startswith(("typedef", "return", "else")):
            found.append(Function(match["name"], mark, calls, defined, match["type"].startswith("static")))
    return tuple(found)


@cache
def includes(path: Path) -> tuple[str, ...]:
    """The names of our own headers that a file includes."""
    found = re.findall(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', path.read_text(encoding="utf-8"), re.MULTILINE)
    return tuple(found)
