"""The escape hatches: projections that write with SQL of their own, page by page, with the same guarantees."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeAlias, TypeVar, get_args, get_origin

import msgspec

from twofold.errors import DefinitionError, FoldError, StoreError
from twofold.messages import Event, OpaqueEvent, Recorded, name_of
from twofold.messages.handlers import alternatives, parameter_hint
from twofold.messages.markers import fields
from twofold.projections.columns import column_of
from twofold.projections.layout import Layout
from twofold.projections.table import Column, Table
from twofold.projections.writer import Writer

Apply: TypeAlias = Callable[[Sequence[Recorded[Any]], Writer], Coroutine[Any, Any, None]]
F = TypeVar("F", bound=Apply)

PROJECTS = "__twofold_projects__"

_CREATED = re.compile(r'create\s+table\s+(?:if\s+not\s+exists\s+)?"?([a-z_][a-z0-9_]*)', re.IGNORECASE)
_CANNOT_READ = "cannot be read by this program"


class SqlProjection(msgspec.Struct, frozen=True, eq=False):
    """A projection that writes tables of its own: ``apply`` is called with each page inside the open transaction.

    ``types`` are the names of the event types that it wants; ``name`` is also that of its checkpoint. ``statement`` is
    all that a set-based one does.
    """

    name: str
    layout: Layout
    event_types: tuple[type[Event], ...]
    apply: Apply
    statement: str = ""

    @property
    def types(self) -> frozenset[str]:
        return frozenset(map(name_of, self.event_types))

    async def take(self, events: Sequence[Recorded[Any]], write: Writer) -> None:
        """Let a page take effect. ``FoldError`` for whatever the projection itself raises, about the page's first event."""
        try:
            refuse_unreadable(events)
            await self.apply(events, write)
        except StoreError:
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            first = events[0]
            raise FoldError(
                self.name, event_type=first.type, position=first.position, key=None, reason=reason
            ) from error


def projects(name: str, *, schema: str) -> Callable[[F], F]:
    """Mark ``async def f(events: Sequence[Recorded[A] | Recorded[B]], write: Writer) -> None`` as a projection.

    It is called with each page of those events, in order, inside the transaction that also moves its checkpoint, and
    may await nothing but ``write``. ``schema`` are the statements that make its tables, run once.
    """

    def mark(function: F) -> F:
        setattr(function, PROJECTS, (name, schema))
        return function

    return mark


class SetProjection:
    """A projection that is one statement over a whole page of events, for what a database sums up faster.

    The statement finds the page in the table ``events``: ``position``, ``stream``, ``version``, ``type``,
    ``recorded_at`` and a column for each field of the event types (NULL where an event has no such field).
    ``schema`` are the statements that make its tables, run once.
    """

    def __init__(self, name: str, *event_types: type[Event], schema: str, statement: str) -> None:
        self.name = name
        self.event_types = event_types
        self.schema = schema
        self.statement = statement


def sql_projection(part: Any) -> SqlProjection:
    """What a ``SetProjection`` or a function marked ``@projects`` means.

    Raises ``DefinitionError`` for one that wants no event or makes no table.
    """
    if isinstance(part, SetProjection):
        table = events_table(part)
        apply = partial(_apply_set, part.statement, table, _row_of(table))
        layout = layout_of(part, part.name, part.schema, part.event_types)
        return SqlProjection(part.name, layout, part.event_types, apply, part.statement)
    name, schema = getattr(part, PROJECTS)
    event_types = _event_types(part)
    return SqlProjection(name, layout_of(part, name, schema, event_types), event_types, part)


def layout_of(about: object, name: str, schema: str, event_types: Sequence[type[Event]]) -> Layout:
    """The tables that a schema makes; ``DefinitionError`` if there are none, or for a name that means something else."""
    if "@" in name or "#" in name:
        raise DefinitionError(f"{name} cannot be the name of a projection", about, remedy="Leave out @ and #.")
    tables = tuple(dict.fromkeys(table.lower() for table in _CREATED.findall(schema)))
    if not tables:
        raise DefinitionError(f"The projection {name} makes no table", about, remedy="Give schema='create table …'.")
    if not event_types:
        raise DefinitionError(f"The projection {name} folds no event", about, remedy="Name the event types it is for.")
    statements = " ".join(schema.split())
    return Layout(name, tables, schema, f"{statements}; from {', '.join(sorted(map(name_of, event_types)))}")


def events_table(part: SetProjection) -> Table:
    """The table ``events`` as the statement sees it; ``DefinitionError`` where two events disagree about a field."""
    columns: dict[str, Column] = {name: column_of(SetProjection, name, hint) for name, hint in _COMMON.items()}
    for event in part.event_types:
        for name, hint in fields(event).items():
            column = msgspec.structs.replace(column_of(event, name, hint), optional=True)
            other = columns.setdefault(name, column)
            if other.kind != column.kind or name in _COMMON:
                raise DefinitionError(
                    f"In the projection {part.name} the column {name} would be {other.kind} and {column.kind}"
                    if name not in _COMMON
                    else f"{event.__name__}.{name} would hide the column {name} of every event",
                    event,
                    remedy="Use @projects, which is given the events themselves.",
                )
    return Table("events", tuple(columns.values()), ("position",), (), _row_type(tuple(columns)))


_COMMON: dict[str, type[Any]] = {"position": int, "stream": str, "version": int, "type": str, "recorded_at": datetime}


def _row_type(names: Sequence[str]) -> Callable[..., Any]:
    return msgspec.defstruct("EventRow", [(name, Any, None) for name in names])


def _row_of(table: Table) -> Callable[[Recorded[Any]], Any]:
    names = [name for name in table.names if name not in _COMMON]

    def row(recorded: Recorded[Any]) -> Any:
        values = [getattr(recorded.event, name, None) for name in names]
        return table.row(
            recorded.position, recorded.stream, recorded.version, recorded.type, recorded.recorded_at, *values
        )

    return row


async def _apply_set(
    statement: str, table: Table, row: Callable[[Recorded[Any]], Any], events: Sequence[Recorded[Any]], write: Writer
) -> None:
    await write.execute_over(statement, table, [row(each) for each in events])


def _event_types(function: Callable[..., Any]) -> tuple[type[Event], ...]:
    """A | B from ``events: Sequence[Recorded[A] | Recorded[B]]``."""
    hint = parameter_hint(function, "events", index=0)
    recorded = alternatives(get_args(hint)[0]) if get_origin(hint) is Sequence else ()
    named = [one for each in recorded if get_origin(each) is Recorded for one in alternatives(get_args(each)[0])]
    found = [one for one in named if isinstance(one, type) and issubclass(one, Event)]
    if (
        not found
        or len(found) != len(named)
        or not inspect.iscoroutinefunction(function)
        or len(inspect.signature(function).parameters) != 2
    ):
        raise DefinitionError(
            f"{function.__qualname__} is no projection",
            function,
            remedy=f"Write async def {function.__name__}(events: Sequence[Recorded[SomeEvent]], write: Writer) -> None.",
        )
    return tuple(found)


def refuse_unreadable(events: Sequence[Recorded[Any]]) -> None:
    """``ValueError`` for an event that this program cannot decode: its projection has declared it."""
    for recorded in events:
        if isinstance(recorded.event, OpaqueEvent):
            raise ValueError(f"{recorded.type} at position {recorded.position} {_CANNOT_READ}: {recorded.event.reason}")
