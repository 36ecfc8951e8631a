"""A check that rests on an absence says nothing while what could be there was not read."""

from __future__ import annotations

import pytest

from apps.mesh.rules.catalogue import rule
from apps.mesh.snapshot import Gap, Snapshot
from tests.mesh.rule_cases import case_snapshot, found


@pytest.mark.parametrize(
    ("code", "case", "kind"),
    [
        ("MC102", "nobody-has-the-label", "Pod"),
        ("MC102", "nobody-has-the-label", "StatefulSet"),
        ("MC103", "a-misspelt-namespace", "Namespace"),
        ("MC110", "a-namespace-that-is-not-there", "Namespace"),
        ("MC110", "in-another-namespace", "ServiceEntry"),
        ("MC110", "a-short-name", "Service"),
        ("MC110", "the-apex-of-a-wildcard", "VirtualService"),
        ("MC117", "the-pages-example", "Service"),
        ("MC118", "an-ambient-namespace", "MutatingWebhookConfiguration"),
        ("MC124", "http-on-443", "DestinationRule"),
        ("MC131", "private-where-nobody-is", "Deployment"),
        ("SS23", "a-policy-without-rules", "NetworkPolicy"),
    ],
)
def test_nothing_is_said_while_a_kind_is_unread(code: str, case: str, kind: str) -> None:
    checked, snapshot = rule(code), case_snapshot(code, case)
    assert checked is not None
    assert found(checked, snapshot)
    unread = Snapshot.from_manifests(snapshot.manifests(), gaps=[Gap(kind, "", "forbidden")])
    assert found(checked, unread) == []
