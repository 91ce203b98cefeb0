"""Answers for people: rows as a table, one thing as names and values, a plain value as it is."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from twofold.cli.output import cell, write, write_fields, write_table


def write_answer(answer: object) -> None:
    """Print whatever a query answered."""
    plain = msgspec.to_builtins(answer, enc_hook=str)
    if isinstance(plain, Mapping):
        write_fields(plain)
    elif isinstance(plain, (list, tuple)) and plain and all(isinstance(row, Mapping) for row in plain):
        columns = list(dict.fromkeys(name for row in plain for name in row))
        write_table(columns, [[row.get(name) for name in columns] for row in plain])
    elif isinstance(plain, (list, tuple)):
        for item in plain:
            write(cell(item))
    else:
        write(cell(plain))
