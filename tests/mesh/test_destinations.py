"""Where routes lead and who follows them."""

from __future__ import annotations

from apps.mesh.destinations import ServiceNames, destinations, exported, followers, named
from apps.mesh.objects.networking import VirtualService
from apps.mesh.snapshot import Snapshot
from tests.mesh.rule_cases import laid

HEAD = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: route, namespace: books}
"""


def route(spec: str) -> tuple[Snapshot, VirtualService]:
    snapshot = laid("mesh", "bookstore", "public-gateway", more=f"{HEAD}spec: {spec}")
    return snapshot, snapshot.each(VirtualService)[0]


def test_every_destination_and_then_every_mirror_has_its_path_and_full_name() -> None:
    _, found = route(
        "{hosts: [reviews], http: [{route: [{destination: {host: a}}], mirror: {host: b.x.com}},"
        " {mirrors: [{destination: {host: c}}]}], tcp: [{route: [{destination: {host: D}}]}]}"
    )
    assert [(goal.path, goal.host) for goal in destinations(found)] == [
        ("spec.http[0].route[0].destination", "a.books.svc.cluster.local"),
        ("spec.tcp[0].route[0].destination", "d.books.svc.cluster.local"),
        ("spec.http[0].mirror", "b.x.com"),
        ("spec.http[1].mirrors[0].destination", "c.books.svc.cluster.local"),
    ]


def test_a_route_that_is_exported_to_all_is_followed_by_anybody() -> None:
    assert followers(*route("{hosts: [reviews], http: []}")) is None


def test_a_route_is_followed_where_it_is_seen_and_where_the_gateways_pods_run() -> None:
    assert followers(*route("{hosts: [a], exportTo: ['.', shop], http: []}")) == frozenset({"books", "shop"})
    assert followers(*route("{hosts: [a], gateways: [edge/public], http: []}")) == frozenset({"edge"})


def test_nobody_is_known_to_follow_a_delegate_or_an_unknown_gateway() -> None:
    assert followers(*route("{exportTo: ['.'], http: []}")) is None
    assert followers(*route("{hosts: [a], gateways: [gone], http: []}")) is None


def test_a_tilde_hides_from_all_that_are_named() -> None:
    assert exported(*route("{hosts: [a], exportTo: ['~', shop], http: []}")) == frozenset()
    assert exported(*route("{hosts: [a], exportTo: ['~', '*'], http: []}")) >= {"*"}


def test_services_are_found_by_their_full_name_and_by_their_name_alone() -> None:
    snapshot, _ = route("{hosts: [a], http: []}")
    assert [item.ref.name for item in named(snapshot, "reviews.books.svc.cluster.local", "edge")] == [
        "reviews"
    ]
    assert named(snapshot, "reviews", "books") == ()
    assert snapshot.derived(ServiceNames).hosts("ratings") == ("ratings.books.svc.cluster.local",)
