"""Filters in the URL: checkboxes with counts, and the tags that take one off again. Knows no list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.http import HttpRequest

from apps.console.tables import without

MOST_CHOICES = 40


@dataclass(frozen=True, slots=True)
class Choice:
    """One checkbox of a facet."""

    value: str
    label: str
    count: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class Facet:
    """A group of checkboxes under one name of the URL."""

    name: str
    label: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Tag:
    """An applied filter with the URL that removes it."""

    label: str
    url: str


def facet(
    request: HttpRequest,
    name: str,
    label: str,
    counts: Mapping[str, int],
    labels: Mapping[str, str] | None = None,
) -> Facet:
    """A facet from counts by value; `labels` gives words and order, otherwise values by name.

    A chosen value stays visible when nothing has it any more.
    """
    chosen = request.GET.getlist(name)
    values = [value for value in labels or {} if counts.get(value) or value in chosen]
    if labels is None:
        values = sorted(set(counts) | set(chosen))[:MOST_CHOICES]
    return Facet(
        name,
        label,
        tuple(Choice(v, (labels or {}).get(v, v or "none"), counts.get(v, 0), v in chosen) for v in values),
    )


def tags(request: HttpRequest, facets: Sequence[Facet], *, text: str = "q") -> list[Tag]:
    """What is filtered by, in words, each removable."""
    found = []
    typed = request.GET.get(text, "").strip()
    if typed:
        found.append(Tag(f"Text: {typed}", without(request.GET, text)))
    for one in facets:
        found += [
            Tag(f"{one.label}: {choice.label}", without(request.GET, one.name, choice.value))
            for choice in one.choices
            if choice.chosen
        ]
    return found


def chosen(request: HttpRequest, name: str) -> list[str]:
    """The values of a filter that is in use, empty ones left out."""
    return [_plain(value) for value in request.GET.getlist(name)[:MOST_CHOICES] if _plain(value)]


def typed(request: HttpRequest, name: str = "q", limit: int = 100) -> str:
    """A text that somebody typed, cut to a sane length."""
    return _plain(request.GET.get(name, "").strip())[:limit]


def _plain(text: str) -> str:
    """Without NUL, which no database looks for."""
    return text.replace("\x00", "")
