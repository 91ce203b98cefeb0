"""``ReadModel``: what a user derives a row type from, and what its folds may say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, dataclass_transform

import msgspec


class Removed:
    """What a fold returns when its row is to exist no more: ``REMOVED``."""

    def __repr__(self) -> str:
        return "REMOVED"


REMOVED: Final = Removed()

if TYPE_CHECKING:

    @dataclass_transform(kw_only_default=True, field_specifiers=(msgspec.field,))
    class ReadModel:
        """A row. (Type checkers see this twin: they do not inherit a Struct's options.)"""

        __struct_fields__: tuple[str, ...]

else:

    class _Row(type(msgspec.Struct)):
        """Leaves rows to be made by position where the order of their fields allows it, which is ten times as fast."""

        def __new__(cls, name, bases, namespace, **options):
            try:
                return super().__new__(cls, name, bases, namespace, **options)
            except TypeError:
                return super().__new__(cls, name, bases, namespace, **{"kw_only": True, **options})

    class ReadModel(msgspec.Struct, metaclass=_Row, gc=False):
        """A row of a read model, and how events change it.

        Its fields are the columns of a table that is called like the class in snake case (or ``@stored_as``); ``Key``
        fields are its primary key, ``Indexed`` fields get an index. Methods marked ``@evolve`` change the row: the one
        that the event's key says, which begins with the defaults at its first event. One that returns ``REMOVED``
        removes it.
        """
