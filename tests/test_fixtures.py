"""The fixtures that the other tests stand on."""

from __future__ import annotations

import asyncpg


async def test_every_test_has_a_postgresql_with_two_schemas_of_its_own(postgres_url: str) -> None:
    server, _, names = postgres_url.partition("schema=")
    log, reads = names.split("&read_schema=")
    connection = await asyncpg.connect(server.rstrip("?&"))
    try:
        assert reads == f"{log}_r"
        assert not await connection.fetchval("select count(*) from pg_namespace where nspname = $1", log)
        assert await connection.fetchval("show fsync") == "on"
    finally:
        await connection.close()
