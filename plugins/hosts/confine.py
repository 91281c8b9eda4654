"""What a plugin's process may do: as little as the system lets us arrange without being root.

Linux: it dies with whoever started it, gains no privileges, has no network, dumps no core, and has limits on its
memory, its open files, and the time for which it may hold a processor at real-time priority. Elsewhere: limits alone.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38  # linux/prctl.h
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000  # linux/sched.h
_LINUX = sys.platform.startswith("linux")
_SPACE = 8 << 30  # bytes of addresses beside the memory itself: libraries, stacks, what is reserved and never used
_FILES = 1024

NETWORK, PRIVILEGES, ORPHAN, MEMORY, FOLDER = "network", "privileges", "orphan", "memory", "folder"
"""What may hold: no network; no new privileges; it ends with the daemon; a limit on its memory; a folder of its own."""


def tie(parent: int) -> bool:
    """End when the thread that started this process ends, be it by SIGKILL. parent: its process id. True: it is so."""
    tied = _LINUX and _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) == 0
    if os.getppid() != parent:  # it ended before that
        os._exit(1)
    return tied


def confine(memory: int) -> list[str]:
    """memory: bytes that it may use. Returns what holds now. Before any thread is started."""
    holds = [FOLDER]
    if _limit("RLIMIT_AS", memory + _SPACE):
        holds.append(MEMORY)
    _limit("RLIMIT_CORE", 0)
    _limit("RLIMIT_NOFILE", _FILES)
    if _LINUX:
        libc = _libc()
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
            holds.append(PRIVILEGES)
        # As root, or in a user namespace of its own where everybody may have one.
        if libc.unshare(_CLONE_NEWNET) == 0 or libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0:
            holds.append(NETWORK)
    return holds


def bound_hangs(seconds: float, longest: float) -> None:
    """At real-time priority the system itself ends a thread that computes for so long without a pause (SIGXCPU), as it
    can keep others from running that would. `longest`: the most that this is ever set to."""
    with contextlib.suppress(ImportError, AttributeError, ValueError, OSError):
        import resource

        hard = resource.getrlimit(resource.RLIMIT_RTTIME)[1]
        most = int(longest * 1e6) if hard == resource.RLIM_INFINITY else min(hard, int(longest * 1e6))
        resource.setrlimit(resource.RLIMIT_RTTIME, (min(int(seconds * 1e6), most), most))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _limit(name: str, value: int) -> bool:
    """Never above what was allowed before."""
    import resource

    try:
        which = getattr(resource, name)
        hard = resource.getrlimit(which)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value))
    except (AttributeError, ValueError, OSError):
        return False
    return True
