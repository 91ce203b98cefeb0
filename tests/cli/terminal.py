"""The command line as a real process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple


class Done(NamedTuple):
    """What a process left: exit code, stdout and stderr."""

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
    """Runs ``twofold`` in a working directory, with the arguments that every call here has."""

    def __init__(self, folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.arguments = arguments
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("TWOFOLD")}
        self.environment |= environment or {}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "twofold.cli", *self.arguments, *arguments],
            cwd=self.folder, env=self.environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def __call__(self, *arguments: str, given: str = "") -> Done:
        process = self.start(*arguments)
        out, err = process.communicate(given, timeout=60)
        return Done(process.returncode, out, err)
