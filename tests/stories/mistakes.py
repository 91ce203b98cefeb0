"""The table of bad inputs: what somebody does, and the one verdict that every backend gives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

from tests.stories.notebook import CountNotes, Erase, FindNote, Note, Write
from twofold import App, Criteria
from twofold.store.appender import Appender
from twofold.store.limits import TAGS_MAX
from twofold.store.port import Append, Condition, NewEvent

Doing: TypeAlias = Callable[[App], Awaitable[object]]


class Mistake(NamedTuple):
    """``what`` is the part that the error names."""

    name: str
    doing: Doing
    code: str
    what: str = ""


def writing(**fields: Any) -> Doing:
    given: dict[str, Any] = {"note": "n-1", **fields}
    return lambda app: app.send(Write(**given))


def sending(**options: Any) -> Doing:
    return lambda app: app.send(Write(note="n-1"), **options)


def typing(raw: str) -> Doing:
    async def doing(app: App) -> object:
        return await app.send(app.registry.command("Write", raw))

    return doing


def asking(**fields: Any) -> Doing:
    return lambda app: app.ask(FindNote(**fields))


def appending(*events: NewEvent, **options: Any) -> Doing:
    """At the edge of the log itself, where appends enter that no decider made."""
    return lambda app: Appender(app.log).append(Append(events, **options))


def event(stream: str = "note-n-9", *tags: str, data: bytes = b"{}", metadata: bytes = b"{}") -> NewEvent:
    return NewEvent(stream, "Written", 1, data, metadata, tags)


def nested(depth: int) -> object:
    return [nested(depth - 1)] if depth else 0


async def reusing_an_id(app: App) -> object:
    await app.send(Write(note="n-1"), command_id="same")
    return await app.send(Write(note="n-1", number=1), command_id="same")


async def sending_an_unknown_name(app: App) -> object:
    return await app.send(app.registry.command("Wrote", '{"note":"n-1"}'))


async def asking_an_unknown_name(app: App) -> object:
    return await app.ask(app.registry.query("FindNotes", "{}"))


async def loading_a_version_to_come(app: App) -> object:
    return await app.load(Note, "n-1", at_version=5)


INVALID, UNKNOWN, CONFLICT = "invalid-input", "unknown-message", "conflict"
MEGABYTE = "x" * (1 << 20)
AFTER_ONE = Condition(Criteria.of(types=["Written"]), 0)

MISTAKES = [
    Mistake("an id over its length", writing(note="x" * 300), INVALID, "stream"),
    Mistake("an empty id", writing(note=""), INVALID, "stream"),
    Mistake("an id that is a folder", writing(note=".."), INVALID, "stream"),
    Mistake("an id of odd characters", writing(note="a/b"), INVALID, "stream"),
    Mistake("an id that is not ASCII", writing(note="nöte"), INVALID, "stream"),
    Mistake("an id with NUL", writing(note="a\0b"), INVALID),
    Mistake("a payload over its size", writing(text=MEGABYTE), INVALID, "data"),
    Mistake("a text with NUL", writing(text="a\0b"), INVALID),
    Mistake("a lone surrogate", writing(text="\ud800"), INVALID),
    Mistake("NaN", writing(ratio=float("nan")), INVALID, "ratio"),
    Mistake("infinity", writing(ratio=float("inf")), INVALID, "ratio"),
    Mistake("NaN deep inside", writing(extra={"a": [1.0, float("nan")]}), INVALID, "extra.a[1]"),
    Mistake("a decimal that is none", writing(price=Decimal("NaN")), INVALID, "price"),
    Mistake("a decimal without end", writing(price=Decimal("1e999")), INVALID, "price"),
    Mistake("an integer beyond 64 bits", writing(number=2**63), INVALID, "number"),
    Mistake("an integer far below", writing(number=-(2**63) - 1), INVALID, "number"),
    Mistake("an integer beyond 64 bits inside", writing(extra={"a": 2**64}), INVALID, "extra.a"),
    Mistake("a time without zone", writing(at=datetime(2010, 12, 1)), INVALID, "at"),  # noqa: DTZ001 - the mistake
    Mistake("deep nesting", writing(extra={"a": nested(64)}), INVALID, "extra.a" + "[0]" * 63),
    Mistake("a mistyped field", writing(number="1"), INVALID, "number"),
    Mistake("a tag over its length", writing(topics=["x" * 300]), INVALID, "tag"),
    Mistake("a tag with a line break", writing(topics=["a\nb"]), INVALID, "tags"),
    Mistake("too many tags", writing(topics=[f"t{number}" for number in range(TAGS_MAX + 1)]), INVALID, "tags"),
    Mistake("a command id over its length", sending(command_id="x" * 300), INVALID, "command id"),
    Mistake("an empty command id", sending(command_id=""), INVALID, "command_id"),
    Mistake("a command id with NUL", sending(command_id="a\0"), INVALID, "command_id"),
    Mistake("a header with NUL", sending(headers={"a": "\0"}), INVALID),
    Mistake("an actor that is no text", sending(actor="\ud800"), INVALID),
    Mistake("headers over their size", sending(headers={"a": "x" * 70_000}), INVALID, "headers"),
    Mistake("an unknown field", typing('{"note":"n-1","colour":"red"}'), INVALID),
    Mistake("a missing field", typing('{"text":"a"}'), INVALID),
    Mistake("a mistyped field in JSON", typing('{"note":"n-1","number":"1"}'), INVALID, "number"),
    Mistake("a field twice", typing('{"note":"n-1","note":"n-2"}'), INVALID, "note"),
    Mistake("JSON's NaN", typing('{"note":"n-1","ratio":NaN}'), INVALID, "NaN"),
    Mistake("a number without end", typing('{"note":"n-1","ratio":1e999}'), INVALID, "ratio"),
    Mistake("an integer that SQL would not take", typing('{"note":"n-1","number":9223372036854775808}'), INVALID, "number"),
    Mistake("no JSON", typing('{"note":'), INVALID),
    Mistake("no object", typing('["n-1"]'), INVALID),
    Mistake("a reserved stream", appending(event("$note-1")), INVALID, "stream"),
    Mistake("a stream without category", appending(event("note")), INVALID, "stream"),
    Mistake("a category in capitals", appending(event("Note-1")), INVALID, "stream"),
    Mistake("a stream with a line break", appending(event("note-1\n")), INVALID, "stream"),
    Mistake("a tag without value", appending(event("note-n-9", "topic")), INVALID, "tags"),
    Mistake("an expected version below zero", appending(event(), expected={"note-n-9": -1}), INVALID, "expected_version"),
    Mistake("an expected version beyond 64 bits", appending(event(), expected={"note-n-9": 2**63}), INVALID, "expected_version"),
    Mistake("a condition after a position below zero", appending(event(), conditions=(Condition(AFTER_ONE.criteria, -1),)), INVALID, "after"),
    Mistake("a stale expected version", appending(event("note-n-0"), expected={"note-n-0": 0}), CONFLICT),
    Mistake("an expected version ahead", appending(event("note-n-0"), expected={"note-n-0": 7}), CONFLICT),
    Mistake("a condition that is broken", appending(event(), conditions=(AFTER_ONE,)), CONFLICT),
    Mistake("a command id for another command", reusing_an_id, "key-reused"),
    Mistake("a command that nobody decides on", lambda app: app.send(Erase()), UNKNOWN, "Erase"),
    Mistake("a command of an unknown name", sending_an_unknown_name, UNKNOWN, "Wrote"),
    Mistake("a query that nobody answers", lambda app: app.ask(CountNotes()), UNKNOWN, "CountNotes"),
    Mistake("a query of an unknown name", asking_an_unknown_name, UNKNOWN, "FindNotes"),
    Mistake("a question with NUL", asking(note="a\0b"), INVALID),
    Mistake("a question with a lone surrogate", asking(note="\udfff"), INVALID),
    Mistake("a question beyond 64 bits", asking(number=2**63), INVALID, "number"),
    Mistake("a question about NaN", asking(ratio=float("nan")), INVALID, "ratio"),
    Mistake("a mistyped question", asking(number="1"), INVALID, "number"),
    Mistake("a version to come", loading_a_version_to_come, "not-found"),
]  # fmt: skip
