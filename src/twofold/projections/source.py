"""What a function does, as text: its source without comments, docstrings and layout, and that of what it calls nearby."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any, TypeAlias

Function: TypeAlias = Callable[..., Any]

_PLAIN = (bool, int, float, str, bytes, Decimal, date, timedelta, Enum, type(None))


def said_by(functions: Mapping[str, Function], owner: Any) -> list[str]:
    """These functions and whatever they use of the same package, each as ``name: text``, sorted.

    Followed are other methods of ``owner``, functions and plain values. What comes from other packages is not: that is
    what a version is for.
    """
    package = owner.__module__.partition(".")[0]
    found: dict[str, str] = {}
    left: list[tuple[str, Any]] = list(functions.items())
    while left:
        name, thing = left.pop()
        if name in found:
            continue
        if isinstance(thing, FunctionType) and thing.__module__.partition(".")[0] == package:
            found[name] = text_of(thing)
            left += _used(thing, owner)
        elif isinstance(thing, _PLAIN) or (isinstance(thing, (tuple, frozenset)) and all(map(_is_plain, thing))):
            found[name] = repr(sorted(map(repr, thing)) if isinstance(thing, frozenset) else thing)
        elif name in functions:
            found[name] = _named(thing)
    return sorted(f"{name}: {text}" for name, text in found.items())


def text_of(function: FunctionType) -> str:
    """Its source, normalised; where there is none, the constants and names of its code."""
    nodes = [node for node in _nodes(function) if _first_line(node) == function.__code__.co_firstlineno]
    if not nodes:
        return "\n".join(_of_code(function.__code__))
    return "\n".join(ast.unparse(_bare(node)) for node in nodes)


def _nodes(function: FunctionType) -> list[ast.AST]:
    """What its file defines: functions for one with a name, lambdas for one without."""
    kinds = (ast.Lambda,) if function.__name__ == "<lambda>" else (ast.FunctionDef, ast.AsyncFunctionDef)
    try:
        lines, _ = inspect.findsource(function)
        return [node for node in ast.walk(_parsed("".join(lines))) if isinstance(node, kinds)]
    except (OSError, SyntaxError):
        return []


@lru_cache(maxsize=64)
def _parsed(source: str) -> ast.Module:
    return ast.parse(source)


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
            yield f"{function.__module__}.{name}", function.__globals__[name]
        member = inspect.getattr_static(owner, name, None)
        member = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if isinstance(member, FunctionType):
            yield f".{name}", member
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        yield f"{function.__qualname__}.{name}", cell.cell_contents


def _is_plain(value: object) -> bool:
    return isinstance(value, _PLAIN)


def _named(thing: object) -> str:
    """Something that is called and has no code of its own, as ``attrgetter('date')``; without its address in memory."""
    said = repr(thing)
    return f"{type(thing).__module__}.{type(thing).__qualname__}" if " at 0x" in said else said
