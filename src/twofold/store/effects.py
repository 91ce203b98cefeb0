"""Appends that take effect elsewhere in their own transaction: what they appended, and which one is to blame."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from twofold.errors import FoldError, StoreError, StoreRefusedError, TwofoldError
from twofold.store.port import Append, Appended, Refused, Row, Verdict

Flush: TypeAlias = Callable[[Sequence[Append]], Awaitable[Sequence[Verdict]]]


def rows_of(batch: Sequence[Append], verdicts: Sequence[Verdict]) -> list[Row]:
    """The rows that a batch has added to the log, in order."""
    rows: list[Row] = []
    for append, verdict in zip(batch, verdicts, strict=True):
        if isinstance(verdict, Appended) and not verdict.replayed:
            rows += _rows(append, verdict)
    return rows


async def halved(batch: Sequence[Append], flush: Flush) -> list[Verdict]:
    """The verdicts of a flush. Where it cannot take effect, it is made in halves until one append stands alone, refused.

    Everything is as if the appends had come one after the other, in order.
    """
    try:
        return list(await flush(batch))
    except TwofoldError as error:
        if not _is_of_one(error):
            raise
        if len(batch) == 1:
            return [Refused(error)]
    half = len(batch) // 2
    first = await halved(batch[:half], flush)
    try:
        return first + await halved(batch[half:], flush)
    except StoreError as error:
        # The first half is in the log: only the callers of the second may hear that the database was away.
        return [*first, *[Refused(error)] * (len(batch) - half)]


def _rows(append: Append, verdict: Appended) -> list[Row]:
    versions = dict(verdict.versions)
    for event in append.events:
        versions[event.stream] -= 1
    rows: list[Row] = []
    for position, event in enumerate(append.events, verdict.first):
        version = versions[event.stream] = versions[event.stream] + 1
        rows.append((position, event.stream, version, event.type, event.schema, event.data, event.metadata))
    return rows


def _is_of_one(error: TwofoldError) -> bool:
    """Whether one append is to blame: a fold cannot take its event, or the database what became of its row."""
    return isinstance(error, FoldError) or (isinstance(error, StoreRefusedError) and error.reason == "value")
