"""The reference task: an aggregate, 3 events, 3 commands, a read model of 8 columns and a query, in one small file."""

import asyncio  # noqa: I001 - a name a line would say nothing more
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

from twofold import Aggregate, App, Command, Event, Indexed, Key, Query, Reader, ReadModel, Rejected
from twofold import answers, decide, evolve


class Enroll(Command):
    family_id: str
    name: str
    enrolled_on: date


class Pay(Command):
    family_id: str
    amount: Decimal
    paid_on: date


class Withdraw(Command):
    family_id: str
    reason: str


class Enrolled(Event):
    name: str
    enrolled_on: date


class Paid(Event):
    amount: Decimal
    paid_on: date


class Withdrawn(Event):
    reason: str


class Family(Aggregate):
    family_id: Key[str]
    active: bool = False

    @decide
    def enroll(self, command: Enroll) -> Enrolled:
        if self.active:
            raise Rejected("already-enrolled", f"family {self.family_id} is already enrolled")
        return Enrolled.of(command)

    @decide
    def pay(self, command: Pay) -> Paid:
        if not self.active or command.amount <= 0:
            raise Rejected("not-payable", "only an enrolled family pays, and more than nothing", amount=command.amount)
        return Paid.of(command)

    @decide
    def withdraw(self, command: Withdraw) -> Withdrawn | None:
        return Withdrawn.of(command) if self.active else None

    @evolve
    def follow(self, event: Enrolled | Withdrawn) -> None:
        self.active = isinstance(event, Enrolled)


class FamilyView(ReadModel):
    family_id: Key[str]
    name: str
    enrolled_on: date
    status: Indexed[str] = "active"
    payments: int = 0
    total_paid: Decimal = Decimal(0)
    last_paid_on: date | None = None
    withdrawn_because: str | None = None

    @evolve(creates=True)
    def was_enrolled(self, event: Enrolled) -> None:
        self.name, self.enrolled_on, self.status = event.name, event.enrolled_on, "active"

    @evolve
    def has_paid(self, event: Paid) -> None:
        self.payments, self.last_paid_on = self.payments + 1, event.paid_on
        self.total_paid += event.amount

    @evolve
    def has_withdrawn(self, event: Withdrawn) -> None:
        self.status, self.withdrawn_because = "withdrawn", event.reason


class BestPayers(Query[list[FamilyView]]):
    at_least: Decimal = Decimal(0)


@answers
async def best_payers(query: BestPayers, read: Reader) -> list[FamilyView]:
    return await read.all(FamilyView, "where total_paid >= :least order by total_paid desc", least=query.at_least)


app = App(Family, FamilyView, best_payers, store="postgresql:///coop")


async def main(url: str) -> None:
    async with app.at(url) as coop:
        await coop.send(Enroll(family_id="f-1", name="Smith", enrolled_on=date(2026, 9, 1)))
        receipt = await coop.send(Pay(family_id="f-1", amount=Decimal("150.00"), paid_on=date(2026, 9, 15)))
        print(*await coop.ask(BestPayers(at_least=Decimal(100)), after=receipt))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
    print(sum(map(bool, map(str.strip, Path(__file__).read_text().splitlines()))), "lines, blank ones not counted")
