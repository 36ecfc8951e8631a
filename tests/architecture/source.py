"""The product's own files as the architecture tests read them: every Python module and every template."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "templates"
STYLES = ROOT / "static" / "css"


@cache
def modules(*folders: str) -> tuple[Path, ...]:
    """Python files below `folders` of the checkout, migrations left out, in a stable order."""
    found = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return tuple(sorted(path for path in found if "migrations" not in path.parts))


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of `path`."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@cache
def templates() -> tuple[Path, ...]:
    """Every template, in a stable order."""
    return tuple(sorted(TEMPLATES.rglob("*.html")))


def name(path: Path) -> str:
    """`path` as the checkout calls it."""
    return path.relative_to(ROOT).as_posix()
