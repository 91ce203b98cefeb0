"""The app from start to drain, on both databases."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.co_op import Family, FamilyEnrolled, FamilyView, GetFamily, ListMonths, PaymentsByMonth, co_op, enroll, pay
from twofold import App, BehindError, Criteria, NotFoundError, Query, Rejected, TwofoldError
from twofold.errors import DefinitionError, InvalidInputError, StoreRefusedError, UnknownMessageError
from twofold.store.token import Token


def url_of(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    urls = {"sqlite": f"sqlite:///{tmp_path}/coop.db", "memory": "sqlite://"}
    return urls.get(kind) or request.getfixturevalue("postgres_url")


@pytest.fixture(params=["sqlite", "postgres", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return url_of(request.param, request, tmp_path)


@pytest.fixture(params=["sqlite", "postgres"])
def lasting_store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Memory forgets when it is closed; these do not."""
    return url_of(request.param, request, tmp_path)


@pytest.fixture
async def app(store: str) -> AsyncIterator[App]:
    async with co_op(store) as started:
        yield started


async def test_a_command_becomes_rows_that_a_query_with_its_receipt_includes(app: App) -> None:
    await app.send(enroll("f-1"))
    receipt = await app.send(pay("f-1", "12.50"))

    family = await app.ask(GetFamily(family_id="f-1"), after=receipt)
    months = await app.ask(ListMonths(), after=receipt.token)

    assert family == FamilyView(
        family_id="f-1", family_name="Smith", total_paid=Decimal("12.50"), last_payment_date=date(2024, 9, 15)
    )
    assert months == [PaymentsByMonth(month=date(2024, 9, 1), collected=Decimal("12.50"))]


async def test_every_write_is_read_back_at_once(app: App) -> None:
    for number in range(30):
        receipt = await app.send(pay("f-1", "0.10"))
        family = await app.ask(GetFamily(family_id="f-1"), after=receipt)
        assert family is not None
        assert family.total_paid == Decimal("0.10") * (number + 1)


async def test_the_write_model_is_loaded_now_and_in_the_past(app: App) -> None:
    await app.send(enroll("f-1"))
    await app.send(pay("f-1", "1"))
    await app.send(pay("f-1", "2"))

    assert await app.load(Family, "f-1") == Family(family_id="f-1", enrolled=True, paid=Decimal(3))
    assert await app.load(Family, "f-1", at_version=2) == Family(family_id="f-1", enrolled=True, paid=Decimal(1))
    assert await app.load(Family, "nobody") == Family(family_id="nobody")
    with pytest.raises(NotFoundError):
        await app.load(Family, "f-1", at_version=9)
    with pytest.raises(InvalidInputError, match="both given"):
        await app.load(Family, "f-1", at_version=1, at=(await anext(app.events())).recorded_at)


async def test_the_log_is_read_by_position_stream_category_and_criteria(app: App) -> None:
    for number in (1, 2):
        await app.send(enroll(f"f-{number}"))
        await app.send(pay(f"f-{number}", "1"))

    async def found(**where: object) -> list[int]:
        return [recorded.position async for recorded in app.events(**where)]  # type: ignore[arg-type]

    assert await found() == [1, 2, 3, 4]
    assert await found(after=2) == [3, 4]
    assert await found(stream="family-f-2") == [3, 4]
    assert await found(category="family") == [1, 2, 3, 4]
    assert await found(category="other") == []
    assert await found(criteria=Criteria.of(types=["FamilyEnrolled"])) == [1, 3]


@pytest.mark.parametrize(
    "where", [{"after": -1}, {"stream": "$all"}, {"criteria": Criteria(())}, {"criteria": Criteria.of(tags=["x"])}]
)
async def test_what_cannot_be_looked_for_is_refused(app: App, where: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        await anext(app.events(**where))


async def test_following_the_log_waits_for_more(app: App) -> None:
    seen: list[str] = []

    async def follow() -> None:
        async for recorded in app.events(criteria=Criteria.of(types=["FamilyEnrolled"]), follow=True):
            assert isinstance(recorded.event, FamilyEnrolled)
            seen.append(recorded.event.family_name)
            if len(seen) == 3:
                return

    following = asyncio.create_task(follow())
    for name in ("Ann", "Bea", "Cleo"):
        await app.send(enroll(name.lower(), name))
    await following

    assert seen == ["Ann", "Bea", "Cleo"]


async def test_what_the_domain_refuses_is_rejected(app: App) -> None:
    await app.send(enroll("f-1"))

    with pytest.raises(Rejected, match="already enrolled") as refused:
        await app.send(enroll("f-1"))
    assert refused.value.code == "already-enrolled"
    with pytest.raises(InvalidInputError, match="family_name"):
        await app.send(enroll("f-2", ""))
    assert (await app.head()).position == 1


async def test_a_repeated_command_id_gives_the_same_receipt(app: App) -> None:
    first = await app.send(enroll("f-1"), command_id="id-1")
    again = await app.send(enroll("f-1"), command_id="id-1")

    assert again.replayed
    assert (again.position, again.versions, again.token) == (first.position, first.versions, first.token)


async def test_bad_headers_are_refused(app: App) -> None:
    with pytest.raises(InvalidInputError, match="headers|NUL|str"):
        await app.send(enroll("f-1"), headers={"a": 1})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidInputError, match="NUL"):
        await app.send(enroll("f-1"), actor="a\0b")


async def test_a_token_of_another_store_or_none_at_all_is_refused(app: App) -> None:
    for token, fact in ((str(Token("elsewhere", 1, 1)), "another store"), ("nonsense", "Not a token")):
        with pytest.raises(InvalidInputError, match=fact):
            await app.ask(ListMonths(), after=token)


async def test_a_question_nobody_answers_is_refused(app: App) -> None:
    class Unheard(Query[int]):
        pass

    with pytest.raises(UnknownMessageError, match="Unknown query: Unheard"):
        await app.ask(Unheard())


async def test_the_status_says_where_read_models_stand(app: App) -> None:
    await app.send(enroll("f-1"))
    await app.settle()

    assert [(each.name, each.position, each.lag) for each in await app.status()] == [
        ("family_view", 1, 0),
        ("payments_by_month", 1, 0),
    ]


async def test_everything_is_there_after_a_restart(lasting_store: str) -> None:
    async with co_op(lasting_store) as app:
        first = await app.send(enroll("f-1"))
    async with co_op(lasting_store) as app:
        receipt = await app.send(pay("f-1", "5"))
        family = await app.ask(GetFamily(family_id="f-1"), after=receipt)

    assert (first.position, receipt.position) == (1, 2)
    assert family is not None
    assert (family.family_name, family.total_paid) == ("Smith", Decimal(5))


async def test_read_models_catch_up_at_start_with_what_was_written_without_them(lasting_store: str) -> None:
    async with co_op(lasting_store, background=False) as app:
        receipt = await app.send(enroll("f-1"))
        with pytest.raises(BehindError, match="family_view is behind"):
            await app.ask(GetFamily(family_id="f-1"), after=receipt, wait_seconds=0)
    async with co_op(lasting_store) as app:
        assert await app.ask(GetFamily(family_id="f-1"), after=receipt) is not None


async def test_an_app_in_the_background_of_nobody_is_turned_by_hand(store: str) -> None:
    async with co_op(store, background=False) as app:
        receipt = await app.send(enroll("f-1"))
        await app.settle()

        assert await app.ask(GetFamily(family_id="f-1"), after=receipt) is not None


async def test_sigterm_drains(store: str) -> None:
    app = co_op(store)
    running = asyncio.create_task(app.run())
    while not app.is_started:
        await asyncio.sleep(0)
    writing = [asyncio.create_task(app.send(enroll(f"f-{number}"))) for number in range(20)]
    await asyncio.sleep(0)
    os.kill(os.getpid(), signal.SIGTERM)
    await running

    answers = await asyncio.gather(*writing, return_exceptions=True)
    assert all(not isinstance(answer, BaseException) for answer in answers)


async def test_it_is_used_started_and_started_once(app: App) -> None:
    with pytest.raises(StoreRefusedError, match="async with app"):
        await co_op("sqlite://").send(enroll("f-1"))
    with pytest.raises(TwofoldError, match="started already"):
        await app.start()


def test_mistakes_in_the_parts_are_found_at_once() -> None:
    with pytest.raises(DefinitionError, match="no part of an app"):
        App(Family, 42)
    with pytest.raises(DefinitionError, match="no part of an app"):
        App(co_op)
    with pytest.raises(InvalidInputError, match="Not a store URL"):
        App(Family, store="oracle://x")


async def test_a_decider_that_is_no_part_cannot_be_loaded(app: App) -> None:
    with pytest.raises(DefinitionError, match="no decider of this app"):
        await app.load(FamilyView, "f-1")
