"""Numbered, checksummed migrations: which of the scripts we ship a database still needs. Pure; backends run them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import msgspec

from twofold.errors import DefinitionError, StoreRefusedError

_FILE = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")


class Applied(msgspec.Struct, frozen=True):
    """A migration as the database remembers it, one row of its table of migrations."""

    number: int
    name: str
    checksum: str


class Migration(msgspec.Struct, frozen=True):
    """A migration as we ship it. ``script`` may hold several statements and runs in one transaction."""

    number: int
    name: str
    checksum: str
    script: str

    @property
    def applied(self) -> Applied:
        """The row that says it ran; a backend writes it in the transaction of the script."""
        return Applied(self.number, self.name, self.checksum)


class SchemaState(msgspec.Struct, frozen=True):
    """Where a database stands: the numbers that it has and that we ship, and what is to run between the two.

    ``installed`` is 0 for a database that holds nothing of ours.
    """

    installed: int
    shipped: int
    pending: tuple[Migration, ...]


def checksum(script: str) -> str:
    """SHA-256 of the script in hex, the same whatever the line ends of the checkout."""
    return hashlib.sha256(script.replace("\r\n", "\n").strip().encode()).hexdigest()


@cache
def load_migrations(package: str, folder: str = "schema") -> tuple[Migration, ...]:
    """The files ``0001_name.sql``, … of a folder inside a package, in order; ``DefinitionError`` on a gap or a double."""
    found = []
    for file in sorted(files(package).joinpath(folder).iterdir(), key=lambda file: file.name):
        if named := _FILE.fullmatch(file.name):
            script = file.read_text(encoding="utf-8")
            found.append(Migration(int(named[1]), named[2], checksum(script), script))
    if not found or [migration.number for migration in found] != list(range(1, len(found) + 1)):
        numbers = ", ".join(f"{migration.number:04}" for migration in found) or "none"
        raise DefinitionError(f"Migrations of {package} must be numbered 0001, 0002, … (found: {numbers})")
    return tuple(found)


def state(shipped: Sequence[Migration], applied: Sequence[Applied]) -> SchemaState:
    """What is still to run, after checking that what ran is what we ship.

    ``StoreRefusedError``: ``future`` when the database has more than we know, ``schema-changed`` when a script that
    ran there differs from ours or one is missing.
    """
    ran = sorted(applied, key=lambda row: row.number)
    _refuse_future(shipped, ran)
    for ours, theirs in zip(shipped, ran, strict=False):
        _refuse_changed(ours, theirs)
    return SchemaState(len(ran), len(shipped), tuple(shipped[len(ran) :]))


def refuse_pending(now: SchemaState, where: str) -> None:
    """For a store opened with ``migrate=False``: ``StoreRefusedError`` ``outdated`` while something is to run."""
    if now.pending:
        raise StoreRefusedError(
            f"The schema is older than this Twofold ({where}, installed: {now.installed}, needed: {now.shipped})",
            reason="outdated",
            remedy="Run `twofold db upgrade`, or open the app with migrate=True.",
        )


def _refuse_future(shipped: Sequence[Migration], ran: Sequence[Applied]) -> None:
    newest = ran[-1].number if ran else 0
    if newest > len(shipped):
        raise StoreRefusedError(
            f"The schema is newer than this Twofold (installed: {newest}, known: {len(shipped)})",
            reason="future",
            remedy="Upgrade the twofold package; a schema is never taken back.",
        )


def _refuse_changed(ours: Migration, theirs: Applied) -> None:
    if ours.applied != theirs:
        raise StoreRefusedError(
            f"Migration {ours.number:04} is not the one that ran here (ours: {ours.name} {ours.checksum[:12]}, "
            f"theirs: {theirs.number:04} {theirs.name} {theirs.checksum[:12]})",
            reason="schema-changed",
            remedy="Use the twofold package that installed this database, or restore a backup.",
        )
