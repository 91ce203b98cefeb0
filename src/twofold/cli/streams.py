"""What the commands about streams share: which decider a stream belongs to, and a guess where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twofold.cli.guess import guess
from twofold.deciders.definition import Definition
from twofold.errors import NotFoundError

if TYPE_CHECKING:
    from twofold.app import App


def definition_for(stream: str, app: App) -> Definition | None:
    """The decider whose streams are called so."""
    category = stream.partition("-")[0]
    return next((each for each in app.parts.definitions.values() if each.category == category), None)


def no_stream(stream: str, app: App) -> NotFoundError:
    """The error for a stream without events; its remedy guesses the category, or names those that there are."""
    if definition_for(stream, app):
        return NotFoundError("stream", stream, remedy="Check the part after the '-'; no event was appended to it.")
    category, _, key = stream.partition("-")
    known = sorted(each.category for each in app.parts.definitions.values())
    hint = guess(category, known)
    remedy = hint.replace("?", f"-{key}?") if hint else f"Stream types of this app: {', '.join(known) or 'none'}."
    return NotFoundError("stream", stream, remedy=remedy)
