"""Which app is meant: the first of four ways that names one, and what is said where none does."""

from __future__ import annotations

from pathlib import Path

import pytest

from twofold.cli.finder import VARIABLE, find
from twofold.errors import InvalidInputError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text('[tool.twofold]\napp = "shop.wiring:app"\n')
    (tmp_path / "app.py").write_text("app = None\n")
    return tmp_path


def test_the_option_comes_before_the_variable(project: Path) -> None:
    found = find("a.b:c", {VARIABLE: "x:y"}, project)
    assert (str(found), found.source, found.directory) == ("a.b:c", "--app", project)


def test_the_variable_comes_before_pyproject(project: Path) -> None:
    found = find(None, {VARIABLE: "x:y"}, project)
    assert (str(found), found.source) == ("x:y", VARIABLE)


def test_an_empty_variable_names_nothing(project: Path) -> None:
    assert str(find(None, {VARIABLE: ""}, project)) == "shop.wiring:app"


def test_pyproject_comes_before_app_py_and_says_where_it_is(project: Path) -> None:
    found = find(None, {}, project)
    assert str(found) == "shop.wiring:app"
    assert str(project / "pyproject.toml") in found.source


def test_pyproject_is_found_from_a_folder_below_and_modules_are_looked_for_beside_it(project: Path) -> None:
    below = project / "src" / "deep"
    below.mkdir(parents=True)
    assert find(None, {}, below).directory == project


@pytest.mark.parametrize(
    "text", ["", "[tool.other]\n", "tool = 3\n", "[tool]\ntwofold = 3\n", "[tool.twofold]\nx = 1\n"]
)
def test_a_pyproject_without_the_table_is_passed_over(project: Path, text: str) -> None:
    (project / "pyproject.toml").write_text(text)
    found = find(None, {}, project)
    assert (str(found), found.source) == ("app:app", "app.py")


def test_without_any_the_error_names_the_folder_and_all_four_ways(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError) as caught:
        find(None, {}, tmp_path)
    assert str(tmp_path) in caught.value.fact
    for way in ("--app", VARIABLE, "pyproject.toml", "app.py"):
        assert way in caught.value.remedy


def test_a_broken_pyproject_is_an_error_and_not_passed_over(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.twofold\n")
    with pytest.raises(InvalidInputError, match="cannot be read"):
        find(None, {}, project)


@pytest.mark.parametrize("target", ["shop", "shop:", ":app", "shop/app.py:app", "a..b:c", "a:b c", "a:b:c", "1a:b"])
def test_what_is_not_module_and_attribute_is_refused_by_the_name_of_its_source(tmp_path: Path, target: str) -> None:
    with pytest.raises(InvalidInputError, match=r"--app is not module:attr"):
        find(target, {}, tmp_path)


def test_a_number_in_pyproject_is_refused(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.twofold]\napp = 3\n")
    with pytest.raises(InvalidInputError, match=r"is not module:attr \(value: 3\)"):
        find(None, {}, project)
