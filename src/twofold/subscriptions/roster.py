"""Who is to be run, and from where: checkpoints are compared with the log before anybody moves."""

from __future__ import annotations

from collections.abc import Mapping

from twofold.errors import StoreRefusedError
from twofold.store.port import EventStore, Head
from twofold.subscriptions.checkpoint import Checkpoint, disagreement
from twofold.subscriptions.member import Member
from twofold.subscriptions.port import Subscriber


async def checkpoints_of(subscriber: Subscriber, head: Head) -> Mapping[str, Checkpoint]:
    """Where each subscription stands: before the first event of this log if it never moved."""
    names = tuple(subscriber.interests)
    return dict.fromkeys(names, Checkpoint.start(head)) | dict(await subscriber.checkpoints(names))


async def call_the_roll(log: EventStore, subscriber: Subscriber, head: Head) -> dict[str, Member]:
    """A member for each subscription; one whose checkpoint the log contradicts is stopped, with both facts."""
    members: dict[str, Member] = {}
    noted = await subscriber.notes(tuple(subscriber.interests))
    for name, checkpoint in (await checkpoints_of(subscriber, head)).items():
        members[name] = member = Member(name, subscriber.interests[name], checkpoint, noted=noted.get(name))
        if reason := await disagreement(log, head, checkpoint):
            member.stop(_disagrees(name, reason), void=True)
    return members


def level(members: Mapping[str, Member]) -> list[list[Member]]:
    """Those who can go on, put together where they stand at the same position."""
    found: dict[int, list[Member]] = {}
    for member in members.values():
        if not member.stopped:
            found.setdefault(member.position, []).append(member)
    return list(found.values())


def _disagrees(name: str, reason: str) -> StoreRefusedError:
    tables = ", ".join(name.split("+"))
    return StoreRefusedError(
        f"{name} does not belong to this log: {reason}",
        reason="log-disagrees",
        remedy=f"Connect the log that it was built from, or drop what it fills ({tables}) to have it built again.",
    )
