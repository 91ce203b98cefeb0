"""A Markdown document as the list of its fenced blocks.

    ```python             runs, in one namespace per document; ``await`` works as at a prompt
    ```output             what the Python block before it prints
    ```python app.py      becomes a file, and so does any other language with a file name
    ```python app.py+     goes into that file: in place of what has the same name, the rest before the last statement
    ```console            commands after ``$ ``, each followed by what it prints
    ```text               drawings and shapes: shown, never run

Nothing else may stand in a document, so a block cannot fall out of the test by a slip of the pen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FENCE = re.compile(r"^```(?P<language>\S*)(?: (?P<file>\S+))?$")


class Block(NamedTuple):
    """A fenced block: where it starts, what it is and what it says."""

    document: Path
    line: int
    language: str
    file: str | None
    text: str

    @property
    def place(self) -> str:
        return f"{self.document.name}:{self.line}"


def blocks(document: Path) -> Iterator[Block]:
    """The blocks of a document, in order. An unclosed block or a fence of another form is an error."""
    lines = enumerate(document.read_text().splitlines(), start=1)
    for number, line in lines:
        if not line.lstrip().startswith("```"):
            continue
        fence = FENCE.match(line)
        assert fence is not None, f"{document.name}:{number}: this fence is not understood: {line}"
        yield Block(document, number, fence["language"], fence["file"], _body(lines, f"{document.name}:{number}"))


def _body(lines: Iterator[tuple[int, str]], place: str) -> str:
    body: list[str] = []
    for _, line in lines:
        if line == "```":
            return "".join(f"{text}\n" for text in body)
        body.append(line)
    raise AssertionError(f"{place}: this block is never closed")
