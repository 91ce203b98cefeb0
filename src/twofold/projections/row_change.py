"""What is told of a row that changed, and the token that says behind which change somebody stands."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from twofold.projections.model import ReadModel
from twofold.projections.stretch import Place
from twofold.projections.table import Key
from twofold.store.token import Token

R = TypeVar("R", bound=ReadModel)


class RowChange(msgspec.Struct, Generic[R], frozen=True):
    """What became of one row in one step of its read model: None is no row, so it is new, or gone.

    The step ended at ``position``: whoever asks a read model that has reached it finds the row as it is ``after``.
    ``token`` goes on behind this change; as ``after`` of a question, that one includes it.
    """

    key: Key
    before: R | None
    after: R | None
    position: int
    token: str


class AllRows(msgspec.Struct, Generic[R], frozen=True):
    """Every row of a read model as it stood at ``position``, in no order. ``token`` goes on from there."""

    rows: list[R]
    position: int
    token: str


class RowToken(Token, frozen=True, array_like=True):
    """Behind all but ``left`` changes of the step to ``position`` and epoch ``fence``, in one stretch of a read model."""

    read_model: str
    fence: int
    left: int
    life: str

    @property
    def place(self) -> Place:
        return self.position, self.fence
