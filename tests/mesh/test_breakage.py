"""What REGISTRY_ONLY would break: the cases, and what must hold in any mesh."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.mesh.breakage import Breakage, Outcome, breakage, lost_services
from apps.mesh.egress import EgressEngine
from apps.mesh.meshconfig import control_planes
from apps.mesh.namedhosts import NamedHost, named_hosts, together
from apps.mesh.outboundswitch import Choice, SwitchError, plane_name, switch
from apps.mesh.parsing.files import load_text
from apps.mesh.patches import apply
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Destination, Protocol, Verdict
from tests.mesh.budget import examples
from tests.mesh.cases_runner import CASES, base_and, expectations_of, violations
from tests.mesh.mutation import case_snapshots, manifests_of, patches
from tests.mesh.rule_cases import laid

FILES = sorted((CASES / "switch").glob("*.yaml"))
ASKED = (
    NamedHost(Destination("api.x.com")),
    NamedHost(Destination("elsewhere.example", 80, Protocol.HTTP)),
    NamedHost(Destination("cart.pay.svc.cluster.local", 80, Protocol.HTTP)),
    NamedHost(Destination("db.example.com", 5432, Protocol.TCP)),
)


@pytest.mark.parametrize("case", FILES, ids=lambda path: path.stem)
def test_the_switch_does_what_the_case_expects(case: Path) -> None:
    assert violations(case.read_text()) == []


def test_there_is_a_case_for_every_outcome() -> None:
    clauses = {c for case in FILES for e in expectations_of(case.read_text()) for c in e.clauses}
    assert {f"outcome {outcome}" for outcome in Outcome} <= clauses


@st.composite
def switched(draw: st.DrawFn) -> Breakage:
    """A mesh of the case files, changed at random, and something in it that can be switched."""
    snapshot = draw(case_snapshots())
    snapshot = Snapshot.from_manifests(manifests_of(snapshot), gaps=snapshot.gaps)
    snapshot = snapshot.with_patched(*draw(patches(snapshot)))
    planes = [Choice(plane=plane_name(plane)) for plane in control_planes(snapshot)]
    spaces = sorted({workload.namespace for workload in snapshot.workloads})
    choices = [*planes, *(Choice(namespace=name) for name in spaces)]
    hosts = together(ASKED, named_hosts(snapshot)[:6])
    try:
        return breakage(
            snapshot, draw(st.sampled_from(choices or [Choice(plane="a/b")])), lambda _: (hosts, 0)
        )
    except SwitchError:
        return breakage(laid("mesh", "shop"), Choice(namespace="shop"), lambda _: (hosts, 0))


@given(switched())
@settings(max_examples=examples(100), deadline=None)
def test_the_switch_opens_nothing_and_takes_nothing_that_the_registry_gives(found: Breakage) -> None:
    for row in found.scopes:
        for cell in row.cells:
            assert cell.before.verdict.reachable or not cell.after.verdict.reachable
            if cell.before.verdict not in {Verdict.ALLOWED_PASSTHROUGH, Verdict.UNKNOWN}:
                assert cell.after == cell.before
            if cell.outcome is Outcome.BREAKS:
                assert row.switched


@given(switched())
@settings(max_examples=examples(100), deadline=None)
def test_a_scope_that_is_closed_already_is_left_as_it_is(found: Breakage) -> None:
    engine, then = (EgressEngine(side) for side in (found.before, found.after))
    for row in found.scopes:
        policy = engine.policy(row.scope)
        if policy is not None and policy.registry_only:
            assert not row.switched
            assert then.scope_of(row.scope.representative).sidecar == row.scope.sidecar
            assert all(cell.outcome is not Outcome.BREAKS for cell in row.cells)


@given(switched())
@settings(max_examples=examples(60), deadline=None)
def test_every_workload_is_answered_as_when_the_manifests_are_really_changed(found: Breakage) -> None:
    really = Snapshot.from_manifests(manifests_of(found.after), gaps=found.after.gaps)
    engine = EgressEngine(really)
    for row in found.scopes:
        for ref in row.scope.workloads:
            workload = really.workload(ref.namespace, ref.name, ref.kind)
            assert workload is not None
            for cell in row.cells:
                answer = engine.answer(workload, cell.host.destination)
                assert answer.verdict is cell.after.verdict, (ref, cell.host)
                assert answer.cluster == cell.after.cluster


@given(switched())
@settings(max_examples=examples(60), deadline=None)
def test_what_nobody_asked_about_stays_as_it_is(found: Breakage) -> None:
    """A namespace's switch reaches nobody else, and no switch changes what anybody imports."""
    engine, then = (EgressEngine(side) for side in (found.before, found.after))
    for scope in engine.scopes():
        after = then.scope_of(scope.representative)
        assert then.reachable(after) == engine.reachable(scope)
        if found.choice.namespace and scope.namespace != found.choice.namespace:
            assert then.policy(after) == engine.policy(scope)


def test_a_switch_keeps_the_rest_of_the_mesh_config() -> None:
    text = "rootNamespace: istio-config\ntrustDomain: a.b\noutboundTrafficPolicy:\n  mode: ALLOW_ANY\n"
    place = {"name": "istio", "namespace": "istio-system", "labels": {"a": "b"}}
    snapshot = laid("mesh").with_patched(
        [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": place, "data": {"mesh": text, "more": "x"}}]
    )
    (patch,) = switch(snapshot, Choice(plane="istio-system/default")).patches
    assert patch.after is not None
    assert patch.after["metadata"] == place
    assert patch.after["data"]["more"] == "x"
    told = {"rootNamespace": "istio-config", "trustDomain": "a.b"}
    assert yaml.safe_load(patch.after["data"]["mesh"]) == {
        **told,
        "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
    }


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (Choice(plane="istio-system/nowhere"), "istio-system/default"),
        (Choice(namespace="nowhere"), "no workload in namespace nowhere"),
    ],
)
def test_what_cannot_be_switched_is_said_with_the_way_out(choice: Choice, words: str) -> None:
    with pytest.raises(SwitchError, match=words):
        switch(laid("mesh", "shop"), choice)


def test_the_root_namespace_is_not_switched_by_itself() -> None:
    workload = """
apiVersion: meshconsole.io/v1
kind: PodGroups
metadata: {name: deployment.web, namespace: istio-system}
owner: {kind: Deployment, name: web}
groups: [{labels: {}, containers: [{name: web}, {name: istio-proxy}], count: 1}]
"""
    snapshot = laid("mesh", "allow-any", more=workload)
    with pytest.raises(SwitchError, match="control plane istio-system/default instead"):
        switch(snapshot, Choice(namespace="istio-system"))


def test_workloads_under_selectors_are_each_switched_where_they_stand() -> None:
    """Two Sidecars and none: the ones that are there are changed, the rest gets one of its own."""
    text = """
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "outboundTrafficPolicy: {mode: ALLOW_ANY}"}
---
apiVersion: networking.istio.io/v1beta1
kind: Sidecar
metadata: {name: default, namespace: shop}
spec:
  workloadSelector: {labels: {app: web}}
  egress: [{hosts: ["./*"]}]
---
apiVersion: meshconsole.io/v1
kind: PodGroups
metadata: {name: deployment.other, namespace: shop}
owner: {kind: Deployment, name: other}
groups: [{labels: {app: other}, containers: [{name: other}, {name: istio-proxy}], count: 1}]
"""
    laid_out = switch(base_and(text), Choice(namespace="shop"))
    assert {(str(patch.ref), patch.action.value, patch.api_version) for patch in laid_out.patches} == {
        ("Sidecar shop/default", "update", "networking.istio.io/v1beta1"),
        ("Sidecar shop/registry-only-1", "create", "networking.istio.io/v1beta1"),
    }
    after = apply(base_and(text), laid_out.patches).derived(EgressEngine)
    assert all((policy := after.policy(s)) and policy.registry_only for s in after.scopes())


def test_what_the_objects_name_is_asked_for_as_they_name_it() -> None:
    text = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: db, namespace: pay}
spec:
  hosts: [db.y.com]
  ports: [{name: tcp, number: 5432, protocol: TCP}, {name: dns, number: 53, protocol: UDP}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: out, namespace: shop}
spec:
  hosts: [old.y.com, cart]
  http: [{route: [{destination: {host: new.y.com, port: {number: 8080}}}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge, namespace: shop}
spec:
  hosts: [shop.example.org]
  gateways: [edge]
  http: [{route: [{destination: {host: web}}]}]
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: shop}
spec: {egress: [{hosts: ["./*", "*/api.z.com", "pay/db.y.com", "~*/no.z.com"]}]}
"""
    snapshot = Snapshot.from_manifests(load_text(text).manifests)
    named = {str(host.destination): host for host in named_hosts(snapshot)}
    assert {key: host.destination.protocol.value for key, host in named.items()} == {
        "db.y.com:5432": "TCP",
        "old.y.com:80": "HTTP",
        "new.y.com:8080": "HTTP",
        "api.z.com:443": "TLS",
    }
    assert [str(ref) for ref in named["db.y.com:5432"].named_by] == [
        "ServiceEntry pay/db",
        "Sidecar shop/default",
    ]


def test_services_that_are_not_imported_are_counted_where_they_may_be_seen() -> None:
    case = CASES / "switch" / "a_sidecar_without_a_policy_takes_the_meshs.yaml"
    found = breakage(base_and(case.read_text()), Choice(plane="istio-system/default"), lambda _: (ASKED, 0))
    row = next(item for item in found.scopes if item.scope.namespace == "shop")
    assert lost_services(found, row).examples == ("cart.pay.svc.cluster.local:80",)
    assert lost_services(found, row, among={"shop"}.__contains__).number == 0
