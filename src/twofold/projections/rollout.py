"""What operators do with generations: build them, let them serve, take them back, give them up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from twofold.errors import NotFoundError, StoreRefusedError
from twofold.messages import Registry
from twofold.projections.builds import Builds
from twofold.projections.deployment import Deployment, code_of
from twofold.projections.estimate import Estimate, estimate
from twofold.projections.generations import Generation, Switch, subscription_of
from twofold.projections.group import Group
from twofold.projections.model import ReadModel
from twofold.projections.port import ReadStore
from twofold.projections.rebuild import Tell, stand
from twofold.projections.verifier import Verifier
from twofold.store.port import EventStore
from twofold.subscriptions import State, SubscriptionStatus
from twofold.subscriptions.partition import whole


class Standing(msgspec.Struct, frozen=True):
    """The generation of a subscription that serves, the fingerprint of the code that ``made_by`` it, and what is built."""

    generation: int
    made_by: str
    building: Building | None = None


class Building(msgspec.Struct, frozen=True):
    """A generation that is being built, and the position of the log that it has reached."""

    generation: int
    position: int


class Rollout:
    """The verbs of ``twofold projections`` over one app's read models. Groups go by the name of their subscription."""

    def __init__(
        self,
        log: EventStore,
        reads: ReadStore,
        registry: Registry,
        deployment: Deployment,
        builds: Builds,
        groups: Sequence[Group],
        *,
        sample: Callable[[], ReadStore],
        taken_back: Callable[[], None] = lambda: None,
    ) -> None:
        self._log, self._reads, self._registry = log, reads, registry
        self._deployment, self._builds, self._sample = deployment, builds, sample
        self._taken_back = taken_back
        self._groups = {group.name: group for group in groups}

    @property
    def names(self) -> list[str]:
        """The subscriptions of the app."""
        return list(self._groups)

    def group(self, asked: type[ReadModel] | str) -> str:
        """The subscription of a read model, given as its class, its name or that of its group.

        A table of a SQL projection means that, too. Raises ``NotFoundError`` where there is none.
        """
        for group in self._groups.values():
            if asked in (group.name, *group.tables, *(each.cls for each in group.projections)):
                return group.name
        name = asked if isinstance(asked, str) else asked.__name__
        known = sorted({*self._groups, *(each.name for group in self._groups.values() for each in group.projections)})
        raise NotFoundError("read model", name, remedy=f"Those of this app: {', '.join(known) or 'none'}.")

    def code(self, name: str) -> str:
        """The fingerprint of this code's folds of a subscription."""
        return code_of(self._groups[name])

    async def rebuild(
        self, name: str, *, switch: bool = True, verify: bool = False, tell: Tell = lambda progress: None
    ) -> Generation:
        """Build the next generation, or go on with it, and let it serve; see ``App.rebuild``."""
        plan = await self._deployment.plan(self._groups[name])
        return await self._builds.build(plan, switch=switch, tell=tell, check=self._refuse_wrong if verify else None)

    async def _refuse_wrong(self, group: Group) -> None:
        """``StoreRefusedError`` where a row of these is not what the log makes of it."""
        verifier = Verifier(self._log, self._registry, self._reads, [group])
        for name in [group.sql.name] if group.sql is not None else [each.name for each in group.projections]:
            found = await verifier.verify(name)
            if not found.is_right:
                wrong = f"{found.different} rows differ, {len(found.unsure)} are other ones each time"
                raise StoreRefusedError(
                    f"{name} is not what the log makes of it (of {found.keys} keys {wrong})",
                    reason="not-right",
                    remedy="What served serves on. Mend what uses a clock or chance, or depends on how the log is cut into pages;"
                    " or rebuild without --verify.",
                )

    async def switch(self, name: str, *, tell: Tell = lambda progress: None) -> Generation:
        """Let a generation serve that was built to wait. ``NotFoundError`` where none of this code does."""
        plan = await self._deployment.plan(self._groups[name])
        if plan.found != "building":
            raise NotFoundError(
                "generation beside", name, remedy=f"Build one: twofold projections rebuild {name} --switch manual."
            )
        return await self._builds.build(plan, tell=tell)

    async def rollback(self, name: str) -> Switch:
        """Let the generation serve again whose place was taken last; the code that is rolled back from is not built again.

        Raises ``NotFoundError`` where none was kept.
        """
        noted = await self._reads.generations([name])
        active = next((each for each in noted if each.state == "active"), None)
        kept = [each for each in noted if each.state == "retired"]
        if active is None or not kept:
            raise NotFoundError(
                "retired generation of", name, remedy="One is kept beside when another takes its place, until the next."
            )
        change = Switch(name, active.number, kept[-1].number, self._groups[name].made, back=True)
        await stand(self._log, self._reads, subscription_of(name, kept[-1].number))
        if not await self._builds.take_back(change):
            raise StoreRefusedError(
                f"{name} was switched by somebody else just now",
                reason="switched",
                remedy="Look what serves: twofold projections ls --json.",
            )
        self._taken_back()
        return change

    async def cancel(self, name: str) -> list[Generation]:
        """Give up what is being built; its code is not built again unless somebody asks for it. ``NotFoundError`` for nothing."""
        noted = await self._reads.generations([name])
        building = [each for each in noted if each.state == "building"]
        if not building:
            raise NotFoundError("unfinished generation of", name, remedy="See twofold projections ls.")
        return [each for each in building if await self._reads.drop(each, self._groups[name].made)]

    async def estimate(self, name: str) -> Estimate:
        """What a rebuild would come to; nothing is written."""
        return await estimate(self._log, self._registry, self._reads, self._groups[name], sample=self._sample())

    async def standings(self) -> Mapping[str, Standing]:
        """Which generation serves of each subscription, and which is built."""
        noted = await self._reads.generations(self.names)
        building = {each.subscription: each for each in noted if each.state == "building"}
        beside = {name: subscription_of(name, each.number) for name, each in building.items()}
        reached = await self._reads.checkpoints(list(beside.values()))
        found: dict[str, Standing] = {}
        for each in noted:
            if each.state == "active":
                name, new = each.subscription, building.get(each.subscription)
                parts = [at.position for part, at in reached.items() if name in beside and whole(part) == beside[name]]
                at = sum(parts) // max(len(parts), 1)  # Of the shares that it is filled in, the mean.
                found[name] = Standing(each.number, each.code, Building(new.number, at) if new is not None else None)
        return found

    async def is_followed(self, name: str) -> bool:
        """Whether what serves is of this code, so that this app's processes follow it."""
        return await self._deployment.serves(self._groups[name])


def rebuilt(status: SubscriptionStatus, standing: Standing | None, *, is_built: bool) -> SubscriptionStatus:
    """A subscription's status with which generation serves and how far the next one is; ``is_built``: somebody is at it now."""
    if standing is None:
        return status
    new = standing.building
    share = None if new is None else min(new.position / max(status.head, 1), 1.0)
    goes_on = status.state in ("running", "catching up", "held")
    state: State = "rebuilding" if is_built and share is not None and goes_on else status.state
    return msgspec.structs.replace(status, state=state, generation=standing.generation, building=share)
