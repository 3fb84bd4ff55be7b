"""Networks that checkpoints describe by a line of Python, read without running it."""

from __future__ import annotations

import ast
import math
from pathlib import Path
from typing import Any

from scenesort.errors import WeightsError


def read_constructor(text: str, path: Path) -> tuple[str, dict[str, Any]]:
    """Return the class's name and its arguments of a call such as `Encoder(depth=24, modes=('exp', -inf, inf))`.

    Arguments are plain values, inf, or members of an enumeration, which become their lower-case names. Raises
    WeightsError for anything else: `path` is the checkpoint that the text came from.
    """
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
            raise ValueError("it is no call of a class by named arguments")
        return call.func.id, {str(item.arg): _value(item.value) for item in call.keywords if item.arg or _no_stars()}
    except (ValueError, SyntaxError) as error:
        raise WeightsError(
            f"{path} describes its network in a way that can't be read ({error}): {text!r}; give a published checkpoint"
        ) from error


def _no_stars() -> bool:
    raise ValueError("it holds unnamed arguments")


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Name(id="inf"):
            return math.inf
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.Tuple(elts=elements):
            return tuple(_value(element) for element in elements)
        case ast.List(elts=elements):
            return [_value(element) for element in elements]
        case ast.Attribute(value=ast.Name(), attr=name):
            return name.lower()
        case ast.Constant(value=value):
            return value
        case _:
            raise ValueError(f"'{ast.unparse(node)}' is no plain value")
