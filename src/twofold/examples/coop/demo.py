"""``twofold demo coop``: a year of families goes in under your eyes, then the co-op answers questions about them."""

from __future__ import annotations

from datetime import date
from functools import partial
from tempfile import TemporaryDirectory

from rich.console import Console

from twofold import App, Rejected
from twofold.examples.coop.app import coop
from twofold.examples.coop.commands import EnrollFamily, RecordContact
from twofold.examples.coop.outcome import Outcome, outcome_of
from twofold.examples.coop.questions import GetFamily
from twofold.examples.coop.sender import Year, send_year
from twofold.examples.coop.view import answers_of, numbers_of, verdict_of
from twofold.examples.screen import watched

LEVEL_SECONDS_MAX = 600.0

FAMILY_ID = "f-00001"
"""The first family, at which the demo looks closely."""

LAST_DAY = date(2025, 7, 31)


async def demo(store_url: str | None, families: int, console: Console | None) -> Outcome:
    """Send a year of so many families, and answer; where there is a console, show it there.

    Without a store URL it works in a temporary SQLite file that is removed in the end, also after Ctrl-C.
    """
    with TemporaryDirectory(prefix="twofold-demo-") as folder:
        async with coop(store_url or f"sqlite:///{folder}/coop.db") as app:
            done = await _send(app, families, console)
            told = await _meet_a_family(app, done, FAMILY_ID)
            outcome = await outcome_of(app, done, FAMILY_ID)
    if console is not None:
        _show(console, outcome, told)
    return outcome


async def _send(app: App, families: int, console: Console | None) -> Year:
    progress = Year()
    async with watched(app, progress, partial(numbers_of, progress), console):
        await send_year(app, families, progress=progress)
        await app.settle(timeout_seconds=LEVEL_SECONDS_MAX)
    return progress


async def _meet_a_family(app: App, done: Year, family_id: str) -> list[str]:
    """A write that the next answer includes, and one that the rules refuse.

    The command id is fixed, so that a second demo on the same store changes nothing.
    """
    call = RecordContact(family_id=family_id, date=LAST_DAY, method="phone", notes="see you in autumn")
    receipt = await app.send(call, command_id=f"demo:call:{family_id}")
    done.take(receipt)
    family = await app.ask(GetFamily(family_id=family_id), after=receipt)
    if family is None:
        return []
    told = [f"RecordContact: {family.parent_name} was called, and GetFamily says so: {family.last_contact_date}."]
    again = EnrollFamily(
        family_id=family_id,
        family_name=family.family_name,
        parent_name=family.parent_name,
        email=family.email,
        enrollment_date=LAST_DAY,
    )
    try:
        await app.send(again)
    except Rejected as no:
        return [*told, f"EnrollFamily was rejected: {no}."]
    return [*told, f"EnrollFamily was accepted, although family {family_id} is here already."]


def _show(console: Console, outcome: Outcome, told: list[str]) -> None:
    for table in answers_of(outcome):
        console.print(table)
    for line in told:
        console.print(line)
    console.print(verdict_of(outcome))
