"""Where the rows of strong read models are: beside the log, wherever they were before."""

from __future__ import annotations

from tests.stories.ledger import Account, Paid, Pay, transfer
from twofold import App, Key, ReadModel, evolve, indexed, stored_as, strong


@stored_as("purse")
@indexed("total desc")
class WeakPurse(ReadModel):
    account: Key[str]
    total: int = 0

    @evolve
    def was_paid(self, event: Paid) -> None:
        self.total += event.amount


@strong
@stored_as("purse")
@indexed("total desc")
class Purse(ReadModel):
    account: Key[str]
    total: int = 0

    @evolve
    def was_paid(self, event: Paid) -> None:
        self.total += event.amount


def app_with(model: type[ReadModel], store: str) -> App:
    return App(Account, transfer, model, store=store)


async def totals(app: App) -> list[object]:
    found = await app.reads.query("select total from purse order by account", {})
    return [total for (total,) in found.rows]


async def test_a_read_model_may_become_strong_and_weak_again(store: str) -> None:
    for turn, model in enumerate([WeakPurse, Purse, WeakPurse, Purse], 1):
        async with app_with(model, store) as app:
            await app.settle()
            await app.send(Pay(account="ann", amount=1))
            await app.settle()
            assert await totals(app) == [turn]


async def test_every_append_that_was_acknowledged_is_in_a_row_that_is_read_with_another_connection(store: str) -> None:
    async with app_with(Purse, store) as app, app_with(Purse, store).at(background=False) as other:
        for total in range(1, 6):
            await app.send(Pay(account="ann", amount=1))
            assert await totals(other) == [total]
