"""Every module says what it is for, has a name that means something, and shows its imports at the top."""

import ast

import pytest

from tests.architecture.source import modules, name, tree

BANNED_NAMES = {
    "utils",
    "util",
    "helpers",
    "helper",
    "manager",
    "managers",
    "handler",
    "handlers",
    "signals",
    "misc",
}
CODE = ("apps", "meshconsole", "bin")


def test_every_module_begins_with_what_it_is_for() -> None:
    filled = (path for path in modules(*CODE, "tests") if path.read_text(encoding="utf-8").strip())
    assert [name(path) for path in filled if not ast.get_docstring(tree(path))] == []


def test_no_module_has_a_name_that_could_hold_anything() -> None:
    assert [name(path) for path in modules(*CODE) if path.stem in BANNED_NAMES] == []


def test_imports_stand_at_the_top_of_a_module() -> None:
    inside = [
        f"{name(path)}:{node.lineno}"
        for path in modules(*CODE)
        for scope in ast.walk(tree(path))
        if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(scope)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert inside == []


@pytest.mark.parametrize("word", ["TYPE_CHECKING", "django.dispatch", "django.db.models.signals"])
def test_nothing_dodges_the_direction_of_imports(word: str) -> None:
    # Celery and the log library announce themselves by signals; the composition root may listen.
    assert [name(path) for path in modules("apps") if word in path.read_text(encoding="utf-8")] == []


def test_no_module_imports_everything_of_another() -> None:
    stars = [
        name(path)
        for path in modules("apps", "bin")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
    ]
    assert stars == []
