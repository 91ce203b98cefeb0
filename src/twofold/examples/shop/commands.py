"""What one may ask of the shop. A command that breaks a constraint below is refused before anybody decides on it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from msgspec import Meta

from twofold import Command
from twofold.examples.shop.events import ANONYMOUS, Name, OrderLine, Units


class RegisterCustomer(Command):
    customer_id: Name
    country: Name


class PlaceOrder(Command):
    order_id: Name
    country: Name
    placed_at: datetime
    lines: Annotated[list[OrderLine], Meta(min_length=1)]
    customer_id: Name = ANONYMOUS


class PayOrder(Command):
    order_id: Name
    amount: Decimal
    paid_at: datetime


class ShipOrder(Command):
    order_id: Name
    shipped_at: datetime


class CancelOrder(Command):
    order_id: Name
    cancelled_at: datetime


class ReturnItems(Command):
    credit_note: Name
    item: Name
    quantity: Units
    price: Decimal
    country: Name
    returned_at: datetime
    customer_id: Name = ANONYMOUS


class AdjustBadDebt(Command):
    adjustment_id: Name
    amount: Decimal
    country: Name
    adjusted_at: datetime


class WriteOffStock(Command):
    write_off_id: Name
    item: Name
    quantity: Units
    written_off_at: datetime
    reason: str = ""
