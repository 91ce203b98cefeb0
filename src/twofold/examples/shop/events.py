"""What happened at the shop. Every event is a fact with its own time; money is exact, times are UTC."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from msgspec import Meta

from twofold import Event, Tag
from twofold.messages import Message

Name = Annotated[str, Meta(min_length=1, max_length=80)]
Units = Annotated[int, Meta(ge=1)]

ANONYMOUS = "anonymous"
"""The customer of a sale or return whose customer nobody knows."""


class OrderLine(Message):
    """So many of one item at one price. The same item may stand on several lines of an order."""

    item: Name
    quantity: Units
    price: Decimal
    description: str = ""

    @property
    def amount(self) -> Decimal:
        return self.quantity * self.price


class CustomerRegistered(Event):
    customer_id: Tag[str]
    country: str


class WholeOrder(Event):
    """An order in full, however long: what its placing says, and its cancelling again.

    ``item`` lists what is on its lines, one tag each, so that a boundary over a customer and an item finds the order.
    It is empty for an anonymous one, because nobody's holdings come from it.
    """

    order_id: str
    customer_id: Tag[str]
    item: Tag[list[str]]
    country: str
    placed_at: datetime
    lines: list[OrderLine]

    @property
    def total(self) -> Decimal:
        return sum((line.amount for line in self.lines), Decimal(0))

    @property
    def units(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def every_item(self) -> list[str]:
        """Every item on its lines, once."""
        return list(dict.fromkeys(line.item for line in self.lines))

    def lines_of(self, item: str) -> list[OrderLine]:
        return [line for line in self.lines if line.item == item]


class OrderPlaced(WholeOrder):
    """Somebody ordered: one event for all lines."""


class OrderPaid(Event):
    order_id: str
    amount: Decimal
    paid_at: datetime


class OrderShipped(Event):
    order_id: str
    shipped_at: datetime


class OrderCancelled(WholeOrder):
    """It repeats the order, so that whoever counts sales or holdings can take back what the order gave."""

    cancelled_at: datetime


class ItemsReturned(Event):
    """Items came back; their price was refunded. ``credit_note`` is the paper that says so, for one or several items."""

    credit_note: str
    customer_id: Tag[str]
    item: Tag[str]
    quantity: int
    price: Decimal
    country: str
    returned_at: datetime

    @property
    def amount(self) -> Decimal:
        return self.quantity * self.price


class BadDebtAdjusted(Event):
    """A debt was given up (a negative amount) or came in after all."""

    adjustment_id: str
    amount: Decimal
    country: str
    adjusted_at: datetime


class StockWrittenOff(Event):
    """Stock is gone: damaged, lost, given away. No money moves."""

    write_off_id: str
    item: str
    quantity: int
    reason: str
    written_off_at: datetime
