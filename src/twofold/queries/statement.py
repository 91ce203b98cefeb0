"""SQL as people write it: its ``:name`` parameters, the words it uses, and how a backend spells it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TypeAlias

import msgspec

from twofold.errors import QueryError

_TOKEN = re.compile(
    r"""
    (?P<skip> --[^\n]* | /\*.*?\*/ | '(?:[^']|'')*' | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$
            | (?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)? | ->>? | \|\| | [<>!=]= | <> )
  | (?P<quoted> "(?:[^"]|"")+" )
  | (?P<cast> :: )
  | :(?P<param> [A-Za-z_]\w* )
  | (?P<word> [A-Za-z_]\w* )
  | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)


class Param(msgspec.Struct, frozen=True):
    """A place where the value of a parameter goes."""

    name: str


class Word(msgspec.Struct, frozen=True):
    """A name or keyword; unquoted ones are in lower case, as databases see them."""

    name: str
    text: str


Part: TypeAlias = str | Word | Param


class Statement(msgspec.Struct, frozen=True):
    """A statement cut into plain text, words and parameters; ``params`` are the names of those, each once, in order."""

    parts: tuple[Part, ...]
    params: tuple[str, ...]
    words: frozenset[str]
    first_word: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether it stands alone, rather than being the end of one."""
        return self.first_word in ("select", "with", "values")

    def spelled(self, placeholder: Callable[[int], str], word: Callable[[Word], str] = lambda word: word.text) -> str:
        """The text for a driver: ``placeholder`` writes the n-th parameter (from 1), ``word`` each word."""
        numbers = {name: number for number, name in enumerate(self.params, 1)}
        return "".join(
            part if isinstance(part, str) else word(part) if isinstance(part, Word) else placeholder(numbers[part.name])
            for part in self.parts
        )

    def values(self, params: Mapping[str, object]) -> list[object]:
        """The values in order of ``params``; ``QueryError`` where one is missing or nobody asked for it."""
        try:
            found = [params[name] for name in self.params]
        except KeyError:
            found = []
        if not len(found) == len(params) == len(self.params):
            missing = [name for name in self.params if name not in params]
            unused = [name for name in params if name not in self.params]
            what = " and ".join(
                [f"no value for :{name}" for name in missing] + [f"nothing asks for {name}" for name in unused]
            )
            raise QueryError(
                f"Parameters do not fit the statement: {what}", remedy="Write :name in the SQL, name=… beside it."
            )
        return found


@lru_cache(maxsize=1024)
def parse(sql: str) -> Statement:
    """Cut a statement into parts. Texts, comments and casts (``::``) hold no parameters; ``QueryError`` for several."""
    sql = sql.strip().removesuffix(";")
    parts: list[Part] = []
    for token in _TOKEN.finditer(sql):
        if name := token["param"]:
            parts.append(Param(name))
        elif word := token["word"]:
            parts.append(Word(word.lower(), word))
        elif quoted := token["quoted"]:
            parts.append(Word(quoted[1:-1].replace('""', '"'), quoted))
        else:
            parts.append(token[0])
    if ";" in parts:
        raise QueryError("More than one statement in a question", remedy="Ask one at a time.")
    params = dict.fromkeys(part.name for part in parts if isinstance(part, Param))
    words = [part.name for part in parts if isinstance(part, Word)]
    return Statement(tuple(parts), tuple(params), frozenset(words), words[0] if words else "")


def is_word(part: Part, *names: str) -> bool:
    """Whether a part is one of these words."""
    return isinstance(part, Word) and part.name in names
