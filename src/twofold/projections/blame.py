"""Which event a database means when it refuses a row: rows name no events, so a page of one event is needed."""

from __future__ import annotations

from twofold.errors import FoldError, StoreRefusedError, TwofoldError
from twofold.projections.group import Page


def is_of_an_event(error: TwofoldError) -> bool:
    """Whether what a page was refused for is in one of its events, and not in the database."""
    return isinstance(error, FoldError) or (isinstance(error, StoreRefusedError) and error.reason == "value")


def blamed(page: Page | None, error: TwofoldError) -> TwofoldError:
    """The error, as a ``FoldError`` where the page holds one event and the database refused what became of it."""
    folds = [fold for fold in page.folds.values() if fold.changed] if page is not None else []
    events = {recorded.position: recorded for fold in folds for _, _, _, recorded in fold.touches}
    if not (isinstance(error, StoreRefusedError) and is_of_an_event(error) and len(events) == 1):
        return error
    (recorded,) = events.values()
    keys = [key for fold in folds for key in fold.changed]
    told = FoldError(
        " and ".join(fold.projection.name for fold in folds),
        event_type=recorded.type,
        position=recorded.position,
        key=keys[0] if len(keys) == 1 else keys,
        reason=error.fact,
    )
    told.__cause__ = error
    return told
