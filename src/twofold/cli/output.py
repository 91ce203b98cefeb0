"""What is printed: results on stdout, notes on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
import msgspec

from twofold.cli.exits import BROKEN_PIPE
from twofold.cli.plain import printable

if TYPE_CHECKING:
    from rich.table import Table


def note(text: str, *, as_json: bool) -> None:
    """Say something beside the result, on stderr."""
    click.echo(msgspec.json.encode({"note": text}) if as_json else click.style(printable(text), dim=True), err=True)


def write(line: str | bytes) -> None:
    """One line of the result. Whoever reads it may go (``| head``): then there is nothing left to do or to say."""
    try:
        click.echo(line)
    except BrokenPipeError:
        # What Python still has in its buffer would fail again, and loudly, at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.exceptions.Exit(BROKEN_PIPE) from None


def write_json(value: object) -> None:
    """One JSON document on one line."""
    write(msgspec.json.encode(value, enc_hook=str))


def write_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table for people; into a pipe it is as wide as it needs to be."""
    _print(table_of(columns, rows))


def table_of(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table for people, to be shown."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for row in rows:
        table.add_row(*(Text(cell(value)) for value in row))
    return table


@contextmanager
def screen(*, on: bool) -> Generator[Callable[[Table], None]]:
    """Shows tables: on a terminal each in place of the one before, where that is wanted; elsewhere one after the other."""
    if not (on and sys.stdout.isatty()):
        yield _print
        return
    from rich.live import Live

    with Live(auto_refresh=False) as live:
        yield lambda table: live.update(table, refresh=True)


def _print(table: Table) -> None:
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 10_000, highlight=False)
    with console.capture() as captured:
        console.print(table)
    write("\n".join(line.rstrip() for line in captured.get().strip("\n").splitlines()))


def write_fields(fields: Mapping[str, object]) -> None:
    """Names and values, one pair on a line."""
    width = max(map(len, fields), default=0)
    for name, value in fields.items():
        write(f"{name:<{width}}  {cell(value)}")


def cell(value: object) -> str:
    """A value for people: plain text as it is, anything with structure as JSON."""
    plain = msgspec.to_builtins(value, enc_hook=str)
    if plain is None:
        return "–"
    return printable(plain if isinstance(plain, str) else msgspec.json.encode(plain).decode())
