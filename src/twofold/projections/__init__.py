"""EVENTS → READ MODELS: rows that are folds of the log, and the port of the database that keeps them."""

from twofold.projections.audience import Audience
from twofold.projections.dead_letters import DeadLetters, Retried
from twofold.projections.definition import by_name, define, table_of
from twofold.projections.fingerprint import fingerprint, joined, sql_fingerprint
from twofold.projections.group import Group, Page, grouped, groups_of
from twofold.projections.indexes import indexed
from twofold.projections.inline import Inline
from twofold.projections.keeping import keeps_rows
from twofold.projections.keys import by_stream
from twofold.projections.layout import Layout
from twofold.projections.model import REMOVED, ReadModel, Removed
from twofold.projections.parking import Parked
from twofold.projections.partitions import partitioned
from twofold.projections.port import Advance, AskedStore, Found, ReadStore
from twofold.projections.projection import Projection
from twofold.projections.projector import Projector
from twofold.projections.rewinding import Rewinding
from twofold.projections.row_change import AllRows, RowChange
from twofold.projections.row_feed import RowFeed
from twofold.projections.sql import PROJECTS, SetProjection, SqlProjection, projects, sql_projection
from twofold.projections.strong import strong
from twofold.projections.table import Changes, Column, Index, Key, Kind, Table
from twofold.projections.verification import Difference, Unsure, Verification
from twofold.projections.verifier import Verifier
from twofold.projections.writer import Writer

__all__ = [
    "PROJECTS",
    "Layout",
    "SetProjection",
    "SqlProjection",
    "Writer",
    "projects",
    "sql_projection",
    "REMOVED",
    "Advance",
    "AllRows",
    "AskedStore",
    "Audience",
    "Changes",
    "Column",
    "DeadLetters",
    "Found",
    "Group",
    "Index",
    "Inline",
    "Key",
    "Kind",
    "Page",
    "Parked",
    "Projection",
    "Projector",
    "ReadModel",
    "ReadStore",
    "Removed",
    "RowChange",
    "RowFeed",
    "Retried",
    "Table",
    "Difference",
    "Unsure",
    "Verification",
    "Rewinding",
    "Verifier",
    "by_name",
    "define",
    "fingerprint",
    "joined",
    "keeps_rows",
    "partitioned",
    "sql_fingerprint",
    "grouped",
    "groups_of",
    "by_stream",
    "indexed",
    "strong",
    "table_of",
]
