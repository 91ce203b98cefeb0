"""WHAT IS SAID: commands, events and queries, their names, and what is recorded with them."""

from twofold.messages.handlers import by, evolve
from twofold.messages.markers import Indexed, Key, Searchable, Tag
from twofold.messages.message import Command, Event, Message, OpaqueEvent, Query
from twofold.messages.metadata import Context, Metadata, Recorded, new_id
from twofold.messages.naming import name_of, stored_as, version_of
from twofold.messages.registry import Registry
from twofold.messages.upcasting import Upcaster, upcasts

__all__ = [
    "Command",
    "Context",
    "Event",
    "Indexed",
    "Key",
    "Message",
    "Metadata",
    "OpaqueEvent",
    "Query",
    "Recorded",
    "Registry",
    "Searchable",
    "Tag",
    "Upcaster",
    "by",
    "evolve",
    "name_of",
    "new_id",
    "stored_as",
    "upcasts",
    "version_of",
]
