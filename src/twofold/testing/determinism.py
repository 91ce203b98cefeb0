"""Whether folds are deterministic: the same events are folded twice, in two ways, and must come to the same rows."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from twofold.messages.message import Event
from twofold.messages.metadata import Recorded
from twofold.projections import Group, Key, Projection, ReadModel, define, groups_of
from twofold.projections.folding import Folding
from twofold.projections.ledger import Ledger, Values
from twofold.testing.difference import difference
from twofold.testing.history import History, On

T = TypeVar("T")

STREAM = "example-1"
"""Where the events of a read model's history are, unless ``on`` says otherwise."""

Rows = Mapping[str, Mapping[Key, Values]]


def deterministic(*read_models: type[ReadModel], given: Sequence[Event | On]) -> None:
    """These read models, with those whose rows they look up, fold this history to the same rows each time.

    Once all events in one page, and once one by one, with each row loaded as a database would have kept it. Raises
    ``AssertionError`` with both results for a read model that depends on a clock, on chance, on the size of pages, or on
    something that its columns do not keep.
    """
    __tracebackhide__ = True
    log = History().record(given, stream=STREAM)
    for group in groups_of(with_sources([define(cls) for cls in read_models])):
        must_be_deterministic(group, [recorded for recorded in log if recorded.type in group.types])


def must_be_deterministic(group: Group, log: Sequence[Recorded[Event]]) -> None:
    """The same for a group and its part of a history."""
    __tracebackhide__ = True
    ledger = Ledger(group.projections)
    once, again = _at_once(group, log, ledger), _one_by_one(group, log)
    for name, keeper in ledger.keepers.items():
        one, two = once[name], again[name]
        if one != two:
            differing = [key for key in sorted({*one, *two}, key=repr) if one.get(key) != two.get(key)]
            both = [keeper.rows([rows[key] for key in differing if key in rows]) for rows in (one, two)]
            raise AssertionError(f"{name} folds the same events to other rows each time:\n{difference(*both)}")


def with_sources(projections: Sequence[Projection]) -> Sequence[Projection]:
    """Projections with those whose rows they look up, as they go through the log together."""
    found = {each.cls: each for each in projections}
    left = list(projections)
    while left:
        for cls in left.pop().sources - found.keys():
            found[cls] = define(cls)
            left.append(found[cls])
    return list(found.values())


def _at_once(group: Group, log: Sequence[Recorded[Event]], ledger: Ledger) -> Rows:
    ledger.take(ledger.turned(group.page(log).fold()))
    return ledger.kept


def _one_by_one(group: Group, log: Sequence[Recorded[Event]]) -> Rows:
    ledger, folding = Ledger(group.projections), Folding(group.projections, rows_max=0)
    for recorded in log:
        _, changes = _done(folding.changed(ledger, group, [recorded]))
        ledger.take(ledger.turned(changes))
    return ledger.kept


def _done(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine over rows in memory, which never waits."""
    try:
        work.send(None)
    except StopIteration as finished:
        result: T = finished.value
        return result
    raise AssertionError("rows in memory are there at once")
