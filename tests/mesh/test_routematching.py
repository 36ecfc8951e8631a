"""What one condition of a route leaves for another."""

from __future__ import annotations

import pytest

from apps.mesh.objects.networking import RouteMatch, StringMatch
from apps.mesh.routematching import ANYTHING, covers, takes_everything

MESH = ("mesh",)


def uri(kind: str, value: str, *, ignore_case: bool = False) -> RouteMatch:
    return RouteMatch(uri=StringMatch(kind, value), ignore_uri_case=ignore_case)


def header(name: str, value: str) -> RouteMatch:
    return RouteMatch(headers={name: StringMatch("exact", value)}, others=("headers",))


COVERED = [
    (ANYTHING, uri("exact", "/a")),
    (uri("prefix", "/a"), uri("prefix", "/a/b")),
    (uri("prefix", "/a"), uri("exact", "/a")),
    (uri("prefix", "/A", ignore_case=True), uri("exact", "/a/b")),
    (uri("regex", "/x.*"), uri("regex", "/x.*")),
    (RouteMatch(port=80), RouteMatch(port=80, uri=StringMatch("exact", "/a"))),
    (header("a", "1"), RouteMatch(headers={"a": StringMatch("exact", "1"), "b": None}, others=("headers",))),
    (RouteMatch(headers={"a": None}, others=("headers",)), header("a", "1")),
    (RouteMatch(source_labels={"app": "a"}), RouteMatch(source_labels={"app": "a", "v": "1"})),
    (RouteMatch(sni_hosts=("*.x.com",)), RouteMatch(sni_hosts=("a.x.com", "b.x.com"))),
]
NOT_COVERED = [
    (uri("prefix", "/a/b"), uri("prefix", "/a")),
    (uri("exact", "/a"), uri("exact", "/b")),
    (uri("prefix", "/a"), uri("prefix", "/a", ignore_case=True)),
    (uri("regex", "/x.*"), uri("prefix", "/x")),
    (RouteMatch(port=80), ANYTHING),
    (RouteMatch(method=StringMatch("exact", "GET")), ANYTHING),
    (header("a", "1"), header("a", "2")),
    (header("a", "1"), RouteMatch(headers={"a": None}, others=("headers",))),
    (RouteMatch(source_labels={"app": "a"}), ANYTHING),
    (RouteMatch(without_headers={"a": None}, others=("withoutHeaders",)), ANYTHING),
    (RouteMatch(sni_hosts=("a.x.com",)), RouteMatch(sni_hosts=("a.x.com", "b.x.com"))),
    (RouteMatch(destination_subnets=("10.0.0.0/8",)), ANYTHING),
    (RouteMatch(others=("somethingNew",)), RouteMatch(others=("somethingNew",))),
]


@pytest.mark.parametrize(("wide", "narrow"), COVERED)
def test_what_is_narrower_in_every_respect_is_covered(wide: RouteMatch, narrow: RouteMatch) -> None:
    assert covers(wide, narrow, MESH)


@pytest.mark.parametrize(("wide", "narrow"), NOT_COVERED)
def test_what_is_wider_in_one_respect_is_not_covered(wide: RouteMatch, narrow: RouteMatch) -> None:
    assert not covers(wide, narrow, MESH)


def test_a_match_without_gateways_holds_at_all_of_the_virtual_service() -> None:
    at_mesh = RouteMatch(gateways=("mesh",))
    assert covers(ANYTHING, at_mesh, ("mesh", "edge/public"))
    assert covers(at_mesh, ANYTHING, MESH)
    assert not covers(at_mesh, ANYTHING, ("mesh", "edge/public"))


def test_a_catch_all_asks_for_nothing_of_the_request() -> None:
    assert takes_everything(ANYTHING)
    assert takes_everything(uri("prefix", "/"))
    assert takes_everything(uri("regex", ".*"))
    assert not takes_everything(uri("exact", "/"))
    assert not takes_everything(header("a", "1"))
