"""The exit codes, and which error gives which."""

from __future__ import annotations

import click

from twofold import errors

DONE = 0
NO = 1
USAGE = 2
NOT_FOUND = 3
CONFLICT = 4
TIMED_OUT = 5
BUG = 70
"""``EX_SOFTWARE``: neither of the answers above, but a mistake in Twofold or in the app's code."""
INTERRUPTED = 130
BROKEN_PIPE = 141
"""128 + SIGPIPE, as of every filter whose reader has gone."""

_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (errors.Rejected, NO),
    (errors.NotFoundError, NOT_FOUND),
    (errors.ConflictError, CONFLICT),
    (errors.KeyReusedError, CONFLICT),
    (errors.BehindError, TIMED_OUT),
    (errors.NotConfirmedError, TIMED_OUT),
    (TimeoutError, TIMED_OUT),
    (errors.TwofoldError, USAGE),
    (click.ClickException, USAGE),
)


def exit_code(error: BaseException) -> int:
    """The exit code that an error ends with."""
    return next((code for cls, code in _CODES if isinstance(error, cls)), BUG)
