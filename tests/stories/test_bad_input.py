"""Bad input gets one clear verdict, the same on both databases, and changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stories.mistakes import MISTAKES, Mistake
from tests.stories.notebook import Write, notebook
from twofold import App, TwofoldError


@pytest.mark.parametrize("mistake", MISTAKES, ids=[mistake.name for mistake in MISTAKES])
async def test_the_verdict_is_the_same_everywhere(mistake: Mistake, tmp_path: Path, postgres_url: str) -> None:
    async with notebook(f"sqlite:///{tmp_path}/note.db") as one, notebook(postgres_url) as other:
        verdicts = [await verdict(app, mistake) for app in (one, other)]
    assert verdicts[0] == verdicts[1]
    assert (verdicts[0]["code"], verdicts[0].get("what", "")) == (mistake.code, mistake.what)
    assert verdicts[0]["remedy"]


async def verdict(app: App, mistake: Mistake) -> dict[str, object]:
    """The error as a document. Nothing was written by what was refused, and the app goes on."""
    await app.send(Write(note="n-0"))
    with pytest.raises(TwofoldError) as refused:
        await mistake.doing(app)
    head = (await app.head()).position
    assert head == (2 if mistake.code == "key-reused" else 1)
    assert (await app.send(Write(note="n-0"))).position == head + 1
    return refused.value.facts()
