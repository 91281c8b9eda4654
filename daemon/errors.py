"""What a user can put right: shown as a sentence, never as a traceback."""

from ripieno.plugins.words import did_you_mean as did_you_mean


class UserError(Exception):
    """A mistake or a lack that the user can mend.

    The message names the file, port or key, what is wrong, and what to do. The command line prints it and ends with
    `status`.
    """

    status = 1


class UsageError(UserError):
    """The command line itself makes no sense."""

    status = 2
