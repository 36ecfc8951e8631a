"""A wrong entry is corrected in what is wrong, where nobody can rest on it."""

from __future__ import annotations

from typing import Any

import pytest

from apps.mesh.patches import apply, intent
from apps.mesh.remedies.base import ProposalError, Target
from apps.mesh.remedies.catalogue import propose
from apps.mesh.rules.base import RuleContext
from apps.mesh.rules.speedscale.service_entry_looks_right import RULE
from apps.mesh.snapshot import Snapshot
from tests.mesh.rule_cases import case_snapshot, found
from tests.mesh.test_remedies import ENTRY, HOSTS, blocked, only

CORRECT = "correct-service-entry"
HTTP_443 = "http-on-443"


def wrong(name: str, **spec: Any) -> Snapshot:
    """A case of SS05 with other fields in the spec of its entry."""
    snapshot = case_snapshot("SS05", name)
    manifest = snapshot.manifest(ENTRY)
    assert manifest is not None
    return snapshot.with_patched([{**manifest, "spec": {**manifest["spec"], **spec}}], [])


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("dns-with-a-wildcard", {"resolution": "NONE"}),
        ("static-without-endpoints", {"resolution": "NONE"}),
        ("inside-the-mesh", {"location": "MESH_EXTERNAL"}),
        (HTTP_443, {"ports": [{"name": "https", "number": 443, "protocol": "TLS"}]}),
    ],
)
def test_the_field_that_is_wrong_is_written_and_no_other(name: str, written: dict[str, Any]) -> None:
    snapshot = wrong(name)
    proposal = propose(snapshot, HOSTS, CORRECT, Target(ref=ENTRY))
    after = apply(snapshot, proposal.patches)
    assert intent(only(proposal))["spec"] == written
    assert blocked(snapshot) - blocked(after) == set(proposal.opens)
    assert found(RULE, snapshot)
    assert found(RULE, after) == []
    with pytest.raises(ProposalError, match="nothing to correct"):
        propose(after, HOSTS, CORRECT)


def test_of_two_faults_both_have_to_be_corrected() -> None:
    snapshot = wrong(HTTP_443, resolution="DNS")
    patch = only(propose(snapshot, HOSTS, CORRECT))
    assert intent(patch)["spec"].keys() == {"ports", "resolution"}
    assert patch.before is not None
    assert patch.after is not None
    for field in ("ports", "resolution"):
        spec = {**patch.after["spec"], field: patch.before["spec"][field]}
        assert found(RULE, snapshot.with_patched([{**patch.after, "spec": spec}], []))


@pytest.mark.parametrize(
    ("name", "spec", "why"),
    [
        ("another-port", {}, "another port"),
        ("two-things-wrong", {}, "another port"),
        (HTTP_443, {"hosts": ["gcr.io", "api.example.com"]}, "api.example.com"),
        (HTTP_443, {"addresses": ["10.0.0.1"]}, "addresses"),
        (
            "dns-with-a-wildcard",
            {"ports": [{"number": 443, "name": "tcp", "protocol": "TCP"}]},
            "do not say for which host",
        ),
        (
            "dns-with-a-wildcard",
            {"ports": [{"number": 443, "name": "tls", "protocol": "TLS", "targetPort": 8443}]},
            "another port",
        ),
    ],
)
def test_where_somebody_may_rest_on_it_nothing_is_proposed(name: str, spec: dict[str, Any], why: str) -> None:
    with pytest.raises(ProposalError, match=why):
        propose(wrong(name, **spec), HOSTS, CORRECT)


@pytest.mark.parametrize("kind", ["DestinationRule", "VirtualService"])
def test_what_a_rule_or_a_route_is_about_is_left_to_its_owner(kind: str) -> None:
    spec: dict[str, Any] = {"host": "gcr.io", "trafficPolicy": {"tls": {"mode": "SIMPLE"}}}
    if kind == "VirtualService":
        spec = {"hosts": ["gcr.io"], "http": [{"route": [{"destination": {"host": "gcr.io"}}]}]}
    item = {
        "apiVersion": "networking.istio.io/v1",
        "kind": kind,
        "metadata": {"name": "other", "namespace": "shop"},
        "spec": spec,
    }
    with pytest.raises(ProposalError, match=f"{kind} shop/other"):
        propose(wrong(HTTP_443).with_patched([item], []), HOSTS, CORRECT)


@pytest.mark.parametrize(
    ("name", "remedy"), [(HTTP_443, CORRECT), ("another-port", ""), ("two-things-wrong", "")]
)
def test_the_finding_names_the_correction_where_there_may_be_one(name: str, remedy: str) -> None:
    findings = RULE.check(RuleContext(wrong(name), HOSTS))
    assert {finding.remedy for finding in findings} == {remedy}
