"""Templates stay small and free of what the content policy refuses; colours live in one file."""

import re

import pytest

from tests.architecture.source import ROOT, STYLES, TEMPLATES, name, templates

TEMPLATE_LINES = 100
COLUMNS = 140
WIDE = frozenset({"templates/console/egress/_matrix.html", "templates/console/workloads/_results.html"})
STYLE_BYTES = 40_000
COMMENTS = re.compile(r"/\*.*?\*/", re.DOTALL)
COLOURS = re.compile(r"#[0-9a-fA-F]{3,8}\b|\b(?:rgb|hsl|oklch|oklab|lab|lch)a?\(")
REFUSED = {
    "a style attribute": re.compile(r"<[a-z][^>]*\sstyle\s*=", re.IGNORECASE),
    "a style element": re.compile(r"<style\b", re.IGNORECASE),
    "a script without a file": re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", re.IGNORECASE),
    "an event attribute": re.compile(r"<[a-z][^>]*\son[a-z]+\s*=", re.IGNORECASE),
    "an address of somebody else's script or style": re.compile(
        r"<(?:script|link)\b[^>]*(?:src|href)=[\"'](?:https?:)?//", re.IGNORECASE
    ),
    "a javascript: address": re.compile(r"javascript:", re.IGNORECASE),
    "text marked safe": re.compile(r"\|\s*safe\b|{%\s*autoescape\s+off"),
}


def test_there_are_templates_to_check() -> None:
    assert templates()


@pytest.mark.parametrize("what", REFUSED)
def test_no_template_holds(what: str) -> None:
    found = [name(path) for path in templates() if REFUSED[what].search(path.read_text(encoding="utf-8"))]
    assert found == []


def test_no_template_is_longer_than_a_hundred_lines() -> None:
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in templates()}
    assert {file: n for file, n in lengths.items() if n > TEMPLATE_LINES} == {}


def test_no_line_of_a_template_is_wider_than_a_reader_can_follow() -> None:
    wide = [
        f"{name(path)}:{number}"
        for path in templates()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > COLUMNS and name(path) not in WIDE
    ]
    assert wide == []


def test_components_know_no_area() -> None:
    loads = re.compile(r"{%\s*(?:include|extends)\s+[\"']console/")
    components = sorted((TEMPLATES / "components").rglob("*.html"))
    assert [name(path) for path in components if loads.search(path.read_text(encoding="utf-8"))] == []


def test_colours_are_named_in_the_tokens_and_nowhere_else() -> None:
    others = [path for path in sorted(STYLES.glob("*.css")) if path.name != "tokens.css"]
    raw = [
        name(path) for path in others if COLOURS.search(COMMENTS.sub("", path.read_text(encoding="utf-8")))
    ]
    inside = re.compile(r"(?:fill|stroke|color|stop-color)=[\"'](?:#|rgb|hsl)", re.IGNORECASE)
    raw += [name(path) for path in templates() if inside.search(path.read_text(encoding="utf-8"))]
    assert raw == []


def test_our_styles_stay_light() -> None:
    assert sum(path.stat().st_size for path in STYLES.glob("*.css")) <= STYLE_BYTES


def test_no_third_party_file_is_kept_in_the_checkout() -> None:
    assert "static/vendor/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert list((ROOT / "static").rglob("*.min.*")) == [] or (ROOT / "static" / "vendor").exists()
