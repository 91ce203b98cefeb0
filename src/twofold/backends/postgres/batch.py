"""A batch of appends as the arrays that the server's functions take, and the functions' answers as verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain
from operator import add
from typing import TypeAlias

import asyncpg

from twofold.store.criteria import Item
from twofold.store.port import Append, Appended, CriteriaConflict, KeyReused, StreamConflict, Verdict

APPENDED, REPLAYED, KEY_REUSED, STREAM_CONFLICT, CRITERIA_CONFLICT = range(5)
"""What the functions in ``schema/0003_append.sql`` answer."""

Column: TypeAlias = Sequence[object]
Rows: TypeAlias = list[tuple[object, ...]]


def array_literal(texts: Iterable[str]) -> str:
    """``{"a","b"}``: lists of unlike lengths can stand in one array of text this way."""
    return "{" + ",".join(['"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts]) + "}"


def literals(item: Item) -> tuple[str, str]:
    """An item's types and tags, each as an array literal."""
    return array_literal(item.types), array_literal(item.tags)


NUMBERS = frozenset({2, 3, 5, 6, 7, 8, 11, 14, 16, 17, 18})
"""Which columns of a run are numbers."""


class Run:
    """A run of independent appends as rows: appends, touches, events, tags and items, as ``append_run`` knows them."""

    def __init__(self, appends: Sequence[Append]) -> None:
        self._appends = appends
        self._touched: list[dict[str, int]] = []
        self._rows: tuple[Rows, Rows, Rows, Rows, Rows] = ([], [], [], [], [])
        self._places: dict[str, int] = {}
        self.bytes_max = 0
        for number, append in enumerate(appends, 1):
            self._rows[0].append((append.key, append.digest, len(append.events)))
            self._touched.append(self._touch(number, append))
            self._add_events(number, append)
            self._add_items(number, append)

    @property
    def sizes(self) -> list[int]:
        """How many appends, touches, events, tags and items there are."""
        return [len(rows) for rows in self._rows]

    def columns(self) -> list[Column]:
        """The rows turned into the arguments of ``append_run``, from ``keys`` on."""
        return list(chain.from_iterable(map(_turned, self._rows, (3, 3, 8, 2, 5))))

    def arguments(self) -> list[object]:
        """The same for a statement."""
        return arguments_of(self.columns())

    def verdicts(self, answer: asyncpg.Record) -> Iterator[Verdict]:
        """A verdict for each append. One that was replayed has yet to learn its versions."""
        newest, codes, firsts, seconds, found = answer
        written: dict[str, int] = {}
        for append, touched, code, first, second in zip(
            self._appends, self._touched, codes, firsts, seconds, strict=True
        ):
            if code == APPENDED:
                for event in append.events:
                    written[event.stream] = written.get(event.stream, 0) + 1
                versions = {
                    event.stream: found[touched[event.stream] - 1] + written[event.stream] for event in append.events
                }
                yield Appended(newest + 1, newest + len(append.events), versions)
                newest += len(append.events)
            elif code == STREAM_CONFLICT:
                stream = next(stream for stream, number in touched.items() if number == first)
                yield StreamConflict(stream, append.expected[stream], second)
            else:
                yield refusal_or_replay(append, code, first, second)

    def _touch(self, number: int, append: Append) -> dict[str, int]:
        rows = self._rows[1]
        touched: dict[str, int] = {}
        for stream, expected in append.expected.items():
            rows.append((number, stream, expected))
            touched[stream] = len(rows)
        for event in append.events:
            if event.stream not in touched:
                rows.append((number, event.stream, None))
                touched[event.stream] = len(rows)
        return touched

    def _add_events(self, number: int, append: Append) -> None:
        rows, tags, touched, places = self._rows[2], self._rows[3], self._touched[-1], self._places
        for event in append.events:
            stream, data, metadata = event.stream, event.data, event.metadata
            place = places[stream] = places.get(stream, 0) + 1
            rows.append((number, touched[stream], place, stream, event.type, event.schema, data, metadata))
            self.bytes_max = max(self.bytes_max, len(data) + len(metadata))
            if event.tags:
                tags.extend((len(rows), tag) for tag in dict.fromkeys(event.tags))

    def _add_items(self, number: int, append: Append) -> None:
        for index, condition in enumerate(append.conditions):
            for item in condition.criteria.items:
                self._rows[4].append((number, index, condition.after, *literals(item)))


def refusal_or_replay(append: Append, code: int, first: int, second: int) -> Verdict:
    """The verdict behind an answer that wrote nothing, other than a stream conflict."""
    if code == REPLAYED:
        return Appended(first, second, {}, replayed=True)
    if code == CRITERIA_CONFLICT:
        return CriteriaConflict(first, second)
    assert code == KEY_REUSED, f"the server answered {code}"
    assert append.key is not None
    return KeyReused(append.key)


def joined(runs: Sequence[Run]) -> list[Column]:
    """The arguments of ``append_runs`` apart from ``bytes``: where each run ends, then the columns of all, end to end."""
    ends = accumulate([run.sizes for run in runs], lambda before, sizes: [*map(add, before, sizes)])
    columns = zip(*[run.columns() for run in runs], strict=True)
    return [list(ends), *[list(chain.from_iterable(parts)) for parts in columns]]


def arguments_of(columns: Sequence[Column]) -> list[object]:
    """The columns as the statements take them: numbers as an array literal, because the driver looks at each element of a
    list of numbers for a quarter of a microsecond, and a large append has several of those for each event."""
    return [_numbers(column) if index in NUMBERS else column for index, column in enumerate(columns)]


def _numbers(column: Column) -> str:
    return f"{{{','.join(map(str, column))}}}".replace("None", "null")


def alone(append: Append) -> bool:
    """Whether ``append_one`` can take it: one event, no conditions, no expectation about another stream."""
    if len(append.events) != 1 or append.conditions:
        return False
    return not append.expected or (len(append.expected) == 1 and append.events[0].stream in append.expected)


def arguments_of_one(append: Append) -> tuple[object, ...]:
    """The arguments of ``append_one``."""
    (event,) = append.events
    expected, tags = append.expected.get(event.stream), tuple(dict.fromkeys(event.tags))
    what = (event.type, event.schema, event.data, event.metadata)
    return (event.stream, expected, *what, tags, append.key, append.digest)


def verdict_of_one(append: Append, answer: Sequence[int]) -> Verdict:
    """The verdict behind an answer of ``append_one``."""
    code, first, second, version = answer
    stream = append.events[0].stream
    if code == APPENDED:
        return Appended(first, second, {stream: version})
    if code == STREAM_CONFLICT:
        return StreamConflict(stream, append.expected[stream], version)
    return refusal_or_replay(append, code, first, second)


def _turned(rows: Rows, width: int) -> Iterable[Column]:
    return zip(*rows, strict=True) if rows else [()] * width
