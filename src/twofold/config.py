"""Where things are kept, read from URLs: ``sqlite:///shop.db`` or ``postgresql://user@host/shop?schema=twofold``."""

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


class Places(msgspec.Struct, frozen=True):
    """Where the log is, where the read models are, and where questions go if not there: to a replica of that server."""

    log: SqliteURL | PostgresURL
    reads: SqliteURL | PostgresURL
    replica: PostgresURL | None = None

    def moved(self, reads: str | None = None, replica: str | None = None) -> Places:
        """The same log with its read models, or their replica, elsewhere. Without one, other read models have none.

        Raises ``InvalidInputError``, also for a replica of anything but PostgreSQL.
        """
        place = self.reads if reads is None else parse_url(reads, what="reads")
        if replica is None:
            return Places(self.log, place, self.replica if reads is None else None)
        copy = parse_url(replica, what="replica")
        if not (isinstance(place, PostgresURL) and isinstance(copy, PostgresURL)):
            raise InvalidInputError(
                f"Only PostgreSQL has replicas (read models: {place}, replica: {copy})",
                what="replica",
                remedy="Keep the read models in PostgreSQL (reads=), or ask without a replica.",
            )
        # A replica has the schema of the server that it repeats.
        return Places(self.log, place, msgspec.structs.replace(copy, read_schema=place.read_schema))


def parse_places(store: str, reads: str | None = None, replica: str | None = None) -> Places:
    """The places that the URLs name. Without ``reads`` the read models are beside the log. See ``Places.moved``."""
    log = parse_url(store)
    return Places(log, SqliteURL(log.reads_path) if isinstance(log, SqliteURL) else log).moved(reads, replica)


def parse_url(url: str, *, what: str = "store") -> SqliteURL | PostgresURL:
    """The place that a URL names; ``what`` says whose it is.

    ``schema`` and ``read_schema`` in a PostgreSQL URL's query are Twofold's, everything else is the driver's. Raises
    ``InvalidInputError``, which never repeats a password.
    """
    scheme, colon, rest = url.partition("://")
    if scheme == "sqlite" and colon:
        return _sqlite(rest, what)
    if scheme in ("postgresql", "postgres") and colon:
        return _postgres(url)
    raise InvalidInputError(f"Not a {what} URL: {scheme or '(empty)'}…", what=what, remedy=_EXAMPLES)


def _sqlite(rest: str, what: str) -> SqliteURL:
    path, _, query = rest.partition("?")
    if query or (path and not path.startswith("/")):
        raise InvalidInputError(f"Not a SQLite URL: sqlite://{rest}", what=what, remedy=_EXAMPLES)
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
