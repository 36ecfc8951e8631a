"""What a patched snapshot keeps of the first is what it would find out itself, whatever the patch."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.mesh.analyse import CRASH_CODE, Analysis, analyse
from apps.mesh.derived import UndeclaredRead
from apps.mesh.egress import EgressEngine
from apps.mesh.hostsets import speedscale
from apps.mesh.objects.config import Namespace
from apps.mesh.objects.networking import ServiceEntry, Sidecar
from apps.mesh.patches import ManifestPatch, PatchAction, apply
from apps.mesh.planes import NamespacePlanes, namespace_planes
from apps.mesh.refs import Manifest, ResourceRef
from apps.mesh.rules.base import Rule
from apps.mesh.rules.catalogue import RULES
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Destination, Protocol
from apps.mesh.whatif import compare_snapshots, predict
from tests.mesh.budget import examples
from tests.mesh.mutation import case_snapshots, manifests_of, patches
from tests.mesh.rule_cases import case_snapshot, laid
from tests.mesh.test_capture import OPERATOR_PODS

HOSTS = speedscale()
ASKED = (
    Destination("api.x.com"),
    Destination("cart.pay.svc.cluster.local", 80, Protocol.HTTP),
    Destination("db.example.com", 5432, Protocol.TCP, "198.51.100.9"),
)


def from_scratch(snapshot: Snapshot) -> Snapshot:
    """The same objects, and nothing that was found out about them."""
    return Snapshot.from_manifests(manifests_of(snapshot), gaps=snapshot.gaps)


def everything(snapshot: Snapshot) -> tuple[Any, ...]:
    analysis: Analysis = analyse(snapshot, HOSTS)
    assert [item.message for item in analysis.findings if item.code == CRASH_CODE] == []
    engine = snapshot.derived(EgressEngine)
    answers = [engine.answer(workload, item) for workload in snapshot.workloads for item in ASKED]
    reachable = [engine.reachable(scope) for scope in engine.scopes()]
    return analysis, answers, reachable


@given(st.data())
@settings(max_examples=examples(120), deadline=None)
def test_a_chain_of_patches_leads_to_what_is_found_from_scratch(data: st.DataObject) -> None:
    snapshot = from_scratch(data.draw(case_snapshots()))
    everything(snapshot)
    for _ in range(data.draw(st.integers(1, 4))):
        snapshot = snapshot.with_patched(*data.draw(patches(snapshot)))
        if data.draw(st.booleans()):
            assert everything(snapshot) == everything(from_scratch(snapshot))
    assert everything(snapshot) == everything(from_scratch(snapshot))


@given(st.data())
@settings(max_examples=examples(60), deadline=None)
def test_what_is_predicted_is_what_is_found_when_it_is_applied(data: st.DataObject) -> None:
    before = from_scratch(data.draw(case_snapshots()))
    upserts, deletes = data.draw(patches(before))
    changes = [change(before, ResourceRef.of(item), item) for item in upserts]
    changes += [change(before, ref, None) for ref in deletes if ref not in {c.ref for c in changes}]
    told = predict(before, changes, HOSTS).difference
    after = apply(before, changes)
    assert told == compare_snapshots(from_scratch(before), from_scratch(after), HOSTS)
    assert analyse(after, HOSTS) == analyse(from_scratch(after), HOSTS)


def test_a_change_of_the_mesh_configuration_reaches_what_entries_it_exports() -> None:
    before = from_scratch(case_snapshot("MC131", "by-the-default-of-the-mesh"))
    analyse(before, HOSTS)
    after = apply(before, [change(before, ResourceRef("ConfigMap", "istio-system", "istio"), None)])
    assert analyse(after, HOSTS) == analyse(from_scratch(after), HOSTS)
    assert "MC131" not in {item.code for item in analyse(after, HOSTS).findings}


@pytest.mark.parametrize(
    "field", ["defaultServiceExportTo: ['.']", "discoverySelectors: [{matchLabels: {mesh: in}}]"]
)
def test_another_mesh_config_is_another_registry(field: str) -> None:
    entry: Manifest = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": "api", "namespace": "pay"},
        "spec": {"hosts": ["api.x.com"], "ports": [{"number": 443, "protocol": "TLS"}]},
    }
    snapshot = laid("mesh", "shop").with_patched([entry])
    everything(snapshot)
    mesh = f"outboundTrafficPolicy: {{mode: REGISTRY_ONLY}}\n{field}"
    place = {"name": "istio", "namespace": "istio-system"}
    after = snapshot.with_patched(
        [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": place, "data": {"mesh": mesh}}]
    )
    assert everything(after) == everything(from_scratch(after))


def test_an_entry_for_hosts_that_only_the_settings_name_is_missed_when_it_goes() -> None:
    snapshot = from_scratch(case_snapshot("SS05", "of-the-tenants-region"))
    assert "SS05" in {item.code for item in analyse(snapshot, HOSTS).findings}
    after = snapshot.with_patched([], [ResourceRef("ServiceEntry", "speedscale", "queue")])
    assert "SS05" not in {item.code for item in analyse(after, HOSTS).findings}
    assert everything(after) == everything(from_scratch(after))


KUBE_SYSTEM: Manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system"}}


@pytest.mark.parametrize("shown", [KUBE_SYSTEM, OPERATOR_PODS], ids=["its namespaces", "its pods"])
def test_what_shows_that_manifests_are_a_clusters_reaches_other_namespaces(shown: Manifest) -> None:
    snapshot = from_scratch(case_snapshot("SS08", "not-written-to-a-cluster-yet"))
    assert "SS08" not in {item.code for item in analyse(snapshot, HOSTS).findings}
    after = snapshot.with_patched([shown])
    assert "SS08" in {item.code for item in analyse(after, HOSTS).findings}
    assert everything(after) == everything(from_scratch(after))


def change(snapshot: Snapshot, ref: ResourceRef, after: Manifest | None) -> ManifestPatch:
    before = snapshot.manifest(ref)
    action = PatchAction.DELETE if after is None else PatchAction.UPDATE if before else PatchAction.CREATE
    return ManifestPatch(action, ref, "", before, after)


def test_a_patch_leaves_the_first_snapshot_and_its_findings_as_they_were() -> None:
    snapshot = laid("mesh", "speedscale", "shop", "page-entry")
    before = everything(snapshot)
    entry = snapshot.each(ServiceEntry)[0].ref
    everything(snapshot.with_patched([], [entry]))
    assert everything(snapshot) == before == everything(from_scratch(snapshot))


def test_a_rule_is_run_again_only_when_a_kind_that_it_reads_changed() -> None:
    runs: list[str] = []

    def counted(rule: Rule) -> Rule:
        def check(context: Any) -> Any:
            runs.append(rule.code)
            return rule.check(context)

        fields = (rule.code, rule.name, rule.severity, rule.title, rule.inputs, rule.doc, check)
        return Rule(*fields, rule.references, rule.remedy)

    rules = tuple(map(counted, RULES))
    snapshot = laid("mesh", "speedscale", "shop", "page-entry")
    analyse(snapshot, HOSTS, rules=rules)
    assert sorted(runs) == sorted(rule.code for rule in RULES)
    runs.clear()
    entry = dict(snapshot.manifest(snapshot.each(ServiceEntry)[0].ref) or {})
    analyse(snapshot.with_patched([{**entry, "spec": {"hosts": ["x.com"]}}]), HOSTS, rules=rules)
    assert "SS01" in runs
    assert set(runs) <= {rule.code for rule in RULES if "ServiceEntry" in rule.inputs}
    runs.clear()
    analyse(snapshot.with_patched([entry]), HOSTS, rules=rules)
    assert runs == []


def namespaces(snapshot: Snapshot) -> int:
    return len(snapshot.each(Namespace))


class Lazy:
    """Reads when it is asked, and says nothing of what."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def sidecars(self) -> int:
        return len(self._snapshot.each(Sidecar))


class Declared(Lazy):
    INPUTS = frozenset({"Namespace"})

    def planes(self) -> NamespacePlanes:
        return self._snapshot.derived(namespace_planes)


def sidecar(name: str) -> Manifest:
    meta = {"name": name, "namespace": "shop"}
    return {"apiVersion": "networking.istio.io/v1", "kind": "Sidecar", "metadata": meta, "spec": {}}


def test_only_what_is_known_to_read_no_changed_kind_is_kept() -> None:
    snapshot = laid("mesh")
    kept, lazy, declared = snapshot.derived(namespaces), snapshot.derived(Lazy), snapshot.derived(Declared)
    patched = snapshot.with_patched([sidecar("a")])
    assert patched.derived(namespaces) == kept
    assert patched.derived(Declared) is declared
    assert patched.derived(Lazy) is not lazy
    assert (lazy.sidecars(), patched.derived(Lazy).sidecars()) == (0, 1)


def test_what_reads_more_than_it_declares_is_a_mistake_that_shows_at_once() -> None:
    declared = laid("mesh").derived(Declared)
    with pytest.raises(UndeclaredRead, match="Sidecar"):
        declared.sidecars()
    with pytest.raises(UndeclaredRead, match="namespace_planes"):
        declared.planes()


def test_an_unchanged_object_is_not_parsed_again() -> None:
    snapshot = laid("mesh", "speedscale", "shop", "page-entry")
    patched = snapshot.with_patched([sidecar("a")])
    assert patched.workloads[0] is snapshot.workloads[0]
    assert patched.each(ServiceEntry)[0] is snapshot.each(ServiceEntry)[0]
