"""A notebook that takes anything its types allow: the domain for the table of bad inputs."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from twofold import Aggregate, App, Command, Event, Key, Query, Reader, ReadModel, Tag, answers, decide, evolve


class Write(Command):
    note: str
    text: str = ""
    number: int = 0
    ratio: float = 0.0
    price: Decimal = Decimal(0)
    at: datetime = datetime(2010, 12, 1, tzinfo=UTC)
    topics: list[str] = []
    extra: dict[str, Any] = {}


class Erase(Command):
    """Nobody decides on it."""


class Written(Event):
    text: str
    number: int
    ratio: float
    price: Decimal
    at: datetime
    topics: Tag[list[str]]
    extra: dict[str, Any]


class Note(Aggregate):
    note: Key[str]

    @decide
    def write(self, command: Write) -> Written:
        return Written.of(command)

    @evolve
    def was_written(self, event: Written) -> None:
        pass


class NoteView(ReadModel):
    note: Key[str]
    number: int = 0

    @evolve
    def was_written(self, event: Written) -> None:
        self.number = event.number


class FindNote(Query[NoteView | None]):
    note: str = ""
    number: int = 0
    ratio: float = 0.0


class CountNotes(Query[int]):
    """Nobody answers it."""


@answers
async def find_note(query: FindNote, read: Reader) -> NoteView | None:
    return await read.one(NoteView, "where note = :note or number = :number", note=query.note, number=query.number)


def notebook(url: str) -> App:
    return App(Note, NoteView, find_note, store=url)
