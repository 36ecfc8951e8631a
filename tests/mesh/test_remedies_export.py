"""An entry is exported to those who need it: no wider, no narrower, and not where that is no use."""

from __future__ import annotations

from typing import Any

import pytest

from apps.mesh.egress import EgressEngine
from apps.mesh.patches import PatchAction, apply, intent
from apps.mesh.refs import ResourceRef
from apps.mesh.remedies.base import ProposalError, Target
from apps.mesh.remedies.catalogue import propose
from apps.mesh.snapshot import Snapshot
from tests.mesh.rule_cases import case_snapshot, laid
from tests.mesh.test_remedies import ENTRY, HOSTS, blocked, only, sidecar, spec_of

EXPORT = "export-service-entry"
HIDDEN = "exported-to-its-own-namespace"


def hidden_entry(**spec: Any) -> Snapshot:
    """The case of an entry for its own namespace only, with other fields in its spec."""
    snapshot = case_snapshot("SS02", HIDDEN)
    entry = snapshot.manifest(ENTRY)
    assert entry is not None
    kept = {key: value for key, value in {**entry["spec"], **spec}.items() if value is not None}
    return snapshot.with_patched([{**entry, "spec": kept}], [])


def test_an_entry_is_exported_to_who_needs_it_and_keeps_its_own_namespace() -> None:
    snapshot = case_snapshot("SS02", HIDDEN)
    proposal = propose(snapshot, HOSTS, EXPORT)
    patch = only(proposal)
    assert patch.action is PatchAction.UPDATE
    assert spec_of(patch)["exportTo"] == [".", "shop"]
    assert intent(patch)["spec"] == {"exportTo": [".", "shop"]}
    assert blocked(snapshot) - blocked(apply(snapshot, proposal.patches)) == set(proposal.opens)
    assert proposal.warnings == ()


def test_an_exported_entry_needs_no_other_export() -> None:
    after = apply(
        case_snapshot("SS02", HIDDEN), propose(case_snapshot("SS02", HIDDEN), HOSTS, EXPORT).patches
    )
    with pytest.raises(ProposalError, match="nothing to export"):
        propose(after, HOSTS, EXPORT)


def test_an_entry_that_says_nothing_gets_the_default_of_the_mesh_written_down() -> None:
    config = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\n"
        'data: {mesh: "outboundTrafficPolicy: {mode: REGISTRY_ONLY}\\ndefaultServiceExportTo: [\\".\\"]"}\n'
    )
    snapshot = laid("mesh", "speedscale", "shop", "full-entry", more=config)
    assert spec_of(only(propose(snapshot, HOSTS, EXPORT)))["exportTo"] == [".", "shop"]


def test_what_is_exported_to_nobody_is_left_alone() -> None:
    with pytest.raises(ProposalError, match="nobody"):
        propose(hidden_entry(exportTo=["~"]), HOSTS, EXPORT)


def behind_a_sidecar(*hosts: str) -> Snapshot:
    """The hidden entry, and a Sidecar that would not import it either."""
    entry = case_snapshot("SS02", HIDDEN).manifest(ENTRY)
    assert entry is not None
    text = ", ".join(f'"{host}"' for host in hosts)
    return laid("mesh", "speedscale", "shop", more=sidecar(f"[{text}]")).with_patched([entry], [])


@pytest.mark.parametrize("target", [Target(), Target(ref=ENTRY), Target(hosts=("gcr.io",))])
def test_an_export_that_a_sidecar_makes_useless_comes_with_the_import(target: Target) -> None:
    snapshot = behind_a_sidecar("./*")
    proposal = propose(snapshot, HOSTS, EXPORT, target)
    entry, listener = proposal.patches
    assert spec_of(entry)["exportTo"] == [".", "shop"]
    assert spec_of(listener)["egress"] == [{"hosts": ["./*", "speedscale/*"]}]
    turned = blocked(snapshot) - blocked(apply(snapshot, proposal.patches))
    assert turned >= set(proposal.opens)
    for patch in proposal.patches:
        assert blocked(snapshot) == blocked(apply(snapshot, [patch]))


def test_an_export_that_an_exclusion_makes_useless_is_not_proposed() -> None:
    with pytest.raises(ProposalError, match="Sidecar"):
        propose(behind_a_sidecar("./*", "~speedscale/*"), HOSTS, EXPORT)


def test_other_hosts_that_come_with_an_export_are_named() -> None:
    hosts = [*(host.host for host in HOSTS.hosts), "api.example.com"]
    proposal = propose(hidden_entry(hosts=hosts), HOSTS, EXPORT)
    assert any("api.example.com" in warning for warning in proposal.warnings)


def test_who_keeps_the_entry_and_owns_its_export_is_said() -> None:
    entry = case_snapshot("SS02", HIDDEN).manifest(ENTRY)
    assert entry is not None
    owner = {"manager": "kubectl", "fieldsV1": {"f:spec": {"f:exportTo": {}}}}
    metadata = {
        **entry["metadata"],
        "managedFields": [owner],
        "annotations": {"argocd.argoproj.io/tracking-id": "platform:x"},
    }
    snapshot = case_snapshot("SS02", HIDDEN).with_patched([{**entry, "metadata": metadata}], [])
    warnings = propose(snapshot, HOSTS, EXPORT).warnings
    assert any("Argo CD" in warning for warning in warnings)
    assert any("kubectl" in warning and "spec.exportTo" in warning for warning in warnings)


def test_only_the_entry_and_the_namespaces_that_are_asked_for_are_exported() -> None:
    snapshot = case_snapshot("SS02", HIDDEN)
    scope = next(scope.key for scope in EgressEngine(snapshot).scopes() if scope.namespace == "shop")
    proposal = propose(snapshot, HOSTS, EXPORT, Target(hosts=("gcr.io",), scopes=(scope,)))
    assert proposal.opens == ((scope, "gcr.io"),)
    for target in (Target(ref=ResourceRef("ServiceEntry", "shop", "other")), Target(namespaces=("lab",))):
        with pytest.raises(ProposalError):
            propose(snapshot, HOSTS, EXPORT, target)
