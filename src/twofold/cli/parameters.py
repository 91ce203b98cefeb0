"""What an option may hold: a position, a count, a moment, a time in seconds; read by pattern.

``int`` and ``float`` would take ``1_000``, ``nan`` and the digits of every script.
"""

from __future__ import annotations

import re
from datetime import datetime

import click
import msgspec

_DIGITS = re.compile(r"[0-9]{1,18}")
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_SPAN = re.compile(rf"({_SECONDS.pattern})(ms|s|m|h|)")
_UNITS = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def position(text: str) -> int:
    """A whole number from 1."""
    if not _DIGITS.fullmatch(text) or int(text) == 0:
        raise click.BadParameter(f"{text!r} is not a whole number from 1.")
    return int(text)


def count(text: str) -> int:
    """A whole number from 1."""
    return position(text)


def after(text: str) -> int:
    """A position or version to begin after, from 0."""
    return position(text) if text.strip("0") or not text else 0


def version_or_time(text: str) -> int | datetime:
    """A version (digits), or a moment in RFC 3339 with its zone."""
    if _DIGITS.fullmatch(text):
        return int(text)
    try:
        moment = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise click.BadParameter(f"{text!r} is no version and no time. Write 42 or 2010-12-01T08:26:00Z.")
    return moment


def seconds(text: str) -> float:
    """A time in seconds, not negative."""
    if not _SECONDS.fullmatch(text):
        raise click.BadParameter(f"{text!r} is not a number of seconds. Write 5 or 0.5.")
    return float(text)


def span(text: str) -> float:
    """A time with its unit, in seconds: ``500ms``, ``5s``, ``2m``, ``1h``; a bare number is seconds."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise click.BadParameter(f"{text!r} is no time. Write 500ms, 5s, 2m or 1h.")
    return float(found[1]) * _UNITS[found[3]]
