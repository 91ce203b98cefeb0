"""Where planted bugs are kept by name, planted, and looked for."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any, TypeAlias
from unittest.mock import patch

from tests.simulation.run import fault

Wrong: TypeAlias = tuple[object, str, Any]
"""What a bug replaces: an owner, a name, and the wrong piece."""

Planting: TypeAlias = Callable[[], Wrong | list[Wrong]]

MUTANTS: dict[str, Planting] = {}


def mutant(wrong: Planting) -> Planting:
    """A function that says by its docstring what is wrong, and returns what it replaces."""
    MUTANTS[wrong.__name__] = wrong
    return wrong


@contextmanager
def planted(name: str) -> Generator[None]:
    """The code with this bug."""
    found = MUTANTS[name]()
    with ExitStack() as stack:
        for owner, attribute, wrong in found if isinstance(found, list) else [found]:
            stack.enter_context(patch.object(owner, attribute, wrong))
        yield


def killed_by(name: str, seeds: Iterable[int]) -> int | None:
    """The first of these seeds that finds the bug, and nothing without it."""
    for seed in seeds:
        with planted(name):
            is_found = fault(seed) is not None
        if is_found and _is_well(seed):
            return seed
    return None


@cache
def _is_well(seed: int) -> bool:
    return fault(seed) is None


async def nothing(*given: Any, **named: Any) -> None:
    """Done at once."""
