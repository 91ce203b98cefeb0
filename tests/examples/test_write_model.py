"""The shop's rules as examples."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from twofold.examples.shop.commands import (
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
    CustomerRegistered,
    ItemsReturned,
    OrderCancelled,
    OrderLine,
    OrderPaid,
    OrderPlaced,
    OrderShipped,
    StockWrittenOff,
)
from twofold.examples.shop.write_model import Customer, Holding, Order, WriteOff
from twofold.testing import given

MONDAY = datetime(2010, 12, 6, 9, 0, tzinfo=UTC)
TUESDAY = MONDAY + timedelta(days=1)
HEART = OrderLine(item="85123A", description="WHITE HANGING HEART", quantity=6, price=Decimal("2.55"))
PLATE = OrderLine(item="22423", description="CAKE STAND", quantity=1, price=Decimal("12.75"))
PLACE = PlaceOrder(order_id="o-1", customer_id="17850", country="EIRE", placed_at=MONDAY, lines=[HEART, PLATE, HEART])
PLACED = OrderPlaced.of(PLACE, item=["85123A", "22423"])
PAID = OrderPaid(order_id="o-1", amount=Decimal("43.35"), paid_at=TUESDAY)
SHIPPED = OrderShipped(order_id="o-1", shipped_at=TUESDAY)
CANCELLED = OrderCancelled.of(PLACED, cancelled_at=TUESDAY)
CANCEL = CancelOrder(order_id="o-1", cancelled_at=TUESDAY)


def give_back(quantity: int, *, at: datetime = TUESDAY, customer_id: str = "17850") -> ReturnItems:
    return ReturnItems(
        credit_note="C1",
        customer_id=customer_id,
        item="85123A",
        quantity=quantity,
        price=Decimal("2.55"),
        country="EIRE",
        returned_at=at,
    )


def given_back(quantity: int, *, customer_id: str = "17850") -> ItemsReturned:
    return ItemsReturned.of(give_back(quantity, customer_id=customer_id))


def test_a_customer_registers_once_and_again_changes_nothing() -> None:
    register = RegisterCustomer(customer_id="17850", country="EIRE")
    first = given(Customer).when(register)
    first.then(CustomerRegistered(customer_id="17850", country="EIRE")).when(register).then_nothing()


def test_an_order_is_one_event_that_names_its_items_once() -> None:
    given(Order).when(PLACE).then(PLACED)


def test_an_anonymous_order_names_no_items_because_nobody_holds_them() -> None:
    nobody = PlaceOrder(order_id="o-1", country="EIRE", placed_at=MONDAY, lines=[HEART])
    given(Order).when(nobody).then(OrderPlaced.of(nobody, item=[]))


def test_an_order_is_placed_once() -> None:
    given(Order, PLACED).when(PLACE).then_rejected("already-placed")


def test_nothing_is_sold_at_a_price_below_zero() -> None:
    gift = OrderLine(item="85123A", quantity=1, price=Decimal("-0.01"))
    order = PlaceOrder(order_id="o-1", country="EIRE", placed_at=MONDAY, lines=[gift])
    given(Order).when(order).then_rejected("negative-price")


def test_an_order_without_lines_is_no_order() -> None:
    given(Order).when(PlaceOrder(order_id="o-1", country="EIRE", placed_at=MONDAY, lines=[])).then_invalid("lines")


def test_an_order_is_paid_in_full_and_once() -> None:
    pay = PayOrder(order_id="o-1", amount=Decimal("43.35"), paid_at=TUESDAY)
    given(Order, PLACED).when(pay).then(PAID).when(pay).then_rejected("already-paid")
    too_little = PayOrder(order_id="o-1", amount=Decimal("43.34"), paid_at=TUESDAY)
    given(Order, PLACED).when(too_little).then_rejected("wrong-amount")


def test_an_order_is_shipped_once_paid_or_not() -> None:
    ship = ShipOrder(order_id="o-1", shipped_at=TUESDAY)
    given(Order, PLACED).when(ship).then(SHIPPED).when(ship).then_rejected("already-shipped")
    given(Order, PLACED, PAID).when(ship).then(SHIPPED)


def test_an_order_can_be_cancelled_until_it_is_shipped() -> None:
    given(Order, PLACED).when(CANCEL).then(CANCELLED)
    given(Order, PLACED, PAID).when(CANCEL).then(CANCELLED)
    given(Order, PLACED, SHIPPED).when(CANCEL).then_rejected("already-shipped")


@pytest.mark.parametrize("command", [CANCEL, ShipOrder(order_id="o-1", shipped_at=TUESDAY)])
def test_nothing_happens_to_an_order_that_does_not_stand(command: CancelOrder | ShipOrder) -> None:
    given(Order).when(command).then_rejected("not-placed")
    given(Order, PLACED, CANCELLED).when(command).then_rejected("cancelled")


def test_one_may_return_what_one_holds_and_no_more() -> None:
    given(Holding, PLACED).when(give_back(12)).then(given_back(12))
    given(Holding, PLACED).when(give_back(13)).then_rejected("not-held", held=12, quantity=13)


def test_what_came_back_is_not_held_any_more() -> None:
    given(Holding, PLACED, given_back(10)).when(give_back(3)).then_rejected("not-held", held=2, quantity=3)


def test_what_another_customer_bought_is_not_mine() -> None:
    given(Holding, PLACED).when(give_back(1, customer_id="13047")).then_rejected("not-held", held=0, quantity=1)


def test_what_is_bought_after_a_return_does_not_make_it_right() -> None:
    before = MONDAY - timedelta(minutes=1)
    given(Holding, PLACED).when(give_back(1, at=before)).then_rejected("not-held", held=0, quantity=1)
    given(Holding, PLACED).when(give_back(1, at=MONDAY)).then(ItemsReturned.of(give_back(1, at=MONDAY)))


def test_a_cancelled_order_is_not_held() -> None:
    given(Holding, PLACED, CANCELLED).when(give_back(1)).then_rejected("not-held", held=0, quantity=1)


def test_anonymous_returns_are_all_accepted() -> None:
    given(Holding).when(give_back(99, customer_id=ANONYMOUS)).then(given_back(99, customer_id=ANONYMOUS))


def test_stock_is_written_off_once() -> None:
    lost = WriteOffStock(write_off_id="w-1", item="21777", quantity=10, written_off_at=MONDAY, reason="?lost")
    given(WriteOff).when(lost).then(StockWrittenOff.of(lost)).when(lost).then_rejected("already-written-off")
