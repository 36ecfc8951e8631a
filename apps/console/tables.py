"""Sorting and paging of lists, from the URL and back into it. Knows no list in particular."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from django.core.paginator import Page, Paginator
from django.http import HttpRequest, QueryDict

PER_PAGE = 50


class Sliceable(Protocol):
    """What can be paged: a queryset or a list."""

    def __len__(self) -> int: ...
    def __getitem__(self, key: Any, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Column:
    """A head cell. `key` is its name in the URL, "" where one cannot sort by it."""

    label: str
    key: str = ""
    css: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """A column as it is shown: `sort` is ascending, descending or "", `url` turns it round."""

    label: str
    css: str
    sort: str
    url: str


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a list, with the links of its head and foot."""

    rows: Sequence[Any]
    heads: tuple[Head, ...]
    first: int
    last: int
    total: int
    previous_url: str
    next_url: str
    what: str


def query(request: HttpRequest, **changes: str | None) -> str:
    """The query string of this page with some parameters changed; None removes one."""
    parameters = request.GET.copy()
    for name, value in changes.items():
        parameters.pop(name, None)
        if value:
            parameters[name] = value
    return f"?{parameters.urlencode()}" if parameters else request.path


def ordering(
    request: HttpRequest, fields: Mapping[str, Sequence[str]], default: str
) -> tuple[str, list[str]]:
    """The wanted sort key (with `-` in front when descending) and the fields it stands for.

    What is not in `fields` is answered with the default: a URL somebody edited is no error.
    """
    wanted = request.GET.get("sort", default)
    if wanted.removeprefix("-") not in fields:
        wanted = default
    names = fields[wanted.removeprefix("-")]
    return wanted, [_turned(name) for name in names] if wanted.startswith("-") else list(names)


def listing(
    request: HttpRequest,
    rows: Sliceable,
    *,
    columns: Sequence[Column] = (),
    sort: str = "",
    what: str = "rows",
    per_page: int = PER_PAGE,
) -> Listing:
    """The page that the URL asks for; a page that is not there is answered with the nearest."""
    paginator: Paginator[Any] = Paginator(rows, per_page)  # type: ignore[arg-type]  # a protocol of ours
    page: Page[Any] = paginator.get_page(request.GET.get("page"))
    return Listing(
        rows=list(page.object_list),
        heads=tuple(_head(request, column, sort) for column in columns),
        first=page.start_index(),
        last=page.end_index(),
        total=paginator.count,
        previous_url=query(request, page=str(page.previous_page_number())) if page.has_previous() else "",
        next_url=query(request, page=str(page.next_page_number())) if page.has_next() else "",
        what=what,
    )


def without(parameters: QueryDict, name: str, value: str = "") -> str:
    """A query string without one parameter, or without one value of it, and back on page one."""
    left = parameters.copy()
    values = [other for other in left.getlist(name) if value and other != value]
    left.pop("page", None)
    left.setlist(name, values)
    if not values:
        left.pop(name, None)
    return f"?{left.urlencode()}" if left else "?"


def _head(request: HttpRequest, column: Column, sort: str) -> Head:
    if not column.key:
        return Head(column.label, column.css, "", "")
    state = {column.key: "ascending", f"-{column.key}": "descending"}.get(sort, "")
    target = f"-{column.key}" if state == "ascending" else column.key
    return Head(column.label, column.css, state, query(request, sort=target, page=None))


def _turned(name: str) -> str:
    return name.removeprefix("-") if name.startswith("-") else f"-{name}"
