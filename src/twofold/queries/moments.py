"""From a receipt, a token or "now" to the position that an answer must include, and back to a token."""

from __future__ import annotations

from twofold.deciders.receipt import Receipt, token_at
from twofold.errors import InvalidInputError
from twofold.store.port import EventStore, Head
from twofold.store.token import parse_token


class Moments:
    """The positions of one log. It asks the log for its head only for a position that it has not heard of."""

    def __init__(self, log: EventStore) -> None:
        self.log = log
        self._log_is: tuple[str, int] = ("", 0)
        self._seen = 0

    def begin(self, head: Head) -> None:
        """Which log it is, known when it has been opened."""
        self._log_is = head.store_id, head.epoch
        self._seen = head.position

    def saw(self, position: int) -> None:
        """The log is at least as long."""
        self._seen = max(self._seen, position)

    def is_ours(self, store_id: str, epoch: int) -> bool:
        return (store_id, epoch) == self._log_is

    def token(self, position: int) -> str:
        return token_at(*self._log_is, position)

    async def wanted(self, after: Receipt | str | None, *, consistent: bool = False) -> int:
        """The position that an answer must include.

        Raises ``InvalidInputError`` for a token of another store, or from beyond the end of this one's log.
        """
        position = 0 if after is None else self._position(after)
        if consistent or position > self._seen:
            self.saw(head := (await self.log.head()).position)
            if position > head:
                raise InvalidInputError(
                    f"The token is from the future (position: {position}, the log ends at {head})",
                    what="after",
                    remedy="Pass a token of this store unchanged; if the log was restored from a backup, ask without it.",
                )
            position = max(position, head) if consistent else position
        return position

    def _position(self, after: Receipt | str) -> int:
        if isinstance(after, Receipt):
            store_id, epoch, position = after.store_id, after.epoch, after.position
        else:
            token = parse_token(after)
            store_id, epoch, position = token.store_id, token.epoch, token.position
        if not self.is_ours(store_id, epoch):
            raise InvalidInputError(
                f"The token is of another store (token: {store_id}, here: {self._log_is[0]})",
                what="after",
                remedy="Ask the app that gave the receipt.",
            )
        return position
