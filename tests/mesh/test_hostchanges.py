"""The difference of two editions: what it says, and that it says all of it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from apps.mesh.hostchanges import applied, differ
from apps.mesh.hostsets import FIRST_EDITION, RequiredHost, Tier, speedscale
from apps.mesh.verdicts import Protocol

HOSTS = st.builds(
    RequiredHost,
    host=st.sampled_from(["a.example", "b.example", "*.b.example", "c.example", "d.example"]),
    tier=st.sampled_from(list(Tier)),
    purpose=st.sampled_from(["", "x", "y"]),
    used_by=st.just(""),
    port=st.sampled_from([443, 8443]),
    protocol=st.sampled_from(list(Protocol)),
)
EDITIONS = st.lists(HOSTS, unique_by=lambda host: host.key).map(tuple)


@given(EDITIONS, EDITIONS)
def test_the_difference_applied_to_the_one_gives_the_other(
    before: tuple[RequiredHost, ...], after: tuple[RequiredHost, ...]
) -> None:
    assert applied(before, differ(before, after)) == after


@given(EDITIONS, EDITIONS)
def test_a_difference_is_empty_exactly_between_equals(
    before: tuple[RequiredHost, ...], after: tuple[RequiredHost, ...]
) -> None:
    assert differ(before, after).empty is (before == after)
    there, back = differ(before, after), differ(after, before)
    assert set(there.added) == set(back.removed)
    assert {change.after for change in there.changed} == {change.before for change in back.changed}


def test_what_is_added_removed_and_changed_is_named() -> None:
    page = FIRST_EDITION.hosts
    new = RequiredHost("eu.speedscale.com", Tier.REQUIRED, "", "")
    after = (replace(page[0], tier=Tier.DOCUMENTED, purpose="x"), *page[2:], new)
    found = differ(page, after)
    assert found.added == (new,)
    assert [host.host for host in found.removed] == ["downloads.speedscale.com"]
    assert [(change.after.host, change.fields) for change in found.changed] == [
        ("app.speedscale.com", ("tier", "purpose"))
    ]
    assert (found.unchanged, found.order) == (10, ())


def test_another_port_is_another_host() -> None:
    one = RequiredHost("a.example", Tier.REQUIRED, "", "")
    found = differ([one], [replace(one, port=8443)])
    assert ([h.key for h in found.removed], [h.key for h in found.added]) == (
        ["a.example"],
        ["a.example:8443"],
    )


def test_a_chosen_region_is_not_the_installations_to_change() -> None:
    chosen = speedscale("eu-west-1")
    assert chosen.get("sqs.eu-west-1.amazonaws.com") is not None
    assert chosen.filled({"region": "us-west-2"}) is chosen
    assert FIRST_EDITION.filled({"region": "us-west-2"}).get("sqs.us-west-2.amazonaws.com") is not None
