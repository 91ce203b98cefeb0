"""From lines of the file to the commands that they ask for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from twofold import Command
from twofold.examples.sending import Wish
from twofold.examples.shop.commands import AdjustBadDebt, PlaceOrder, RegisterCustomer, ReturnItems, WriteOffStock
from twofold.examples.shop.events import ANONYMOUS, OrderLine
from twofold.examples.shop.retail_file import Line


class LinesWish(Wish, frozen=True):
    """A command that lines of the file ask for. Its id follows from the file, so that importing twice changes nothing."""

    lines: Sequence[Line]


def wishes_of(lines: Sequence[Line]) -> Iterator[LinesWish]:
    """The commands that the lines ask for, in the order of the file.

    The positive lines of an invoice are one order; every other line is a command of its own.
    """
    invoices: dict[str, list[Line]] = {}
    for line in lines:
        invoices.setdefault(line.invoice, []).append(line)  # They nearly always stand together, but not always.
    known = {ANONYMOUS}
    for invoice, its_lines in invoices.items():
        if its_lines[0].customer not in known:
            known.add(its_lines[0].customer)
            yield _customer(its_lines[0])
        sales = [line for line in its_lines if line.kind == "sale"]
        if sales:
            yield _order(invoice, sales)
        for index, line in enumerate(its_lines, start=1):
            if line.kind != "sale":
                yield _single(f"{invoice}.{index}", line)


def _customer(line: Line) -> LinesWish:
    command = RegisterCustomer(customer_id=line.customer, country=line.country)
    return LinesWish(f"retail:customer:{line.customer}", line.customer, command, ())


def _order(invoice: str, lines: Sequence[Line]) -> LinesWish:
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
    return LinesWish(f"retail:{invoice}", _lane(first), command, lines)


def _single(name: str, line: Line) -> LinesWish:
    return LinesWish(f"retail:{name}", _lane(line), _single_command(name, line), (line,))


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
