"""What an import came to: the answers of the shop beside the file's own arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from twofold import App
from twofold.examples.shop.events import ANONYMOUS
from twofold.examples.shop.importer import Import
from twofold.examples.shop.questions import (
    CustomerOrders,
    GetOrder,
    MonthOfSales,
    OrdersByStatus,
    OrderStats,
    SalesByMonth,
    TopItems,
)
from twofold.examples.shop.read_models import ItemSales, OrderDetails, OrderList
from twofold.examples.shop.retail_file import Broken


class RefusedReturns(Struct, frozen=True):
    """Returns of more than the customer held. ``value`` is negative, as in the file."""

    count: int
    value: Decimal


class Rates(Struct, frozen=True):
    """How fast the commands went in; ``p50_ms`` and ``p99_ms`` are the latency of one, among many at a time."""

    seconds: float
    lines_per_second: float
    commands_per_second: float
    events_per_second: float
    p50_ms: float
    p99_ms: float


class Outcome(Struct, frozen=True):
    """The answers.

    ``file_total`` is the sum of all good lines; without the refused returns it is ``net_total``. ``net_by_month`` has
    the same total for each month, written ``2010-12``.
    """

    net_total: Decimal
    file_total: Decimal
    agrees: bool
    refused_returns: RefusedReturns
    net_by_month: Mapping[str, Decimal]
    months: Sequence[MonthOfSales]
    orders_by_status: Sequence[OrdersByStatus]
    top_items: Sequence[ItemSales]
    order: OrderDetails | None
    customer_orders: Sequence[OrderList]
    counts: Mapping[str, int]
    rates: Rates
    broken: Sequence[Broken]


async def outcome_of(app: App, done: Import, order_id: str) -> Outcome:
    """Ask the shop every question it knows, after everything that was sent; one order is looked at closely."""
    months = await app.ask(SalesByMonth(), after=done.token)
    net = sum((month.net for month in months), Decimal(0))
    order = await app.ask(GetOrder(order_id=order_id), after=done.token)
    customer = CustomerOrders(customer_id=order.customer_id if order else ANONYMOUS, count=5)
    head = await app.head()
    return Outcome(
        net_total=net,
        file_total=done.amount,
        agrees=net == done.amount - done.refused_amount,
        refused_returns=RefusedReturns(done.refused, done.refused_amount),
        net_by_month={f"{month.month:%Y-%m}": month.net for month in months},
        months=months,
        orders_by_status=await app.ask(OrderStats(), after=done.token),
        top_items=await app.ask(TopItems(), after=done.token),
        order=order,
        customer_orders=await app.ask(customer, after=done.token),
        counts=_counts(done, head.position),
        rates=_rates(done, head.position),
        broken=done.broken,
    )


def _counts(done: Import, events: int) -> dict[str, int]:
    named = {
        "customers": "RegisterCustomer",
        "orders": "PlaceOrder",
        "returns": "ReturnItems",
        "bad_debts": "AdjustBadDebt",
        "write_offs": "WriteOffStock",
    }
    counted = {name: done.accepted[command] for name, command in named.items()}
    return {
        "lines": done.lines,
        "commands": done.done,
        "replayed": done.replayed,
        **counted,
        "refused_returns": done.refused,
        "broken": len(done.broken),
        "events": events,
    }


def _rates(done: Import, events: int) -> Rates:
    seconds = max(done.seconds, 1e-9)
    return Rates(
        seconds=round(seconds, 3),
        lines_per_second=round(done.lines / seconds),
        commands_per_second=round(done.done / seconds),
        events_per_second=round(events / seconds),
        p50_ms=round(done.latency_ms(0.5), 3),
        p99_ms=round(done.latency_ms(0.99), 3),
    )
