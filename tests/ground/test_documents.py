"""The documents point at what exists, name commands that exist, and no path of somebody's machine."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parents[2]
TOP = ("README.md", "CHANGELOG.md", "SECURITY.md")
PAGES = tuple(sorted([*(ROOT / name for name in TOP), *(ROOT / "docs").rglob("*.md")]))
LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def links(page: Path) -> list[str]:
    found = LINK.findall(page.read_text(encoding="utf-8"))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name: str) -> None:
    page = ROOT / name
    assert [link for link in links(page) if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_command_that_a_page_names_exists(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)) <= targets
    assert set(re.findall(r"manage\.py ([a-z_]+)", text)) <= set(get_commands())


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    kinds = {".md", ".py", ".html", ".css", ".js", ".yaml", ".yml", ".toml", ".lock", ".example"}
    folders = ("apps", "bin", "docs", "meshconsole", "static", "templates", "tests")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in kinds]
    words = re.compile("/" + "work/|/" + "root/|/" + "home/[a-z]+/")
    named = [str(path.relative_to(ROOT)) for path in files if words.search(path.read_text(encoding="utf-8"))]
    assert named == []
