"""The tree of commands, and the one place where what went wrong becomes an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from twofold.cli.exits import INTERRUPTED
from twofold.cli.group import group
from twofold.cli.options import common

_COMMANDS = "twofold.cli.commands"

STREAMS = {
    "show": (f"{_COMMANDS}.streams_show", "The events of one stream."),
    "state": (f"{_COMMANDS}.streams_state", "The state that its events add up to, now or in the past."),
}
EVENTS = {
    "tail": (f"{_COMMANDS}.events_tail", "The newest events of the log, and those that come."),
    "show": (f"{_COMMANDS}.events_show", "One event with all its metadata."),
}
PROJECTIONS = {
    "ls": (f"{_COMMANDS}.projections_ls", "Every read model: where it stands, and why it stopped."),
    "verify": (f"{_COMMANDS}.projections_verify", "Whether rows are what the log makes of them."),
    "accept-rewind": (f"{_COMMANDS}.projections_accept_rewind", "Fill again what another log had filled."),
    "rebuild": (f"{_COMMANDS}.projections_rebuild", "Build read models anew while what is there serves."),
    "switch": (f"{_COMMANDS}.projections_switch", "Let what was built to wait take its place."),
    "rollback": (f"{_COMMANDS}.projections_rollback", "Go back to what served before the last switch."),
    "cancel": (f"{_COMMANDS}.projections_cancel", "Give up what is being built."),
    "pause": (f"{_COMMANDS}.projections_pause", "Let nobody follow the log for a read model."),
    "resume": (f"{_COMMANDS}.projections_resume", "Let workers follow it again."),
    "step": (f"{_COMMANDS}.projections_step", "Fold the next events of a paused read model."),
    "wait": (f"{_COMMANDS}.projections_wait", "Wait until read models have reached the head."),
}
RUN = {
    "worker": (f"{_COMMANDS}.run_worker", "Run a share of the app's read models until told to stop."),
}
DEAD = {
    "ls": (f"{_COMMANDS}.dead_ls", "The parked keys, and what could not be folded."),
    "show": (f"{_COMMANDS}.dead_show", "One parked key with the events that it has not taken."),
    "retry": (f"{_COMMANDS}.dead_retry", "Fold the events of parked keys again, in order."),
    "skip": (f"{_COMMANDS}.dead_skip", "Leave out the event that a key was parked for."),
    "export": (f"{_COMMANDS}.dead_export", "Parked keys with their events, as JSON lines."),
}
DB = {
    "init": (f"{_COMMANDS}.db_init", "Install the log into an empty database."),
    "upgrade": (f"{_COMMANDS}.db_upgrade", "Bring an older log to this version."),
    "current": (f"{_COMMANDS}.db_current", "Which version the database is at."),
}
ROOT = {
    "demo": (f"{_COMMANDS}.demo", "A real shop and a co-op, live: commands in, answers out."),
    "send": (f"{_COMMANDS}.send", "Send a command."),
    "ask": (f"{_COMMANDS}.ask", "Ask a query."),
    "doctor": (f"{_COMMANDS}.doctor", "Check database, settings, versions and read models."),
}
EPILOG = """\b
The app is found by --app, TWOFOLD_APP, [tool.twofold] in pyproject.toml, or app.py (attribute app).
stdout carries only the result; with --json every line on stderr is a JSON document too.
Exit codes: 0 done, 1 the answer is no, 2 usage or environment, 3 not found, 4 conflict, 5 timed out.
"""

twofold = common(group("twofold", "CQRS with event sourcing: one log, and folds of it.", ROOT))
twofold.epilog = EPILOG
twofold.add_command(group("run", "Run what works in the background.", RUN))
twofold.add_command(group("streams", "Look at one stream.", STREAMS))
twofold.add_command(group("events", "Look at the log.", EVENTS))
twofold.add_command(group("projections", "Look at the read models, and say how they are run and built.", PROJECTIONS))
twofold.add_command(group("dead", "Parked keys of read models: look, retry, skip.", DEAD))
twofold.add_command(group("db", "Install and upgrade the database.", DB))


def show_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        from importlib.metadata import version

        click.echo(f"twofold {version('twofold')}")
        ctx.exit()


twofold.params.append(
    click.Option(
        ["--version"], is_flag=True, expose_value=False, is_eager=True, callback=show_version, help="Say the version."
    )
)


def outcome(arguments: Sequence[str]) -> int:
    """Run the command that the arguments name; the exit code."""
    try:
        return int(twofold.main(list(arguments), prog_name="twofold", standalone_mode=False) or 0)
    except click.Abort:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - whatever it is, it must end as a message and an exit code.
        from twofold.cli.failures import report

        # The options may be what is wrong, so --json is looked up and not parsed.
        return report(error, as_json="--json" in arguments)


def main() -> NoReturn:
    """The entry point of the installed ``twofold``."""
    sys.exit(outcome(sys.argv[1:]))
