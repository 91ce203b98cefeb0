"""What a command returns: proof of what was appended, and the token for reading one's own write."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from twofold.store.token import Token


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a command; the events are durable.

    They stand at positions ``first`` … ``position`` (``first`` is ``position + 1`` when the decision gave none), and
    ``versions`` are those of the streams after them. ``replayed`` says that this command id was answered before and
    nothing was decided now. ``token`` makes a query wait for this write, in this process or another.
    """

    command_id: str
    first: int
    position: int
    versions: Mapping[str, int]
    replayed: bool
    store_id: str
    epoch: int

    @property
    def token(self) -> str:
        """Made when asked for: most receipts are only looked at."""
        return token_at(self.store_id, self.epoch, self.position)

    @property
    def count(self) -> int:
        """How many events were appended."""
        return self.position - self.first + 1


def token_at(store_id: str, epoch: int, position: int) -> str:
    """The token as text."""
    return str(Token(store_id, epoch, position))
