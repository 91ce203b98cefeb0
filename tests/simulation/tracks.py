"""What each generation of each read model should hold: the fold of the log up to its checkpoint, by the code that made it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import lcm
from typing import Any, TypeAlias

import msgspec

from tests.simulation.expected import JOURNALLED, Model, Skipped
from tests.simulation.facts import Facts, WrongError, must
from tests.simulation.read_models import CODES, PARTS, Code
from tests.simulation.reads import SharedReads
from tests.simulation.watch import By
from twofold.projections import groups_of
from twofold.projections.deployment import code_of
from twofold.projections.generations import Generation, Switch, numbered, subscription_of
from twofold.projections.partitions import place_of
from twofold.projections.port import Advance, Arrangement, Unparking
from twofold.store.port import Share
from twofold.subscriptions.partition import partition_names, whole

_GROUPS = {code.name: groups_of(PARTS[code.name].projections) for code in CODES}
FINGERPRINTS = {name: {group.name: code_of(group) for group in groups} for name, groups in _GROUPS.items()}
PARTITIONS = {name: {group.name: group.partitions for group in groups} for name, groups in _GROUPS.items()}
GROUPS, STRONG = (
    {
        group.name: [each.name for each in group.projections]
        for group in _GROUPS[CODES[0].name]
        if group.strong is is_strong
    }
    for is_strong in (False, True)
)
"""The read models of each subscription; those of strong ones are in the log's database."""

JOURNAL = "journal"
GROUPS[JOURNAL] = []


class Track:
    """One generation: how far it is, and what it should hold. ``number`` is 0 for the one that serves.

    It may be filled in ``shares`` of the streams, and be followed in ``partitions`` of its keys: each stands somewhere.
    """

    def __init__(self, subscription: str, code: Code, number: int = 0) -> None:
        self.subscription, self.code, self.number, self.at = subscription, code, number, 0
        self.models = {name: Model(name, code) for name in (GROUPS | STRONG).get(subscription, ())}
        self.shares: dict[str, int] = {}
        self.partitions: dict[str, int] = {}

    def copied(self) -> Track:
        other = Track(self.subscription, self.code, self.number)
        other.at, other.models = self.at, {name: model.copied() for name, model in self.models.items()}
        other.shares, other.partitions = dict(self.shares), dict(self.partitions)
        return other

    def stand(self) -> Mapping[str, int]:
        """The checkpoints that it has, by what they are called."""
        return self.shares or self.partitions or {self.name: self.at}

    def renumber(self, number: int) -> None:
        """It serves no more, or does now."""
        partitions, self.number = self.partitions, number
        names = partition_names(self.name, len(partitions)) if partitions else ()
        self.partitions = dict(zip(names, partitions.values(), strict=True))

    def split(self, names: Collection[str]) -> None:
        """Let it be followed in these partitions from where it is."""
        self.partitions = dict.fromkeys(names, self.at)

    @property
    def name(self) -> str:
        """Of its checkpoint."""
        return subscription_of(self.subscription, self.number) if self.number else self.subscription

    def table(self, model: Model) -> str:
        return numbered(model.name, self.number) if self.number else model.name

    def move(self, facts: Facts, end: int, skipped: Skipped) -> None:
        for event in facts.events[self.at : end]:
            for model in self.models.values():
                model.take(event, self.models, skipped)
        self.at = end

    def move_share(self, facts: Facts, name: str, end: int, skipped: Skipped) -> None:
        share = Share([*self.shares].index(name), len(self.shares))
        for event in facts.events[self.shares[name] : end]:
            for model in self.models.values() if share.has(event.stream) else ():
                model.take(event, self.models, skipped)
        self.shares[name] = end

    def move_partition(self, facts: Facts, name: str, end: int, skipped: Skipped) -> None:
        place, count = [*self.partitions].index(name), len(self.partitions)
        for event in facts.events[self.partitions[name] : end]:
            for model in self.models.values():
                model.take(event, self.models, skipped, lambda key: place_of(key, count) == place)
        self.partitions[name] = end
        self.at = min(self.partitions.values())


State: TypeAlias = Mapping[str, Track]


class Tracks:
    """All generations, in step with their checkpoints."""

    def __init__(self, facts: Facts, reads: SharedReads, groups: Mapping[str, Collection[str]] = GROUPS) -> None:
        self._facts, self._reads, self._groups = facts, reads, groups
        self._tracks = {JOURNAL: Track(JOURNAL, CODES[0])} if JOURNAL in groups else {}
        self.served: set[tuple[str, int]] = set()

    def state(self) -> State:
        """What should be kept now."""
        return _copied(self._tracks)

    def fall_back(self, state: State) -> None:
        """From now on this should be kept."""
        self._tracks = _copied(state)

    def at(self, name: str) -> int:
        return self._tracks[name].at if name in self._tracks else 0

    def advanced(self, advances: Collection[Advance], by: By) -> None:
        """Generations have moved: onwards, by the code that makes them, and to where their rows are."""
        for advance in advances:
            self._advance(advance, by)
        for name in sorted({whole(advance.name) for advance in advances} & self._tracks.keys()):
            self.look(self._tracks[name])

    def _advance(self, advance: Advance, by: By) -> None:
        name, start, end = advance.name, advance.start.position, advance.end.position
        track = self._tracks.get(whole(name))
        if track is None:
            must(not advance.changes, f"{name} was moved, and there is no such generation")
            return
        must(name in track.stand(), f"{name} was moved among {track.stand()}")
        at = track.stand()[name]
        must(start == at, f"{name} moved on from {start}, but stood at {at}")
        must(start <= end <= self._facts.head, f"{name} moved from {start} to {end} in {self._facts.head}")
        mine, its = made_by(by.code, track.subscription), made_by(track.code.name, track.subscription)
        stands = start == end and not advance.changes  # As one does that never moved, when it is to serve again.
        must(mine == its or stands, f"{name} is of the {track.code.name} code, and was moved by the {by.code} one")
        if track.shares:
            track.move_share(self._facts, name, end, by.skipped)
        elif track.partitions:
            track.move_partition(self._facts, name, end, by.skipped)
        else:
            track.move(self._facts, end, by.skipped)

    def arranged(self, arrangement: Arrangement) -> None:
        """What nobody has begun to fill is split into shares, which become one where all of them are.

        What is followed is split into other partitions, which stand where their keys did.
        """
        track, places = self._tracks.get(arrangement.subscription), [at.position for at in arrangement.after.values()]
        if track is None:
            return  # It was given up; what is filled of it has no tables.
        if not track.number:
            self._repartitioned(track, dict(zip(arrangement.after, places, strict=True)))
        elif len(places) > 1:
            must(not track.at and not any(places), f"{track.name} is shared out at {track.at}, {places}")
            track.shares = dict.fromkeys(arrangement.after, 0)
        else:
            must(
                {*track.shares.values()} == {*places},
                f"{track.name} is at {track.shares}, and put together at {places}",
            )
            track.at, track.shares = places[0], {}
        self.look(track)

    def _repartitioned(self, track: Track, after: Mapping[str, int]) -> None:
        before = [*track.stand().values()]
        for place in range(lcm(len(before), len(after))):
            was, is_now = before[place % len(before)], [*after.values()][place % len(after)]
            must(was == is_now, f"keys of {track.name} went from {was} to {is_now}: {before} became {after}")
        must(track.partitions == {} or track.shares == {}, f"{track.name} is filled in shares, and followed")
        track.partitions = dict(after) if len(after) > 1 else {}

    def let_go(self, unparking: Unparking, by: By) -> None:
        """A parked key takes events again, but for those that are left out for good."""
        track = self._tracks[whole(unparking.subscription)]
        model = track.models[unparking.read_model]
        key = msgspec.json.decode(unparking.key)
        must(
            model.letters.get(key) == list(unparking.letters),
            f"{model.name} {key} was let go with {unparking.letters} instead of {model.letters.get(key)}",
        )
        left_out = {
            letter.position
            for letter in self._reads.kept.skipped
            if (letter.read_model, letter.key) == (unparking.read_model, unparking.key)
        }
        letters = [position for position in unparking.letters if position not in left_out]
        code = next(code for code in CODES if code.name == by.code)
        model.replay(key, [self._facts.events[position - 1] for position in letters], code)
        self.look(track)

    def entered(self, generation: Generation) -> None:
        """A generation begins empty; what is said to be of some code was made by it."""
        name, code = generation.subscription, _code(generation)
        if generation.state == "building":
            track = Track(name, code, generation.number)
            must(track.name not in self._tracks, f"{track.name} is begun again")
        else:
            track = self._tracks.get(name, Track(name, code))
            mine, its = made_by(code.name, name), made_by(track.code.name, name)
            must(
                mine == its or track.at == 0, f"what {track.code.name} code made of {name} is said to be of {code.name}"
            )
            track.code = code
            track.models = {each: Model(each, code) for each in track.models} if track.at == 0 else track.models
            self.served.add((name, generation.number))
        self._tracks[track.name] = track
        self._look_at_those_of(name)

    def switched(self, change: Switch) -> None:
        """Generations change places: never to one that is behind, unless it is taken back."""
        old = self._tracks.pop(change.subscription)
        new = self._tracks.pop(subscription_of(change.subscription, change.new))
        foremost = max(old.stand().values())
        must(change.back or new.at >= foremost, f"{change.subscription} was switched back from {foremost} to {new.at}")
        old.renumber(change.old)
        new.renumber(0)
        if not new.partitions and change.partitions > 1:
            new.split(partition_names(change.subscription, change.partitions))
        self._tracks[old.name], self._tracks[new.name] = old, new
        self.served.add((change.subscription, change.new))
        self._look_at_those_of(change.subscription)

    def dropped(self, generation: Generation) -> None:
        self._tracks.pop(subscription_of(generation.subscription, generation.number), None)
        self._look_at_those_of(generation.subscription)

    def is_arranged(self, code: Code) -> bool:
        """Whether everything that has moved is in as many partitions as this code wants."""
        found = {name: len(self._tracks[name].stand()) for name in self._groups if self.at(name)}
        return all(count == PARTITIONS[code.name].get(name, 1) for name, count in found.items())

    def finish(self, code: Code) -> None:
        """All is calm: everything is at the head, by the last code, and nothing is left over."""
        kept = self._reads.kept
        for name in self._groups:
            must(self.at(name) == self._facts.head, f"{name} has ended at {self.at(name)} of {self._facts.head}")
            mine, its = made_by(code.name, name), made_by(self._tracks[name].code.name, name)
            must(mine == its, f"{name} has ended with the {self._tracks[name].code.name} code")
        self.look_at_all()
        wanted = {track.table(model) for track in self._tracks.values() for model in track.models.values()}
        must(kept.tables.rows.keys() == wanted, f"there are {sorted(kept.tables.rows)} instead of {sorted(wanted)}")
        parked = {about[0] for about in (*kept.parked, *kept.letters)}
        must(parked <= wanted, f"something is parked of {sorted(parked - wanted)}, which are not there")

    def look_at_all(self) -> None:
        """At every generation there is."""
        for track in self._tracks.values():
            self.look(track)

    def look(self, track: Track) -> None:
        """What is kept of one generation is what the log says up to its checkpoint."""
        kept, at = self._reads.kept, track.at
        found = {name: each.position for name, each in kept.tables.places([track.name]).items()}
        must((found or {track.name: 0}) == track.stand(), f"{track.name} stands at {found} instead of {track.stand()}")
        if track.name == JOURNAL:
            lines = [line["position"] for line in kept.journal]
            wanted = [event.position for event in self._facts.events[:at] if isinstance(event.event, JOURNALLED)]
            must(lines == wanted, f"the journal has {lines} instead of {wanted} at {at}")
        for model in track.models.values():
            self._look_at(model, track.table(model), at)

    def _look_at_those_of(self, subscription: str) -> None:
        kept = self._reads.kept
        states = {number: each.state for (name, number), each in kept.generations.items() if name == subscription}
        must([*states.values()].count("active") == 1, f"not one generation of {subscription} serves: {states}")
        for name in self._groups[subscription]:
            must(name in kept.tables.rows, f"there is no table {name}")
        for track in [track for track in self._tracks.values() if track.subscription == subscription]:
            self.look(track)

    def _look_at(self, model: Model, table: str, at: int) -> None:
        kept = self._reads.kept
        must(table in kept.tables.rows, f"there is no table {table}")
        rows = {key: msgspec.json.decode(row) for key, row in kept.tables.rows[table].items()}
        if rows != model.rows:
            raise WrongError(difference(table, at, rows, model.rows))
        letters: dict[Any, Any] = {
            msgspec.json.decode(key): positions for (name, key), positions in kept.letters.items() if name == table
        }
        if letters != model.letters:
            raise WrongError(difference(f"letters of {table}", at, letters, model.letters))
        parked = {msgspec.json.decode(key) for name, key in kept.parked if name == table}
        must(parked == model.letters.keys(), f"of {table}, {parked} are parked instead of {[*model.letters]}")


def _copied(state: State) -> dict[str, Track]:
    return {name: track.copied() for name, track in state.items()}


def difference(what: str, at: int, found: Mapping[Any, Any], wanted: Mapping[Any, Any]) -> str:
    """How what is kept differs from what should be, in lines."""
    keys: Collection[Any] = sorted({*found, *wanted}, key=repr)
    lines = [
        f"  {key}: {found.get(key)} instead of {wanted.get(key)}" for key in keys if found.get(key) != wanted.get(key)
    ]
    return "\n".join([f"{what} at {at}:", *lines])


def made_by(code: str, subscription: str) -> str:
    """The fingerprint of that code's folds."""
    return FINGERPRINTS[code].get(subscription, "")


def _code(generation: Generation) -> Code:
    found = [code for code in CODES if made_by(code.name, generation.subscription) == generation.code]
    must(bool(found), f"{generation.subscription} {generation.number} is of a code that nobody has: {generation.code}")
    return found[0]
