"""The shop's read models: which rows a history folds to."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from tests.examples.test_write_model import CANCELLED, HEART, MONDAY, PAID, PLACED, PLATE, SHIPPED, TUESDAY, given_back
from twofold.examples.shop.events import BadDebtAdjusted, StockWrittenOff
from twofold.examples.shop.read_models import ItemSales, OrderDetails, OrderList, SalesAnalytics, Status
from twofold.testing import given


def in_list(status: Status) -> OrderList:
    return OrderList(
        order_id="o-1",
        customer_id="17850",
        country="EIRE",
        placed_at=MONDAY,
        total=Decimal("43.35"),
        line_count=3,
        item_count=13,
        status=status,
    )


def test_the_list_shows_where_an_order_stands() -> None:
    given(OrderList, PLACED).then(in_list("placed"))
    given(OrderList, PLACED, PAID).then(in_list("paid"))
    given(OrderList, PLACED, SHIPPED).then(in_list("shipped"))
    given(OrderList, PLACED, PAID, SHIPPED).then(in_list("completed"))
    given(OrderList, PLACED, SHIPPED, PAID).then(in_list("completed"))
    given(OrderList, PLACED, PAID, CANCELLED).then(in_list("cancelled"))


def test_the_details_have_every_line_and_date() -> None:
    given(OrderDetails, PLACED, PAID, SHIPPED).then(
        OrderDetails(
            order_id="o-1",
            customer_id="17850",
            country="EIRE",
            placed_at=MONDAY,
            lines=[HEART, PLATE, HEART],
            total=Decimal("43.35"),
            paid_at=TUESDAY,
            shipped_at=TUESDAY,
        )
    )


def test_sales_are_counted_on_the_day_of_each_event() -> None:
    on_monday = SalesAnalytics(
        day=MONDAY.date(),
        country="EIRE",
        month=date(2010, 12, 1),
        orders=1,
        sold=Decimal("43.35"),
        net=Decimal("43.35"),
    )
    on_tuesday = SalesAnalytics(
        day=TUESDAY.date(),
        country="EIRE",
        month=date(2010, 12, 1),
        returned=Decimal("5.10"),
        cancelled=Decimal("43.35"),
        net=Decimal("-48.45"),
    )
    given(SalesAnalytics, PLACED, given_back(2), CANCELLED).then(on_monday, on_tuesday)


def test_a_debt_given_up_counts_in_its_month_and_country() -> None:
    adjusted_at = MONDAY + timedelta(days=30)
    lost = BadDebtAdjusted(adjustment_id="A1", amount=Decimal("-11062.06"), country="EIRE", adjusted_at=adjusted_at)
    given(SalesAnalytics, lost).then(
        SalesAnalytics(
            day=adjusted_at.date(), country="EIRE", month=date(2011, 1, 1), adjusted=lost.amount, net=lost.amount
        )
    )


def test_an_order_counts_for_each_of_its_items() -> None:
    hearts = ItemSales(item="85123A", description="WHITE HANGING HEART", sold=12, revenue=Decimal("30.60"))
    plates = ItemSales(item="22423", description="CAKE STAND", sold=1, revenue=Decimal("12.75"))
    given(ItemSales, PLACED).then(hearts, plates)


def test_returns_write_offs_and_cancelled_orders_count_for_their_items() -> None:
    lost = StockWrittenOff(write_off_id="w-1", item="22423", quantity=3, reason="?", written_off_at=MONDAY)
    hearts = ItemSales(item="85123A", description="WHITE HANGING HEART", returned=2, revenue=Decimal("-5.10"))
    plates = ItemSales(item="22423", description="CAKE STAND", written_off=3, revenue=Decimal("0.00"))
    given(ItemSales, PLACED, given_back(2), lost, CANCELLED).then(hearts, plates)
