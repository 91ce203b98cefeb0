"""Who is to be run, and from where: checkpoints are compared with the log before anybody moves."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from twofold.store.port import Head, LogReader
from twofold.subscriptions.checkpoint import Checkpoint, disagrees
from twofold.subscriptions.member import Member
from twofold.subscriptions.partition import is_gone
from twofold.subscriptions.port import Subscriber


async def call_the_roll(
    log: LogReader, subscriber: Subscriber, head: Head, names: Collection[str], *, resume: bool
) -> dict[str, Member]:
    """A member for each of these subscriptions that there still are, before the first event of this log if it never moved.

    One whose checkpoint the log contradicts is stopped, with both facts. ``resume`` for whoever is going to run them.
    """
    members: dict[str, Member] = {}
    types = subscriber.interests
    noted = await subscriber.notes(names)
    found = await (subscriber.resume(names) if resume else subscriber.checkpoints(names))
    for name in names:
        if is_gone(name, subscriber.interests):
            continue
        checkpoint = found.get(name) or Checkpoint.start(head)
        members[name] = member = Member(name, types[name], checkpoint, noted=noted.get(name))
        if refusal := await disagrees(log, head, name, checkpoint):
            member.stop(refusal, void=True)
    return members


def level(members: Mapping[str, Member]) -> list[list[Member]]:
    """Those who can go on, put together where they stand at the same position."""
    found: dict[int, list[Member]] = {}
    for member in members.values():
        if not member.stopped:
            found.setdefault(member.position, []).append(member)
    return list(found.values())
