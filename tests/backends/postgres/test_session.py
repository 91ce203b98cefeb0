"""Sessions: what they know of the catalog without asking is what the catalog says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from twofold.backends.postgres.connection import Connections
from twofold.backends.postgres.session import ARRAYS, Session
from twofold.config import PostgresURL

SOME: dict[str, list[Any]] = {
    "bool": [True, None, False],
    "bytea": [b"a", b""],
    "int8": [1, None, -(2**63)],
    "float8": [0.1],
    "timestamptz": [datetime(2026, 1, 31, tzinfo=UTC)],
    "json": ['{"a": 1}', "[]"],
    "jsonb": ['{"a": 1}', "[]"],
    "uuid": [UUID(int=1)],
}
"""Of types that are written in different ways."""


async def test_the_arrays_are_those_of_the_catalog(place: PostgresURL) -> None:
    connections = Connections(place.dsn)
    async with connections.opened(), connections.connection() as connection:
        found = await connection.fetch(
            "select e.typname, a.oid::integer as of_array, e.oid::integer from pg_type e join pg_type a on a.oid = e.typarray"
            " where e.typname = any ($1::text[]) and a.typdelim = ',' and a.typnamespace = 'pg_catalog'::regnamespace",
            list(ARRAYS),
        )
    assert {name: (of_array, own) for name, of_array, own in found} == dict(ARRAYS)


@pytest.mark.parametrize("name", SOME)
async def test_an_array_goes_there_and_back_and_nobody_asks_what_it_is(
    name: str, place: PostgresURL, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask(session: Session, types: object, timeout: float) -> None:
        raise AssertionError(f"The catalog is asked about {types}")

    monkeypatch.setattr(Session, "_introspect_types", ask)
    connections = Connections(place.dsn)
    async with connections.opened(), connections.connection() as connection:
        assert await connection.fetchval(f"select $1::{name}[]", SOME[name]) == SOME[name]
    kept = await connections.connect()
    assert await kept.fetchval(f"select $1::{name}[]", SOME[name]) == SOME[name]
    await kept.close()


async def test_any_other_type_is_asked_about(place: PostgresURL) -> None:
    connections = Connections(place.dsn)
    async with connections.opened(), connections.connection() as connection:
        assert await connection.fetchval("select array['a lexeme'::tsvector]") == ["'a' 'lexeme'"]
