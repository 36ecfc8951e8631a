"""A check that rests on a kind which could not be read is silent, where the same snapshot made it speak."""

from __future__ import annotations

import pytest

from apps.mesh.parsing.files import load_text
from apps.mesh.rules.catalogue import rule
from apps.mesh.snapshot import Gap, Snapshot
from tests.mesh.rule_cases import base_text, cases, found

RESTS_ON = [
    ("MC200", "misspelled-source", "Namespace"),
    ("MC202", "misspelled", "Service"),
    ("MC202", "misspelled", "VirtualService"),
    ("MC203", "permissive-and-denied-by-identity", "PeerAuthentication"),
    ("MC205", "name-of-the-deployment", "ServiceAccount"),
    ("MC206", "another-trust-domain", "ConfigMap"),
    ("MC207", "closed-namespace", "AuthorizationPolicy"),
    ("MC210", "allowed-by-path-only", "AuthorizationPolicy"),
    ("MC211", "one-was-forgotten", "AuthorizationPolicy"),
    ("MC212", "the-port-of-the-service", "Service"),
    ("MC215", "no-auto-mtls-and-no-rule", "DestinationRule"),
    ("MC222", "no-ambient-anywhere", "Namespace"),
    ("MC223", "a-revision-that-is-gone", "MutatingWebhookConfiguration"),
    ("MC227", "the-service-is-gone", "Service"),
    ("MC228", "outside-without-a-word", "MutatingWebhookConfiguration"),
    ("SS12", "bound-to-the-gateway-only", "VirtualService"),
    ("SS20", "denied-by-default", "AuthorizationPolicy"),
]


def read(code: str, name: str, *gaps: Gap) -> Snapshot:
    case = next(item for item in cases() if (item.code, item.name) == (code, name))
    texts = [*(base_text(base) for base in case.bases), case.text]
    manifests = [manifest for text in texts for manifest in load_text(text).manifests]
    if any(gap.kind == "ConfigMap" for gap in gaps):
        manifests = [item for item in manifests if item["kind"] != "ConfigMap"]
    return Snapshot.from_manifests(manifests, gaps=gaps)


@pytest.mark.parametrize(("code", "name", "kind"), RESTS_ON, ids=lambda value: value)
def test_a_check_is_silent_about_what_it_could_not_read(code: str, name: str, kind: str) -> None:
    checked = rule(code)
    assert checked is not None
    assert kind in checked.inputs
    assert found(checked, read(code, name)) != []
    assert found(checked, read(code, name, Gap(kind, "", "forbidden"))) == []
