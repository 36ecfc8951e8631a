"""What to open before REGISTRY_ONLY: the cases (see test_openings), and what always holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.mesh.breakage import Breakage, Outcome, breakage
from apps.mesh.egress import EgressEngine
from apps.mesh.hostsets import Needed
from apps.mesh.meshconfig import control_planes
from apps.mesh.namedhosts import NamedHost, named_hosts, together
from apps.mesh.needs import host_needs
from apps.mesh.objects.workloads import Workload
from apps.mesh.openfirst import OpenFirst, open_first
from apps.mesh.outboundswitch import Choice, SwitchError, plane_name, switch
from apps.mesh.patches import ManifestPatch, apply
from apps.mesh.snapshot import Snapshot
from apps.mesh.tenancy import hosts_in
from apps.mesh.verdicts import Destination, Protocol
from tests.mesh.budget import examples
from tests.mesh.cases_runner import CASES, base_and, choice_of
from tests.mesh.mutation import case_snapshots, manifests_of, patches
from tests.mesh.rule_cases import CARDS, laid
from tests.mesh.test_openings import ASKED, HOSTS, asked_in, meets, smaller, told, written

FIRST = sorted((CASES / "openfirst").glob("*.yaml"))
SET = tuple(NamedHost(host.destination) for host in HOSTS.hosts)


def first_of(text: str) -> OpenFirst:
    snapshot, choice = base_and(text), choice_of(text)
    assert choice is not None
    typed = asked_in(text)
    beside = tuple(Needed(CARDS, (name,)) for name in told(text, "needs"))
    more = (NamedHost(host.destination) for needed in beside for host in needed.hostset.hosts)
    asked = together(more, map(NamedHost, typed), snapshot.derived(named_hosts))
    found = breakage(snapshot, choice, lambda _: (asked, 0))
    return open_first(found, replace(HOSTS, beside=beside), typed)


@pytest.mark.parametrize("case", FIRST, ids=lambda path: path.stem)
def test_what_to_open_first_is_what_the_case_expects(case: Path) -> None:
    text = case.read_text()
    first = first_of(text)
    assert sorted(map(written, first.patches)) == sorted(told(text, "writes"))
    opens = [f"{row.scope.namespace} {cell.host.destination}" for row, cell in first.opens]
    assert sorted(opens) == sorted(told(text, "opens"))
    left = [f"{row.scope.namespace} {cell.host.destination}: {why}" for row, cell, why in first.left]
    assert meets(left, told(text, "left"))
    assert first.others == int("".join(told(text, "others")) or 0)
    assert "".join(told(text, "reason")) in first.reason
    assert bool(first.reason) != bool(first.patches)


@st.composite
def switched(draw: st.DrawFn) -> Breakage:
    """A mesh that lets everything out, with what its objects name, and something in it that is switched."""
    snapshot = draw(case_snapshots())
    loose = {"mesh": "outboundTrafficPolicy: {mode: ALLOW_ANY}"}
    place = {"name": "istio", "namespace": "istio-system"}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": place, "data": loose}
    snapshot = Snapshot.from_manifests(manifests_of(snapshot.with_patched([config])))
    snapshot = snapshot.with_patched(*draw(patches(snapshot)))
    planes = [Choice(plane=plane_name(plane)) for plane in control_planes(snapshot)]
    spaces = sorted({workload.namespace for workload in snapshot.workloads})
    choices = [*planes, *(Choice(namespace=name) for name in spaces)]
    hosts = together(map(NamedHost, ASKED), SET[:3], named_hosts(snapshot)[:6])
    try:
        return breakage(
            snapshot, draw(st.sampled_from(choices or [Choice(plane="a/b")])), lambda _: (hosts, 0)
        )
    except SwitchError:
        return breakage(laid("mesh", "allow-any", "shop"), Choice(namespace="shop"), lambda _: (hosts, 0))


def then(found: Breakage, changes: Iterable[ManifestPatch]) -> EgressEngine:
    """The mesh with the changes and the switch, from scratch."""
    opened = apply(found.before, changes)
    after = apply(opened, switch(opened, found.choice).patches)
    return EgressEngine(Snapshot.from_manifests(manifests_of(after), gaps=after.gaps))


def passing(found: Breakage, engine: EgressEngine, first: OpenFirst) -> set[tuple[str, ...]]:
    """What passes of that which is opened, and of that which Speedscale calls."""

    def passes(workload: Workload, destination: Destination) -> bool:
        return engine.answer(workload, destination).verdict.reachable

    forwarder = Destination("speedscale-forwarder.speedscale.svc.cluster.local", 80, Protocol.HTTP)
    every = [(row.scope.representative, cell.host.destination) for row, cell in first.opens]
    every += [(row.scope.representative, forwarder) for row in found.scopes]
    for need in host_needs(found.after, found.after.derived(EgressEngine)):
        every += [(need.workload, host.destination) for host in hosts_in(found.after, HOSTS).hosts]
    return {(str(one.ref), *map(str, (to, to.protocol))) for one, to in every if passes(one, to)}


@given(switched(), st.booleans())
@settings(max_examples=examples(60), deadline=None)
def test_what_is_opened_first_passes_after_the_switch_and_is_needed_in_every_part(
    found: Breakage, asked: bool
) -> None:
    first = open_first(found, HOSTS, ASKED if asked else ())
    assert {cell.outcome for _, cell in first.opens} <= {Outcome.BREAKS}
    assert not {id(c) for _, c in first.opens} & {id(c) for _, c, _ in first.left}
    assert found.count(Outcome.BREAKS) == len(first.opens) + len(first.left) + first.others
    engine, today = then(found, first.patches), EgressEngine(apply(found.before, first.patches))
    gained = passing(found, engine, first)
    for row, cell in first.opens:
        assert engine.answer(row.scope.representative, cell.host.destination).verdict.reachable
    for row in found.scopes:
        for cell in row.cells:
            answers = (today, cell.before), (engine, cell.after)
            for judge, answer in answers:
                now = judge.answer(row.scope.representative, cell.host.destination).verdict
                assert now.reachable or not answer.verdict.reachable
    for fewer in smaller(first.patches):
        assert gained - passing(found, then(found, fewer), first), fewer


def test_for_too_many_scopes_nothing_is_worked_out() -> None:
    snapshot = laid("mesh", "allow-any", "speedscale", "shop")
    found = breakage(snapshot, Choice(plane="istio-system/default"), lambda _: (SET, 0))
    first = open_first(found, HOSTS, most=1)
    assert "2 egress scopes would lose a host" in first.reason
    assert (first.patches, first.others) == ((), found.count(Outcome.BREAKS))


def test_the_hosts_that_speedscale_needs_are_opened_with_its_own_remedies() -> None:
    snapshot = laid("mesh", "allow-any", "speedscale", "shop", "page-entry")
    choice = Choice(plane="istio-system/default")
    found = breakage(snapshot, choice, lambda _: (SET, 0))
    assert found.count(Outcome.BREAKS) > 0
    first = open_first(found, HOSTS)
    opened = breakage(apply(snapshot, first.patches), choice, lambda _: (SET, 0))
    entry = "ServiceEntry speedscale/speedscale-external-svc-https"
    assert [str(patch.ref) for patch in first.patches] == [entry]
    assert opened.count(Outcome.BREAKS) == 0
    assert open_first(opened, HOSTS).reason


@pytest.mark.parametrize("choice", [Choice(namespace="shop"), Choice(plane="istio-system/default")], ids=str)
def test_an_import_is_written_into_todays_sidecar_whatever_is_switched(choice: Choice) -> None:
    narrow = (
        "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: default, namespace: shop}\n"
        'spec: {egress: [{hosts: ["./*"]}]}\n'
    )
    snapshot = laid("mesh", "allow-any", "speedscale", "shop", "full-entry", more=narrow)
    (patch,) = open_first(breakage(snapshot, choice, lambda _: (SET, 0)), HOSTS).patches
    assert patch.before == snapshot.manifest(patch.ref)
    assert patch.after is not None
    assert patch.after["spec"] == {"egress": [{"hosts": ["./*", "speedscale/*"]}]}
