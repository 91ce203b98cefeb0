"""Every block of the README and of docs/ runs, and prints what is written there."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.document import Block, blocks
from tests.docs.runner import Runner, commands, matches

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])
NOT_RUN = {
    'pip install "twofold[postgres]"': "the environment of the tests is an installation already",
    "make demo": "tests of the command line run `twofold demo`, which is all that it does after installing",
    "make test": "this is it",
    "make check": "a part of make test",
    "make format": "it rewrites the files under test",
    "make campaign": "takes hours",
}


@pytest.fixture
def runner(tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", postgres_url)
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    terminal = {"PATH": path, "COLUMNS": "100", "NO_COLOR": "1", "PYTHONPATH": str(tmp_path)}
    before = set(sys.modules)
    yield Runner(tmp_path, {**terminal, "DATABASE_URL": postgres_url}, NOT_RUN)
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]  # Every document has an app.py of its own.


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
async def test_a_document_does_what_it_says(document: Path, runner: Runner) -> None:
    for block in blocks(document):
        await runner.run(block)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_inside_the_repository_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", document.read_text())
    assert [name for name, _ in links if not (document.parent / name).exists()] == []
    wanted = [(document.parent / name if name else document, heading) for name, heading in links if heading]
    assert [f"{path.name}#{heading}" for path, heading in wanted if heading not in _headings(path)] == []


def test_what_is_not_run_is_written_somewhere_and_exists() -> None:
    written = {command for document in DOCUMENTS for block in blocks(document) for command, _ in _commands(block)}
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(NOT_RUN) <= written
    assert {command for command in NOT_RUN if command.startswith("make ")} <= {f"make {target}" for target in targets}


def test_every_test_that_a_guarantee_names_is_there() -> None:
    named = re.findall(r"`(tests/[^`]+)`", (ROOT / "RELIABILITY.md").read_text())
    assert len(named) > 20
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_example_of_the_readme_has_thirty_lines() -> None:
    example = next(block for block in blocks(ROOT / "README.md") if block.file == "app.py")
    assert sum(bool(line.strip()) for line in example.text.splitlines()) <= 30


async def test_an_unknown_kind_of_block_is_not_passed_over(runner: Runner) -> None:
    with pytest.raises(AssertionError, match="no way to run a pyhton block"):
        await runner.run(_block("pyhton", "print(1)\n"))


async def test_a_block_may_go_into_a_file_that_is_there(runner: Runner, tmp_path: Path) -> None:
    await runner.run(
        Block(Path("page.md"), 1, "python", "a.py", "from x import y\n\n@mark\nclass One:\n    old = 1\n\nlast = 1\n")
    )
    await runner.run(
        Block(Path("page.md"), 9, "python", "a.py+", "class One:\n    new = 2\n\ndef two(): ...\n\nlast = 2\n")
    )
    assert [line for line in (tmp_path / "a.py").read_text().splitlines() if line] == [
        "from x import y", "class One:", "    new = 2", "def two(): ...", "last = 2"
    ]  # fmt: skip


async def test_a_wrong_output_is_found(runner: Runner) -> None:
    await runner.run(_block("python", "print(await __import__('asyncio').sleep(0, 1))\n"))
    await runner.run(_block("output", "1\n"))
    with pytest.raises(AssertionError, match="does not say what was printed"):
        await runner.run(_block("output", "2\n"))


async def test_a_command_that_fails_must_be_shown_to_fail(runner: Runner) -> None:
    await runner.run(_block("console", "$ (exit 3)\n$ echo $?\n3\n"))
    with pytest.raises(AssertionError, match="ends with 3"):
        await runner.run(_block("console", "$ (exit 3)\n"))


def test_a_fence_that_is_not_closed_is_found(tmp_path: Path) -> None:
    document = tmp_path / "open.md"
    document.write_text("```python\nprint(1)\n")
    with pytest.raises(AssertionError, match="never closed"):
        list(blocks(document))


def test_dots_stand_for_what_is_random_and_for_nothing_else() -> None:
    assert matches("took … ms\n…\nend", "took 3.2 ms\na\nb\nend\n")
    assert not matches("took … ms", "took 3.2 ms\nand more")
    assert not matches("took 3.2 ms", "took 3,2 ms")


def test_a_command_may_go_on_in_the_next_line() -> None:
    assert commands(_block("console", "$ echo \\\n> a\na\n")) == [("echo \\\na", "a\n")]


def _headings(document: Path) -> set[str]:
    """The headings of a document as links name them."""
    titles = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


def _commands(block: Block) -> list[tuple[str, str]]:
    return commands(block) if block.language == "console" else []


def _block(language: str, text: str) -> Block:
    return Block(Path("page.md"), 1, language, None, text)
