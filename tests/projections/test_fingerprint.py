"""A fingerprint says whether rows may come out otherwise: it changes with the code that folds, and with nothing else."""

from __future__ import annotations

import linecache
import subprocess
import sys
import types
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

from twofold.messages import Event, Recorded
from twofold.projections import (
    SetProjection,
    Writer,
    define,
    fingerprint,
    groups_of,
    joined,
    projects,
    sql_fingerprint,
    sql_projection,
)

CODE = """
from decimal import Decimal
from enum import Enum
from operator import attrgetter
from twofold import Event, Indexed, Key, ReadModel, Recorded, evolve, grouped, stored_as

LIMIT = 70

class Scored(Event):
    number: int
    month: str

class Left(Event):
    month: str

class Tier(Enum):
    LOW = "low"
    HIGH = "high"

def tier_of(score):
    return Tier.HIGH if score >= LIMIT else Tier.LOW

@stored_as("scores")
class Scores(ReadModel):
    month: Key[str]
    tier: Tier = Tier.LOW
    score: int = 0

    @evolve(key=lambda event: event.month)
    def was_scored(self, event: Scored) -> None:
        self.score += event.number
        self.tier = tier_of(self.score)
        self.cap()

    @evolve(key=attrgetter("month"))
    def has_left(self, event: Left) -> None:
        self.score = 0

    @evolve(always=True)
    def seen(self, event: Recorded[Event]) -> None:
        self.score += 0

    def cap(self) -> None:
        self.score = min(self.score, 100)

    def shown(self) -> str:
        return f"{self.score} points"
"""


@pytest.fixture
def modules() -> Generator[list[str]]:
    names: list[str] = []
    yield names
    for name in names:
        sys.modules.pop(name)


class Program:
    """The code, as it is or with something changed, as a module of its own."""

    def __init__(self, modules: list[str]) -> None:
        self._modules = modules

    def module(self, code: str, *, has_source: bool = True) -> Any:
        name = "a_program"
        self._modules += [name] * (name not in self._modules)
        file = f"<program {hash(code)}>"
        if has_source:
            linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
        else:
            linecache.cache.pop(file, None)
        sys.modules[name] = module = types.ModuleType(name)
        exec(compile(code, file, "exec"), vars(module))
        return module

    def print(self, old: str = "", new: str = "", *, has_source: bool = True) -> str:
        assert old in CODE
        return fingerprint(define(self.module(CODE.replace(old, new), has_source=has_source).Scores))


@pytest.fixture
def program(modules: list[str]) -> Program:
    return Program(modules)


def test_it_is_short_and_always_the_same(program: Program) -> None:
    assert program.print() == program.print() == "8eefdffc70d2fa1d"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("        self.score = 0\n", "        # Nothing is left.\n\n        self.score  =  0\n"),
        ("    def cap(self) -> None:\n", '    def cap(self) -> None:\n        """At most 100."""\n'),
        ("lambda event: event.month", "lambda event:  (event.month)"),
        ("    score: int = 0", "    score: Indexed[int] = 0"),
        ("LIMIT = 70", "OTHER = 1\nLIMIT = 70"),
        ("{self.score} points", "{self.score} p."),
        ("class Scores(", "class Points("),
    ],
    ids=["comments", "docstrings", "brackets", "an index", "what it does not use", "what no fold calls", "class name"],
)
def test_what_changes_no_row_changes_nothing(program: Program, old: str, new: str) -> None:
    module = program.module(CODE.replace(old, new))
    assert fingerprint(define(getattr(module, "Scores", None) or module.Points)) == program.print()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.score += event.number", "self.score += event.number * 2"),
        ("        self.score = 0\n", "        self.score = 1\n"),
        ("lambda event: event.month", "lambda event: event.month[:4]"),
        ('attrgetter("month")', 'attrgetter("month.real")'),
        ("self.score += 0", "self.score += 1"),
        ("min(self.score, 100)", "min(self.score, 99)"),
        ("score >= LIMIT", "score > LIMIT"),
        ("LIMIT = 70", "LIMIT = 71"),
        ('"low"', '"lowest"'),
        ("score: int = 0", "score: int = 1"),
        ("score: int = 0", "score: int = 0\n    more: int = 0"),
        ("score: int", "score: int | None"),
        ("@evolve(key=attrgetter", "@evolve(if_exists=True, key=attrgetter"),
        ('stored_as("scores")', 'stored_as("scores", version=2)'),
        ('stored_as("scores")', 'stored_as("points")'),
        ("event: Left", "event: Left | Scored2"),
    ],
)
def test_what_may_change_rows_changes_it(program: Program, old: str, new: str) -> None:
    assert old in CODE
    code = CODE.replace(old, new).replace("class Left", "class Scored2(Event):\n    month: str\n\nclass Left")
    assert fingerprint(define(program.module(code).Scores)) != program.print()


def test_it_is_the_same_whether_the_program_is_imported_or_run(tmp_path: Path) -> None:
    told = "\nfrom twofold.projections import define, fingerprint\nprint(fingerprint(define(Scores)))\n"
    (tmp_path / "program.py").write_text(CODE + told)

    def output(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout

    assert len({output("program.py"), output("-m", "program"), output("-c", "import program")}) == 1


def test_without_source_it_still_knows_constants_and_names(program: Program) -> None:
    bare = program.print(has_source=False)
    assert bare == program.print(has_source=False)
    assert bare != program.print("self.score, 100", "self.score, 99", has_source=False)
    assert bare != program.print("self.score += event.number", "self.score += event.month", has_source=False)


def test_a_group_has_one_of_all_its_read_models(program: Program) -> None:
    alone = program.print()
    grouped = define(program.module(CODE.replace('@stored_as("sc', '@grouped("all")\n@stored_as("sc')).Scores)
    groups_of([grouped])
    assert joined([alone]) == alone
    assert fingerprint(grouped) != alone
    assert joined(["a", "b"]) == joined(["b", "a"]) != joined(["a", "c"])


class Rang(Event):
    number: int


def test_projections_in_sql_have_one_too() -> None:
    def bells(statement: str, schema: str = "create table bells (number int)") -> str:
        return sql_fingerprint(sql_projection(SetProjection("bells", Rang, schema=schema, statement=statement)))

    adding = "insert into bells select number from events"
    assert bells(adding) == bells(adding)
    assert bells(adding) != bells(f"{adding} where number > 1")
    assert bells(adding) != bells(adding, "create table bells (number bigint)")


def test_so_have_handlers_with_the_open_transaction() -> None:
    @projects("bells", schema="create table bells (number int)")
    async def one(events: Sequence[Recorded[Rang]], write: Writer) -> None:
        await write.execute("insert into bells values (1)")

    @projects("bells", schema="create table bells (number int)")
    async def two(events: Sequence[Recorded[Rang]], write: Writer) -> None:
        await write.execute("insert into bells values (2)")

    assert sql_fingerprint(sql_projection(one)) != sql_fingerprint(sql_projection(two))
