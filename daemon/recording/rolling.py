"""The last minutes, kept in memory: to be saved after the fact, when somebody says that this was it."""

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ripieno.native.tap import Block


class Rolling:
    """The newest blocks. One thread adds; `blocks` is a copy that any thread may have, for no block ever changes."""

    def __init__(self, frames: int) -> None:
        """frames: how many are kept, to a block."""
        self._room = frames
        self._blocks: deque[Block] = deque()

    def add(self, block: "Block") -> None:
        """The newest block. Where the clock went back, all before it is forgotten."""
        if self._blocks and block.frame < self._blocks[-1].end:
            self._blocks.clear()
        self._blocks.append(block)
        while self._blocks and self._blocks[0].end <= block.end - self._room:
            self._blocks.popleft()

    @property
    def frames(self) -> int:
        """How long it is, with its gaps."""
        return self._blocks[-1].end - self._blocks[0].frame if self._blocks else 0

    def blocks(self, since: int = 0) -> "tuple[Block, ...]":
        """Those that begin at that frame or later."""
        return tuple(block for block in self._blocks if block.frame >= since)
