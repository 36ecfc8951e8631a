"""Remedies turn what they say, nothing else, and hold nothing that is not needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from apps.mesh.egress import EgressEngine
from apps.mesh.hostsets import speedscale
from apps.mesh.patches import ManifestPatch, PatchAction, apply, intent
from apps.mesh.refs import ResourceRef
from apps.mesh.remedies.base import Proposal, ProposalError, Target
from apps.mesh.remedies.catalogue import propose, propose_everything
from apps.mesh.rules.base import RuleContext
from apps.mesh.snapshot import Snapshot
from apps.mesh.whatif import predict
from tests.mesh.rule_cases import base_text, case_snapshot, cases, laid

HOSTS = speedscale()
OPEN, IMPORT = "open-required-hosts", "import-speedscale-namespace"
ENTRY = ResourceRef("ServiceEntry", "speedscale", "speedscale-external-svc-https")


def blocked(snapshot: Snapshot) -> set[tuple[str, str]]:
    return {(b.need.scope_key, b.host.host) for b in RuleContext(snapshot, HOSTS).blockages}


def sidecar(hosts: str, metadata: str = "{name: default, namespace: shop}", spec: str = "") -> str:
    return (
        "apiVersion: networking.istio.io/v1\nkind: Sidecar\n"
        f"metadata: {metadata}\nspec:\n{spec}  egress:\n    - hosts: {hosts}\n"
    )


def only(proposal: Proposal) -> ManifestPatch:
    (patch,) = proposal.patches
    return patch


def spec_of(patch: ManifestPatch) -> Mapping[str, Any]:
    assert patch.after is not None
    found: Mapping[str, Any] = patch.after["spec"]
    return found


# -- open-required-hosts ------------------------------------------------------------------------------


def test_without_any_entry_the_pages_one_is_created_with_all_hosts() -> None:
    patch = only(propose(laid("mesh", "speedscale", "shop"), HOSTS, OPEN))
    assert patch.action is PatchAction.CREATE
    assert patch.ref == ENTRY
    assert spec_of(patch) == {
        "hosts": [host.host for host in HOSTS.hosts],
        "location": "MESH_EXTERNAL",
        "ports": [{"name": "https", "number": 443, "protocol": "TLS"}],
        "resolution": "NONE",
    }


def test_an_entry_whose_hosts_somebody_else_owns_is_left_alone_and_a_second_one_is_made() -> None:
    snapshot = laid("mesh", "speedscale", "shop", "page-entry")
    entry = snapshot.manifest(ENTRY)
    assert entry is not None
    owner = {"manager": "kubectl-client-side-apply", "fieldsV1": {"f:spec": {"f:hosts": {}}}}
    owned = {**entry, "metadata": {**entry["metadata"], "managedFields": [owner]}}
    proposal = propose(snapshot.with_patched([owned], []), HOSTS, OPEN)
    patch = only(proposal)
    assert patch.action is PatchAction.CREATE
    assert patch.ref != ENTRY
    assert not set(spec_of(patch)["hosts"]) & set(entry["spec"]["hosts"])
    assert any("kubectl-client-side-apply" in warning for warning in proposal.warnings)


def test_the_pages_entry_is_extended_by_what_it_leaves_out() -> None:
    snapshot = laid("mesh", "speedscale", "shop", "page-entry")
    patch = only(propose(snapshot, HOSTS, OPEN))
    before = snapshot.manifest(ENTRY)
    assert patch.action is PatchAction.UPDATE
    assert before is not None
    assert spec_of(patch)["hosts"] == [
        *before["spec"]["hosts"],
        "monitoring.us-east-1.amazonaws.com",
        "gcr.io",
        "speedscale.github.io",
    ]
    assert intent(patch)["spec"].keys() == {"hosts"}
    assert patch.api_version == "networking.istio.io/v1alpha3"


def test_only_the_hosts_that_are_asked_for_are_opened() -> None:
    snapshot = laid("mesh", "speedscale", "shop", "page-entry")
    proposal = propose(snapshot, HOSTS, OPEN, Target(hosts=("gcr.io",)))
    assert {host for _, host in proposal.opens} == {"gcr.io"}
    assert blocked(snapshot) - blocked(apply(snapshot, proposal.patches)) == set(proposal.opens)


def test_a_proposal_opens_exactly_the_cells_it_names() -> None:
    for bases in (("mesh", "speedscale", "shop"), ("mesh", "speedscale", "shop", "page-entry")):
        snapshot = laid(*bases)
        proposal = propose(snapshot, HOSTS, OPEN)
        assert blocked(snapshot) - blocked(apply(snapshot, proposal.patches)) == set(proposal.opens)


def test_an_entry_kept_by_argo_is_left_alone_and_said_so() -> None:
    text = base_text("page-entry").replace(
        "{name: speedscale-external-svc-https, namespace: speedscale}",
        "{name: speedscale-external-svc-https, namespace: speedscale, "
        'annotations: {argocd.argoproj.io/tracking-id: "platform:x"}}',
    )
    proposal = propose(laid("mesh", "speedscale", "shop", more=text), HOSTS, OPEN)
    patch = only(proposal)
    assert patch.action is PatchAction.CREATE
    assert patch.ref.name == "speedscale-external-svc-https-2"
    assert len(spec_of(patch)["hosts"]) == 3
    assert "Argo CD" in proposal.warnings[0]


def test_a_wrong_entry_is_not_extended() -> None:
    patch = only(propose(case_snapshot("SS05", "another-port"), HOSTS, OPEN))
    assert patch.action is PatchAction.CREATE


def test_the_field_owner_that_would_lose_the_list_is_named() -> None:
    managed = (
        "managedFields: [{manager: kubectl, operation: Update, "
        'fieldsV1: {"f:spec": {"f:hosts": {}}}}], namespace: speedscale'
    )
    text = base_text("page-entry").replace("namespace: speedscale", managed)
    proposal = propose(laid("mesh", "speedscale", "shop", more=text), HOSTS, OPEN)
    assert any("kubectl" in warning for warning in proposal.warnings)


def test_the_api_version_is_one_that_the_cluster_serves() -> None:
    crd = (
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
        "metadata: {name: serviceentries.networking.istio.io}\n"
        "spec: {group: networking.istio.io, names: {kind: ServiceEntry}, "
        "versions: [{name: v1alpha3, served: true}, {name: v1beta1, served: true}]}\n"
    )
    patch = only(propose(laid("mesh", "speedscale", "shop", more=crd), HOSTS, OPEN))
    assert patch.api_version == "networking.istio.io/v1beta1"


def test_a_mesh_that_exports_nothing_by_default_gets_the_narrowest_export() -> None:
    config = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\n"
        'data: {mesh: "outboundTrafficPolicy: {mode: REGISTRY_ONLY}\\ndefaultServiceExportTo: [\\".\\"]"}\n'
    )
    snapshot = laid("mesh", "speedscale", "shop", more=config)
    patch = only(propose(snapshot, HOSTS, OPEN))
    after = apply(snapshot, [patch])
    assert "*" not in spec_of(patch).get("exportTo", [])
    assert blocked(after) < blocked(snapshot)


def test_another_region_and_app_host_are_what_is_opened() -> None:
    hosts = speedscale(region="eu-west-1", app_host="dev.speedscale.com")
    patch = only(propose(laid("mesh", "speedscale", "shop"), hosts, OPEN))
    assert "dev.speedscale.com" in spec_of(patch)["hosts"]
    assert "sqs.eu-west-1.amazonaws.com" in spec_of(patch)["hosts"]


@pytest.mark.parametrize(
    ("bases", "target", "word"),
    [
        (("mesh", "speedscale", "shop", "full-entry"), Target(), "blocked"),
        (("mesh", "allow-any", "speedscale", "shop"), Target(), "blocked"),
        (("mesh",), Target(), "proxy"),
        (("mesh", "speedscale", "shop"), Target(hosts=("example.org",)), "example.org"),
    ],
)
def test_nothing_to_open_is_said_in_a_sentence(bases: tuple[str, ...], target: Target, word: str) -> None:
    with pytest.raises(ProposalError, match=word):
        propose(laid(*bases), HOSTS, OPEN, target)


def test_what_an_entry_cannot_open_is_not_proposed() -> None:
    snapshot = laid("mesh", "speedscale", "shop", "full-entry", more=sidecar('["./*"]'))
    with pytest.raises(ProposalError, match="something else"):
        propose(snapshot, HOSTS, OPEN)


# -- import-speedscale-namespace ------------------------------------------------------------------------


def test_the_import_keeps_everything_that_is_listed() -> None:
    snapshot = laid("mesh", "speedscale", "shop", "full-entry", more=sidecar('["./*", "istio-system/*"]'))
    patch = only(propose(snapshot, HOSTS, IMPORT))
    assert spec_of(patch)["egress"] == [{"hosts": ["./*", "istio-system/*", "speedscale/*"]}]
    assert intent(patch)["spec"].keys() == {"egress"}


def test_the_import_goes_to_the_catch_all_listener() -> None:
    listeners = (
        "apiVersion: networking.istio.io/v1\nkind: Sidecar\n"
        "metadata: {name: default, namespace: shop}\nspec:\n  egress:\n"
        "    - {port: {number: 9080, protocol: HTTP, name: http}, hosts: ['./*']}\n"
        "    - {hosts: ['istio-system/*']}\n"
    )
    snapshot = laid("mesh", "speedscale", "shop", "full-entry", more=listeners)
    egress = spec_of(only(propose(snapshot, HOSTS, IMPORT)))["egress"]
    assert egress[0]["hosts"] == ["./*"]
    assert egress[1]["hosts"] == ["istio-system/*", "speedscale/*"]


def test_a_listener_that_owns_the_forwarders_port_gets_the_import_too() -> None:
    listeners = (
        "apiVersion: networking.istio.io/v1\nkind: Sidecar\n"
        "metadata: {name: default, namespace: shop}\nspec:\n  egress:\n"
        "    - {port: {number: 80, protocol: HTTP, name: http}, hosts: ['./*']}\n"
        "    - {hosts: ['istio-system/*']}\n"
    )
    snapshot = laid("mesh", "speedscale", "shop", "full-entry", more=listeners)
    proposal = propose(snapshot, HOSTS, IMPORT)
    egress = spec_of(only(proposal))["egress"]
    assert [listener["hosts"][-1] for listener in egress] == ["speedscale/*", "speedscale/*"]
    assert blocked(apply(snapshot, proposal.patches)) == set()


def test_the_namespace_of_the_entry_is_imported_where_it_lives_elsewhere() -> None:
    patch = only(propose(case_snapshot("SS04", "entry-in-the-root-namespace"), HOSTS, IMPORT))
    assert spec_of(patch)["egress"] == [{"hosts": ["./*", "speedscale/*", "istio-system/*"]}]


def test_a_sidecar_that_imports_everything_needs_nothing() -> None:
    snapshot = laid("mesh", "speedscale", "shop", "full-entry", more=sidecar('["*/*"]'))
    with pytest.raises(ProposalError, match="nothing to import"):
        propose(snapshot, HOSTS, IMPORT)


def test_an_exclusion_is_not_overruled_by_an_import() -> None:
    snapshot = laid("mesh", "speedscale", "shop", "full-entry", more=sidecar('["./*", "~speedscale/*"]'))
    with pytest.raises(ProposalError, match="excludes"):
        propose(snapshot, HOSTS, IMPORT)


def test_the_mesh_default_warns_of_its_reach() -> None:
    proposal = propose(case_snapshot("SS03", "root-default-of-the-mesh"), HOSTS, IMPORT)
    assert any("mesh default" in warning for warning in proposal.warnings)


def test_no_remedy_ever_offers_the_pages_sidecar() -> None:
    for case in cases():
        proposals, _ = propose_everything(case.snapshot(), HOSTS)
        for patch in (patch for proposal in proposals for patch in proposal.patches):
            if patch.ref.kind == "Sidecar":
                assert patch.action is PatchAction.UPDATE
                assert predict(case.snapshot(), [patch], HOSTS).difference.newly_broken == ()


def test_a_cell_that_needs_entry_and_import_gets_both() -> None:
    listed = sidecar('["./*", "istio-system/*"]')
    snapshot = laid("mesh", "speedscale", "shop", "page-entry", more=listed)
    scope = next(scope.key for scope in EgressEngine(snapshot).scopes() if scope.namespace == "shop")
    proposal = propose(snapshot, HOSTS, OPEN, Target(hosts=("gcr.io",), scopes=(scope,)))
    assert [patch.ref.kind for patch in proposal.patches] == ["ServiceEntry", "Sidecar"]
    assert proposal.opens == ((scope, "gcr.io"),)
    assert (scope, "gcr.io") not in blocked(apply(snapshot, proposal.patches))


def test_a_cell_of_a_namespace_without_captured_workloads_can_be_opened_too() -> None:
    more = (
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: lab, labels: {istio-injection: enabled}}\n---\n"
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: meter, namespace: lab}\n"
        "spec: {template: {metadata: {labels: {app: meter}}, spec: {containers: [{name: meter}]}}}\n---\n"
        + sidecar('["./*"]', metadata="{name: default, namespace: lab}")
    )
    snapshot = laid("mesh", "speedscale", "shop", "full-entry", more=more)
    scope = next(scope.key for scope in EgressEngine(snapshot).scopes() if scope.namespace == "lab")
    proposal = propose(snapshot, HOSTS, IMPORT, Target(hosts=("gcr.io",), scopes=(scope,)))
    assert spec_of(only(proposal))["egress"] == [{"hosts": ["./*", "speedscale/*"]}]
    assert proposal.opens == ((scope, "gcr.io"),)
