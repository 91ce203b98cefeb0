"""Random programs on three stages at once: the same rows, the same checkpoints, the same errors, whatever happens."""

from __future__ import annotations

import asyncio
import tempfile

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.postgres_server import drop_schemas_of, url_of_own_schemas
from tests.stories.programs.machine import Program
from tests.stories.programs.stages import Stage, database_stage, memory_stage


class InMemoryAndOnSqlite(Program):
    """Without PostgreSQL, which takes ten times as long."""

    def opens(self) -> list[Stage]:
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        return [memory_stage(), database_stage("sqlite", f"sqlite:///{self.folder.name}/shop.db")]

    def teardown(self) -> None:
        super().teardown()
        self.folder.cleanup()


class Everywhere(InMemoryAndOnSqlite):
    """On both databases; ``server`` is where PostgreSQL runs."""

    server: str

    def opens(self) -> list[Stage]:
        self.url = url_of_own_schemas(self.server)
        return [*super().opens(), database_stage("postgres", self.url)]

    def teardown(self) -> None:
        super().teardown()
        asyncio.run(drop_schemas_of(self.url))


def run(program: type[Program], *, examples: int, steps: int) -> None:
    bounds = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    run_state_machine_as_test(program, settings=bounds)


@pytest.mark.timeout(3600)
def test_any_program_comes_to_the_same_in_memory_and_on_sqlite(campaign: bool) -> None:
    run(InMemoryAndOnSqlite, examples=5000 if campaign else 30, steps=40 if campaign else 25)


@pytest.mark.timeout(3600)
def test_any_program_comes_to_the_same_on_both_databases(postgres_server_url: str, campaign: bool) -> None:
    class Here(Everywhere):
        server = postgres_server_url

    run(Here, examples=1000 if campaign else 5, steps=40 if campaign else 25)
