"""The command line in a working directory: as a real process, or inside this one where only the answer matters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from click.testing import CliRunner

from twofold.cli.root import outcome


class Done(NamedTuple):
    """What a call left: exit code, stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def answer(self) -> Any:
        """Its stdout as one JSON document."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """Its stdout as one JSON document on each line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self) -> Any:
        """The error: the last JSON document on stderr."""
        return json.loads(self.err.splitlines()[-1])


class Terminal:
    """A working directory, and the arguments that every call here has."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.arguments = arguments

    def __call__(self, *arguments: str) -> Done:
        """A call inside this process: what it imported is forgotten afterwards."""
        path, modules = list(sys.path), set(sys.modules)
        try:
            with chdir(self.folder), CliRunner().isolation() as (out, err, _):
                code = outcome([*self.arguments, *arguments])
                return Done(code, out.getvalue().decode(), err.getvalue().decode())
        finally:
            sys.path[:] = path
            for name in ("app", "bank", "counting"):
                if name not in modules:
                    sys.modules.pop(name, None)

    def process(self, *arguments: str, given: str = "", **environment: str) -> Done:
        """A call as a process of its own."""
        with self.running(*arguments, environment=environment) as process:
            out, err = process.communicate(given, timeout=60)
            return Done(process.returncode, out, err)

    @contextmanager
    def running(
        self, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> Generator[subprocess.Popen[str]]:
        """A process beside the test; it is ended with the block, if it did not end before."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TWOFOLD")}
        process = subprocess.Popen(
            [sys.executable, "-m", "twofold.cli", *self.arguments, *arguments],
            cwd=self.folder, env=clean | dict(environment or {}), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        with process:
            try:
                yield process
            finally:
                process.kill()
