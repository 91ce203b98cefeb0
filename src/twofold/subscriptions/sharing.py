"""Who should run what: every worker plans the same from the same board, so nobody has to lead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from twofold.subscriptions.leases import Board


def shares(board: Board, *, besides: Collection[str] = ()) -> Mapping[str, str]:
    """Which worker each subscription should go to, of those that any living worker can run.

    Sticky: whoever holds one keeps it, unless another worker that can run it has two fewer. What is free goes to the one
    with the least. Nobody is to run what is in ``besides``.
    """
    knows = {worker: frozenset(names) - frozenset(besides) for worker, names in board.workers.items()}
    able = {
        name: sorted(each for each in knows if name in knows[each]) for name in sorted(set().union(*knows.values()))
    }
    plan = {name: holder for name in able if (holder := board.holder(name)) in able[name]}
    loads = Counter(plan.values())
    for name, workers in able.items():
        if name not in plan:
            plan[name] = min(workers, key=lambda worker: (loads[worker], worker))
            loads[plan[name]] += 1
    while (move := _move(plan, able, loads)) is not None:
        name, worker = move
        loads.subtract([plan[name]])
        loads[worker] += 1
        plan[name] = worker
    return plan


def _move(plan: Mapping[str, str], able: Mapping[str, list[str]], loads: Mapping[str, int]) -> tuple[str, str] | None:
    """The move that levels the most; None where no worker has two more than one that could take something from it."""
    moves = [
        (loads[plan[name]] - loads[worker], name, worker)
        for name, workers in able.items()
        for worker in workers
        if loads[plan[name]] - loads[worker] >= 2
    ]
    if not moves:
        return None
    _, name, worker = max(moves, key=lambda move: (move[0], move[1]))
    return name, worker
