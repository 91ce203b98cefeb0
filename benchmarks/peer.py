"""The peer: the same families and payments in ``eventsourcing``, set up for speed as its documentation allows.

Aggregates stay in its cache and are neither looked up again nor copied before each command, connections are pooled,
and events are written by its default, safe path: its faster one with database functions lets readers miss events.
"""

# mypy: disallow_subclassing_any=False, disallow_untyped_decorators=False
# The peer is installed for benchmarks only, so that to the type checker its classes are not there.

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from itertools import cycle
from time import perf_counter
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import psycopg
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import JSONTranscoder, Transcoding
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from benchmarks.domain import A_DAY, AN_AMOUNT
from benchmarks.rooms import Room

THREADS = 8


class DateAsISO(Transcoding):
    type = date
    name = "date_iso"

    def encode(self, obj: date) -> str:
        return obj.isoformat()

    def decode(self, data: str) -> date:
        return date.fromisoformat(data)


class PeerFamily(Aggregate):
    """A family with payments, by the peer's declarative syntax."""

    def __init__(self, family_id: str, family_name: str) -> None:
        self.family_id = family_id
        self.family_name = family_name
        self.total_paid = Decimal(0)
        self.last_payment_date: date | None = None

    @staticmethod
    def create_id(family_id: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"/families/{family_id}")

    @event("PaymentReceived")
    def receive(self, amount: Decimal, date: date, method: str) -> None:
        self.total_paid += amount
        self.last_payment_date = date


class PeerCoop(Application[UUID]):
    """The peer's application."""

    def register_transcodings(self, transcoder: JSONTranscoder) -> None:
        super().register_transcodings(transcoder)
        transcoder.register(DateAsISO())

    def enroll(self, family_id: str) -> UUID:
        family = PeerFamily(family_id, "Larsson")
        self.save(family)
        return PeerFamily.create_id(family_id)

    def receive(self, family: UUID, count: int = 1) -> int:
        """The number of the last notification."""
        found: PeerFamily = self.repository.get(family)
        for _ in range(count):
            found.receive(AN_AMOUNT, A_DAY, "card")
        last: int = self.save(found)[-1].notification.id
        return last

    def receive_all(self, family: UUID, count: int) -> None:
        """Many payments, a thousand in each save: with ten thousand in one, its pipeline never comes back."""
        for done in range(0, count, 1000):
            self.receive(family, min(1000, count - done))

    def timed_load(self, family: UUID) -> float:
        """Seconds to load a family that is not cached."""
        began = perf_counter()
        self.repository.get(family)
        return perf_counter() - began

    def timed_read_all(self, rows_max: int) -> float:
        """Events per second over the whole log, in pages, each mapped to its domain event."""
        start, count = 1, 0
        began = perf_counter()
        while page := self.recorder.select_notifications(start, rows_max):
            for notification in page:
                self.mapper.to_domain_event(notification)
            count += len(page)
            start = page[-1].id + 1
        return count / (perf_counter() - began)


def settings(room: Room, *, cached: bool = True) -> dict[str, str]:
    """The peer's environment for a room. (On PostgreSQL it wants its schema to be there already.)"""
    common = {"AGGREGATE_CACHE_MAXSIZE": "0", "AGGREGATE_CACHE_FASTFORWARD": "n", "DEEPCOPY_FROM_AGGREGATE_CACHE": "n"}
    return {**(common if cached else {}), **(_sqlite(room) if room.backend == "sqlite" else _postgres(room))}


def _sqlite(room: Room) -> dict[str, str]:
    return {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(room.path)}


def _postgres(room: Room) -> dict[str, str]:
    with psycopg.connect(room.dsn, autocommit=True) as connection:
        connection.execute(SQL("create schema if not exists {}").format(Identifier(room.schema)))
    server = conninfo_to_dict(room.dsn)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(server.get("dbname", "postgres")),
        "POSTGRES_HOST": str(server.get("host", "localhost")),
        "POSTGRES_PORT": str(server.get("port", "5432")),
        "POSTGRES_USER": str(server.get("user", "postgres")),
        "POSTGRES_PASSWORD": str(server.get("password", "")),
        "POSTGRES_SCHEMA": room.schema,
        "POSTGRES_POOL_SIZE": str(THREADS),
    }


def in_threads(seconds: float, work: Callable[[Any], object], shares: Sequence[Sequence[Any]]) -> float:
    """Calls per second of threads that work through their shares round and round."""
    began = perf_counter()
    deadline = began + seconds

    def run(share: Sequence[Any]) -> int:
        done = 0
        for item in cycle(share):
            work(item)
            done += 1
            if perf_counter() > deadline:
                break
        return done

    with ThreadPoolExecutor(len(shares)) as pool:
        counts = list(pool.map(run, shares))
    return sum(counts) / (perf_counter() - began)
