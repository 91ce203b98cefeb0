"""The one reader: what it read ahead is used only where it fits."""

from __future__ import annotations

from tests.read_stores import append
from tests.subscriptions.notebook import BOTH, EVERYTHING, RANG, REGISTRY, Hummed, Rang
from twofold.subscriptions.pages import Pages
from twofold.testing.memory import MemoryLog


async def log_of_six() -> MemoryLog:
    log = MemoryLog()
    for number in range(3):
        await append(log, "bell-1", Rang(number=number), Hummed(number=number))
    return log


async def positions(pages: Pages, after: int, types: frozenset[str]) -> list[int]:
    return [event.position for event in (await pages.after(after, types)).events]


async def test_pages_follow_each_other_without_a_gap() -> None:
    pages = Pages(await log_of_six(), REGISTRY, count_max=lambda: 2, bytes_max=1 << 20)
    assert [await positions(pages, after, EVERYTHING) for after in (0, 2, 4, 6)] == [[1, 2], [3, 4], [5, 6], []]
    await pages.close()


async def test_asking_from_elsewhere_gives_that_page_and_not_the_one_read_ahead() -> None:
    pages = Pages(await log_of_six(), REGISTRY, count_max=lambda: 2, bytes_max=1 << 20)
    assert await positions(pages, 0, EVERYTHING) == [1, 2]
    assert await positions(pages, 1, EVERYTHING) == [2, 3]
    assert await positions(pages, 3, RANG) == [5]
    assert await positions(pages, 0, RANG) == [1, 3]
    await pages.close()


async def test_asking_for_other_types_reads_again() -> None:
    pages = Pages(await log_of_six(), REGISTRY, count_max=lambda: 1, bytes_max=1 << 20)
    assert await positions(pages, 0, RANG) == [1]
    assert await positions(pages, 1, BOTH) == [2]
    await pages.close()


async def test_a_page_speaks_for_what_the_filter_hid() -> None:
    log = await log_of_six()
    await append(log, "bell-1", Hummed(number=9), Hummed(number=9))
    batch = await Pages(log, REGISTRY, count_max=lambda: 10, bytes_max=1 << 20).after(0, RANG)
    assert ([event.position for event in batch.events], batch.reached, batch.full) == ([1, 3, 5], 8, False)


async def test_an_event_larger_than_a_page_still_comes() -> None:
    pages = Pages(await log_of_six(), REGISTRY, count_max=lambda: 10, bytes_max=1)
    assert await positions(pages, 0, EVERYTHING) == [1]
    await pages.close()


async def test_pages_are_smaller_from_when_it_is_said() -> None:
    found = [3]
    pages = Pages(await log_of_six(), REGISTRY, count_max=lambda: found[0], bytes_max=1 << 20)
    assert await positions(pages, 0, EVERYTHING) == [1, 2, 3]
    assert await positions(pages, 3, EVERYTHING) == [4, 5, 6]
    found[0] = 1
    assert await positions(pages, 1, EVERYTHING) == [2]
    await pages.close()
