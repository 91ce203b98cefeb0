"""What an option may hold: a position or version, a moment, a tag."""

from __future__ import annotations

import re
from datetime import datetime

import click
import msgspec


class WholeNumber(click.ParamType):
    """Digits, from ``least``. By pattern, because ``int`` reads ``1_000`` and digits of every script."""

    def __init__(self, name: str, least: int = 0) -> None:
        self.name = name
        self.least = least

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        if not re.fullmatch(r"[0-9]{1,18}", value) or int(value) < self.least:
            self.fail(f"{value!r} is not a {self.name}. Give a whole number from {self.least}.", param, ctx)
        return int(value)


class VersionOrTime(click.ParamType):
    """A version (digits) or a moment (RFC 3339 with its zone, such as 2010-12-01T08:26:00Z)."""

    name = "version|time"

    def convert(
        self, value: str | int | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | datetime:
        if not isinstance(value, str):
            return value
        if re.fullmatch(r"[0-9]{1,18}", value):
            return int(value)
        try:
            moment = msgspec.convert(value, datetime)
        except msgspec.ValidationError:
            moment = None
        if moment is None or moment.tzinfo is None:
            self.fail(f"{value!r} is no version and no time. Write 42 or 2010-12-01T08:26:00Z.", param, ctx)
        return moment


class Seconds(click.ParamType):
    """A time in seconds, not negative."""

    name = "seconds"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, (int, float)):
            return value
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value):
            self.fail(f"{value!r} is not a number of seconds. Write 5 or 0.5.", param, ctx)
        return float(value)


POSITION = WholeNumber("position", least=1)
AFTER = WholeNumber("position")
COUNT = WholeNumber("count", least=1)
VERSION_OR_TIME = VersionOrTime()
SECONDS = Seconds()
