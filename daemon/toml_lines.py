"""Which line of a TOML text says what: the standard reader gives values without their places.

Only for texts that `tomllib` has accepted: this reader follows the grammar's outline and checks nothing.
"""

import re

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r'"((?:[^"\\]|\\.)*)"|\'([^\']*)\'|([A-Za-z0-9_-]+)')
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|'
    r"'''.*?'{3,5}|"
    r'"(?:[^"\\\n]|\\.)*"|'
    r"'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]*")


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.arrays: dict[Path, int] = {}

    def peek(self, token: str) -> bool:
        return self.text.startswith(token, self.at)

    def skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def mark(self, path: Path) -> None:
        self.lines.setdefault(path, self.text.count("\n", 0, self.at) + 1)

    def key(self, prefix: Path) -> Path:
        """A key, dotted or not, below `prefix`; every part of it is marked."""
        path = prefix
        while match := _KEY.match(self.text, self.at):
            path += (next(group for group in match.groups() if group is not None),)
            self.mark(path)
            self.at = match.end()
            self.skip(_SPACE)
            if not self.peek("."):
                break
            self.at += 1
            self.skip(_SPACE)
        return path

    def header(self) -> Path:
        """`[table]` or `[[array of tables]]`: the path that the keys below it belong to."""
        depth = 2 if self.peek("[[") else 1
        self.at += depth
        self.skip(_SPACE)
        start = self.at
        path: Path = ()
        names = self.key(())
        for n, name in enumerate(names, 1):
            path += (name,)
            if depth == 2 and n == len(names):
                self.arrays[path] = self.arrays.get(path, -1) + 1
            if path in self.arrays:
                path += (self.arrays[path],)
        end, self.at = self.at, start
        self.mark(path)
        self.at = end + depth
        return path

    def value(self, path: Path) -> None:
        if self.peek("["):
            self.items(path)
        elif self.peek("{"):
            self.inline_table(path)
        elif match := _STRING.match(self.text, self.at):
            self.at = match.end()
        else:
            self.skip(_SCALAR)

    def items(self, path: Path) -> None:
        self.at += 1
        index = 0
        self.skip(_BLANK)
        while self.at < len(self.text) and not self.peek("]"):
            self.mark((*path, index))
            self.value((*path, index))
            index += 1
            self.separator()
        self.at += 1

    def inline_table(self, path: Path) -> None:
        self.at += 1
        self.skip(_BLANK)
        while self.at < len(self.text) and not self.peek("}"):
            self.assignment(path)
            self.separator()
        self.at += 1

    def separator(self) -> None:
        self.skip(_BLANK)
        if self.peek(","):
            self.at += 1
            self.skip(_BLANK)

    def assignment(self, prefix: Path) -> None:
        path = self.key(prefix)
        self.at += 1
        self.skip(_SPACE)
        self.value(path)

    def document(self) -> None:
        prefix: Path = ()
        self.skip(_BLANK)
        while self.at < len(self.text):
            if self.peek("["):
                prefix = self.header()
            else:
                self.assignment(prefix)
            self.skip(_BLANK)


def key_lines(text: str) -> dict[Path, int]:
    """The line, from 1, of every key, table and array item of a valid TOML text, by its path.

    `[[ensemble]]` for the second time, with `name = ...` below it, is the path `("ensemble", 1, "name")`.
    """
    reader = _Reader(text)
    reader.document()
    return reader.lines


def line_of(lines: dict[Path, int], path: Path) -> int | None:
    """The line of a path, or of the nearest thing around it that has one."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path)
