"""How simulated processes are set up."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Literal, TypeAlias

import msgspec

from tests.simulation.oracle import SUBSCRIPTIONS
from tests.simulation.read_models import CODES, NEW, ODD, OLD, WIDE, Code
from tests.simulation.tracks import STRONG

Mode: TypeAlias = Literal["alone", "shared", "none"]
"""Whether it runs all that it knows whoever else does, its share of it, or nothing."""


class Machine(msgspec.Struct):
    """How a process is set up, the same for each that comes after a crash, until other ``code`` is deployed.

    Times are in seconds: ``quick`` is how long a call takes at most when nothing is in the way, ``looks`` how often a worker
    looks at the board, ``rests`` how long a client waits at most between two commands.
    """

    name: str
    mode: Mode
    knows: Sequence[str]
    code: Code
    page_max: int
    rows_max: int
    hoard_max: int
    clients: int
    rests: float
    reads_after: float
    quick: float
    looks: float
    gap_max: int
    lives: int = 0


def machines(chance: Random) -> list[Machine]:
    """Some machines, of which at least one runs each subscription."""
    page_max = chance.choice([1, 2, 3, 5, 10, 100])
    codes = chance.choice([[OLD], [OLD], [OLD, WIDE, ODD], [OLD, NEW], CODES])
    return [
        Machine(
            f"machine{number}",
            mode,
            knows,
            chance.choice(codes),
            page_max,
            rows_max=chance.choice([0, 20, 1000]),
            hoard_max=chance.choice([1, 3, 1000]),
            clients=chance.randint(1, 3),
            rests=chance.choice([0.05, 0.1, 0.5]),
            reads_after=chance.choice([0.2, 1.0]),
            quick=chance.choice([0.001, 0.003, 0.02]),
            looks=chance.choice([0.2, 0.5, 2.0]),
            gap_max=chance.choice([0, 3, 10, 1000]),
        )
        for number, (mode, knows) in enumerate(_shared_out(chance, chance.randint(1, 3)))
    ]


def _shared_out(chance: Random, count: int) -> list[tuple[Mode, Sequence[str]]]:
    """What each machine does, and knows: everything, or some. What no other runs, the first does."""
    others: list[tuple[Mode, Sequence[str]]] = []
    for _ in range(count - 1):
        some = tuple(name for name in SUBSCRIPTIONS if chance.random() < 0.5)
        others.append(
            (chance.choice(["alone", "shared", "none"]), chance.choice([SUBSCRIPTIONS, some or tuple(STRONG)]))
        )
    ran = {name for mode, knows in others if mode != "none" for name in knows}
    left = tuple(name for name in SUBSCRIPTIONS if chance.random() < 0.5 or name not in ran)
    return [(chance.choice(["alone", "shared"]), chance.choice([SUBSCRIPTIONS, left or tuple(STRONG)])), *others]
