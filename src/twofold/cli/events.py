"""Events as the command line shows them: one line for people, one JSON document for programs."""

from __future__ import annotations

import msgspec

from twofold.cli.output import write, write_json
from twofold.cli.plain import printable
from twofold.messages.metadata import Metadata
from twofold.store.port import Row


class Shown(msgspec.Struct, frozen=True):
    """An event as it is stored: ``data`` and ``metadata`` byte for byte, whether this app can read it or not."""

    position: int
    stream: str
    version: int
    type: str
    schema: int
    data: msgspec.Raw
    metadata: msgspec.Raw


def shown(row: Row) -> Shown:
    """A row of the log, ready to be printed as JSON."""
    position, stream, version, type, schema, data, metadata = row
    return Shown(position, stream, version, type, schema, msgspec.Raw(data), msgspec.Raw(metadata))


def write_event(row: Row, *, as_json: bool) -> None:
    """One event on one line."""
    if as_json:
        write_json(shown(row))
        return
    position, stream, version, type, _, data, metadata = row
    at = msgspec.json.decode(metadata, type=Metadata).recorded_at
    when = at.isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")
    write(printable(f"{position:>8}  {when}  {stream}@{version}  {type}  {data.decode(errors='replace')}"))
