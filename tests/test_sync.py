"""The door for scripts: the same app without await, from any thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest

from tests.co_op import Family, GetFamily, co_op, enroll, pay
from twofold.errors import Rejected, StoreRefusedError, TwofoldError
from twofold.sync import sync


def test_a_script_sends_asks_and_loads(tmp_path: Path) -> None:
    with sync(co_op(f"sqlite:///{tmp_path}/coop.db")) as app:
        app.send(enroll("f-1"))
        receipt = app.send(pay("f-1", "7"))
        family = app.ask(GetFamily(family_id="f-1"), after=receipt)
        app.settle()

        assert family is not None
        assert family.total_paid == Decimal(7)
        assert app.load(Family, "f-1").paid == Decimal(7)
        assert [recorded.type for recorded in app.events()] == ["FamilyEnrolled", "PaymentReceived"]
        assert {each.lag for each in app.status()} == {0}
        with pytest.raises(Rejected):
            app.send(enroll("f-1"))


def test_many_threads_share_one_door() -> None:
    with sync(co_op("sqlite://")) as app, ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: app.send(pay("f-1", "1")), range(40)))

        assert app.load(Family, "f-1").paid == Decimal(40)


def test_the_door_is_closed_again_and_errors_pass_through(tmp_path: Path) -> None:
    (tmp_path / "not.db").write_bytes(b"something else entirely" * 100)
    with pytest.raises(StoreRefusedError), sync(co_op(f"sqlite:///{tmp_path}/not.db")):
        pass


def test_it_is_not_for_its_own_loop() -> None:
    with sync(co_op("sqlite://")) as door:

        async def inside() -> None:
            door.send(enroll("f-1"))

        with pytest.raises(TwofoldError, match="inside its own loop"):
            door.wait_for(inside())
