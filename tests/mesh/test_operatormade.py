"""What Speedscale's operator wrote is not held against anybody."""

from __future__ import annotations

import pytest

from apps.mesh.analyse import analyse
from apps.mesh.findings import Finding, Severity
from apps.mesh.hostsets import speedscale
from apps.mesh.snapshot import Snapshot
from tests.mesh.mutation import manifests_of
from tests.mesh.rule_cases import laid

OBJECTS = """\
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: a, namespace: shop{marks}}}
spec: {{workloadSelector: {{labels: {{app: cart}}}}, egress: [{{hosts: ["nowhere/*"]}}]}}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: b, namespace: shop{marks}}}
spec: {{workloadSelector: {{labels: {{app: cart}}}}}}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: c, namespace: shop{marks}}}
spec: {{selector: {{matchLabels: {{app: gone}}}}, mtls: {{mode: STRICT}}}}
"""
MARKS = [
    ", labels: {operator.speedscale.com/managed-by: dev-1}",
    ", annotations: {sidecar.speedscale.com/injected: 'true'}",
    ", managedFields: [{manager: speedscale-operator, operation: Update, fieldsV1: {'f:spec': {"
    "'f:workloadSelector': {}, 'f:egress': {}, 'f:selector': {}, 'f:mtls': {}}}}]",
]


def marked(marks: str) -> Snapshot:
    return laid("mesh", "speedscale", "shop", "page-entry", more=OBJECTS.format(marks=marks))


def of_objects(marks: str) -> dict[tuple[str, str], Finding]:
    found = analyse(marked(marks), speedscale()).findings
    return {(item.code, item.ref.name): item for item in found if item.code.startswith("MC")}


@pytest.mark.parametrize("marks", MARKS)
def test_what_is_seen_of_the_operators_objects_is_a_hint(marks: str) -> None:
    ours, theirs = of_objects(""), of_objects(marks)
    assert {("MC101", "b"), ("MC102", "c"), ("MC110", "a")} <= ours.keys()
    assert all(item.severity is not Severity.INFO for item in ours.values())
    for place, item in theirs.items():
        assert item.severity is Severity.INFO
        assert "nothing to mend by hand" in item.message
        assert ours[place].message in item.message, "what was seen is said all the same"
        assert item.fingerprint == ours[place].fingerprint


@pytest.mark.parametrize("marks", MARKS)
def test_a_mark_that_comes_or_goes_is_seen_after_a_patch(marks: str) -> None:
    ours, theirs = marked(""), marked(marks)
    for before, after in ((ours, theirs), (theirs, ours)):
        analyse(before, speedscale())
        patched = before.with_patched(manifests_of(after))
        assert analyse(patched, speedscale()) == analyse(after, speedscale()) != analyse(before, speedscale())


def test_speedscales_own_checks_speak_of_them_as_before() -> None:
    found = {item.code: item for item in analyse(marked(MARKS[0]), speedscale()).findings}
    assert found["SS03"].severity is Severity.ERROR
