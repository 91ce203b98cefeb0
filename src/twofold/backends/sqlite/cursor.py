"""A statement read from left to right, part by part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from twofold.queries.relations import is_blank
from twofold.queries.statement import Part, is_word


class Cursor:
    """Where a reading of a statement's parts has come."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._at = 0

    def peek(self) -> Part | None:
        """The next part; None at the end."""
        return self._parts[self._at] if self._at < len(self._parts) else None

    def take(self) -> Part:
        """The next part, and go on."""
        part = self._parts[self._at] if self._at < len(self._parts) else ""
        self._at += 1
        return part

    def closing(self) -> list[Part]:
        """A closing bracket, if it follows."""
        return [self.take()] if self.peek() == ")" else []

    def blanks(self) -> list[Part]:
        """White space and comments, up to what follows them."""
        found: list[Part] = []
        while (part := self.peek()) is not None and is_blank(part):
            found.append(self.take())
        return found

    def significant(self) -> Iterator[Part]:
        """What follows, without white space."""
        return (part for part in self._parts[self._at :] if not is_blank(part))

    def operator(self, *names: str) -> list[Part]:
        """One of these, if it follows, with the white space before it."""
        at = self._at
        blanks = self.blanks()
        part = self.peek()
        if part is not None and (part in names or (is_word(part, *names))):
            return [*blanks, self.take()]
        self._at = at
        return []
