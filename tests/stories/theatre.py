"""A theatre with ten seats, and a process that wants one: directly, or through either of two tags of the same event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from twofold import App, Boundary, Command, Event, Key, Rejected, Tag, decide, evolve

SEATS = 10


class TakeSeat(Command):
    show: str
    guest: int


class TakeSeatInRoom(Command):
    room: str
    show: str
    guest: int


class SeatTaken(Event):
    show: Tag[str]
    room: Tag[str]
    guest: int


class Show(Boundary):
    """Decides on what carries the tag of the show."""

    show: Key[str]
    taken: int = 0

    @decide
    def take(self, command: TakeSeat) -> SeatTaken:
        return taken_by(command.guest, self.taken, show=self.show, room=room_of(self.show))

    @evolve
    def was_taken(self, event: SeatTaken) -> None:
        self.taken += 1


class Room(Boundary):
    """Decides on the same events, but by the tag of the room."""

    room: Key[str]
    taken: int = 0

    @decide
    def take(self, command: TakeSeatInRoom) -> SeatTaken:
        return taken_by(command.guest, self.taken, show=command.show, room=self.room)

    @evolve
    def was_taken(self, event: SeatTaken) -> None:
        self.taken += 1


def taken_by(guest: int, taken: int, *, show: str, room: str) -> SeatTaken:
    if taken >= SEATS:
        raise Rejected("sold-out", "no seat is left", taken=taken)
    return SeatTaken(show=show, room=room, guest=guest)


def theatre(url: str) -> App:
    return App(Show, Room, store=url)


def room_of(show: str) -> str:
    """Every show has a room of its own, so both tags are on the same events."""
    return f"room of {show}"


def take_seat(guest: int, ready: Callable[[], object], url: str, show: str, through_two_tags: bool) -> bool:
    """Whether this guest got a seat."""
    by_room = through_two_tags and guest % 2 == 0
    wish = TakeSeatInRoom(room=room_of(show), show=show, guest=guest) if by_room else TakeSeat(show=show, guest=guest)
    return asyncio.run(_sent(url, ready, wish))


async def _sent(url: str, ready: Callable[[], object], wish: Command) -> bool:
    async with theatre(url) as app:
        ready()
        try:
            await app.send(wish)
        except Rejected:
            return False
        return True
