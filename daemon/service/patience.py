"""A start that waits for what is not there yet: a server that comes up later, a device that is still off."""

import signal
import sys
import time
from collections.abc import Callable

from ripieno.daemon.errors import UsageError, UserError

_PAUSE_SECONDS = 1.0


def patiently(play: Callable[[], int], say: Callable[[str], None], pause: Callable[[float], None] = time.sleep) -> int:
    """Play; whenever that cannot begin, say why, once for each reason, and try again a little later.

    say: to the service's manager. A command line that makes no sense is not tried again.
    """
    told = ""
    while True:
        try:
            return play()
        except UsageError:
            raise
        except UserError as error:
            if str(error) != told:
                told = str(error)
                print(f"ripieno: waiting: {told}", file=sys.stderr, flush=True)
                say(f"waiting: {told}")
        _obey_signals()
        pause(_PAUSE_SECONDS)


def _obey_signals() -> None:
    """As before anything played: nothing sounds, and who is told to end may end at once."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", None)):
        if number is not None:
            signal.signal(number, signal.SIG_DFL)
