"""Istio's host semantics: the table of its own tests, and properties that must hold for any names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.mesh.hosts import (
    matches,
    more_specific,
    most_specific,
    network,
    resolve_short_name,
    same_site,
    service_names,
    short_names,
    subset_of,
)


@pytest.mark.parametrize(
    ("host", "other", "subset", "overlap"),
    [
        # istio pkg/config/host/name_test.go
        ("foo.com", "foo.com", True, True),
        ("foo.com", "bar.com", False, False),
        ("foo.com", "*.com", True, True),
        ("*.com", "foo.com", False, True),
        ("*.foo.com", "foo.com", False, False),
        ("foo.com", "*.foo.com", False, False),
        ("*", "foo.com", False, True),
        ("*", "*.com", False, True),
        ("*.com", "*", True, True),
        ("*.foo.com", "*.com", True, True),
        ("*.com", "*.foo.com", False, True),
        ("*.foo.com", "*.bar.com", False, False),
        ("*.foo.com", "*.foo.com", True, True),
        # what is not said there
        ("a.b.foo.com", "*.foo.com", True, True),
        ("evilfoo.com", "*.foo.com", False, False),
        ("foo.com.evil.io", "*.foo.com", False, False),
        ("*", "*", True, True),
        ("foo.com", "*", True, True),
        ("*foo.com", "*.foo.com", False, True),
        ("*.foo.com", "*foo.com", True, True),
    ],
)
def test_subset_and_overlap_follow_istio(host: str, other: str, subset: bool, overlap: bool) -> None:
    assert subset_of(host, other) is subset
    assert matches(host, other) is overlap
    assert matches(other, host) is overlap


LABEL = st.sampled_from(["a", "b", "com", "x-y", "svc"])
NAME = st.lists(LABEL, min_size=1, max_size=4).map(".".join)
HOST = st.one_of(NAME, NAME.map(lambda name: f"*.{name}"), st.just("*"))


@given(HOST)
def test_every_host_is_a_subset_of_itself_and_of_everything(host: str) -> None:
    assert subset_of(host, host)
    assert subset_of(host, "*")


@given(HOST, HOST)
def test_two_hosts_inside_each_other_are_equal(host: str, other: str) -> None:
    assert not (subset_of(host, other) and subset_of(other, host)) or host == other


@given(HOST, HOST, HOST)
def test_subset_is_transitive(first: str, second: str, third: str) -> None:
    if subset_of(first, second) and subset_of(second, third):
        assert subset_of(first, third)


@given(HOST, HOST)
def test_overlap_is_subset_in_one_direction_or_the_other(host: str, other: str) -> None:
    assert matches(host, other) == (subset_of(host, other) or subset_of(other, host))
    assert matches(host, other) == matches(other, host)


@given(NAME, HOST, HOST)
def test_two_hosts_that_hold_one_name_overlap(name: str, first: str, second: str) -> None:
    if subset_of(name, first) and subset_of(name, second):
        assert matches(first, second)


@given(HOST, HOST)
def test_specificity_is_a_strict_order(host: str, other: str) -> None:
    assert (more_specific(host, other) != more_specific(other, host)) == (host != other)
    assert not more_specific(host, host)


@given(NAME, st.lists(HOST, max_size=6))
def test_the_most_specific_host_holds_the_name_and_beats_the_others(name: str, hosts: list[str]) -> None:
    best = most_specific(name, hosts)
    holding = [host for host in hosts if subset_of(name, host)]
    assert (best in holding) if holding else best is None
    assert not any(more_specific(host, best) for host in holding if best is not None)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("reviews", "reviews.shop.svc.cluster.local"),
        ("reviews.shop", "reviews.shop"),
        ("*", "*"),
        ("*.x.com", "*.x.com"),
        ("10.0.0.1", "10.0.0.1"),
        ("::1", "::1"),
        ("", ""),
    ],
)
def test_only_a_bare_name_becomes_a_service_of_the_namespace(host: str, expected: str) -> None:
    assert resolve_short_name(host, "shop") == expected


def test_a_service_has_a_bare_name_only_in_its_own_namespace() -> None:
    host = "cart.shop.svc.cluster.local"
    assert short_names(host, "shop") == (f"{host}.", "cart", "cart.shop.svc", "cart.shop")
    assert short_names(host, "pay") == (f"{host}.", "cart.shop", "cart.shop.svc")
    assert short_names("api.x.com", "shop") == ("api.x.com.",)


@pytest.mark.parametrize(
    ("host", "namespace", "expected"),
    [
        ("cart", "shop", ("cart", "shop")),
        ("cart", "", None),
        ("cart.shop", "", ("cart", "shop")),
        ("cart.shop.svc", "pay", ("cart", "shop")),
        ("cart.shop.svc.cluster.local", "pay", ("cart", "shop")),
        ("api.x.com", "shop", None),
        ("", "shop", None),
    ],
)
def test_a_resolver_completes_short_names(
    host: str, namespace: str, expected: tuple[str, str] | None
) -> None:
    assert service_names(host, namespace) == expected


def test_addresses_and_ranges_are_read_and_other_texts_are_not() -> None:
    assert str(network("10.1.2.3/8")) == "10.0.0.0/8"
    assert str(network("10.1.2.3")) == "10.1.2.3/32"
    assert network("not-an-address") is None


def test_names_of_one_site_share_their_last_two_labels() -> None:
    assert same_site("sqs.us-east-1.amazonaws.com", "*.s3.amazonaws.com")
    assert not same_site("gcr.io", "amazonaws.com")
