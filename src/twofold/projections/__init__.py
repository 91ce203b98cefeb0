"""EVENTS → READ MODELS: rows that are folds of the log, and the port of the database that keeps them."""

from twofold.projections.definition import by_name, define, table_of
from twofold.projections.fold import Projection
from twofold.projections.model import ReadModel
from twofold.projections.port import Advance, Found, ReadStore
from twofold.projections.projector import Projector
from twofold.projections.table import Changes, Column, Index, Key, Kind, Table

__all__ = [
    "Advance",
    "Changes",
    "Column",
    "Found",
    "Index",
    "Key",
    "Kind",
    "Projection",
    "Projector",
    "ReadModel",
    "ReadStore",
    "Table",
    "by_name",
    "define",
    "table_of",
]
