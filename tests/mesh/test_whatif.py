"""What a change would do is told before it is made, and is what happens after."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from apps.mesh.differences import Difference, FindingChange, Prediction
from apps.mesh.findings import Severity
from apps.mesh.hostsets import speedscale
from apps.mesh.parsing.files import load_text
from apps.mesh.patches import ManifestPatch, created, deleted, updated
from apps.mesh.refs import Manifest, ResourceRef
from apps.mesh.remedies.catalogue import propose
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Verdict
from apps.mesh.whatif import compare_snapshots, from_json, predict, to_json, verify
from tests.mesh.rule_cases import base_text, laid

HOSTS = speedscale()
PAGE_SIDECAR: Manifest = {
    "apiVersion": "networking.istio.io/v1beta1",
    "kind": "Sidecar",
    "metadata": {"name": "default", "namespace": "shop"},
    "spec": {"egress": [{"hosts": ["speedscale/*"]}]},
}


def manifests(*bases: str, more: str = "") -> list[Manifest]:
    texts = [*(base_text(base) for base in bases), more]
    return [manifest for text in texts for manifest in load_text(text).manifests]


def test_the_pages_sidecar_is_flagged_with_the_workloads_that_lose_egress() -> None:
    prediction = predict(laid("mesh", "speedscale", "shop", "full-entry"), [created(PAGE_SIDECAR)], HOSTS)
    (lost,) = prediction.difference.newly_broken
    assert (lost.namespace, lost.workloads, lost.blocked) == ("shop", 1, lost.lost)
    assert lost.examples[0] == "stock.shop.svc.cluster.local:8080"
    assert prediction.difference.workloads_that_lose_egress == 1


def test_the_pages_sidecar_over_an_existing_one_is_flagged_too() -> None:
    there = {**PAGE_SIDECAR, "spec": {"egress": [{"hosts": ["./*", "istio-system/*"]}]}}
    snapshot = Snapshot.from_manifests([*manifests("mesh", "speedscale", "shop", "full-entry"), there])
    difference = predict(snapshot, [updated(there, PAGE_SIDECAR)], HOSTS).difference
    assert [lost.examples for lost in difference.newly_broken] == [("stock.shop.svc.cluster.local:8080",)]
    assert {cell.host for cell in difference.opened} == {host.host for host in HOSTS.hosts}


def test_under_allow_any_the_same_services_still_pass_and_that_is_told_apart() -> None:
    snapshot = laid("mesh", "allow-any", "speedscale", "shop", "full-entry")
    difference = predict(snapshot, [created(PAGE_SIDECAR)], HOSTS).difference
    (lost,) = difference.newly_broken
    assert (lost.blocked, lost.lost > 0) == (0, True)
    assert difference.workloads_that_lose_egress == 0


def test_a_merge_breaks_nothing() -> None:
    merged = {**PAGE_SIDECAR, "spec": {"egress": [{"hosts": ["./*", "istio-system/*", "speedscale/*"]}]}}
    before = {**PAGE_SIDECAR, "spec": {"egress": [{"hosts": ["./*", "istio-system/*"]}]}}
    snapshot = Snapshot.from_manifests([*manifests("mesh", "speedscale", "shop", "full-entry"), before])
    difference = predict(snapshot, [updated(before, merged)], HOSTS).difference
    assert difference.newly_broken == ()
    assert difference.closed == ()
    assert [change.code for change in difference.findings_disappear] == ["SS03"]
    assert difference.findings_appear == ()


def test_opened_cells_and_findings_are_named() -> None:
    snapshot = laid("mesh", "speedscale", "shop", "page-entry")
    difference = predict(snapshot, propose(snapshot, HOSTS, "open-required-hosts").patches, HOSTS).difference
    assert {cell.host for cell in difference.opened} == {
        "monitoring.us-east-1.amazonaws.com",
        "gcr.io",
        "speedscale.github.io",
    }
    assert {cell.after for cell in difference.opened} == {Verdict.ALLOWED_REGISTRY}
    assert [change.code for change in difference.findings_disappear] == ["SS01"]


def test_deleting_the_entry_closes_its_hosts() -> None:
    snapshot = laid("mesh", "speedscale", "shop", "full-entry")
    entry = snapshot.manifest(ResourceRef("ServiceEntry", "speedscale", "speedscale-external-svc-https"))
    assert entry is not None
    difference = predict(snapshot, [deleted(entry)], HOSTS).difference
    assert len(difference.closed) == 2 * len(HOSTS.hosts)
    assert [change.code for change in difference.findings_appear] == ["SS01"]


def test_nothing_changes_nothing() -> None:
    snapshot = laid("mesh", "speedscale", "shop", "page-entry")
    difference = predict(snapshot, [], HOSTS).difference
    assert (difference.opened, difference.closed, difference.changed) == ((), (), ())
    assert difference.unchanged == 2 * len(HOSTS.hosts)


def really_applied(before: list[Manifest], patch: ManifestPatch) -> Snapshot:
    """The cluster after the change, with what an API server adds to an object."""
    assert patch.after is not None
    stamped: dict[str, Any] = {
        **patch.after,
        "metadata": {
            "creationTimestamp": "2026-11-22T10:00:00Z",
            **patch.after["metadata"],
            "uid": "0b5c9f6e-0000-4000-8000-000000000001",
            "resourceVersion": "4711",
            "generation": 2,
            "managedFields": [{"manager": "meshconsole", "operation": "Apply"}],
        },
    }
    return Snapshot.from_manifests([*before, stamped])


@pytest.mark.parametrize(
    "bases", [("mesh", "speedscale", "shop"), ("mesh", "speedscale", "shop", "page-entry")]
)
def test_what_was_predicted_is_what_is_seen_after_it_was_applied(bases: tuple[str, ...]) -> None:
    before = manifests("mesh", "speedscale", "shop", *bases)
    snapshot = Snapshot.from_manifests(before)
    (patch,) = propose(snapshot, HOSTS, "open-required-hosts").patches
    prediction = predict(snapshot, [patch], HOSTS)
    observed = compare_snapshots(Snapshot.from_manifests(before), really_applied(before, patch), HOSTS)
    assert observed == prediction.difference
    assert verify(prediction, observed).confirmed


def test_a_created_sidecar_does_not_win_over_an_older_one_in_the_prediction() -> None:
    older = {
        **PAGE_SIDECAR,
        "metadata": {"name": "old", "namespace": "shop", "creationTimestamp": "2025-01-01T00:00:00Z"},
    }
    older["spec"] = {"egress": [{"hosts": ["*/*"]}]}
    before = [*manifests("mesh", "speedscale", "shop", "full-entry"), older]
    snapshot = Snapshot.from_manifests(before)
    prediction = predict(snapshot, [created(PAGE_SIDECAR)], HOSTS)
    assert prediction.difference.newly_broken == ()
    observed = compare_snapshots(snapshot, really_applied(before, created(PAGE_SIDECAR)), HOSTS)
    assert verify(prediction, observed).confirmed


def test_a_change_that_did_not_take_effect_is_a_deviation() -> None:
    snapshot = laid("mesh", "speedscale", "shop", "page-entry")
    prediction = predict(snapshot, propose(snapshot, HOSTS, "open-required-hosts").patches, HOSTS)
    verification = verify(prediction, compare_snapshots(snapshot, snapshot, HOSTS))
    assert not verification.confirmed
    assert any("gcr.io:443" in text and "not seen" in text for text in verification.deviations)


def test_something_that_nobody_predicted_is_a_deviation() -> None:
    snapshot = laid("mesh", "speedscale", "shop", "full-entry")
    prediction = predict(snapshot, [], HOSTS)
    broken = laid("mesh", "speedscale", "shop", "full-entry", more=json.dumps(PAGE_SIDECAR))
    verification = verify(prediction, compare_snapshots(snapshot, broken, HOSTS))
    assert any("loses" in text and "not predicted" in text for text in verification.deviations)


def test_a_prediction_survives_being_stored_as_json() -> None:
    prediction = predict(laid("mesh", "speedscale", "shop", "full-entry"), [created(PAGE_SIDECAR)], HOSTS)
    stored = json.dumps(to_json(prediction))
    assert from_json(json.loads(stored)) == prediction
    with pytest.raises(msgspec.ValidationError):
        from_json({"hostset": 3})


def test_a_prediction_is_the_same_whatever_the_order_of_the_manifests() -> None:
    forward = manifests("mesh", "speedscale", "shop", "page-entry")
    patches = [created(PAGE_SIDECAR)]
    first = predict(Snapshot.from_manifests(forward), patches, HOSTS)
    second = predict(Snapshot.from_manifests(reversed(forward)), patches, HOSTS)
    assert to_json(first) == to_json(second)


def test_pods_that_roll_meanwhile_are_no_deviation() -> None:
    snapshot = laid("mesh", "speedscale", "shop", "page-entry")
    (patch,) = propose(snapshot, HOSTS, "open-required-hosts").patches
    prediction = predict(snapshot, [patch], HOSTS)
    assert patch.after is not None
    pods = {
        "apiVersion": "meshconsole.io/v1",
        "kind": "PodGroups",
        "metadata": {"namespace": "shop", "name": "deployment.cart"},
        "owner": {"kind": "Deployment", "name": "cart"},
        "groups": [{"containers": [{"name": "cart"}, {"name": "istio-proxy"}], "count": 1}],
    }
    before = manifests("mesh", "speedscale", "shop", "page-entry")
    observed = compare_snapshots(snapshot, Snapshot.from_manifests([*before, patch.after, pods]), HOSTS)
    assert "SS09" in {change.code for change in observed.findings_appear}
    assert verify(prediction, observed).confirmed


def finding_change(code: str, kind: str) -> FindingChange:
    return FindingChange(f"{code}-print", code, Severity.WARNING, code, ResourceRef(kind, "shop", "cart"))


@pytest.mark.parametrize(
    ("comes", "goes", "confirmed"),
    [
        ([finding_change("SS08", "Deployment")], [], True),  # its pods are still being replaced
        ([], [finding_change("SS09", "Deployment")], True),  # its pods were replaced before the write
        ([], [finding_change("SS06", "Deployment")], False),
        ([finding_change("MC170", "DestinationRule")], [], False),
    ],
)
def test_what_was_predicted_and_did_not_come_is_told_from_what_pods_delay(
    comes: list[FindingChange], goes: list[FindingChange], confirmed: bool
) -> None:
    nothing = Difference((), (), (), (), 0, (), ())
    expected = replace(nothing, findings_appear=tuple(comes), findings_disappear=tuple(goes))
    assert verify(Prediction("speedscale", "1", expected), nothing).confirmed is confirmed


@pytest.mark.parametrize(("host", "lost"), [("gcr.io", 0), ("api.example.com", 1)])
def test_a_port_declared_as_tls_is_a_loss_where_nobody_knows_what_clients_send(host: str, lost: int) -> None:
    entry: Manifest = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": "one", "namespace": "shop"},
        "spec": {"hosts": [host], "ports": [{"name": "web", "number": 443, "protocol": "HTTP"}]},
    }
    snapshot = laid("mesh", "shop").with_patched([entry], [])
    tls = [{"name": "web", "number": 443, "protocol": "TLS"}]
    patch = updated(entry, {**entry, "spec": {**entry["spec"], "ports": tls}})
    assert sum(item.lost for item in predict(snapshot, [patch], HOSTS).difference.newly_broken) == lost
