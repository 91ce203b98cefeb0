"""``twofold projections rebuild``: the next generation of read models, built in this process beside whoever serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from twofold.cli import parameters
from twofold.cli.building import Reports, reports
from twofold.cli.loading import app_for
from twofold.cli.loop import run_fast
from twofold.cli.options import Settings, common, settings_of
from twofold.cli.output import note, write_json, write_table
from twofold.cli.stores import opened_app
from twofold.cli.waiting import patience

if TYPE_CHECKING:
    from collections.abc import Callable

    from twofold.app import App
    from twofold.projections.estimate import Estimate
    from twofold.projections.generations import Generation

HELP = """Build read models anew from the log, in tables beside those that serve, and let them take their place.

Everything goes on meanwhile. It may be stopped at any moment (Ctrl-C, a kill, a crash) and goes on where it was when it is
run again. What served is kept beside: twofold projections rollback. With --switch manual what was built waits for twofold
projections switch. Read models that share a checkpoint are built together. With --detach a running worker of this code does
it, and goes on with it when another one is killed.
"""


@common
@click.command("rebuild", short_help="Build read models anew while what is there serves.", help=HELP)
@click.argument("names", metavar="NAME...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every read model.")
@click.option("--dry-run", is_flag=True, help="Only say how much it is, and how long it may take.")
@click.option("--verify", is_flag=True, help="Fold it a second time and compare, before it takes its place.")
@click.option(
    "--switch",
    type=click.Choice(["auto", "manual"]),
    default="auto",
    show_default=True,
    help="When it takes its place.",
)
@click.option(
    "--max-lag",
    metavar="TIME",
    type=parameters.span,
    help="Rest while what serves is later than this: 200ms, 1s. As the app says, or 50ms.",
)
@click.option("--detach", is_flag=True, help="Let a worker do it, and return.")
@settings_of
def command(
    settings: Settings,
    names: tuple[str, ...],
    every: bool,
    dry_run: bool,
    verify: bool,
    switch: str,
    detach: bool,
    max_lag: float | None,
) -> None:
    if every == bool(names):
        raise click.UsageError("Name the read models, or say --all.")
    if detach and (dry_run or verify or max_lag is not None):
        raise click.UsageError("With --detach there is no --dry-run, no --verify and no --max-lag.")
    app = app_for(settings).at(lag_max_seconds=max_lag)
    if detach:
        show_wished(run_fast(wish(app, names, switch=switch == "auto")), as_json=settings.json)
        return
    if dry_run:
        show_estimates(run_fast(estimates(app, names)), as_json=settings.json)
        return
    built: list[Generation] = []
    with reports(as_json=settings.json) as told:

        def done(generation: Generation) -> None:
            built.append(generation)
            if not settings.json:
                show(generation)  # At once: the next one may fail.

        try:
            run_fast(rebuild(app, names, told, done, switch=switch == "auto", verify=verify))
        except KeyboardInterrupt:
            note(how_to_go_on(told), as_json=settings.json)
            raise
    if settings.json:
        write_json([document(each) for each in built])


async def rebuild(
    app: App, names: tuple[str, ...], told: Reports, done: Callable[[Generation], None], *, switch: bool, verify: bool
) -> None:
    """Those with these names, or all, one after the other."""
    async with opened_app(app) as started:
        rollout = started.rollout
        for name in dict.fromkeys(map(rollout.group, names or rollout.names)):
            for generation in await started.rebuild(name, switch=switch, verify=verify, tell=told):
                done(generation)


async def wish(app: App, names: tuple[str, ...], *, switch: bool) -> list[str]:
    """Let workers of this code build these, or all."""
    async with opened_app(app) as started:
        rollout = started.rollout
        asked = list(dict.fromkeys(map(rollout.group, names or rollout.names)))
        for name in asked:
            await started.control.wish_rebuild(name, rollout.code(name), switch=switch)
        return asked


def show_wished(names: list[str], *, as_json: bool) -> None:
    """Say what workers are to do."""
    if as_json:
        write_json([{"name": name, "state": "wished"} for name in names])
        return
    for name in names:
        note(f"A worker of this code builds {name}: see twofold projections ls.", as_json=False)


async def estimates(app: App, names: tuple[str, ...]) -> list[Estimate]:
    """What a rebuild of each of these, or of all, would come to."""
    async with opened_app(app) as started:
        rollout = started.rollout
        asked = dict.fromkeys(map(rollout.group, names or rollout.names))
        with patience("counting, and building a sample"):
            return [await rollout.estimate(name) for name in asked]


def how_to_go_on(told: Reports) -> str:
    """What is there of a rebuild that was interrupted, and what can be done with it."""
    last = told.last
    if last is None:
        return "Nothing was built yet."
    name = last.subscription
    return (
        f"Generation {last.number} of {name} was built up to about position {last.position} of {last.head}. "
        f"Go on: twofold projections rebuild {name}. Give it up: twofold projections cancel {name}."
    )


def show(built: Generation) -> None:
    """Say which generation is there now."""
    if built.state == "active":
        note(f"Generation {built.number} of {built.subscription} serves.", as_json=False)
    else:
        how = f"twofold projections switch {built.subscription}"
        note(f"Generation {built.number} of {built.subscription} is built and waits: {how}.", as_json=False)


def document(built: Generation) -> dict[str, object]:
    """The same as a document."""
    return {"name": built.subscription, "generation": built.number, "state": built.state}


def show_estimates(found: list[Estimate], *, as_json: bool) -> None:
    """Say how much there is to do."""
    if as_json:
        write_json(found)
        return
    rows = [[each.subscription, each.events, each.rows, each.seconds] for each in found]
    write_table(["read model", "events", "rows now", "seconds"], rows)
