"""A wire to PostgreSQL that can be cut: a TCP proxy that knows the one request which it must not let through unharmed."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Literal, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit

Cut: TypeAlias = Literal["before", "after"]

READY_FOR_QUERY = b"Z\x00\x00\x00\x05"
"""The server's last word on a request: what it did is committed."""


class Wire:
    """Forwards everything, until ``cut_at`` a request with the ``mark`` in it; then that connection is lost, once.

    ``before``: the server never sees the request. ``after``: the server does it, and its answer is lost.
    """

    def __init__(self, mark: bytes) -> None:
        self._mark = mark
        self.cut_at: Cut | None = None
        self.cuts = 0

    @asynccontextmanager
    async def to(self, url: str) -> AsyncGenerator[str]:
        """The URL by which the server at ``url`` is reached over this wire."""
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query))
        folder, port = query.pop("host", ""), int(query.pop("port", parts.port or 5432))

        async def serve(reader: StreamReader, writer: StreamWriter) -> None:
            if folder.startswith("/"):
                far = await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{port}")
            else:
                far = await asyncio.open_connection(parts.hostname or folder, port)
            await self._join((reader, writer), far)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        user = parts.netloc.rpartition("@")[0]
        here = f"{user}@127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield parts._replace(netloc=here, query=urlencode({**query, "sslmode": "disable"})).geturl()
        finally:
            server.close()

    async def _join(self, client: tuple[StreamReader, StreamWriter], server: tuple[StreamReader, StreamWriter]) -> None:
        answer_is_lost = asyncio.Event()
        forth = asyncio.ensure_future(self._forth(client[0], server[1], answer_is_lost))
        back = asyncio.ensure_future(self._back(server[0], client[1], answer_is_lost))
        _, left = await asyncio.wait((forth, back), return_when=asyncio.FIRST_COMPLETED)
        for pump in left:
            pump.cancel()
        await asyncio.gather(forth, back, return_exceptions=True)  # A broken connection is what this is about.
        for writer in (client[1], server[1]):
            writer.transport.abort()

    async def _forth(self, reader: StreamReader, writer: StreamWriter, answer_is_lost: asyncio.Event) -> None:
        while chunk := await reader.read(1 << 20):
            if self.cut_at and self._mark in chunk:
                cut, self.cut_at = self.cut_at, None
                self.cuts += 1
                if cut == "before":
                    return
                answer_is_lost.set()
            writer.write(chunk)

    async def _back(self, reader: StreamReader, writer: StreamWriter, answer_is_lost: asyncio.Event) -> None:
        while chunk := await reader.read(1 << 20):
            if not answer_is_lost.is_set():
                writer.write(chunk)
            elif READY_FOR_QUERY in chunk:
                return
