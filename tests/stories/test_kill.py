"""kill -9 at random moments: what was acknowledged is there, what was not can be asked for again, read models are right."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
import pytest

from tests.stories.examination import MODELS, amount_in, everything, folded_up_to, must_be_in_order
from tests.stories.processes import start
from tests.stories.till import CASHIERS, Acknowledged, amounts_of, command_of, shop, work
from twofold.config import parse_places
from twofold.rooms import rooms_for
from twofold.store.port import Row

SEED = 20101201


class Notes:
    """What was acknowledged, in a file that neither the killed process nor its database ever touches."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.acknowledged: dict[str, tuple[int, int]] = {}

    def write(self, noted: list[Acknowledged]) -> None:
        with self._path.open("a") as file:
            file.writelines(f"{command_id} {first} {last}\n" for command_id, first, last in noted)
        lines = [line.split() for line in self._path.read_text().splitlines()]
        self.acknowledged = {command_id: (int(first), int(last)) for command_id, first, last in lines}

    def unanswered(self, day: int) -> list[str]:
        """For each cashier of that day the one command that may or may not have happened."""
        done = Counter(command_id.rsplit("-", 1)[0] for command_id in self.acknowledged)
        return [f"{day}-{cashier}-{done[f'{day}-{cashier}']}" for cashier in range(CASHIERS)]


@pytest.mark.timeout(3600)
def test_no_acknowledged_append_is_lost_and_read_models_equal_the_fold_of_the_log(
    store: str, tmp_path: Path, campaign: bool
) -> None:
    chance, notes = random.Random(SEED), Notes(tmp_path / "acknowledged.txt")
    for day in range(200 if campaign else 8):
        notes.write(killed(store, day, chance))
        asyncio.run(examine(store, notes))
        notes.write(asyncio.run(insist(store, notes.unanswered(day))))
    assert asyncio.run(examine(store, notes)), "after settling, the read models are at the head"
    assert len(notes.acknowledged) > 20 * CASHIERS, "hardly anything was done between the kills"


def killed(url: str, day: int, chance: random.Random) -> list[Acknowledged]:
    """Let a process work and kill it: while it starts, or after so many acknowledgements, and then a little later."""
    wanted = chance.choice((0, 1, chance.randrange(150)))
    spare_seconds = chance.uniform(0, 0.02) if wanted else chance.uniform(0, 0.2)
    process, heard = start(work, url, day)
    noted = [heard.recv() for _ in range(wanted)]
    until = time.monotonic() + spare_seconds
    while heard.poll(max(0.0, until - time.monotonic())):
        noted.append(heard.recv())
    process.kill()
    noted += rest(heard)
    process.join()
    return noted


def rest(heard: Connection) -> list[Acknowledged]:
    """What was said before the end came."""
    noted: list[Acknowledged] = []
    with heard:
        while True:
            try:
                noted.append(heard.recv())
            except (EOFError, OSError):  # The last word may have been cut off.
                return noted


async def insist(url: str, command_ids: list[str]) -> list[Acknowledged]:
    """Send what was left open again, under the same ids, and let the read models catch up."""
    async with shop(url) as app:
        receipts = [await app.send(command_of(command_id), command_id=command_id) for command_id in command_ids]
        await app.settle()
    return [(receipt.command_id, receipt.first, receipt.position) for receipt in receipts]


async def examine(url: str, notes: Notes) -> bool:
    """The log holds what was acknowledged, once and whole; each read model is its fold. Whether all are at the head."""
    rooms = rooms_for(parse_places(url), migrate=True)
    await rooms.open()
    try:
        rows = await everything(rooms.log)
        must_be_in_order(rows)
        must_hold(rows, notes)
        return [await folded_up_to(rooms.reads, rows, model) for model in MODELS] == [len(rows)] * 2
    finally:
        await rooms.close()


def must_hold(rows: list[Row], notes: Notes) -> None:
    """Each command's events stand together, all of them; those acknowledged are where they were said to be."""
    places: dict[str, list[int]] = {}
    for row in rows:
        places.setdefault(msgspec.json.decode(row[6])["command_id"], []).append(row[0])
    for command_id, positions in places.items():
        assert positions == list(range(positions[0], positions[0] + len(positions)))
        assert [amount_in(rows[position - 1]) for position in positions] == amounts_of(command_id)
    for command_id, (first, last) in notes.acknowledged.items():
        assert places.get(command_id, []) == list(range(first, last + 1)), command_id
