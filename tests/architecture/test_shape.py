"""The house keeps its shape: short functions and rooms, no float near money, one clock."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINES_OF_FUNCTION_MAX, LINES_OF_ROOM_MAX = 50, 600
MONEY_ROOMS = ("salonos/kernel/money.py", "salonos/bills", "salonos/accounting", "salonos/catalog")


def sources() -> Iterator[tuple[str, str, ast.Module]]:
    for folder in ("salonos", "worker"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            text = path.read_text()
            yield str(path.relative_to(ROOT)), text, ast.parse(text)


def test_no_room_is_past_its_wall() -> None:
    assert [name for name, text, _ in sources() if text.count("\n") > LINES_OF_ROOM_MAX] == []


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{name}:{node.lineno} {node.name}"
        for name, _, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > LINES_OF_FUNCTION_MAX
    ]

    assert long == []


def test_no_float_touches_money() -> None:
    floats = [
        f"{name}:{node.lineno}"
        for name, _, tree in sources()
        if name.startswith(MONEY_ROOMS)
        for node in ast.walk(tree)
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Name) and node.id == "float")
        or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and not is_path(node))
    ]

    assert floats == []


def is_path(node: ast.BinOp) -> bool:
    """`/` between paths is no division."""
    return isinstance(node.right, ast.Constant) and isinstance(node.right.value, str)


def test_every_public_name_says_what_it_is() -> None:
    silent = [
        f"{name}:{getattr(node, 'lineno', 1)} {getattr(node, 'name', 'module')}"
        for name, _, tree in sources()
        for node in [tree, *tree.body]
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and not getattr(node, "name", "").startswith("_")
        and not ast.get_docstring(node)
    ]

    assert silent == []
