"""What the shop decides: who may do what, seen from the events so far. Pure functions, no clock and no database."""

from __future__ import annotations

from datetime import datetime

import msgspec

from twofold import Aggregate, Boundary, Key, Rejected, decide, evolve
from twofold.examples.shop.commands import (
    AdjustBadDebt,
    CancelOrder,
    PayOrder,
    PlaceOrder,
    RegisterCustomer,
    ReturnItems,
    ShipOrder,
    WriteOffStock,
)
from twofold.examples.shop.events import (
    ANONYMOUS,
    BadDebtAdjusted,
    CustomerRegistered,
    ItemsReturned,
    OrderCancelled,
    OrderPaid,
    OrderPlaced,
    OrderShipped,
    StockWrittenOff,
    WholeOrder,
)


class Customer(Aggregate):
    customer_id: Key[str]
    registered: bool = False

    @decide
    def register(self, command: RegisterCustomer) -> CustomerRegistered | None:
        return None if self.registered else CustomerRegistered.of(command)

    @evolve
    def was_registered(self, event: CustomerRegistered) -> None:
        self.registered = True


class Order(Aggregate):
    order_id: Key[str]
    placed: OrderPlaced | None = None
    paid: bool = False
    shipped: bool = False
    cancelled: bool = False

    @decide
    def place(self, command: PlaceOrder) -> OrderPlaced:
        if self.placed:
            raise Rejected("already-placed", f"order {self.order_id} is placed already")
        if any(line.price < 0 for line in command.lines):
            raise Rejected("negative-price", "nothing is sold at a price below zero")
        known = command.customer_id != ANONYMOUS
        return OrderPlaced.of(command, item=list(dict.fromkeys(line.item for line in command.lines)) if known else [])

    @decide
    def pay(self, command: PayOrder) -> OrderPaid:
        order = self.open_order()
        if self.paid:
            raise Rejected("already-paid", f"order {self.order_id} is paid already")
        if command.amount != order.total:
            raise Rejected("wrong-amount", "an order is paid in full", total=order.total, amount=command.amount)
        return OrderPaid.of(command)

    @decide
    def ship(self, command: ShipOrder) -> OrderShipped:
        self.open_order()
        if self.shipped:
            raise Rejected("already-shipped", f"order {self.order_id} is shipped already")
        return OrderShipped.of(command)

    @decide
    def cancel(self, command: CancelOrder) -> OrderCancelled:
        order = self.open_order()
        if self.shipped:
            raise Rejected("already-shipped", f"order {self.order_id} is on its way; its items can be returned")
        return OrderCancelled.of(order, cancelled_at=command.cancelled_at)

    def open_order(self) -> OrderPlaced:
        """The order, if there is one that still stands."""
        if self.placed is None:
            raise Rejected("not-placed", f"there is no order {self.order_id}")
        if self.cancelled:
            raise Rejected("cancelled", f"order {self.order_id} is cancelled")
        return self.placed

    @evolve
    def was_placed(self, event: OrderPlaced) -> None:
        self.placed = event

    @evolve
    def was_paid(self, event: OrderPaid) -> None:
        self.paid = True

    @evolve
    def was_shipped(self, event: OrderShipped) -> None:
        self.shipped = True

    @evolve
    def was_cancelled(self, event: OrderCancelled) -> None:
        self.cancelled = True


class Holding(Boundary):
    """How much of one item one customer has: a rule over every order and return of the two, which no stream owns."""

    customer_id: Key[str]
    item: Key[str]
    bought: list[tuple[datetime, int]] = msgspec.field(default_factory=list[tuple[datetime, int]])
    returned: int = 0

    @decide
    def take_back(self, command: ReturnItems) -> ItemsReturned:
        if command.price < 0:
            raise Rejected("negative-price", "nothing is refunded at a price below zero")
        held = self.held(command.returned_at)
        if command.customer_id != ANONYMOUS and command.quantity > held:
            raise Rejected("not-held", "more returned than held", held=held, quantity=command.quantity)
        return ItemsReturned.of(command)

    def held(self, at: datetime) -> int:
        """What was bought until then, less all that came back.

        What is bought later does not count: a return that was refused once stays refused, whenever it is tried again.
        """
        return sum(quantity for when, quantity in self.bought if when <= at) - self.returned

    @evolve
    def was_bought(self, event: OrderPlaced) -> None:
        self.bought.append((event.placed_at, self.units_in(event)))

    @evolve
    def was_unbought(self, event: OrderCancelled) -> None:
        self.bought.append((event.placed_at, -self.units_in(event)))

    @evolve
    def was_returned(self, event: ItemsReturned) -> None:
        self.returned += event.quantity

    def units_in(self, order: WholeOrder) -> int:
        return sum(line.quantity for line in order.lines_of(self.item))


class BadDebt(Aggregate):
    adjustment_id: Key[str]
    adjusted: bool = False

    @decide
    def adjust(self, command: AdjustBadDebt) -> BadDebtAdjusted:
        if self.adjusted:
            raise Rejected("already-adjusted", f"adjustment {self.adjustment_id} is made already")
        return BadDebtAdjusted.of(command)

    @evolve
    def was_adjusted(self, event: BadDebtAdjusted) -> None:
        self.adjusted = True


class WriteOff(Aggregate):
    write_off_id: Key[str]
    written_off: bool = False

    @decide
    def write_off(self, command: WriteOffStock) -> StockWrittenOff:
        if self.written_off:
            raise Rejected("already-written-off", f"write-off {self.write_off_id} is made already")
        return StockWrittenOff.of(command)

    @evolve
    def was_written_off(self, event: StockWrittenOff) -> None:
        self.written_off = True
