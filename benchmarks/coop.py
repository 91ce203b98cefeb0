"""The co-op of the examples as a log of any size: what its read models are measured on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import count, islice
from math import gcd
from pathlib import Path

import asyncpg

from benchmarks.rooms import Room
from twofold import App, Event, Query, Reader, answers
from twofold.examples.coop.app import ANSWERS
from twofold.examples.coop.events import (
    AttendanceRecorded,
    ChildAdded,
    EngagementScoreUpdated,
    FamilyEnrolled,
    LoginRecorded,
    PaymentReceived,
    RiskScoreUpdated,
    TuitionCharged,
    VolunteerHoursLogged,
)
from twofold.examples.coop.names import FAMILY_NAMES, FIRST_NAMES
from twofold.examples.coop.read_models import FamilyView
from twofold.examples.coop.write_model import Family
from twofold.messages import Registry
from twofold.messages.metadata import Context, metadata_json
from twofold.messages.naming import name_of, version_of
from twofold.store.port import Append, NewEvent

A_DAY = date(2025, 3, 1)
A_TIME = datetime(2025, 3, 1, 18, 30, tzinfo=UTC)
METADATA = metadata_json(Context(), "filled", datetime(2026, 3, 1, tzinfo=UTC))
APPEND_EVENTS = 1000
FEE, NOTHING = Decimal("149.50"), Decimal(0)
PARKED_MAX = 10_000
KINDS = 20
"""Families of one kind live alike; those of another have other children, scores and habits."""


class KeptFamily(Query[FamilyView | None]):
    """The same question as ``GetFamily``, whose answers are kept."""

    family_id: str


@answers(cached=True)
async def kept_family(query: KeptFamily, read: Reader) -> FamilyView | None:
    return await read.one(FamilyView, "where family_id = :family_id", family_id=query.family_id)


def app(room: Room, *, background: bool = True) -> App:
    """Families, their view and the questions about it."""
    return app_at(room.url, background=background)


def app_at(url: str, *, background: bool = True) -> App:
    """The same for a process that knows no rooms."""
    return App(
        Family, FamilyView, *_FAMILY_ANSWERS, kept_family, store=url, background=background, parked_max=PARKED_MAX
    )


_FAMILY_ANSWERS = [each for each in ANSWERS if each.__name__ in ("get_family", "enrollment_report", "search_families")]


def key_of(number: int) -> str:
    return f"f-{number:06}"


async def fill(app: App, *, families: int, events: int, strangers: int = 0) -> None:
    """Every family enrolls, and then they take turns until the log has so many events.

    One of so many ``strangers`` never enrolls (0: all do), so that its first event cannot be folded and parks its key.

    In each round the families come in another order, so that a page of the log touches nearly as many rows as it has
    events: the worst case for a read model.
    """
    found = islice(_events(app.registry, families, strangers), events)
    while batch := tuple(islice(found, APPEND_EVENTS)):
        await app.log.append([Append(events=batch)])


@asynccontextmanager
async def filled(room: Room, *, families: int, events: int) -> AsyncGenerator[App]:
    """The app, following, with a log of so many events whose rows are all there."""
    async with app(room) as filled_app:
        await fill(filled_app, families=families, events=events)
        await filled_app.settle(timeout_seconds=600)
        yield filled_app


def reads_path(room: Room) -> Path:
    """SQLite's file of read models, beside that of the log."""
    return room.path.with_name("bench.reads.db")


async def forget_rows(room: Room) -> None:
    """Remove the read models of a room that no app has open; the log stays."""
    if room.backend == "sqlite":
        for path in reads_path(room).parent.glob("bench.reads.db*"):
            path.unlink()
        return
    connection = await asyncpg.connect(room.dsn)
    try:
        await connection.execute(f"drop schema if exists {room.schema}_reads cascade")
    finally:
        await connection.close()


def _events(registry: Registry, families: int, strangers: int) -> Iterator[NewEvent]:
    enrolled = [number for number in range(families) if not strangers or number % strangers]
    yield from (_event(registry, number, _enrolled(number)) for number in enrolled)
    template = cache(lambda turn, kind: _event(registry, 0, _turn(turn, kind)))
    step = next(each for each in range(families // 3 * 2 + 1, families * 2) if gcd(each, families) == 1)
    for turn in count():
        for index in range(families):
            number = index * step % families
            yield _of_family(template(turn, number % KINDS), number)


def _enrolled(number: int) -> FamilyEnrolled:
    parent = FIRST_NAMES[number % len(FIRST_NAMES)]
    return FamilyEnrolled(
        family_id=key_of(number),
        family_name=FAMILY_NAMES[number % len(FAMILY_NAMES)],
        parent_name=parent,
        email=f"{parent.lower()}{number}@example.org",
        phone=f"+1 555 {number:06}",
        preferred_channel="email",
        enrollment_date=date(2024, 1 + number % 12, 1 + number % 28),
    )


def _turn(turn: int, kind: int) -> Event:
    """What happens to every family of a kind in one turn, told of the first one."""
    key, day = key_of(0), A_DAY + timedelta(days=turn)
    child, scores = FIRST_NAMES[(turn + kind * 7) % len(FIRST_NAMES)], (turn + kind) * 17 % 101
    events: tuple[Event, ...] = (
        ChildAdded(family_id=key, child_name=child, birth_date=date(2015, 1 + kind % 12, 1), date=day),
        RiskScoreUpdated(family_id=key, risk_score=scores, risk_factors=["late-payments", "no-login"], date=day),
        EngagementScoreUpdated(family_id=key, engagement_score=100 - scores),
        TuitionCharged(family_id=key, amount=FEE, due_date=day, from_credit=NOTHING, first_of_month=True),
        PaymentReceived(
            family_id=key, amount=FEE, date=day, method="card", days_late=kind, settled=[], owed=NOTHING, credit=NOTHING
        ),
        LoginRecorded(family_id=key, logged_in_at=A_TIME + timedelta(days=turn)),
        AttendanceRecorded(family_id=key, date=day, attended=kind % 3 > 0),
        VolunteerHoursLogged(family_id=key, hours=Decimal("1.5"), date=day, activity="library"),
    )
    return events[turn % len(events)]


def _event(registry: Registry, number: int, event: Event) -> NewEvent:
    event, data, tags = registry.encode(event)
    stream = f"family-{key_of(number)}"
    return NewEvent(stream, name_of(type(event)), version_of(type(event)), data, next(METADATA), tags)


def _of_family(told: NewEvent, number: int) -> NewEvent:
    """The same event of another family: encoding a million of them would take longer than appending them."""
    key = key_of(number)
    data = told.data.replace(key_of(0).encode(), key.encode(), 1)
    return NewEvent(f"family-{key}", told.type, told.schema, data, next(METADATA), told.tags)
