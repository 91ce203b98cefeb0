"""Where things are kept, read from one URL: ``sqlite:///shop.db`` or ``postgresql://user@host/shop?schema=twofold``."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

import msgspec

from twofold.errors import InvalidInputError

_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_EXAMPLES = "Use sqlite:///shop.db (a file), sqlite:// (in memory) or postgresql://user@host/database."


class SqliteURL(msgspec.Struct, frozen=True):
    """The log's file; None keeps everything in memory. Read models are in a second file beside it."""

    path: Path | None

    @property
    def reads_path(self) -> Path | None:
        return self.path and self.path.with_name(f"{self.path.stem}.reads{self.path.suffix or '.db'}")

    def __str__(self) -> str:
        return f"sqlite:///{self.path}" if self.path else "sqlite://"


class PostgresURL(msgspec.Struct, frozen=True):
    """What the driver connects to, the schema of the log and that of the read models."""

    dsn: str
    schema: str = "twofold"
    read_schema: str = "public"

    def __str__(self) -> str:
        """The URL without its password, fit for logs."""
        return re.sub(r"(//[^:/@]*):[^@/]*@", r"\1:***@", self.dsn)

    __repr__ = __str__


def parse_url(url: str) -> SqliteURL | PostgresURL:
    """The place that a URL names.

    ``schema`` and ``read_schema`` in a PostgreSQL URL's query are Twofold's, everything else is the driver's. Raises
    ``InvalidInputError``, which never repeats a password.
    """
    scheme, colon, rest = url.partition("://")
    if scheme == "sqlite" and colon:
        return _sqlite(rest)
    if scheme in ("postgresql", "postgres") and colon:
        return _postgres(url)
    raise InvalidInputError(f"Not a store URL: {scheme or '(empty)'}…", what="store", remedy=_EXAMPLES)


def _sqlite(rest: str) -> SqliteURL:
    path, _, query = rest.partition("?")
    if query or (path and not path.startswith("/")):
        raise InvalidInputError(f"Not a SQLite URL: sqlite://{rest}", what="store", remedy=_EXAMPLES)
    return SqliteURL(Path(unquote(path[1:])) if path.strip("/") else None)


def _postgres(url: str) -> PostgresURL:
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    names = {name: query.pop(name) for name in ("schema", "read_schema") if name in query}
    for name, value in names.items():
        if not _IDENTIFIER.fullmatch(value):
            raise InvalidInputError(f"{name} is no plain identifier: {value!r}", what=name, remedy="Use a-z, 0-9, _.")
    dsn = urlunsplit(("postgresql", parts.netloc, parts.path, urlencode(query, safe="/"), ""))
    return PostgresURL(dsn, **names)
