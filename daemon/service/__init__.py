"""Ripieno as a service: what starts it with the session, keeps it alive, and is told how it does."""

import platform
import shutil
from typing import TYPE_CHECKING

from ripieno.daemon.errors import UserError

if TYPE_CHECKING:
    from ripieno.daemon.service.plan import Manager

_NONE = (
    "no service manager is here that Ripieno knows (systemd of Linux, launchd of macOS); let what you have run"
    " `ripieno run --resume --wait PRESET`, and start it again when it ends"
)


def manager() -> "Manager":
    """What runs services on this machine. UserError, with what to do instead, where it is none that we know."""
    if platform.system() == "Darwin":
        from ripieno.daemon.service.launchd import Launchd

        return Launchd()
    if shutil.which("systemctl"):
        from ripieno.daemon.service.systemd import Systemd

        return Systemd()
    raise UserError(_NONE)
