"""Where a PostgreSQL is and how to speak to it: a URL for the driver, kept apart from what may be shown."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from twofold.errors import InvalidInputError

_HOST = r"(\[[^\]]*\]|[^:,\[\]]*)(:\d+)?"
_HOSTS = re.compile(f"{_HOST}(,{_HOST})*")
"""One or several, of which the driver takes the first that suits ``target_session_attrs``."""


class Address(msgspec.Struct, frozen=True, repr_omit_defaults=True):
    """A database to connect to. ``str(address)`` names it without user and password; only ``dsn`` has those.

    ``through_pooler`` is set by ``?pooler=transaction`` in the URL: between us and the server stands a pooler that
    gives each transaction another connection, so that nothing may be kept in a session.
    """

    dsn: str
    shown: str
    through_pooler: bool = False

    def __str__(self) -> str:
        return self.shown

    def __repr__(self) -> str:
        return f"Address({self.shown!r})"


def parse_address(url: str) -> Address:
    """The address behind ``postgresql://…``; ``InvalidInputError`` for anything else, without repeating it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _not_an_address() from None  # What the parser says repeats the URL, and with it a password.
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    pooler = options.pop("pooler", "none")
    hosts = parts.netloc.rpartition("@")[2]
    known = parts.scheme in ("postgresql", "postgres") and pooler in ("none", "transaction")
    if not known or not _HOSTS.fullmatch(hosts):
        raise _not_an_address()
    shown = f"{hosts or options.get('host', 'local')}{parts.path or '/'}"
    return Address(urlunsplit(parts._replace(query=urlencode(options))), shown, pooler == "transaction")


def _not_an_address() -> InvalidInputError:
    return InvalidInputError(
        "Not the URL of a PostgreSQL database",
        what="store",
        remedy="Write postgresql://user@host:5432/database, with ?pooler=transaction behind a transaction pooler.",
    )
