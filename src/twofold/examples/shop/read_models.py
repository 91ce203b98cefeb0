"""What the shop shows: four read models, each a row type that knows how events change it."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from twofold import Indexed, Key, ReadModel, evolve
from twofold.examples.shop.events import (
    BadDebtAdjusted,
    ItemsReturned,
    OrderCancelled,
    OrderLine,
    OrderPaid,
    OrderPlaced,
    OrderShipped,
    StockWrittenOff,
)

Status = Literal["placed", "paid", "shipped", "completed", "cancelled"]


class OrderList(ReadModel):
    """One row per order, small: for lists and counts."""

    order_id: Key[str]
    customer_id: Indexed[str]
    country: str
    placed_at: datetime
    total: Decimal = Decimal(0)
    line_count: int = 0
    item_count: int = 0
    status: Indexed[Status] = "placed"

    @evolve
    def was_placed(self, event: OrderPlaced) -> None:
        self.customer_id, self.country, self.placed_at = event.customer_id, event.country, event.placed_at
        self.total, self.line_count, self.item_count = event.total, len(event.lines), event.units

    @evolve
    def was_paid(self, event: OrderPaid) -> None:
        self.status = "completed" if self.status == "shipped" else "paid"

    @evolve
    def was_shipped(self, event: OrderShipped) -> None:
        self.status = "completed" if self.status == "paid" else "shipped"

    @evolve
    def was_cancelled(self, event: OrderCancelled) -> None:
        self.status = "cancelled"


class OrderDetails(ReadModel):
    """One row per order with all its lines and every date: for looking at one."""

    order_id: Key[str]
    customer_id: str
    country: str
    placed_at: datetime
    lines: list[OrderLine]
    total: Decimal = Decimal(0)
    paid_at: datetime | None = None
    shipped_at: datetime | None = None
    cancelled_at: datetime | None = None

    @evolve
    def was_placed(self, event: OrderPlaced) -> None:
        self.customer_id, self.country, self.placed_at = event.customer_id, event.country, event.placed_at
        self.lines, self.total = event.lines, event.total

    @evolve
    def was_paid(self, event: OrderPaid) -> None:
        self.paid_at = event.paid_at

    @evolve
    def was_shipped(self, event: OrderShipped) -> None:
        self.shipped_at = event.shipped_at

    @evolve
    def was_cancelled(self, event: OrderCancelled) -> None:
        self.cancelled_at = event.cancelled_at


class SalesAnalytics(ReadModel):
    """One row per day and country, fed by every order, return and adjustment. ``net`` is what the shop kept."""

    day: Key[date]
    country: Key[str]
    month: Indexed[date]
    orders: int = 0
    sold: Decimal = Decimal(0)
    cancelled: Decimal = Decimal(0)
    returned: Decimal = Decimal(0)
    adjusted: Decimal = Decimal(0)
    net: Decimal = Decimal(0)

    @evolve(key=lambda event: (event.placed_at.date(), event.country))
    def was_sold(self, event: OrderPlaced) -> None:
        self.orders += 1
        self.sold += event.total
        self.keep(event.total)

    @evolve(key=lambda event: (event.cancelled_at.date(), event.country))
    def was_cancelled(self, event: OrderCancelled) -> None:
        self.cancelled += event.total
        self.keep(-event.total)

    @evolve(key=lambda event: (event.returned_at.date(), event.country))
    def was_returned(self, event: ItemsReturned) -> None:
        self.returned += event.amount
        self.keep(-event.amount)

    @evolve(key=lambda event: (event.adjusted_at.date(), event.country))
    def was_adjusted(self, event: BadDebtAdjusted) -> None:
        self.adjusted += event.amount
        self.keep(event.amount)

    def keep(self, amount: Decimal) -> None:
        self.month = self.day.replace(day=1)
        self.net += amount


class ItemSales(ReadModel):
    """One row per item: how many were sold, came back or were lost, and what they brought in.

    An order has many items, so its key is a list: it changes the row of each.
    """

    item: Key[str]
    description: str = ""
    sold: int = 0
    returned: int = 0
    written_off: int = 0
    revenue: Decimal = Decimal(0)

    @evolve(key=lambda event: event.every_item)
    def was_sold(self, event: OrderPlaced) -> None:
        for line in event.lines_of(self.item):
            self.description = line.description or self.description
            self.sold += line.quantity
            self.revenue += line.amount

    @evolve(key=lambda event: event.every_item)
    def was_unsold(self, event: OrderCancelled) -> None:
        for line in event.lines_of(self.item):
            self.sold -= line.quantity
            self.revenue -= line.amount

    @evolve(key=lambda event: event.item)
    def was_returned(self, event: ItemsReturned) -> None:
        self.returned += event.quantity
        self.revenue -= event.amount

    @evolve(key=lambda event: event.item)
    def was_written_off(self, event: StockWrittenOff) -> None:
        self.written_off += event.quantity
