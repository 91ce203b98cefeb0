"""A session with PostgreSQL that knows the arrays of those types which every PostgreSQL has."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import asyncpg

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
else:  # It is generic for type checkers only.
    Connection = asyncpg.Connection

ARRAYS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "bool": (1000, 16),
        "bytea": (1001, 17),
        "name": (1003, 19),
        "int2": (1005, 21),
        "int4": (1007, 23),
        "bpchar": (1014, 1042),
        "varchar": (1015, 1043),
        "int8": (1016, 20),
        "float4": (1021, 700),
        "float8": (1022, 701),
        "timestamp": (1115, 1114),
        "date": (1182, 1082),
        "time": (1183, 1083),
        "timestamptz": (1185, 1184),
        "interval": (1187, 1186),
        "numeric": (1231, 1700),
        "json": (199, 114),
        "uuid": (2951, 2950),
        "jsonb": (3807, 3802),
    }
)
"""For each type the number of its array, and its own. Those below 10,000 are the same in every database (``pg_type.dat``)."""


class Session(Connection):
    """The driver's connection, which need not ask what it meets.

    The driver asks the catalog about arrays anew on each connection, and this takes the server longer than to
    connect: 12 ms of the 16 until a first answer (measured). Types that are not listed here it asks about as ever.
    """

    def __init__(self, protocol: Any, *others: Any) -> None:  # They are the driver's own affair.
        super().__init__(protocol, *others)
        protocol.get_settings().register_data_types(_DESCRIPTIONS)


_DESCRIPTIONS = [
    {
        "oid": array,
        "ns": "pg_catalog",
        "name": f"_{name}",
        "kind": b"b",
        "basetype": None,
        "elemtype": element,
        "elemdelim": b",",
        "range_subtype": None,
        "attrtypoids": None,
        "attrnames": None,
        "elemtype_name": name,
    }
    for name, (array, element) in ARRAYS.items()
]
"""As the driver's own question to the catalog answers."""
