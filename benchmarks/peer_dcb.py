"""The peer's dynamic consistency boundaries: a holding of one customer and one item, over two tags."""

# mypy: disallow_subclassing_any=False, disallow_untyped_decorators=False
# The peer is installed for benchmarks only, so that to the type checker its classes are not there.

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager

from eventsourcing.dcb.application import DCBApplication
from eventsourcing.dcb.domain import Perspective, Selector
from eventsourcing.dcb.msgpack import Decision

from benchmarks import peer
from benchmarks.rooms import Room


class ItemsTaken(Decision):
    customer_id: str
    item: str
    quantity: int


class PeerHolding(Perspective[Decision]):
    """What a customer holds of an item, kept in memory at its last known position."""

    def __init__(self, customer_id: str, item: str) -> None:
        self.customer_id = customer_id
        self.item = item
        self.held = 0

    @property
    def tags(self) -> list[str]:
        return [f"customer_id={self.customer_id}", f"item={self.item}"]

    def consistency_boundary(self) -> Selector:
        return Selector(types=[ItemsTaken], tags=self.tags)

    def take(self, quantity: int) -> None:
        self.trigger_event(ItemsTaken, tags=self.tags, customer_id=self.customer_id, item=self.item, quantity=quantity)
        self.held += quantity


class PeerShop(DCBApplication):
    """The peer's application over boundaries."""

    def take(self, holding: PeerHolding) -> None:
        holding.take(1)
        holding.last_known_position = self.repository.save(holding)


@contextmanager
def opened(room: Room) -> Generator[PeerShop]:
    """The peer in a room on PostgreSQL, the only database it has boundaries for.

    One of its statements names a table without the schema, so that its connections must look there first.
    """
    settings = {
        **peer.settings(room),
        "PERSISTENCE_MODULE": "eventsourcing.dcb.postgres_tt",
        "MAPPER_TOPIC": "eventsourcing.dcb.msgpack:MessagePackMapper",
    }
    os.environ["PGOPTIONS"] = f"-c search_path={room.schema}"
    try:
        with PeerShop(settings) as shop:
            yield shop
    finally:
        del os.environ["PGOPTIONS"]
