"""What a retry came to: the row of a key before and after its dead letters, or the error that they meet."""

from __future__ import annotations

from typing import Any

import msgspec

from twofold.cli.dead import plain_key
from twofold.cli.output import cell, note, write, write_json, write_table
from twofold.projections import Retried


def write_retried(retried: Retried, *, dry_run: bool, as_json: bool) -> None:
    """One document for programs; a heading and the columns that change for people."""
    if as_json:
        write_json(_document(retried))
        return
    parked = retried.parked
    count = "1 event" if retried.letters == 1 else f"{retried.letters} events"
    write(f"{parked.read_model} {cell(plain_key(parked.key))}: {count}, {_verdict(retried, dry_run=dry_run)}")
    if retried.error is not None:
        note(f"  {retried.error.fact}", as_json=False)
    else:
        _write_changes(_columns(retried.before), _columns(retried.after))


def _document(retried: Retried) -> dict[str, Any]:
    parked = retried.parked
    return {
        "read_model": parked.read_model,
        "key": msgspec.Raw(parked.key.encode()),
        "letters": retried.letters,
        "unparked": retried.unparked,
        "before": retried.before,
        "after": retried.after,
        "error": retried.error.facts() if retried.error is not None else None,
    }


def _verdict(retried: Retried, *, dry_run: bool) -> str:
    if retried.error is not None:
        return "stays parked"
    return "could be taken (dry run: nothing was changed)" if dry_run else "taken"


def _columns(row: Any) -> dict[str, object]:
    return msgspec.structs.asdict(row) if row is not None else {}


def _write_changes(before: dict[str, object], after: dict[str, object]) -> None:
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    if not names:
        write("the row stays as it is" if before else "there is no row, before and after")
        return
    write_table(["column", "before", "after"], [[name, before.get(name), after.get(name)] for name in names])
