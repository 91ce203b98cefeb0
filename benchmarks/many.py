"""many: seconds until 20 read models, each of which cares for another twentieth of the events, have followed a log."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from benchmarks import coop
from benchmarks.catch_up import follow
from benchmarks.harness import Claim, Effort, Goal, Side, Sides
from benchmarks.rooms import Room
from twofold import App, Event, Key, ReadModel, evolve
from twofold.messages.naming import name_of
from twofold.store.port import Append, NewEvent

MODELS = 20
ROWS = 10_000
"""Rows in all, whoever keeps them."""

APPEND_EVENTS = 1000


class Happened(Event):
    row: str
    amount: int


def claims(effort: Effort) -> list[Claim]:
    events = effort.size(full=100_000, quick=5000)
    goals = [Goal("<=", 1.5, to="one")]
    return [
        Claim(
            name="many",
            unit="s",
            sides={"product": ours(events, kept_apart()), "one": ours(events, [kept_together()])},
            goals={"postgres": goals, "sqlite": goals},
            turns_max=5,
            notes=lambda: (
                f"{events:,} events of {MODELS} types, {ROWS:,} rows in all; one: a read model that cares for all of them"
            ),
        )
    ]


def ours(events: int, read_models: Sequence[type[ReadModel]]) -> Side:
    @asynccontextmanager
    async def side(room: Room) -> Sides:
        async with App(*read_models, store=room.url, background=False) as app:
            await fill(app, events)

            async def measure() -> float:
                return await follow(app)

            yield measure

    return side


async def fill(app: App, events: int) -> None:
    """Events of all types by turns; the rows of each type by turns, too."""
    for first in range(0, events, APPEND_EVENTS):
        new = [_new(app, number) for number in range(first, first + APPEND_EVENTS)]
        await app.log.append([Append(events=tuple(new))])


def _new(app: App, number: int) -> NewEvent:
    cls, row = kinds()[number % MODELS], f"r-{number % ROWS}"
    event, data, _ = app.registry.encode(cls(row=row, amount=number))
    return NewEvent(f"row-{row}", name_of(type(event)), 1, data, next(coop.METADATA))


@cache
def kinds() -> Sequence[type[Happened]]:
    """As many types of events as there are read models."""
    return [type(f"Happened{number}", (Happened,), {}) for number in range(MODELS)]


def kept_apart() -> Sequence[type[ReadModel]]:
    """A read model for each type of event."""
    return [_read_model(f"Sum{number}", [kind]) for number, kind in enumerate(kinds())]


def kept_together() -> type[ReadModel]:
    """One read model for all of them, with as many rows as the others have together."""
    return _read_model("SumOfAll", kinds())


def _read_model(name: str, events: Sequence[type[Happened]]) -> type[ReadModel]:
    columns = {"row": Key[str], "total": int, "count": int, "newest": int}
    steps = {f"took_{number}": evolve(_step(event)) for number, event in enumerate(events)}
    defaults = {"total": 0, "count": 0, "newest": 0}
    cls: type[ReadModel] = type(name, (ReadModel,), {"__annotations__": columns, **defaults, **steps})
    return cls


def _step(kind: type[Happened]) -> Any:
    def took(self: Any, event: Any) -> None:
        self.total += event.amount
        self.count += 1
        self.newest = event.amount

    took.__annotations__["event"] = kind
    return took
