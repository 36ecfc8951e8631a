"""docs/architecture.md names what there is: every app, and every layer of the mesh core."""

import re

from tests.architecture.source import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_every_app_is_on_the_page() -> None:
    apps = {path.parent.name for path in (ROOT / "apps").glob("*/__init__.py")}
    assert {app for app in apps if not re.search(rf"\b{app}\b", PAGE)} == set()


def test_every_module_of_the_mesh_core_is_in_a_layer_of_the_page() -> None:
    table = PAGE[PAGE.index("| layer | knows |") :]
    named = set(re.findall(r"`([a-z]+)`", table[: table.index("\n\n")]))
    inside = (ROOT / "apps" / "mesh").glob("[a-z]*")
    modules = {path.stem for path in inside if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert modules == named
