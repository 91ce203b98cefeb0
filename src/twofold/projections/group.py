"""What shares one checkpoint: a read model, or several that are folded together, each event through all of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import groupby
from operator import itemgetter
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from twofold.errors import DefinitionError, FoldError
from twofold.messages import Event, Recorded
from twofold.projections.fanout import FanOut
from twofold.projections.fold import Fold
from twofold.projections.keys import Where
from twofold.projections.layout import Made
from twofold.projections.model import ReadModel
from twofold.projections.parking import Letter, Since, key_from, key_text
from twofold.projections.partitions import Owns, Places, is_filled_by_stream, is_splittable, partitions_of
from twofold.projections.projection import Projection, Touch
from twofold.projections.sql import SqlProjection
from twofold.projections.strong import is_strong
from twofold.projections.table import Changes, Key
from twofold.subscriptions.partition import partition_names, whole

C = TypeVar("C", bound=type[ReadModel])

GROUP = "__twofold_group__"


def grouped(name: str) -> Callable[[C], C]:
    """Let a read model share the checkpoint ``name`` with others, so that they always show the same moment."""

    def mark(cls: C) -> C:
        setattr(cls, GROUP, name)
        return cls

    return mark


class Group(msgspec.Struct, frozen=True, eq=False):
    """Projections in an order in which each comes after those whose rows it looks up. A ``strong`` one moves with appends.

    ``skipped`` are letters that are left out for good, by read model: keys with positions. ``partitions`` is how many it
    is to have, if its keys can be folded apart (``splittable``); a group with ``owns`` is a part of one, and folds only the rows
    whose keys it owns. ``by_stream`` says that each row is made of the streams of its key alone.
    ``sql`` is what it consists of instead, where that writes with statements of its own.
    """

    name: str
    projections: tuple[Projection, ...]
    strong: bool = False
    skipped: Mapping[str, Collection[tuple[Key, int]]] = {}
    partitions: int = 1
    splittable: bool = False
    by_stream: bool = False
    owns: Owns | None = None
    sql: SqlProjection | None = None

    @property
    def made(self) -> tuple[Made, ...]:
        """What a generation of it consists of."""
        return (self.sql.layout,) if self.sql is not None else tuple(each.table for each in self.projections)

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of its tables."""
        return self.sql.layout.tables if self.sql is not None else tuple(each.name for each in self.projections)

    @property
    def subscription(self) -> str:
        """The subscription that it is, or is a partition of."""
        return whole(self.name)

    def split(self, count: int) -> list[Group]:
        """Its partitions, each a group of its own; itself, if it is to be one."""
        if count == 1:
            return [self]
        places = Places(self.projections[0], count)
        return [
            msgspec.structs.replace(self, name=name, owns=places.owner(place))
            for place, name in enumerate(partition_names(self.name, count))
        ]

    def part_of(self, key: Key, count: int) -> str:
        """The name of the partition that a key belongs to."""
        return next(each.name for each in self.split(count) if each.owns is None or each.owns(key))

    @property
    def types(self) -> frozenset[str]:
        """The names of the event types that any of them folds."""
        if self.sql is not None:
            return self.sql.types
        return frozenset().union(*(projection.types for projection in self.projections))

    def about(self, projection: Projection) -> Group:
        """One of these, with those whose rows it looks up, directly or by others."""
        needed = {projection.cls}
        for each in reversed(self.projections):  # Each comes after those whose rows it looks up.
            if each.cls in needed:
                needed |= each.sources
        return msgspec.structs.replace(self, projections=tuple(each for each in self.projections if each.cls in needed))

    def page(self, events: Sequence[Recorded[Event]], parked: Mapping[str, Since] = MappingProxyType({})) -> Page:
        """Plan the fold of these events, with the keys that are parked by read model.

        ``FoldError`` names an event whose key cannot be said.
        """
        page = Page(self.projections, events, parked, self.owns)
        for fold in page.folds.values() if self.skipped else ():
            fold.skipped = self.skipped.get(fold.projection.name, ())
        return page


def left_out(letters: Iterable[Letter], group: Group) -> dict[str, set[tuple[Key, int]]]:
    """The letters of a group that were skipped, as its ``skipped``; those of others are passed over."""
    found: dict[str, set[tuple[Key, int]]] = {each.name: set() for each in group.projections}
    tables = {each.name: each.table for each in group.projections}
    for each in (letter for letter in letters if letter.read_model in tables):
        with suppress(msgspec.ValidationError):  # The key is of another type now: there is no such row any more.
            found[each.read_model].add((key_from(tables[each.read_model], each.key), each.position))
    return found


class Page:
    """A page of events on its way through a group.

    The caller puts into each of ``folds`` the rows that its ``keys`` and ``wheres`` name, and then calls ``fold``.
    """

    def __init__(
        self,
        projections: Sequence[Projection],
        events: Sequence[Recorded[Event]],
        parked: Mapping[str, Since] = MappingProxyType({}),
        owns: Owns | None = None,
    ) -> None:
        self.folds = {each.cls: Fold(each, parked.get(each.name), owns) for each in projections}
        self._looks_up = any(projection.looks_up for projection in projections)
        self._order: list[tuple[type[Any], Touch]] = []
        if self._looks_up:
            self._plan_in_turns(events)
        else:
            for fold in self.folds.values():
                types = fold.projection.types
                fold.plan(events if len(self.folds) == 1 else [event for event in events if event.type in types])

    def keep_only(self, cls: type[Any], key: Key, positions: Collection[int]) -> None:
        """Of one read model, fold only what these events do to one key."""

        def wanted(touch: Touch) -> bool:
            return touch[3].position in positions and (touch[0] == key or type(touch[0]) is Where)

        self.folds[cls].touches = [touch for touch in self.folds[cls].touches if wanted(touch)]
        self._order = [(each, touch) for each, touch in self._order if each is not cls or wanted(touch)]

    def fold(self) -> list[Changes]:
        """What becomes of the rows. ``FoldError`` for an event that cannot be folded: the rows are spoiled then."""
        fan_outs = {cls: FanOut(fold) for cls, fold in self.folds.items() if fold.wheres}
        for cls in fan_outs:
            self.folds[cls].keep_fan_outs()
        for cls, touches in self._runs():
            fold, fan_out = self.folds[cls], fan_outs.get(cls)
            wanted = fan_out.expanded(touches) if fan_out is not None else touches
            fold.take(wanted)
        return [changes for fold in self.folds.values() if (changes := fold.changes).rows or changes.removed]

    def let_park(self, park: Callable[[FoldError], bool], doubted: Mapping[str, set[str]]) -> None:
        """Go on without keys that cannot take an event, if they are parked for it.

        ``doubted`` are event types by read model, as in ``Fold``; those that fail for the first time are added.
        """
        for fold in self.folds.values():
            fold.park, fold.doubted = park, doubted[fold.projection.name]

    @property
    def parks(self) -> bool:
        """Whether any key is parked."""
        return any(fold.parked for fold in self.folds.values())

    @property
    def letters(self) -> list[Letter]:
        """What the parked keys have not taken, after ``fold``."""
        return [
            Letter(fold.projection.name, key_text(key), position)
            for fold in self.folds.values()
            for key, position in fold.letters
        ]

    def _runs(self) -> Iterable[tuple[type[Any], Sequence[Touch]]]:
        """The touches as they are to be taken, those that follow each other in one read model together."""
        if not self._looks_up:
            return [(cls, fold.touches) for cls, fold in self.folds.items()]
        return [(cls, [touch for _, touch in run]) for cls, run in groupby(self._order, key=itemgetter(0))]

    def _plan_in_turns(self, events: Iterable[Recorded[Event]]) -> None:
        for event in events:
            for cls, fold in self.folds.items():
                if event.type not in fold.projection.types:
                    continue
                before = len(fold.touches)
                fold.plan((event,))
                for touch in fold.touches[before:]:
                    self._order.append((cls, self._with_rows(fold, touch)))

    def _with_rows(self, fold: Fold, touch: Touch) -> Touch:
        """The touch, with a function for each row that its step looks up: it is looked up when it is its turn."""
        key, step, subject, recorded = touch
        if not step.lookups:
            return touch
        rows = []
        for lookup in step.lookups:
            wanted, source = lookup.key(recorded), self.folds[lookup.cls]
            if wanted is not None and (reason := source.projection.misfit(wanted)):
                raise fold.projection.error(recorded, key, TypeError(reason))
            if wanted is not None:
                source.keys.add(wanted)
            rows.append(partial(source.looked_up, wanted, recorded.position))
        return key, step, (subject, rows), recorded


def groups_of(projections: Collection[Projection], sql_projections: Iterable[SqlProjection] = ()) -> list[Group]:
    """The projections sorted into groups: by ``@grouped``, and together with those whose rows they look up.

    Each of those that write SQL is one for itself.

    Raises ``DefinitionError`` for a read model that looks up one of no app, or itself by a detour, and for two groups
    that would be one.
    """
    by_cls = {projection.cls: projection for projection in projections}
    parts: dict[type[Any], set[type[Any]]] = {cls: {cls} for cls in by_cls}
    for one, other in _ties(by_cls):
        joined = parts[one] | parts[other]
        parts.update(dict.fromkeys(joined, joined))
    once = {id(part): part for part in parts.values()}
    groups = [_group([by_cls[cls] for cls in by_cls if cls in part]) for part in once.values()]
    groups += [Group(each.name, (), sql=each) for each in sql_projections]
    _refuse_same_names(groups)
    return groups


def _ties(by_cls: Mapping[type[Any], Projection]) -> Iterable[tuple[type[Any], type[Any]]]:
    first: dict[str, type[Any]] = {}
    for cls, projection in by_cls.items():
        name = getattr(cls, GROUP, None)
        if name is not None:
            yield cls, first.setdefault(name, cls)
        for source in projection.sources:
            if source not in by_cls:
                raise DefinitionError(
                    f"{cls.__name__} looks up {source.__name__}, which is not there",
                    cls,
                    source,
                    remedy="Add it to App(...).",
                )
            yield cls, source


def _group(projections: Sequence[Projection]) -> Group:
    names = sorted({name for each in projections if (name := getattr(each.cls, GROUP, None)) is not None})
    if len(names) > 1:
        raise DefinitionError(
            f"The groups {' and '.join(names)} look up rows in each other",
            *(each.cls for each in projections),
            remedy="Give them one name: they can only move together.",
        )
    together = len(projections) > 1 or bool(names)
    name = names[0] if names else "+".join(sorted(each.name for each in projections))
    strong = is_strong(projections)
    partitions = partitions_of(projections, together=together, strong=strong)
    for each in projections:
        each.join(name if together else "", strong=strong)
    splittable = is_splittable(projections, together=together, strong=strong)
    by_stream = is_filled_by_stream(projections, strong=strong)
    return Group(
        name,
        tuple(_in_order(projections)),
        strong,
        partitions=partitions,
        splittable=splittable,
        by_stream=by_stream,
    )


def _in_order(projections: Sequence[Projection]) -> list[Projection]:
    left, done = list(projections), list[Projection]()
    while left:
        seen = {each.cls for each in done}
        ready = [each for each in left if each.sources <= seen]
        if not ready:
            names = " and ".join(each.cls.__name__ for each in left)
            raise DefinitionError(
                f"{names} look up each other's rows", *(each.cls for each in left), remedy="Let one of them do without."
            )
        done += ready
        left = [each for each in left if each not in ready]
    return done


def _refuse_same_names(groups: Sequence[Group]) -> None:
    names: dict[str, Group] = {}
    for group in groups:
        other = names.setdefault(group.name, group)
        if other is not group:
            raise DefinitionError(
                f"Two of what follows the log are called {group.name}",
                *(each.cls for each in (*other.projections, *group.projections)),
                remedy="Name one of them otherwise: a group, a read model, or a projection.",
            )
