"""Python face of key.h: which key music is in, by what was heard. Not between a key and its sound."""

from ripieno.native._native import ffi, lib


class KeyFinder:
    """The key that fits best what was heard of late (Krumhansl and Kessler 1982, as in Krumhansl 1990, table 2.1)."""

    def __init__(self) -> None:
        self._key = ffi.new("rp_key *")

    def hear(self, pitch: int) -> None:
        """A note, by its MIDI number; it counts half after about 45 others."""
        lib.rp_key_hear(self._key, pitch)

    def find(self) -> tuple[int, bool] | None:
        """The root, 0 to 11 from C, and whether it is minor; None while too little was heard."""
        root, minor = ffi.new("uint32_t *"), ffi.new("uint32_t *")
        return (root[0], bool(minor[0])) if lib.rp_key_find(self._key, root, minor) else None
