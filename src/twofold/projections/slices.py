"""Slices of keys: what is too much at once is done part by part, and a sample is a small part."""

from __future__ import annotations

import random

import msgspec

from twofold.projections.table import Key

_END = 1 << 64


class Slice(msgspec.Struct, frozen=True):
    """The keys whose hash lies between two numbers: as many rows of the table as keys of the log, in proportion.

    Hashes are Python's own, which are the same for equal keys, and mixed with ``salt``, which is drawn each time: another
    sample then has other keys.
    """

    salt: int
    low: int = 0
    high: int = _END

    @staticmethod
    def whole() -> Slice:
        return Slice(random.getrandbits(64))

    def hash(self, key: Key) -> int:
        return hash((self.salt, key)) % _END

    def has(self, key: Key) -> bool:
        return self.low <= hash((self.salt, key)) % _END < self.high

    def up_to(self, hash: int) -> Slice:
        """The keys with this hash and those below."""
        return msgspec.structs.replace(self, high=hash + 1)

    @property
    def halves(self) -> tuple[Slice, Slice]:
        middle = (self.low + self.high) // 2
        return msgspec.structs.replace(self, high=middle), msgspec.structs.replace(self, low=middle)

    @property
    def is_whole(self) -> bool:
        return (self.low, self.high) == (0, _END)

    @property
    def share(self) -> float:
        """Which part of all keys that is."""
        return (self.high - self.low) / _END
