"""How far a rebuild is: a bar on a terminal, a JSON line each second for programs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

import click
import msgspec

if TYPE_CHECKING:
    from twofold.projections.filling import Progress

Show: TypeAlias = Callable[["Progress"], None]

EVERY_SECONDS = 1.0


class Reports:
    """Shows what it is told, and keeps the last of it. Everything goes to stderr: stdout carries the result."""

    def __init__(self, show: Show) -> None:
        self.last: Progress | None = None
        self._show = show

    def __call__(self, progress: Progress) -> None:
        self.last = progress
        self._show(progress)


@contextmanager
def reports(*, as_json: bool) -> Generator[Reports]:
    """For use around a rebuild."""
    if as_json:
        yield Reports(_lines())
    elif sys.stderr.isatty():
        with _bar() as show:
            yield Reports(show)
    else:
        yield Reports(lambda progress: None)


def _lines() -> Show:
    told = time.monotonic()

    def show(progress: Progress) -> None:
        nonlocal told
        if time.monotonic() - told >= EVERY_SECONDS:
            told = time.monotonic()
            click.echo(msgspec.json.encode(progress), err=True)

    return show


@contextmanager
def _bar() -> Generator[Show]:
    from rich.console import Console
    from rich.progress import BarColumn, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]:,.0f} events/s"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(progress: Progress) -> None:
            if progress.subscription not in tasks:
                tasks[progress.subscription] = bars.add_task(progress.subscription, rate=0.0)
            bars.update(
                tasks[progress.subscription], completed=progress.position, total=progress.head, rate=progress.rate
            )

        yield show
