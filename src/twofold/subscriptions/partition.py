"""Partitions: a subscription may be followed in parts, each under a name, with a checkpoint and an epoch of its own."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import TypeVar

from twofold.subscriptions.checkpoint import Checkpoint

At = TypeVar("At")

_PARTITION = re.compile(r"(.+)#([1-9][0-9]*)/([1-9][0-9]*)")


def partition_names(subscription: str, count: int) -> tuple[str, ...]:
    """What the partitions of a subscription are called: ``view#1/2`` and ``view#2/2``; one alone is ``view`` itself."""
    return (subscription,) if count == 1 else tuple(f"{subscription}#{each}/{count}" for each in range(1, count + 1))


@lru_cache(maxsize=4096)
def whole(name: str) -> str:
    """The subscription that a partition belongs to; any other name is its own."""
    found = _PARTITION.fullmatch(name)
    return found[1] if found is not None else name


def count_of(names: Iterable[str]) -> int:
    """How many partitions a subscription has whose checkpoints have these names; 0 for none."""
    found = [_PARTITION.fullmatch(name) for name in names]
    return max((int(each[3]) if each is not None else 1 for each in found), default=0)


def standing(found: Mapping[str, At], names: Collection[str]) -> dict[str, At]:
    """Of what is kept under these names, and names that begin like them, the checkpoints that stand for something.

    Where a subscription has partitions, the one under its own name is only what is locked to exchange them.
    """
    wholes = {name: whole(name) for name in found}
    split = {each for name, each in wholes.items() if each != name}
    return {name: at for name, at in found.items() if name not in split and (name in names or wholes[name] in names)}


def is_gone(name: str, names: Collection[str]) -> bool:
    """Whether a partition is not among these names because its subscription is split in another way by now."""
    return name not in names and any(whole(each) == whole(name) for each in names)


def hindmost(found: Mapping[str, Checkpoint], subscription: str) -> Checkpoint | None:
    """The checkpoint of the partition that is furthest behind; None for a subscription that never moved."""
    own = [at for name, at in found.items() if whole(name) == subscription]
    return min(own, key=lambda at: at.position, default=None)
