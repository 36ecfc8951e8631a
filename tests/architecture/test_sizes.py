"""Files and functions stay small enough to be read in one go; an exemption is a row with its reason."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.source import modules, name, tree

FILE_LINES = 300
FUNCTION_LINES = 50
CODE = ("apps", "meshconsole", "bin", "tests")

# path -> why it may be longer
LONG_FILES: dict[str, str] = {}
# path::function -> why it may be longer
LONG_FUNCTIONS: dict[str, str] = {}


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function of the module with its length in lines, decorators not counted."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{name(path)}::{node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_file_is_longer_than_three_hundred_lines() -> None:
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in modules(*CODE)}
    assert {file: n for file, n in lengths.items() if n > FILE_LINES and file not in LONG_FILES} == {}


def test_no_function_is_longer_than_fifty_lines() -> None:
    lengths = dict(pair for path in modules(*CODE) for pair in functions(path))
    too_long = {
        where: n for where, n in lengths.items() if n > FUNCTION_LINES and where not in LONG_FUNCTIONS
    }
    assert too_long == {}


def test_an_exemption_that_is_no_longer_needed_is_taken_out() -> None:
    files = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in modules(*CODE)}
    lengths = dict(pair for path in modules(*CODE) for pair in functions(path))
    assert [file for file in LONG_FILES if files.get(file, 0) <= FILE_LINES] == []
    assert [where for where in LONG_FUNCTIONS if lengths.get(where, 0) <= FUNCTION_LINES] == []
