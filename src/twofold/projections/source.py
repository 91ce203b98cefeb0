"""What a function does, as text: its source without comments, docstrings and layout, and that of what it calls nearby."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, TypeAlias

Function: TypeAlias = Callable[..., Any]

_PLAIN = (bool, int, float, str, bytes, Decimal, date, timedelta, Enum, type(None))


def said_by(functions: Mapping[str, Function], owner: Any) -> list[str]:
    """These functions and whatever they use of the same package, each as ``name: text``, sorted.

    Followed are other methods of ``owner``, functions and plain values. What comes from other packages is not: that is
    what a version is for.
    """
    package = _package(owner)
    found, seen = set[str](), set[tuple[str, int]]()
    left: list[tuple[str, Any]] = list(functions.items())
    while left:
        name, thing = left.pop()
        if (name, id(thing)) in seen:
            continue
        seen.add((name, id(thing)))
        if isinstance(thing, FunctionType) and _package(thing) == package:
            found.add(f"{name}: {text_of(thing)}")
            left += _used(thing, owner)
        elif (value := _value(thing)) is not None:
            found.add(f"{name}: {value}")
        elif name in functions:
            found.add(f"{name}: {_named(thing)}")
    return sorted(found)


def _package(thing: Any) -> str:
    """The package of a class or function, which is the same for a program that is imported and one that is run."""
    module: str = thing.__module__
    if module == "__main__":
        main = sys.modules[module]
        spec = getattr(main, "__spec__", None)
        module = spec.name if spec is not None else Path(getattr(main, "__file__", module)).stem
    return module.partition(".")[0]


def _value(thing: object) -> str | None:
    """A plain value as text; None for anything else."""
    if isinstance(thing, (tuple, frozenset)) and all(map(_is_plain, thing)):
        return repr(sorted(map(repr, thing)) if isinstance(thing, frozenset) else thing)
    return repr(thing) if _is_plain(thing) else None


@lru_cache(maxsize=1024)
def text_of(function: FunctionType) -> str:
    """Its source, normalised; where there is none, the constants and names of its code."""
    kinds = (ast.Lambda,) if function.__name__ == "<lambda>" else (ast.FunctionDef, ast.AsyncFunctionDef)
    try:
        lines, _ = inspect.findsource(function)
        found = _functions_of("".join(lines)).get(function.__code__.co_firstlineno, ())
    except (OSError, SyntaxError):
        found = ()
    # Lambdas that share a line cannot be told apart, so each stands for all of them.
    texts = [ast.unparse(_bare(node)) for node in found if isinstance(node, kinds)]
    return "\n".join(texts or _of_code(function.__code__))


@lru_cache(maxsize=64)
def _functions_of(source: str) -> Mapping[int, Sequence[ast.AST]]:
    """The functions and lambdas of a file by the line on which they begin."""
    found: dict[int, list[ast.AST]] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef)):
            found.setdefault(_first_line(node), []).append(node)
    return found


def _first_line(node: Any) -> int:
    decorators = getattr(node, "decorator_list", [])
    line: int = decorators[0].lineno if decorators else node.lineno
    return line


def _bare(node: Any) -> ast.AST:
    """Without decorators and docstrings: the former say where events go, which is told apart, the latter nothing."""
    copied = ast.parse(ast.unparse(node)).body[0]
    for each in ast.walk(copied):
        if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            each.decorator_list = []
            if ast.get_docstring(each, clean=False) is not None:
                each.body = each.body[1:] or [ast.Pass()]
    return copied


def _of_code(code: CodeType) -> Iterator[str]:
    for each in _codes(code):
        constants = sorted(repr(value) for value in each.co_consts if _is_plain(value))
        yield f"{constants} {sorted(each.co_names)} {sorted(each.co_varnames)}"


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for value in code.co_consts:
        if isinstance(value, CodeType):
            yield from _codes(value)


def _used(function: FunctionType, owner: object) -> Iterator[tuple[str, Any]]:
    """Whatever the code of a function names: methods of the owner, globals, and what it closes over."""
    names = {name for code in _codes(function.__code__) for name in code.co_names}
    for name in names:
        if name in function.__globals__:
            yield name, function.__globals__[name]
        member = inspect.getattr_static(owner, name, None)
        member = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if isinstance(member, FunctionType):
            yield f".{name}", member
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        yield name, cell.cell_contents


def _is_plain(value: object) -> bool:
    return isinstance(value, _PLAIN)


def _named(thing: object) -> str:
    """Something that is called and has no code of its own, as ``attrgetter('date')``; without its address in memory."""
    said = repr(thing)
    return f"{type(thing).__module__}.{type(thing).__qualname__}" if " at 0x" in said else said
