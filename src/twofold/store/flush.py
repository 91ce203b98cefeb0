"""Which appends of a batch may be judged together: a pure plan for backends that work on whole sets."""

from __future__ import annotations

from collections.abc import Sequence

from twofold.store.port import Append


def independent_runs(batch: Sequence[Append]) -> list[list[int]]:
    """Split a batch into runs, each a list of indexes, so that no verdict inside a run depends on another of the run.

    The runs, one after the other, give the verdicts that the appends would get one by one. An append joins the
    earliest run that stands after every append it depends on. It depends on an earlier one that

    - has the same key,
    - writes to a stream whose version it expects, or expects the version of a stream that it writes to,
    - writes an event that its criteria match, or has criteria that match an event that it writes.

    Two appends that write to one stream with no expectation are independent: the backend numbers them in order.
    """
    runs: list[list[int]] = []
    seen = _Seen()
    for index, append in enumerate(batch):
        run = seen.run_for(append)
        if run == len(runs):
            runs.append([])
        runs[run].append(index)
        seen.add(append, run)
    return runs


class _Seen:
    """What the appends so far have touched, each with the latest run that touched it."""

    def __init__(self) -> None:
        self.keys: dict[str, int] = {}
        self.written: dict[str, int] = {}
        self.expected: dict[str, int] = {}
        self.appends: list[tuple[Append, int]] = []
        self.conditioned: list[tuple[Append, int]] = []

    def run_for(self, append: Append) -> int:
        run = self.keys.get(append.key, -1) if append.key is not None else -1
        for stream in append.expected:
            run = max(run, self.written.get(stream, -1))
        for event in append.events:
            run = max(run, self.expected.get(event.stream, -1))
        if append.conditions:
            run = max((at for earlier, at in self.appends if at > run and _matches(append, earlier)), default=run)
        run = max((at for earlier, at in self.conditioned if at > run and _matches(earlier, append)), default=run)
        # Writers of one stream keep their order, which a later run than the latest writer's would not break.
        latest = max((self.written.get(event.stream, -1) for event in append.events), default=-1)
        return max(run + 1, latest)

    def add(self, append: Append, run: int) -> None:
        if append.key is not None:
            self.keys[append.key] = max(run, self.keys.get(append.key, -1))
        for stream in append.expected:
            self.expected[stream] = max(run, self.expected.get(stream, -1))
        for event in append.events:
            self.written[event.stream] = max(run, self.written.get(event.stream, -1))
        self.appends.append((append, run))
        if append.conditions:
            self.conditioned.append((append, run))


def _matches(conditioned: Append, writer: Append) -> bool:
    return any(
        condition.criteria.matches(event.type, event.tags)
        for condition in conditioned.conditions
        for event in writer.events
    )
