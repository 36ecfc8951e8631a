"""The tags that draw: icons, badges, times, figures, code. They get values and look nothing up."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django import template
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from apps.common import badges, clock
from apps.common.badges import Badge
from apps.console import times, yamltext
from apps.console.difference import difference
from apps.console.matrix import Cell

register = template.Library()

SIZES = {"": "i", "s": "i s", "l": "i l"}
LINKABLE = frozenset({"http", "https"})
CURRENT = mark_safe(' aria-current="true"')
MATRIX_CELL = (
    '<td><a href="{0}#explain" class="{1}" title="{2}"{3} hx-get="{0}&amp;part=explain" hx-target="#explain"'
    ' hx-swap="outerHTML" hx-push-url="{0}">{4}{5}<span class="vh">{2}{6}</span></a></td>'
)
KINDS = {
    "verdict": badges.VERDICTS,
    "switched": badges.SWITCHED,
    "severity": badges.SEVERITIES,
    "health": badges.HEALTH,
    "outcome": badges.OUTCOMES,
    "refresh": badges.REFRESHES,
    "delivery": badges.DELIVERIES,
    "push": badges.PUSHES,
    "change": badges.CHANGES,
    "item": badges.ITEM_RESULTS,
    "reached": badges.CLUSTERS_REACHED,
    "risk": badges.RISKS,
}


@register.simple_tag
def icon(name: str, size: str = "s", css: str = "") -> SafeString:
    """A symbol of the sprite; decoration only, its meaning is in the words beside it."""
    return format_html(
        '<svg class="{}" aria-hidden="true"><use href="{}#i-{}"/></svg>',
        f"{SIZES[size]} {css}".strip(),
        static("img/icons.svg"),
        name,
    )


@register.simple_block_tag
def words(content: str) -> SafeString:
    """Prose for a component's argument, kept with `as`, so that a template need not hold it on one line.

    What stands inside has been escaped where it was rendered; only white space is put together here.
    """
    return mark_safe(" ".join(content.split()))  # noqa: S308


@register.inclusion_tag("components/badge.html")
def badge(kind: str, value: str, form: str = "chip") -> dict[str, Any]:
    """A stored state as `chip` (headers, legends), `st` (tables) or `cell` (matrix)."""
    return {"badge": badges.of(KINDS[kind], value), "form": form}


@register.inclusion_tag("components/badge.html")
def badge_of(badge: Badge, form: str = "st") -> dict[str, Any]:
    """A badge that a view has chosen."""
    return {"badge": badge, "form": form}


@register.inclusion_tag("components/badge.html")
def status(word: str, tone: str, icon_name: str = "", form: str = "st") -> dict[str, Any]:
    """A word in a tone, where the data chose both."""
    shown = badges.toned(word, tone)
    return {"badge": badges.Badge(shown.word, icon_name or shown.icon, shown.tone), "form": form}


@register.simple_tag
def matrix_cells(cells: Iterable[Cell]) -> SafeString:
    """The cells of one row of the egress matrix. No template: a page has hundreds of them."""
    icons: dict[str, SafeString] = {}
    drawn = []
    for cell in cells:
        badge, url = cell.badge, cell.url
        symbol = icons.get(badge.icon) or icons.setdefault(badge.icon, icon(badge.icon, ""))
        current = CURRENT if cell.current else ""
        short = format_html('<span aria-hidden="true">{}</span>', badge.short) if badge.short else ""
        drawn.append((url, badge.tone, badge.word, current, symbol, short, cell.words))
    return format_html_join("", MATRIX_CELL, drawn)


@register.simple_tag
def environment(value: str) -> SafeString:
    """The environment's chip: filled for production, outlined elsewhere."""
    css = "chip prod" if value == "production" else "chip"
    return format_html('<span class="{}">{}</span>', css, value.capitalize() or "none")


@register.simple_tag
def ago(moment: datetime | None, none: str = "never") -> SafeString | str:
    """A relative time with the exact one as its title."""
    if moment is None:
        return none
    return _time(moment, times.ago(moment, clock.now()))


@register.simple_tag
def moment(value: datetime | None, none: str = "never") -> SafeString | str:
    """An absolute time with its zone."""
    if value is None:
        return none
    return _time(value, times.absolute(value, clock.now()))


@register.inclusion_tag("components/code.html")
def code(text: str, label: str, mark: int = 0, note: str = "", tone: str = "bad") -> dict[str, Any]:
    """YAML with numbered, linkable lines; `mark` is the offending line, `note` stands under it."""
    return {"lines": yamltext.lines(text), "label": label, "mark": mark, "note": note, "tone": tone}


@register.simple_tag
def yaml_line(line: yamltext.Line) -> SafeString:
    """One line of code, key and value told apart. No template: white space counts here."""
    key = format_html('<span class="k">{}</span>:', line.key) if line.key else ""
    css = "c" if line.comment else "q"
    value = format_html('<span class="{}">{}</span>', css, line.value) if line.value else ""
    return format_html("{}{}{}", line.indent, key, value)


@register.inclusion_tag("components/diff.html")
def diff(before: str, after: str, label: str) -> dict[str, Any]:
    """What changes between two texts."""
    return {"difference": difference(before, after), "label": label}


@register.filter
def linkable(url: object) -> bool:
    """Whether a text that a cluster sent may become a link: http and https only."""
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return False
    return parts.scheme.lower() in LINKABLE and bool(parts.netloc)


@register.filter
def initials(name: str) -> str:
    """At most two letters for the account button."""
    words = name.replace(".", " ").split()
    return "".join(word[0] for word in words[:2]).upper() or "?"


def _time(value: datetime, words: str) -> SafeString:
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', value.isoformat(), times.exact(value), words
    )
