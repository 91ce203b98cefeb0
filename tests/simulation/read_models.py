"""The read models of a simulated world, of every shape, as different code folds them."""

import contextvars
from collections.abc import Sequence
from typing import Annotated

import msgspec

from tests.simulation.domain import WRITE_SIDE, Closed, Deposited, Opened, Renamed, Withdrawn
from twofold.messages import Event, Indexed, Key, Recorded, by, evolve
from twofold.parts import sort_parts
from twofold.projections import REMOVED, ReadModel, Removed, Writer, groups_of, partitioned, projects, strong
from twofold.projections.group import Group

# No `from __future__ import annotations` here: the classes are made inside a function, and their annotations name each other.


class Code(msgspec.Struct, frozen=True):
    """One state of the program. Its folds differ from those of others by a number in every row, and by what they can take;
    the same folds may be split into more ``partitions``."""

    name: str
    twist: int
    takes_bad: bool = False
    partitions: int = 1


OLD, WIDE, ODD = Code("old", 1), Code("wide", 1, partitions=4), Code("odd", 1, partitions=6)
NEW, LAST = Code("new", 3, partitions=2), Code("last", 3, takes_bad=True, partitions=2)
CODES = (OLD, WIDE, ODD, NEW, LAST)
"""Whatever is deployed during a storm, the last is deployed at its end."""

UNLUCKY = 7
"""An amount that strong read models cannot take, and refuse, unless they take what is bad."""

MODULUS = 1_000_003

MENDED: contextvars.ContextVar[bool] = contextvars.ContextVar("MENDED", default=False)
"""Whether what folds use of other packages has been mended, so that they can take bad events."""


class BadError(Exception):
    """A mistake in a fold, which shows at some events."""


def refuse(bad: bool) -> None:
    if bad and not MENDED.get():
        raise BadError


def read_models(code: Code) -> Sequence[type[ReadModel]]:
    """The read models as this code has them."""
    twist, takes_bad = code.twist, code.takes_bad

    @partitioned(code.partitions)
    class AccountView(ReadModel):
        """Begun and removed by events; every event leaves its mark, so that one skipped, doubled or out of turn shows."""

        account_id: Key[str]
        balance: int = 0
        mark: int = 0

        @evolve(creates=True)
        def was_opened(self, event: Opened) -> None:
            self.balance = 0

        @evolve
        def received(self, event: Deposited) -> None:
            self.balance += event.amount
            refuse(event.bad and not takes_bad)

        @evolve
        def paid(self, event: Withdrawn) -> None:
            self.balance -= event.amount

        @evolve
        def was_closed(self, event: Closed) -> Removed:
            return REMOVED

        @evolve(always=True)
        def was_seen(self, event: Recorded[Event]) -> None:
            self.mark = (self.mark * 31 + event.position * twist) % MODULUS

    class Flow(ReadModel):
        """Two rows from each event."""

        kind: Key[str]
        total: int = 0
        mark: int = 0

        @evolve(key=lambda recorded: [f"small-{recorded.event.amount % 2}", "all"])
        def came_in(self, recorded: Recorded[Deposited]) -> None:
            self.total += recorded.event.amount
            self.mark = (self.mark * 31 + recorded.position * twist) % MODULUS

        @evolve(key=lambda event: ["all"])
        def went_out(self, recorded: Recorded[Withdrawn]) -> None:
            self.total -= recorded.event.amount
            self.mark = (self.mark * 31 + recorded.position * twist) % MODULUS

    @partitioned(code.partitions)
    class Statement(ReadModel):
        """All rows of an owner are changed by one event."""

        account_id: Key[str]
        owner: Indexed[str]
        heading: str = ""

        @evolve(creates=True)
        def was_opened(self, event: Opened) -> None:
            self.owner, self.heading = event.owner, ""

        @evolve(where="owner", key=lambda event: event.owner_id)
        def was_renamed(self, event: Renamed) -> None:
            self.heading += event.name * twist
            refuse(event.bad and not takes_bad)

    class OwnerView(ReadModel):
        owner_id: Key[str]
        name: str = "?"
        names: int = 0

        @evolve
        def was_renamed(self, event: Renamed) -> None:
            self.name, self.names = event.name, self.names + twist

    class Opening(ReadModel):
        """Looks up the owner as he was called at that moment, and is changed often besides."""

        account_id: Key[str]
        owners: str = ""
        received: int = 0

        @evolve
        def was_opened(self, event: Opened, owner: Annotated[OwnerView | None, by("owner")]) -> None:
            self.owners += f"{owner.name if owner else '-'}/{owner.names if owner else 0} "

        @evolve
        def was_received(self, event: Deposited) -> None:
            self.received += event.amount

    class Closings(ReadModel):
        """Cares for few events."""

        everybody: Key[str]
        positions: list[int] = []

        @evolve(key=lambda event: "everybody")
        def was_closed(self, recorded: Recorded[Closed]) -> None:
            self.positions.append(recorded.position * twist)

    return AccountView, Flow, Statement, OwnerView, Opening, Closings


def strong_models(code: Code) -> Sequence[type[ReadModel]]:
    """The strong read models as this code has them. One is the same in every code."""
    twist, takes_bad = code.twist, code.takes_bad

    @strong
    class Purse(ReadModel):
        account_id: Key[str]
        balance: int = 0
        mark: int = 0

        @evolve
        def was_opened(self, event: Opened) -> None:
            self.balance = 0

        @evolve
        def received(self, event: Deposited) -> None:
            self.balance += event.amount
            refuse(event.amount == UNLUCKY and not takes_bad)

        @evolve
        def paid(self, event: Withdrawn) -> None:
            self.balance -= event.amount

        @evolve(always=True)
        def was_seen(self, event: Recorded[Event]) -> None:
            self.mark = (self.mark * 31 + event.position * twist) % MODULUS

    @strong
    class Tally(ReadModel):
        """One row, from events of all streams."""

        everything: Key[str]
        opened: int = 0
        closed: int = 0
        received: int = 0

        @evolve(key=lambda event: "everything")
        def was_opened(self, event: Opened) -> None:
            self.opened += 1

        @evolve(key=lambda event: "everything")
        def was_closed(self, event: Closed) -> None:
            self.closed += 1

        @evolve(key=lambda event: "everything")
        def was_received(self, event: Deposited) -> None:
            self.received += event.amount

    return Purse, Tally


@projects("journal", schema="create table journal (position bigint)")
async def journal(events: Sequence[Recorded[Opened] | Recorded[Withdrawn] | Recorded[Closed]], write: Writer) -> None:
    for event in events:
        await write.execute("insert into journal values (:position)", position=event.position)


PARTS = {code.name: sort_parts([*WRITE_SIDE, *read_models(code), *strong_models(code), journal]) for code in CODES}

_GROUPS = {name: groups_of(parts.projections) for name, parts in PARTS.items()}


def groups(code: str, subscriptions: Sequence[str]) -> Sequence[Group]:
    """How the read models with these subscriptions go together, as this code has them: the same in each process."""
    return [group for group in _GROUPS[code] if group.name in subscriptions]
