"""A program: each rule does one thing on every stage, compares what came of it, and lets the judge look at what is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar
from unittest import mock

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.projections.shapes import UNLUCKY
from tests.stories.programs import parts
from tests.stories.programs.eyes import Seen, look
from tests.stories.programs.judge import Build, Judge
from tests.stories.programs.parts import CustomerRows, MadeUpRows, Style, Version
from tests.stories.programs.stages import Actor, Stage
from tests.stories.programs.told import difference, plain
from twofold import Command
from twofold.deciders import Receipt
from twofold.errors import BehindError, StoreRefusedError, TwofoldError
from twofold.messages import Registry, name_of, version_of
from twofold.messages.codec import encode
from twofold.projections import Advance, Changes, define
from twofold.projections.generations import Generation
from twofold.projections.parking import Parked, key_text
from twofold.settings import Bounds, Rebuilding
from twofold.store.port import Append, NewEvent

T = TypeVar("T")

ACTORS = ("A", "B")
REGISTRY = Registry(events=list(parts.BY_NAME.values()))
FOLDED = ("customer", "made_up")

actors = st.sampled_from(ACTORS)
read_models = st.sampled_from(FOLDED)
sizes = st.sampled_from([1, 2, 3, 5, 100])
all_bounds = st.builds(
    Bounds, page_max=sizes, rows_max=st.sampled_from([0, 1, 4, 1000]), build_page_max=sizes,
    build_rows_max=st.sampled_from([0, 1, 3, 1000]),
)  # fmt: skip


class DiedError(Exception):
    """Whoever built was stopped under way."""


class Program(RuleBasedStateMachine):
    """The stages, the judge, and what the program remembers for its next steps."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        # Nobody looks by himself whether his code serves again: when that would be, depends on how long all this takes.
        self.patience = mock.patch("twofold.projections.builds.LOOK_SECONDS", 3600.0)
        self.patience.start()
        self.stages = self.opens()
        self.judge = Judge()
        self.versions: Sequence[Version] = ()
        self.running: dict[str, Version] = {}
        self.receipts: dict[str, tuple[Command, Receipt]] = {}
        self.at_work: Version | None = None
        self.seen = Seen()
        self.style: Style = "apart"
        UNLUCKY.clear()
        UNLUCKY.add(13)
        for stage in self.stages:
            self.run(stage.open())

    def opens(self) -> list[Stage]:
        """The stages, each over an empty database."""
        raise NotImplementedError

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        # On the loop itself: a runner would set a handler for Ctrl-C each time, a tenth of all the time here.
        return self.runner.get_loop().run_until_complete(doing)

    def everywhere(self, what: Callable[[Stage], Coroutine[Any, Any, T]]) -> T | BaseException:
        """Do it on each stage; what came of it, which must be the same on all."""
        outcomes = [self.run(_outcome(what(stage))) for stage in self.stages]
        first, *others = [plain(outcome) for outcome in outcomes]
        for stage, other in zip(self.stages[1:], others, strict=True):
            assert other == first, f"{stage.name} differs from {self.stages[0].name}:\n{difference(other, first)}"
        return outcomes[0]

    def by(self, name: str, what: Callable[[Actor], Coroutine[Any, Any, T]]) -> T | BaseException:
        """Let a process do it on each stage."""
        self.at_work = self.running[name]
        return self.everywhere(lambda stage: what(stage.actors[name]))

    # --- Processes ----------------------------------------------------------------------------------------------

    @initialize(data=st.data(), style=st.sampled_from(["apart", "looked up", "together"]))
    def begins(self, data: st.DataObject, style: Style) -> None:
        self.style = style
        self.versions = data.draw(st.lists(parts.versions(style), min_size=2, max_size=3, unique=True))
        self.parked_max = data.draw(st.sampled_from([0, 1, 2, 100, 100, 100]))
        for name in data.draw(st.sampled_from([("A",), ("A", "B")])):
            self._start(name, self.versions[0], data.draw(all_bounds), "auto")

    @rule(name=actors, number=st.integers(0, 2), bounds=all_bounds, rebuild=st.sampled_from(["auto", "auto", "manual"]))
    def starts_anew(self, name: str, number: int, bounds: Bounds, rebuild: Rebuilding) -> None:
        """The same code, or other code, in a process that remembers nothing."""
        self.everywhere(lambda stage: stage.stop(name))
        self.running.pop(name, None)
        self._start(name, self.versions[number % len(self.versions)], bounds, rebuild)

    @rule(name=actors)
    def stops(self, name: str) -> None:
        self.everywhere(lambda stage: stage.stop(name))
        self.running.pop(name, None)

    def _start(self, name: str, version: Version, bounds: Bounds, rebuild: Rebuilding) -> None:
        def actor(stage: Stage) -> Actor:
            return Actor(version.parts, stage.rooms, bounds=bounds, rebuild=rebuild, parked_max=self.parked_max)

        error = self.everywhere(lambda stage: stage.start(name, actor(stage)))
        if error is None:
            self.running[name] = version

    @precondition(lambda self: self.versions)
    @rule(number=st.integers(0, 2))
    def runs_in_the_background(self, number: int) -> None:
        """A process follows and builds by itself for a while, beside the others."""
        version = self.versions[number % len(self.versions)]

        async def run(stage: Stage) -> object:
            bounds = Bounds()
            app = Actor(
                version.parts, stage.rooms, bounds=bounds, rebuild="auto", parked_max=self.parked_max, background=True
            )
            async with app:
                await app.builds_done()
                try:
                    await app.settle(timeout_seconds=10)
                except BehindError as error:
                    return error
                return await app.status()

        self.at_work = version
        self.everywhere(run)

    # --- Commands and appends -----------------------------------------------------------------------------------

    @precondition(lambda self: self.running)
    @rule(data=st.data(), command=parts.commands, again=st.sampled_from([False, False, True]))
    def sends(self, data: st.DataObject, command: Command, again: bool) -> None:
        """A command, or one that was sent before under the same id."""
        number = len(self.receipts)
        if again and number:
            number = data.draw(st.integers(0, number - 1))
            command = data.draw(st.sampled_from([self.receipts[f"k{number}"][0], command]))
        self._send(data.draw(st.sampled_from(sorted(self.running))), command, f"k{number}")

    def _send(self, name: str, command: Command, command_id: str) -> None:
        told = self.by(name, lambda app: app.send(command, command_id=command_id))
        earlier, receipt = self.receipts.get(command_id, (None, None))
        if isinstance(told, Receipt) and receipt is not None:
            assert command == earlier
            assert told == msgspec.structs.replace(receipt, replayed=True)
        elif isinstance(told, Receipt):
            assert not told.replayed
            assert told.first == len(self.judge.log) + 1
            self.receipts[command_id] = command, told
        else:
            assert isinstance(told, TwofoldError)
            assert told.code == ("key-reused" if receipt is not None else "placed")

    @rule(happened=st.lists(parts.raw_events, min_size=1, max_size=6), off=st.sampled_from([0, 0, 0, 0, 1, -1]))
    def appends(self, happened: Sequence[parts.Raw], off: int) -> None:
        """Somebody else appends, perhaps from an old version of a stream."""
        versions = {row.stream: row.version for row in self.judge.log}
        streams = dict.fromkeys(stream for stream, _ in happened)
        expected = {stream: max(versions.get(stream, 0) + off, 0) for stream in streams}
        base = len(self.judge.log)
        events = tuple(_new(stream, event, f"raw:{base + at}") for at, (stream, event) in enumerate(happened))
        self.everywhere(lambda stage: stage.eyes.log.append([Append(events, expected)]))

    @rule(stream=parts.orders.map("o-{}".format), schema=st.sampled_from([1, 9]))
    def appends_what_nobody_can_read(self, stream: str, schema: int) -> None:
        metadata = encode({"event_id": f"bad:{len(self.judge.log)}", "recorded_at": "2000-01-01T00:00:00Z"})
        event = NewEvent(stream, "Added", schema, b'{"amount":"many"}', metadata)
        self.everywhere(lambda stage: stage.eyes.log.append([Append((event,))]))

    # --- Following ----------------------------------------------------------------------------------------------

    @precondition(lambda self: self.running)
    @rule(data=st.data(), count=st.integers(1, 3))
    def steps(self, data: st.DataObject, count: int) -> None:
        name = self._somebody(data)
        for _ in range(count):
            self.by(name, lambda app: app.engine.step())

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def settles(self, data: st.DataObject) -> None:
        self._settle(self._somebody(data))

    def _settle(self, name: str) -> None:
        first = self.stages[0].actors[name]
        halted = first.engine.stopped
        error = self.by(name, lambda app: app.settle(timeout_seconds=0))
        self._look()
        held = {each.name for each in self.run(first.status()) if each.state == "held"}
        followed, stopped = first.engine.names - held, first.engine.stopped - held
        assert (error is None) == (not stopped), f"{error}, but {stopped} have stopped"
        for subscription in followed - stopped:
            assert self._at(subscription) == len(self.judge.log), f"{subscription} is not at the head: {error}"
        for subscription in stopped - halted:
            models = self.running[name].models
            end = self.judge.ends(self._active(subscription), models, self.parked_max)
            at, error = self._at(subscription), first.engine.error_of(subscription)
            assert at == end < len(self.judge.log), f"{subscription} stopped at {at}, not {end}: {error}"

    @rule(what=st.sampled_from([13, 7, "y"]))
    def breaks_or_mends(self, what: object) -> None:
        """The folds of all code cannot take some events any more, or can."""
        UNLUCKY.symmetric_difference_update([what])

    @precondition(lambda self: self.running)
    @rule(data=st.data(), model=read_models)
    def pauses_steps_and_resumes(self, data: st.DataObject, model: str) -> None:
        name = self._somebody(data)
        self.by(name, lambda app: app.control.step(model))
        self.by(name, lambda app: app.control.pause(model))
        self._look()
        self.by(name, lambda app: app.control.step(model, events=2))
        self._look()
        self.by(name, lambda app: app.control.resume(model, timeout_seconds=0))

    # --- Dead letters -------------------------------------------------------------------------------------------

    @precondition(lambda self: self.running and self._letters)
    @rule(data=st.data(), way=st.sampled_from(["retry", "retry", "retry", "dry run", "skip"]))
    def retries(self, data: st.DataObject, way: str) -> None:
        name = self._somebody(data)
        parked = data.draw(st.sampled_from(self._letters))
        place = parked.read_model, msgspec.json.decode(parked.key)
        build, models = self._active(self._subscription(parked.read_model)), self.running[name].models
        expected = self.judge.replayed(build, models, place, skips=way == "skip")
        reason = "a program says so" if way == "skip" else None
        told: Any = self.by(
            name, lambda app: app.dead_letters.retry(parked, dry_run=way == "dry run", skip_reason=reason)
        )
        if isinstance(told, StoreRefusedError):
            assert told.reason == "superseded"
            return
        assert (told.error is None) == (expected is not None), f"{told.error} but {expected}"
        assert told.unparked == (expected is not None and way != "dry run")
        if told.unparked:
            self.judge.let_go(build, models, place, skips=way == "skip")

    # --- Generations --------------------------------------------------------------------------------------------

    @precondition(lambda self: self.running)
    @rule(
        data=st.data(), model=read_models, switch=st.booleans(), verify=st.booleans(),
        dies_after=st.sampled_from([None, None, 1, 2]),
    )  # fmt: skip
    def rebuilds(self, data: st.DataObject, model: str, switch: bool, verify: bool, dies_after: int | None) -> None:
        """Whoever builds may be stopped under way, and anybody go on later."""

        async def rebuild(app: Actor) -> object:
            left = dies_after

            def tell(progress: object) -> None:
                nonlocal left
                left = None if left is None else left - 1
                if left == 0:
                    raise DiedError

            try:
                return await app.rebuild(model, switch=switch, verify=verify, tell=tell)
            except DiedError as died:
                return died

        self.by(self._somebody(data), rebuild)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), model=read_models, verb=st.sampled_from(["switch", "rollback", "cancel", "standings"]))
    def is_operated(self, data: st.DataObject, model: str, verb: str) -> None:
        subscription = self._subscription(model)

        async def operate(app: Actor) -> object:
            if verb == "standings":
                return await app.rollout.standings()
            return await getattr(app.rollout, verb)(subscription)

        self.by(self._somebody(data), operate)

    # --- Is it right? -------------------------------------------------------------------------------------------

    @precondition(lambda self: self.running)
    @rule(data=st.data(), model=read_models, how=st.sampled_from(["remove", "add", "change"]))
    def is_damaged(self, data: st.DataObject, model: str, how: str) -> None:
        """Somebody writes into the table; whoever runs it is fenced, and sees the rows as they are."""
        build = self._active(self._subscription(model))
        rows, version = self.judge.builds[build].rows[model], self.running[self._somebody(data)]
        key = data.draw(st.sampled_from(sorted(rows) or ["1"])) if how != "add" else "9"
        table = define(version.models[model]).table
        if self.seen.definitions[model] != _with_group(table.definition, self.seen.definitions[model]):
            return
        row: Any = self.judge.builds[build].row(model, key) if key in rows else version.models[model](id=key)  # type: ignore[call-arg]
        row = msgspec.json.decode(msgspec.json.encode(row), type=version.models[model])
        setattr(row, "name" if model == "customer" else "text", "damaged")
        changes = Changes(table, [], [key]) if how == "remove" else Changes(table, [row])

        async def damage(stage: Stage) -> object:
            name = self._subscription(model)
            at = (await stage.eyes.reads.checkpoints([name])).get(name)
            if at is None:
                return None
            end = msgspec.structs.replace(at, epoch=at.epoch + 1)
            return await stage.eyes.reads.save([Advance(name, at, end, [changes])])

        if self.everywhere(damage):
            self.judge.builds[build].rows[model].pop(key, None)
            if how != "remove":
                self.judge.builds[build].rows[model][key] = msgspec.json.encode(row)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), model=read_models, heal=st.booleans())
    def is_verified(self, data: st.DataObject, model: str, heal: bool) -> None:
        name = self._somebody(data)
        told: Any = self.by(name, lambda app: app.verify(model, heal=heal))
        if isinstance(told, TwofoldError) and told.code == "store-refused":
            assert not self._serves(name, self._subscription(model))
            return
        build, models = self._active(self._subscription(model)), self.running[name].models
        again = self.judge.folded(build, models, model)
        if isinstance(told, TwofoldError):
            assert again is None
            return
        assert again is not None
        wrong = self.judge.wrong(build, models, model, again)
        assert {each.key for each in told.differences} == wrong
        assert {each.key for each in told.failing} == {error.key for error in told.failing}
        assert {each.key for each in told.failing} == {key for other, key in again.letters if other == model}
        assert told.healed == (len(wrong) if heal else 0)
        if heal:
            self.judge.heal(build, models, model)

    # --- Questions ----------------------------------------------------------------------------------------------

    @precondition(lambda self: self.running)
    @rule(
        data=st.data(), model=read_models, when=st.sampled_from(["now", "after", "consistent"]),
        settled=st.booleans(),
    )  # fmt: skip
    def is_asked(self, data: st.DataObject, model: str, when: str, settled: bool) -> None:
        name = self._somebody(data)
        if settled:
            self._settle(name)
        query = MadeUpRows() if model == "made_up" else CustomerRows()
        number = data.draw(st.sampled_from(sorted(self.receipts))) if self.receipts and when == "after" else None

        async def ask(app: Actor) -> object:
            # Receipts are of one log; the same command, sent again, gives that of each.
            after = await app.send(self.receipts[number][0], command_id=number) if number is not None else None
            return await app.answer(query, after=after, consistent=when == "consistent", wait_seconds=0)

        told: Any = self.by(name, ask)
        wanted = {"after": self.receipts[number][1].position if number else 0, "consistent": len(self.judge.log)}
        if isinstance(told, BehindError):
            assert when != "now"
            return
        if isinstance(told, TwofoldError):
            assert told.code == "query"
            return
        assert told.position >= wanted.get(when, 0)
        build = self._active(self._subscription(model))
        kept = self.judge.rows(build, model, self.running[name].models[model])
        assert sorted(kept.values()) == [each.encode() for each in told.value]

    # --- After each rule ----------------------------------------------------------------------------------------

    @invariant()
    def is_the_same_everywhere_and_what_the_judge_says(self) -> None:
        if self.versions:
            self._look()
            for name in self.running:
                self.everywhere(lambda stage, name=name: stage.actors[name].status())  # type: ignore[misc]
            self.at_work = None

    def _look(self) -> None:
        """What is kept on each stage is the same, and what the judge has come to."""
        names = parts.subscriptions(self.style)
        seen: Any = self.everywhere(lambda stage: look(stage.eyes, names, FOLDED))
        assert isinstance(seen, Seen), seen
        self.seen = seen
        self.judge.log = REGISTRY.page(seen.log)
        models = self.at_work.models if self.at_work is not None else None
        for generation in seen.generations:
            self._look_at(generation, models)

    def _look_at(self, generation: Generation, models: Any) -> None:
        build = generation.subscription, generation.number
        if build not in self.judge.builds and generation.state in ("active", "building"):
            all_models = models or self.versions[0].models
            self.judge.begin(build, {name: all_models[name] for name in FOLDED if name in generation.tables})
        for name in generation.tables:
            if (table := self.seen.table_of(generation, name)) is None:
                self.judge.builds.pop(build, None)
                return
            self.judge.follow(build, self.seen.position_of(generation), models)
            rows = self.judge.rows(build, name, table.cls)
            at = self.seen.position_of(generation)
            assert table.rows == rows, f"{name} of {build} at {at}:\n{difference(table.rows, rows)}"
            letters = {
                key_text(key): found for (other, key), found in self.judge.parked(build).items() if other == name
            }
            assert table.letters == letters, f"letters of {name} of {build}:\n{difference(table.letters, letters)}"

    def teardown(self) -> None:
        for stage in self.stages:
            self.run(stage.close())
        self.runner.close()
        self.patience.stop()
        UNLUCKY.clear()
        UNLUCKY.add(13)

    # --- What it is about ---------------------------------------------------------------------------------------

    def _somebody(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.running)))

    @property
    def _letters(self) -> list[Parked]:
        """What is parked in the tables that serve."""
        return [each for each in self.seen.parked if each.read_model in FOLDED]

    def _subscription(self, model: str) -> str:
        names = parts.subscriptions(self.style)
        return names[0] if len(names) == 1 else model

    def _active(self, subscription: str) -> Build:
        return next(
            (each.subscription, each.number)
            for each in self.seen.generations
            if each.subscription == subscription and each.state == "active"
        )

    def _at(self, subscription: str) -> int:
        return self.judge.builds[self._active(subscription)].position

    def _serves(self, name: str, subscription: str) -> bool:
        """Whether what serves was made by the code of this process."""
        code = self.stages[0].actors[name].rollout.code(subscription)
        found = next(
            each for each in self.seen.generations if each.subscription == subscription and each.state == "active"
        )
        return found.code == code


def _new(stream: str, event: Any, event_id: str) -> NewEvent:
    metadata = encode({"event_id": event_id, "recorded_at": "2000-01-01T00:00:00Z"})
    return NewEvent(stream, name_of(type(event)), version_of(type(event)), encode(event), metadata)


def _with_group(definition: str, there: str) -> str:
    """The definition as it would be in the group of the one that is there."""
    group = next((part for part in there.split("; ") if part.startswith("in ")), None)
    before, mark, indexes = definition.partition("; indexes ")
    return f"{before}; {group}{mark}{indexes}" if group else definition


async def _outcome(doing: Coroutine[Any, Any, T]) -> T | BaseException:
    try:
        return await doing
    except TwofoldError as error:
        return error
