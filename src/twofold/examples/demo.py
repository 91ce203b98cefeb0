"""``twofold demo``: one example after the other, as a document for programs or as tables for people."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console

from twofold.examples.coop.demo import demo as coop_demo
from twofold.examples.coop.outcome import Outcome as Year
from twofold.examples.shop.demo import demo as shop_demo
from twofold.examples.shop.outcome import Outcome as Sales

EXAMPLES = ("shop", "coop")


async def demo(
    examples: Sequence[str], store_url: str | None, console: Console, *, full: Path | None, families: int, json: bool
) -> bool:
    """Run these examples, in order; whether all read models show what they should.

    With ``json`` the answers go to stdout as one document, by example if there are several, and nothing else does.
    """
    outcomes: dict[str, Sales | Year] = {}
    for example in examples:
        if not json and len(examples) > 1:
            console.rule(example)
        if example == "shop":
            outcomes[example] = await shop_demo(store_url, full, None if json else console)
        else:
            outcomes[example] = await coop_demo(store_url, families, None if json else console)
    if json:
        sys.stdout.write(document(outcomes) + "\n")
    return all(outcome.agrees for outcome in outcomes.values())


def document(outcomes: dict[str, Sales | Year]) -> str:
    """As JSON; money is text, so that it stays exact."""
    content = outcomes if len(outcomes) > 1 else next(iter(outcomes.values()))
    return msgspec.json.format(msgspec.json.encode(content)).decode()
