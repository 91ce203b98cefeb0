"""Bad input gets one clear verdict, the same on both databases, and changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.postgres_server import own_schemas
from tests.stories.mistakes import MISTAKES, Mistake
from tests.stories.notebook import Write, notebook
from twofold import App, TwofoldError

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def apps(tmp_path_factory: pytest.TempPathFactory, postgres_server_url: str) -> AsyncIterator[tuple[App, App]]:
    """One app on each database, that all mistakes are made with: none of them may leave anything behind."""
    url = f"sqlite:///{tmp_path_factory.mktemp('notes')}/note.db"
    async with own_schemas(postgres_server_url) as other_url, notebook(url) as one, notebook(other_url) as other:
        yield one, other


@pytest.mark.parametrize("mistake", MISTAKES, ids=[mistake.name for mistake in MISTAKES])
async def test_the_verdict_is_the_same_everywhere(mistake: Mistake, apps: tuple[App, App]) -> None:
    verdicts = [await verdict(app, mistake) for app in apps]
    assert verdicts[0] == verdicts[1]
    assert (verdicts[0]["code"], verdicts[0].get("what", "")) == (mistake.code, mistake.what)
    assert verdicts[0]["remedy"]


async def verdict(app: App, mistake: Mistake) -> dict[str, object]:
    """The error as a document. Nothing was written by what was refused, and the app goes on."""
    before = (await app.send(Write(note="n-0"))).position
    with pytest.raises(TwofoldError) as refused:
        await mistake.doing(app)
    head = (await app.head()).position
    assert head == before + (mistake.code == "key-reused")
    assert (await app.send(Write(note="n-0"))).position == head + 1
    return refused.value.facts()
