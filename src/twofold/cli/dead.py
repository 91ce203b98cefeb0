"""What the commands about dead letters share: which parked keys are meant, and how they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
import msgspec

from twofold.cli.guess import guess
from twofold.errors import InvalidInputError, NotFoundError
from twofold.projections import DeadLetters, Parked


def plain_key(text: str) -> str:
    """A key for people: a text without its quotes, anything else as JSON."""
    key = msgspec.json.decode(text)
    return key if isinstance(key, str) else text


def facts_of(parked: Parked) -> dict[str, Any]:
    """A parked key for programs, with the key as the JSON that it is."""
    return msgspec.structs.asdict(parked) | {"key": msgspec.Raw(parked.key.encode())}


async def the_one(dead: DeadLetters, key: str, read_model: str | None) -> Parked:
    """The parked key that was typed, plainly or as JSON.

    ``NotFoundError`` where there is none, ``InvalidInputError`` where it is parked in several read models.
    """
    parked = await dead.parked(read_model)
    as_json, found = _as_json(key), dict[str, Parked]()
    for each in parked:
        # What is a key as it stands in JSON is not also taken for the text of another one.
        if each.key == as_json or (plain_key(each.key) == key and each.read_model not in found):
            found[each.read_model] = each
    if not found:
        hint = guess(key, [plain_key(each.key) for each in parked])
        name = f"{key} of {read_model}" if read_model else key
        raise NotFoundError("parked key", name, remedy=f"{hint} See twofold dead ls.".strip())
    if len(found) > 1:
        names = list(found)
        raise InvalidInputError(
            f"The key {key} is parked in {' and '.join(names)}", what=key, remedy=f"Say which: --read-model {names[0]}."
        )
    return next(iter(found.values()))


async def of_group(dead: DeadLetters, group: str, read_model: str | None = None) -> Sequence[Parked]:
    """The keys that failed alike, by the name of their group. ``NotFoundError`` where there are none."""
    parked = await dead.parked(read_model)
    found = [each for each in parked if each.group == group]
    if not found:
        hint = guess(group, [each.group for each in parked])
        raise NotFoundError("group", group, remedy=f"{hint} See twofold dead ls --group.".strip())
    return found


async def chosen(
    dead: DeadLetters, key: str | None, group: str | None, read_model: str | None, *, every: bool
) -> Sequence[Parked]:
    """The parked keys that one of ``KEY``, ``--group`` and ``--all`` names, those first that were parked first."""
    if sum((key is not None, group is not None, every)) != 1:
        raise click.UsageError("Say which: a KEY, --group GROUP or --all. See twofold dead ls.")
    if key is not None:
        return [await the_one(dead, key, read_model)]
    found = await of_group(dead, group, read_model) if group is not None else await dead.parked(read_model)
    return sorted(found, key=lambda each: each.since)


def _as_json(text: str) -> str | None:
    try:
        return msgspec.json.encode(msgspec.json.decode(text)).decode()
    except msgspec.DecodeError:
        return None
