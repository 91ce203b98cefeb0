"""The peer's read side: a table of families, kept by its projection runner, an event and a transaction at a time."""

# mypy: disallow_subclassing_any=False, disallow_untyped_decorators=False
# The peer is installed for benchmarks only, so that to the type checker its classes are not there.

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import psycopg
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL, Identifier

from benchmarks.peer import PeerCoop, PeerFamily, settings
from benchmarks.rooms import Room

_CREATE = (
    "create table if not exists {}.{} (family_id uuid primary key, paid numeric, payments bigint, last_payment date)"
)
_ENROLL = "insert into {}.{} values (%s, 0, 0, null) on conflict do nothing"
_PAY = "update {}.{} set paid = paid + %s, payments = payments + 1, last_payment = %s where family_id = %s"
_VIEW_TABLES = r"""
select table_name from information_schema.tables
where table_schema = %s and (table_name = 'peer_families' or table_name like '%%\_tracking')
"""


class FamilyTable(PostgresTrackingRecorder):
    """The view: a table beside its record of what it has seen, both in one transaction."""

    def __init__(self, datastore: PostgresDatastore, *, tracking_table_name: str, **kwargs: Any) -> None:
        super().__init__(datastore, tracking_table_name=tracking_table_name, **kwargs)
        place = Identifier(datastore.schema), Identifier("peer_families")
        self.sql_create_statements.append(SQL(_CREATE).format(*place))
        self._enroll = SQL(_ENROLL).format(*place)
        self._pay = SQL(_PAY).format(*place)

    def take(self, event: Any, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            if isinstance(event, PeerFamily.Created):
                cursor.execute(self._enroll, (event.originator_id,), prepare=True)
            else:
                cursor.execute(self._pay, (event.amount, event.date, event.originator_id), prepare=True)


class FamilyProjection(Projection[FamilyTable]):
    """Every event of every family."""

    name = "family_view"

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        self.view.take(domain_event, tracking)


@contextmanager
def following(room: Room) -> Generator[Any]:
    """The peer's runner, from where the view stands; ``runner.app`` is the application it follows."""
    with ProjectionRunner(
        application_class=PeerCoop, projection_class=FamilyProjection, view_class=FamilyTable, env=settings(room)
    ) as runner:
        yield runner


def forget(room: Room) -> None:
    """Let the view begin again: its table, and what keeps how far it has come, are gone."""
    with psycopg.connect(room.dsn, autocommit=True) as connection:
        place = (room.schema,)
        found = connection.execute(_VIEW_TABLES, place).fetchall()
        for (name,) in found:
            connection.execute(SQL("drop table {}").format(Identifier(room.schema, name)))
