"""A page that was refused as a whole is delivered in halves, so that it is known which event cannot be taken."""

from __future__ import annotations

from twofold.subscriptions.port import Advanced, Delivery, Outcome, Stopped, Subscriber


async def narrowed(subscriber: Subscriber, delivery: Delivery, outcome: Outcome) -> Outcome:
    """The outcome where it is final; else what came of the halves: all that stands before the guilty event is kept."""
    if not (isinstance(outcome, Stopped) and outcome.anywhere and len(delivery.events) > 1):
        return outcome
    for half in _halves(delivery):
        (outcome,) = await subscriber.deliver([half])
        outcome = await narrowed(subscriber, half, outcome)
        if not isinstance(outcome, Advanced):
            break
    return outcome


def _halves(delivery: Delivery) -> tuple[Delivery, Delivery]:
    middle = len(delivery.events) // 2
    first, second = delivery.events[:middle], delivery.events[middle:]
    between = delivery.start.moved(first[-1].position, first)
    return (
        Delivery(delivery.name, delivery.start, between, first),
        Delivery(delivery.name, between, delivery.end, second),
    )
