"""flat: append, load and criteria condition on a log of a million events, against the same on ten thousand."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from statistics import median
from time import perf_counter
from typing import Any, TypeAlias

from benchmarks import product, raw
from benchmarks.domain import A_DAY, AN_AMOUNT, Family, ItemsTaken, PaymentReceived, payment, taken
from benchmarks.harness import Claim, Effort, Goal, Side, Sides
from benchmarks.rooms import Room
from twofold import App, Event
from twofold.messages.metadata import Context, metadata_json
from twofold.messages.naming import name_of, version_of
from twofold.store.port import Append, NewEvent

Step: TypeAlias = Callable[[App, int, int], Coroutine[Any, Any, object]]
"""What is timed: it gets a number that is new each time, and the size of the log."""

STREAM = 50
"""Events of one family or of one holding, on the small log and on the large one."""

METADATA = metadata_json(Context(), "filled", datetime(2026, 3, 1, tzinfo=UTC))

HOT = 10
"""So many items, whatever the size of the log: each is the tag of a tenth of all takings."""


def claims(effort: Effort) -> list[Claim]:
    sizes = {"product": effort.size(full=1_000_000, quick=20_000), "10k": 10_000}
    steps: dict[str, Step] = {"flat.append": pay, "flat.load": load, "flat.criteria": take}
    return [
        Claim(
            name=name,
            unit="µs (p50)",
            sides={side: ours(effort, size, step) for side, size in sizes.items()},
            goals={"postgres": [Goal("<=", 1.3, to="10k")], "sqlite": [Goal("<=", 1.3, to="10k")]},
            afresh=False,
            notes=lambda: f"{sizes['product']:,} events against 10,000; one caller",
        )
        for name, step in steps.items()
    ]


def ours(effort: Effort, size: int, step: Step) -> Side:
    @asynccontextmanager
    async def side(room: Room) -> Sides:
        async with product.app(room) as app:
            await fill(app, size)
            await raw.settle(room)
            numbers = count()

            async def measure() -> float:
                times: list[float] = []
                deadline = perf_counter() + effort.seconds
                while perf_counter() < deadline:
                    number = next(numbers)
                    began = perf_counter()
                    await step(app, number, size)
                    times.append(perf_counter() - began)
                return median(times) * 1e6

            yield measure

    return side


async def pay(app: App, number: int, size: int) -> None:
    """Append to one of sixteen cached streams."""
    await app.send(payment(f"f-{number % 16}"))


async def load(app: App, number: int, size: int) -> None:
    """Load fifty events of a stream somewhere in the log. (A state in the past is never cached.)"""
    await app.load(Family, f"f-{number * 7919 % (size // 2 // STREAM)}", at_version=STREAM)


async def take(app: App, number: int, size: int) -> None:
    """Append under a criteria condition on two tags, one of them on a tenth of the takings, the state cached."""
    await app.send(taken(f"c-{number % 8}", "i-0"))


async def fill(app: App, size: int) -> None:
    """Half payments of families, half takings of customers, in appends of a thousand."""
    for first in range(0, size, 1000):
        events = [_event(app, number) for number in range(first, first + 1000)]
        await app.log.append([Append(events=tuple(events))])


def _event(app: App, number: int) -> NewEvent:
    family = number // 2 // STREAM
    event: Event = PaymentReceived(amount=AN_AMOUNT, date=A_DAY, method="card")
    stream = f"family-f-{family}"
    if number % 2:
        customer, item = f"c-{family // HOT}", f"i-{family % HOT}"
        event, stream = ItemsTaken(customer_id=customer, item=item, quantity=1), f"holding-{customer}+{item}"
    event, data, tags = app.registry.encode(event)
    return NewEvent(stream, name_of(type(event)), version_of(type(event)), data, next(METADATA), tags)
