"""What one may ask the shop. Read models are tables, so the answers are SQL; the same text runs on both databases."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, Struct

from twofold import Query, Reader, answers
from twofold.examples.shop.read_models import ItemSales, OrderDetails, OrderList, Status

Count = Annotated[int, Meta(ge=1, le=1000)]


class GetOrder(Query[OrderDetails | None]):
    order_id: str


class CustomerOrders(Query[list[OrderList]]):
    """Newest first."""

    customer_id: str
    count: Count = 20


class OrdersByStatus(Struct, frozen=True):
    status: Status
    orders: int
    total: Decimal


class OrderStats(Query[list[OrdersByStatus]]):
    """How many orders stand where, and what they are worth."""


class MonthOfSales(Struct, frozen=True):
    """``net`` is what was sold, less what was cancelled and returned, and with debts adjusted."""

    month: date
    orders: int
    sold: Decimal
    cancelled: Decimal
    returned: Decimal
    adjusted: Decimal
    net: Decimal


class SalesByMonth(Query[list[MonthOfSales]]):
    """Of one country, or of all."""

    country: str | None = None


class TopItems(Query[list[ItemSales]]):
    count: Count = 10
    by: Literal["revenue", "sold", "returned", "written_off"] = "revenue"


@answers
async def get_order(query: GetOrder, read: Reader) -> OrderDetails | None:
    return await read.one(OrderDetails, "where order_id = :order_id", order_id=query.order_id)


@answers
async def customer_orders(query: CustomerOrders, read: Reader) -> list[OrderList]:
    newest_first = "where customer_id = :customer order by placed_at desc, order_id desc limit :count"
    return await read.all(OrderList, newest_first, customer=query.customer_id, count=query.count)


@answers
async def order_stats(query: OrderStats, read: Reader) -> list[OrdersByStatus]:
    return await read.all(
        OrdersByStatus,
        "select status, count(*) as orders, sum(total) as total from order_list group by status order by status",
    )


@answers
async def sales_by_month(query: SalesByMonth, read: Reader) -> list[MonthOfSales]:
    return await read.all(
        MonthOfSales,
        """
        select month, cast(sum(orders) as bigint) as orders, sum(sold) as sold,
               sum(cancelled) as cancelled, sum(returned) as returned,
               sum(adjusted) as adjusted, sum(net) as net
        from sales_analytics
        where country = coalesce(:country, country)
        group by month order by month
        """,
        country=query.country,
    )


@answers
async def top_items(query: TopItems, read: Reader) -> list[ItemSales]:
    # ``by`` is one of the four names above, so it may become part of the statement; values never do.
    return await read.all(ItemSales, f"order by {query.by} desc, item limit :count", count=query.count)
