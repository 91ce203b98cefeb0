"""How far a subscription has come, and whether the log still agrees with that."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from twofold.errors import StoreRefusedError
from twofold.messages import Event, Recorded
from twofold.store.port import Head, LogReader


class Checkpoint(msgspec.Struct, frozen=True):
    """Everything up to ``position`` of one log has taken effect; kept where the effects are, in one transaction.

    ``store_id`` and ``log_epoch`` say which log. ``event_position`` and ``event_id`` name the newest event that took
    effect (0 and empty before the first), so that a log which was restored from an older backup is found out.
    ``epoch`` is the fence: whoever takes the subscription over raises it, and late writers no longer match.
    """

    position: int
    store_id: str
    log_epoch: int
    event_position: int = 0
    event_id: str = ""
    epoch: int = 1

    @staticmethod
    def start(head: Head) -> Checkpoint:
        """Before the first event of this log."""
        return Checkpoint(position=0, store_id=head.store_id, log_epoch=head.epoch)

    def moved(self, position: int, events: Sequence[Recorded[Event]]) -> Checkpoint:
        """The checkpoint at ``position``, after these events took effect."""
        if not events:
            return msgspec.structs.replace(self, position=position)
        newest = events[-1]
        return msgspec.structs.replace(
            self, position=position, event_position=newest.position, event_id=newest.metadata.event_id
        )


async def disagrees(log: LogReader, head: Head, name: str, checkpoint: Checkpoint) -> StoreRefusedError | None:
    """The refusal to go on from this checkpoint, if the log is not the one that it was made from."""
    reason = await disagreement(log, head, checkpoint)
    if not reason:
        return None
    return StoreRefusedError(
        f"{name} does not belong to this log: {reason}",
        reason="log-disagrees",
        remedy="Connect the log that it was built from, or accept this one, and have it filled again from the beginning: "
        f"twofold projections accept-rewind {name}",
    )


async def disagreement(log: LogReader, head: Head, checkpoint: Checkpoint) -> str:
    """Why the log is not the one that this checkpoint was made from, with both facts; empty if it is."""
    if (checkpoint.store_id, checkpoint.log_epoch) != (head.store_id, head.epoch):
        return (
            f"built from log {checkpoint.store_id} (epoch {checkpoint.log_epoch}), "
            f"but this is log {head.store_id} (epoch {head.epoch})"
        )
    # Another worker may have moved on since the head was read, so only a newer one can contradict.
    if checkpoint.position > head.position and checkpoint.position > (end := (await log.head()).position):
        return f"built up to position {checkpoint.position}, but the log ends at {end}"
    if checkpoint.event_position:
        found = await _event_id(log, checkpoint.event_position)
        if found != checkpoint.event_id:
            return (
                f"built with event {checkpoint.event_id} at position {checkpoint.event_position}, "
                f"but the log holds event {found} there"
            )
    return ""


async def _event_id(log: LogReader, position: int) -> str:
    page = await log.read(after=position - 1, count_max=1)
    return msgspec.json.decode(page.rows[0][6], type=_EventId).event_id if page.rows else "(none)"


class _EventId(msgspec.Struct):
    event_id: str
