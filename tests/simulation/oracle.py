"""Knows what must hold, and looks at the databases themselves after every commit."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tests.simulation.databases import Databases
from tests.simulation.facts import Facts, must
from tests.simulation.read_models import Code
from tests.simulation.strong import StrongOnes
from tests.simulation.tracks import GROUPS, STRONG, State, Tracks
from tests.simulation.watch import By, Watch
from twofold.projections.generations import Generation, Switch, active_name
from twofold.projections.port import Advance, Arrangement, Unparking
from twofold.subscriptions.partition import whole

SUBSCRIPTIONS = (*GROUPS, *STRONG)


class Oracle(Watch):
    """Folds the log for itself, in step with the checkpoints."""

    def __init__(self, databases: Databases, gap_max: int) -> None:
        self.facts = Facts(databases.log)
        self.tracks = Tracks(self.facts, databases.reads)
        self.strong = StrongOnes(self.facts, databases.log, gap_max)
        self._databases = databases
        self._taken_back: set[str] = set()
        databases.reads.watch = databases.log.watch = databases.log.strong.watch = self

    def state(self) -> State:
        """What should be kept of the read models now."""
        return self.tracks.state()

    def fall_back(self, state: State) -> None:
        """From now on this should be kept."""
        self.tracks.fall_back(state)

    def advanced(self, advances: Sequence[Advance], by: By) -> None:
        for tracks in (self.tracks, self.strong):
            tracks.advanced([advance for advance in advances if self._of(advance.name) is tracks], by)

    def arranged(self, arrangement: Arrangement) -> None:
        self.tracks.arranged(arrangement)

    def let_go(self, unparking: Unparking, by: By) -> None:
        self.tracks.let_go(unparking, by)

    def entered(self, generation: Generation) -> None:
        self._of(generation.subscription).entered(generation)

    def switched(self, change: Switch) -> None:
        self._of(change.subscription).switched(change)
        if change.back:
            self._taken_back.add(change.subscription)

    def dropped(self, generation: Generation) -> None:
        self._of(generation.subscription).dropped(generation)

    def appended(self, before: int, strong: Sequence[str], by: By) -> None:
        self.strong.appended(before, strong, by)

    def reached(self, names: Collection[str], position: int) -> None:
        """Somebody was told that these subscriptions have come so far.

        Whoever takes a generation back goes back in time: others find that out by and by.
        """
        places = {name: self._at(name) for name in names if name not in self._taken_back}
        late = {name: at for name, at in places.items() if at < position}
        must(not late, f"{late} were said to have reached {position}")

    def calm_down(self) -> None:
        """By now everybody has found out."""
        self._taken_back.clear()

    def served(self, generation: Generation) -> None:
        """Somebody was told that this generation serves."""
        about = generation.subscription, generation.number
        must(
            about in self._of(generation.subscription).served,
            f"generation {generation.number} of {generation.subscription} never served",
        )

    def look(self) -> None:
        """Whatever the code of each process is, what is kept is what the log says, and every command was answered truly."""
        for tracks in (self.tracks, self.strong):
            tracks.look_at_all()
        self.facts.finish()

    def finish(self, code: Code) -> None:
        """All is calm, and everybody says that nothing is left to do."""
        self.tracks.finish(code)
        self.strong.finish(code)
        self.facts.finish()
        # Of those that have gone on since, a note says nothing any more.
        noted = self._databases.reads.kept.notes | self._databases.log.strong.kept.notes
        notes = [note for name, note in noted.items() if note.position == self._at(whole(name))]
        must(not notes, f"stopped: {notes}")

    def _at(self, name: str) -> int:
        return self._of(name).at(name)

    def _of(self, name: str) -> Tracks:
        return self.strong if active_name(name) in STRONG else self.tracks
