"""Imports the Online Retail file: every invoice becomes commands, and those of one customer go in one after the other."""

from __future__ import annotations

import asyncio
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from time import perf_counter

import msgspec
from msgspec import Struct

from twofold import App, Command, Rejected
from twofold.errors import InvalidInputError, KeyReusedError
from twofold.examples.shop.commands import AdjustBadDebt, PlaceOrder, RegisterCustomer, ReturnItems, WriteOffStock
from twofold.examples.shop.events import ANONYMOUS, OrderLine
from twofold.examples.shop.retail_file import Broken, Line, read
from twofold.messages import name_of

AT_ONCE_MAX = 256
"""Commands under way at a time. Their appends share commits, so that more of them cost little more."""


class Wish(Struct, frozen=True):
    """A command that lines of the file ask for.

    ``id`` follows from the file, so that importing twice changes nothing. Wishes of one ``lane`` go in in order.
    """

    id: str
    lane: str
    command: Command
    lines: Sequence[Line]


class Import(Struct):
    """How far an import is, and in the end what it did.

    ``amount`` is the sum over all good lines of the file, ``accepted`` counts commands by their names (also those that
    an earlier run had sent), and ``latencies`` are seconds, in the order of the answers.
    """

    lines: int = 0
    amount: Decimal = Decimal(0)
    wishes: int = 0
    accepted: Counter[str] = msgspec.field(default_factory=Counter[str])
    replayed: int = 0
    refused: int = 0
    refused_amount: Decimal = Decimal(0)
    broken: list[Broken] = msgspec.field(default_factory=list[Broken])
    token: str | None = None
    started: float = 0.0
    seconds: float = 0.0
    latencies: array[float] = msgspec.field(default_factory=lambda: array("d"))

    @property
    def done(self) -> int:
        """How many commands were answered."""
        return len(self.latencies)

    def latency_ms(self, share: float, *, of_last: int = 0) -> float:
        """The milliseconds in which this share of the commands was answered, of all or the last few."""
        ranked = sorted(self.latencies[-of_last:])
        return ranked[min(int(len(ranked) * share), len(ranked) - 1)] * 1000 if ranked else 0.0


async def import_file(app: App, path: Path, progress: Import | None = None) -> Import:
    """Import the file; whoever passes ``progress`` can watch it.

    A broken row is reported in ``broken`` and the rest goes on. ``InvalidInputError`` where it is no such file, and the
    store's errors, end it; then run it again, and it goes on where it was.
    """
    progress = progress or Import()
    lines = await _read(path, progress)
    wishes = list(wishes_of(lines))
    progress.wishes = len(wishes)
    progress.started = perf_counter()
    try:
        await _send_all(app, wishes, progress)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures  # One database fails them all, for one reason.
    finally:
        progress.seconds = perf_counter() - progress.started
    return progress


async def _read(path: Path, progress: Import) -> list[Line]:
    lines: list[Line] = []
    for row in read(path):
        if isinstance(row, Broken):
            progress.broken.append(row)
        else:
            lines.append(row)
            progress.amount += row.amount
        progress.lines += 1
        if progress.lines % 1000 == 0:
            await asyncio.sleep(0)  # Whoever watches gets a turn.
    return lines


def wishes_of(lines: Sequence[Line]) -> Iterator[Wish]:
    """The commands that the lines ask for, in the order of the file.

    The positive lines of an invoice are one order; every other line is a command of its own.
    """
    invoices: dict[tuple[str, str, str], list[Line]] = {}
    for line in lines:
        # Lines of one invoice nearly always stand together, but not always. One that names another customer would be
        # a second order under the same number, and is refused as that.
        invoices.setdefault((line.invoice, line.customer, line.country), []).append(line)
    known = {ANONYMOUS}
    for (invoice, _, _), its_lines in invoices.items():
        if its_lines[0].customer not in known:
            known.add(its_lines[0].customer)
            yield _customer(its_lines[0])
        sales = [line for line in its_lines if line.kind == "sale"]
        if sales:
            yield _order(invoice, sales)
        for index, line in enumerate(its_lines, start=1):
            if line.kind != "sale":
                yield _single(f"{invoice}.{index}", line)


def _customer(line: Line) -> Wish:
    command = RegisterCustomer(customer_id=line.customer, country=line.country)
    return Wish(f"retail:customer:{line.customer}", line.customer, command, ())


def _order(invoice: str, lines: Sequence[Line]) -> Wish:
    first = lines[0]
    command = PlaceOrder(
        order_id=invoice,
        customer_id=first.customer,
        country=first.country,
        placed_at=first.at,
        lines=[
            OrderLine(item=line.item, description=line.description, quantity=line.quantity, price=line.price)
            for line in lines
        ],
    )
    return Wish(f"retail:{invoice}", _lane(first), command, lines)


def _single(name: str, line: Line) -> Wish:
    return Wish(f"retail:{name}", _lane(line), _single_command(name, line), (line,))


def _single_command(name: str, line: Line) -> Command:
    if line.kind == "return":
        return ReturnItems(
            credit_note=line.invoice,
            customer_id=line.customer,
            item=line.item,
            quantity=-line.quantity,
            price=line.price,
            country=line.country,
            returned_at=line.at,
        )
    if line.kind == "bad debt":
        return AdjustBadDebt(adjustment_id=name, amount=line.amount, country=line.country, adjusted_at=line.at)
    return WriteOffStock(
        write_off_id=name, item=line.item, quantity=-line.quantity, reason=line.description, written_off_at=line.at
    )


def _lane(line: Line) -> str:
    """One for each customer; anonymous invoices need not wait for each other."""
    return line.customer if line.customer != ANONYMOUS else line.invoice


async def _send_all(app: App, wishes: Sequence[Wish], progress: Import) -> None:
    room = asyncio.Semaphore(AT_ONCE_MAX)
    newest: dict[str, asyncio.Task[None]] = {}
    async with asyncio.TaskGroup() as group:
        for wish in wishes:
            await room.acquire()
            task = group.create_task(_send_after(newest.get(wish.lane), app, wish, progress))
            task.add_done_callback(lambda _: room.release())
            newest[wish.lane] = task


async def _send_after(before: asyncio.Task[None] | None, app: App, wish: Wish, progress: Import) -> None:
    if before is not None:
        await before
    started = perf_counter()
    try:
        receipt = await app.send(wish.command, command_id=wish.id)
    except (Rejected, InvalidInputError, KeyReusedError) as error:
        _note_refusal(wish, error, progress)
    else:
        progress.accepted[name_of(type(wish.command))] += 1
        progress.replayed += receipt.replayed
        progress.token = receipt.token
    progress.latencies.append(perf_counter() - started)


def _note_refusal(wish: Wish, error: Rejected | InvalidInputError | KeyReusedError, progress: Import) -> None:
    if isinstance(error, Rejected) and error.code == "not-held":
        progress.refused += 1
        progress.refused_amount += sum(line.amount for line in wish.lines)
    else:
        progress.broken += [Broken(line.number, str(error)) for line in wish.lines]
