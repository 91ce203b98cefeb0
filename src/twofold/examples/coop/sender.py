"""Sends a year of families to the co-op."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

import msgspec

from twofold import App, Command, Rejected
from twofold.examples.coop.commands import ChargeTuition, ReceivePayment
from twofold.examples.coop.generator import cohorts_of
from twofold.examples.sending import Refusal, Sending, Wish, send_all


class Year(Sending):
    """How far a year is, and in the end what it did.

    ``refusals`` counts what was rejected, by reason; ``paid`` and ``charged`` are the sums of what was not.
    """

    paid: Decimal = Decimal(0)
    charged: Decimal = Decimal(0)
    refusals: Counter[str] = msgspec.field(default_factory=Counter[str])


async def send_year(app: App, families: int, seed: int = 1, progress: Year | None = None) -> Year:
    """Send a year of so many families; whoever passes ``progress`` can watch it.

    The store's errors end it; send it again, and it goes on where it was. What is in memory does not depend on the
    number of families.
    """
    progress = progress or Year()

    def wishes() -> Iterator[Wish]:
        for cohort in cohorts_of(families, seed):
            progress.wishes += len(cohort)
            for wish in cohort:
                _count(progress, wish.command, 1)
                yield wish

    def note_refusal(wish: Wish, error: Refusal) -> None:
        if not isinstance(error, Rejected):
            raise error
        _count(progress, wish.command, -1)
        progress.refused += 1
        progress.refusals[error.code] += 1

    await send_all(app, wishes(), progress, note_refusal)
    return progress


def _count(progress: Year, command: Command, times: int) -> None:
    if isinstance(command, ReceivePayment):
        progress.paid += times * command.amount
    elif isinstance(command, ChargeTuition):
        progress.charged += times * command.amount
