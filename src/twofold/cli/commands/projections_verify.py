"""``twofold projections verify``: folds read models again from the log, and says exactly which rows differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from twofold.cli.exits import DONE, NO
from twofold.cli.loading import app_for
from twofold.cli.loop import run_fast
from twofold.cli.options import Settings, common, settings_of
from twofold.cli.output import write, write_json, write_table
from twofold.cli.plain import printable
from twofold.cli.progress import progress
from twofold.cli.stores import opened_app
from twofold.projections import Difference, Unsure, Verification

HELP = """Fold read models again from the log, up to where their rows stand, and compare them exactly. Writes go on meanwhile.

Exit code 1: something differs, and was not mended.
"""


@common
@click.command("verify", help=HELP)
@click.argument("names", nargs=-1, required=True, metavar="NAME…")
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="About N keys, others each time.")
@click.option("--all", "every", is_flag=True, help="Every key; so it is without --sample.")
@click.option("--heal", is_flag=True, help="Mend the rows that differ, and no others.")
@settings_of
def command(settings: Settings, names: Sequence[str], sample: int | None, every: bool, heal: bool) -> int:
    if every and sample is not None:
        raise click.UsageError("--sample and --all at once. Use one of them.")
    app = app_for(settings)

    async def verify() -> list[Verification]:
        async with opened_app(app) as started:
            found = []
            for name in names:
                with progress(f"verifying {name}") as tell:
                    found.append(await started.verify(name, sample=sample, heal=heal, tell=tell))
            return found

    found = run_fast(verify())
    if settings.json:
        write_json([document(each) for each in found])
    else:
        for each in found:
            show(each)
    return DONE if all(each.is_right for each in found) else NO


def document(found: Verification) -> dict[str, object]:
    """The whole of it as a document."""
    differences = [
        {
            **_place(each),
            "kind": each.kind,
            "columns": {name: {"kept": kept, "folded": folded} for name, (kept, folded) in each.columns.items()},
        }
        for each in found.differences
    ]
    counts = {name: getattr(found, name) for name in ("position", "keys", "different", "healed", "parked")}
    return {
        "read_model": found.read_model,
        "is_right": found.is_right,
        **counts,
        "differences": differences,
        "unsure": [{**_place(each), "columns": each.columns} for each in found.unsure],
        "failing": [each.facts() for each in found.failing],
    }


def _place(of: Difference | Unsure) -> dict[str, object]:
    """Where a row is; a read model has but one table."""
    return {"table": of.table, "key": of.key} if of.table else {"key": of.key}


def show(found: Verification) -> None:
    """What differs as a table, and one line about all."""
    names = ["table", "key", "row", "column", "kept", "folded"]
    if rows := list(_rows(found)):
        several = any(table for table, *_ in rows)  # A read model has but one.
        write_table(names if several else names[1:], rows if several else [row for _, *row in rows])
    write(printable(_summary(found)))


def _rows(found: Verification) -> Iterator[Sequence[object]]:
    for each in found.differences:
        for name, (kept, folded) in each.columns.items():
            yield each.table, each.key, each.kind, name, kept, folded
        if not each.columns:
            yield each.table, each.key, each.kind, "", "", ""
    for unsure in found.unsure:
        yield unsure.table, unsure.key, "not deterministic", ", ".join(unsure.columns), "", ""
    for failing in found.failing:
        yield (
            "",
            failing.key,
            "cannot be folded",
            "",
            "",
            f"{failing.event_type} at {failing.position}: {failing.reason}",
        )


def _summary(found: Verification) -> str:
    said = [f"{found.keys} keys compared at position {found.position}", f"{found.different or 'none'} different"]
    for count, what in (
        (found.healed, "mended"),
        (len(found.unsure), "not deterministic"),
        (len(found.failing), "that cannot be folded"),
        (found.parked, "parked"),
    ):
        said += [f"{count} {what}"] if count else []
    return f"{found.read_model}: {', '.join(said)}"
