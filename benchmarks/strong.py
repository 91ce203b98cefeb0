"""strong: the appends of append.64 with one strong read model, whose row each of them changes in its own transaction."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal

from benchmarks import product
from benchmarks.append_64 import CALLERS
from benchmarks.domain import Family, FamilyEnrolled, PaymentReceived, payment
from benchmarks.harness import Claim, Effort, Goal, Side, Sides
from benchmarks.rooms import Room
from twofold import App, Indexed, Key, ReadModel, evolve, strong


@strong
class FamilyBalance(ReadModel):
    family_id: Key[str]
    family_name: Indexed[str]
    total_paid: Decimal = Decimal(0)
    payment_count: int = 0
    last_payment_date: date | None = None

    @evolve
    def was_enrolled(self, event: FamilyEnrolled) -> None:
        self.family_name = event.family_name

    @evolve
    def was_paid(self, event: PaymentReceived) -> None:
        self.total_paid += event.amount
        self.payment_count += 1
        self.last_payment_date = event.date


def claims(effort: Effort) -> list[Claim]:
    return [
        Claim(
            name="strong",
            unit="appends/s",
            sides={"product": ours(effort, FamilyBalance), "append.64": ours(effort)},
            goals={
                "postgres": [Goal(">=", 0.4, to="append.64")],
                "sqlite": [Goal(">=", 0.4, to="append.64")],
            },
            notes=lambda: f"{CALLERS} callers; append.64: the same without the read model",
        )
    ]


def ours(effort: Effort, *read_models: type[ReadModel]) -> Side:
    """Our side, with these read models."""

    @asynccontextmanager
    async def side(room: Room) -> Sides:
        families = product.families(CALLERS)
        commands = [[payment(each) for each in own] for own in families]
        async with App(Family, *read_models, store=room.url) as app:
            await product.enroll(app, product.flat(families))
            await product.send_for(app, effort.seconds / 10, commands)

            async def measure() -> float:
                return await product.send_for(app, effort.seconds, commands)

            yield measure

    return side
