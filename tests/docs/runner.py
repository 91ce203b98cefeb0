"""Runs a document's blocks in order, in an empty directory, and compares what they print with what is written.

In an expected output ``…`` stands for any text within a line, and a line that is only ``…`` for any lines.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import io
import linecache
import os
import re
import subprocess
import sys
import types
from collections.abc import Callable, Coroutine, Mapping
from contextlib import redirect_stdout
from pathlib import Path

from tests.docs.document import Block

SHOWN_ONLY = {"text"}


class Runner:
    """One document's state: its folder, its Python namespace, what was printed last, the last exit code."""

    def __init__(self, folder: Path, environment: Mapping[str, str], not_run: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = {**os.environ, **environment}
        self.not_run = not_run
        self.module = types.ModuleType(f"document_{folder.name}")
        self.printed = ""
        self.exit_code = 0

    async def run(self, block: Block) -> None:
        """Run one block. AssertionError with its place when it does not do what it says."""
        if block.file is not None and block.file.endswith("+"):
            _amend(self.folder / block.file.removesuffix("+"), block)
        elif block.file is not None:
            _write(self.folder / block.file, block.text)
        elif block.language in _WAYS:
            await _WAYS[block.language](self, block)
        else:
            assert block.language in SHOWN_ONLY, f"{block.place}: no way to run a {block.language or 'nameless'} block"

    async def python(self, block: Block) -> None:
        name = f"<{block.place}>"
        linecache.cache[name] = (len(block.text), None, block.text.splitlines(keepends=True), name)
        sys.modules[self.module.__name__] = self.module
        code = compile(block.text, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        with redirect_stdout(io.StringIO()) as out:
            result = types.FunctionType(code, vars(self.module))()
            if inspect.iscoroutine(result):
                await result
        self.printed = out.getvalue()

    async def output(self, block: Block) -> None:
        assert matches(block.text, self.printed), f"{block.place} does not say what was printed:\n{self.printed}"

    async def console(self, block: Block) -> None:
        steps = commands(block)
        for index, (command, expected) in enumerate(steps):
            if command in self.not_run:
                continue
            code, printed = await asyncio.to_thread(self._shell, command)
            assert matches(expected, printed), f"{block.place}: $ {command}\nprinted:\n{printed}"
            told = index + 1 < len(steps) and "$?" in steps[index + 1][0]
            assert code == 0 or told, f"{block.place}: $ {command}\nends with {code}, which the text does not say"

    def _shell(self, command: str) -> tuple[int, str]:
        done = subprocess.run(
            ["bash", "-c", f"(exit {self.exit_code})\n{command}"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=100,
            check=False,
        )
        self.exit_code = done.returncode
        return done.returncode, done.stdout


_WAYS: Mapping[str, Callable[[Runner, Block], Coroutine[None, None, None]]] = {
    "python": Runner.python,
    "output": Runner.output,
    "console": Runner.console,
}


def commands(block: Block) -> list[tuple[str, str]]:
    """The commands of a console block, each with the output written below it. ``> `` continues a command."""
    steps: list[tuple[str, str]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], ""))
        else:
            assert steps, f"{block.place}: a console block starts with a command"
            command, expected = steps[-1]
            continues = line.startswith("> ") and not expected
            steps[-1] = (f"{command}\n{line[2:]}", "") if continues else (command, f"{expected}{line}\n")
    return steps


def matches(expected: str, printed: str) -> bool:
    """Whether the text is as written; blanks at line ends and blank lines at either end do not count."""
    lines = [re.escape(line.rstrip()).replace("…", ".*") for line in expected.strip("\n").splitlines()]
    pattern = "\n".join("(?:.*\n)*.*" if line == ".*" else line for line in lines)
    return re.fullmatch(pattern, "\n".join(line.rstrip() for line in printed.strip("\n").splitlines())) is not None


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _amend(path: Path, block: Block) -> None:
    """Put the block's statements into a Python file, as a reader would: for those of the same name, or before the last."""
    lines = path.read_text().splitlines()
    there = ast.parse("\n".join(lines)).body
    places = {name: at for at in there if (name := _name(at))}
    last = _span(there[-1])[0]
    spans: list[tuple[int, int, ast.stmt]] = []
    for each in reversed(ast.parse(block.text).body):
        at = places.get(_name(each) or "")
        spans.append((*(_span(at) if at is not None else (last, last)), each))
    # From the end to the beginning, so that the places of what comes before stay what they are.
    for begin, end, each in sorted(spans, key=lambda span: span[:2], reverse=True):
        first, last = _span(each)
        text = block.text.splitlines()[first:last]
        lines[begin:end] = [*text, "", ""] if begin == end else text
    path.write_text("\n".join(lines) + "\n")


def _name(statement: ast.stmt) -> str | None:
    """What a definition, an assignment or an import gives a name to."""
    if isinstance(statement, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        return statement.name
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id
    return f"from {statement.module}" if isinstance(statement, ast.ImportFrom) else None


def _span(statement: ast.stmt) -> tuple[int, int]:
    """Its lines, decorators too, as a slice."""
    decorators = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(each.lineno for each in decorators)]) - 1, statement.end_lineno or 0
