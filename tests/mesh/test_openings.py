"""What opens hosts of any set, and what to open before REGISTRY_ONLY: the cases, and what always holds.

Comments of a case (`cases/open` for namespace shop, `cases/openfirst` with a switch) are the assertion:
`# ask: HOST[:PORT[/PROTOCOL]]`, `# opens: HOST[:PORT]`, `# writes: ACTION REF: ITEM…` (all that is added to
its lists), `# left: HOST[:PORT]: words`, `# warns: words`; before a switch hosts follow a namespace, and
there are `# needs: NAMESPACE` (of CARDS), `# others: NUMBER` and `# reason: words`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.analysis.registryonly import typed_host
from apps.mesh.analyse import analyse
from apps.mesh.breakage import Breakage, Outcome, breakage
from apps.mesh.egress import EgressEngine
from apps.mesh.hostsets import HostSet, Needed, RequiredHost, Tier, speedscale
from apps.mesh.meshconfig import control_planes
from apps.mesh.namedhosts import NamedHost, named_hosts, together
from apps.mesh.needs import host_needs
from apps.mesh.objects.workloads import Workload
from apps.mesh.openfirst import OpenFirst, open_first
from apps.mesh.outboundswitch import Choice, SwitchError, plane_name, switch
from apps.mesh.patches import ManifestPatch, apply
from apps.mesh.refs import ResourceRef
from apps.mesh.remedies import cells
from apps.mesh.remedies.base import ProposalError, Target
from apps.mesh.remedies.catalogue import propose
from apps.mesh.snapshot import Snapshot
from apps.mesh.tenancy import hosts_in
from apps.mesh.verdicts import Destination, Protocol
from tests.mesh.budget import examples
from tests.mesh.cases_runner import CASES, base_and, choice_of
from tests.mesh.mutation import case_snapshots, manifests_of, patches
from tests.mesh.rule_cases import CARDS, laid

OPEN = sorted((CASES / "open").glob("*.yaml"))
FIRST = sorted((CASES / "openfirst").glob("*.yaml"))
HOSTS = speedscale()
SET = tuple(NamedHost(host.destination) for host in HOSTS.hosts)
ASKED = (
    Destination("api.x.com"),
    Destination("*.x.com"),
    Destination("elsewhere.example", 80, Protocol.HTTP),
    Destination("cart.pay.svc.cluster.local", 80, Protocol.HTTP),
    Destination("db.example.com", 5432, Protocol.TCP),
)


def told(text: str, word: str) -> list[str]:
    """What the comments of one kind say."""
    lines = (line.removeprefix("#").strip() for line in text.splitlines() if line.startswith("#"))
    return [line.removeprefix(f"{word}:").strip() for line in lines if line.startswith(f"{word}:")]


def required(destination: Destination) -> RequiredHost:
    return RequiredHost(destination.host, Tier.REQUIRED, "", "", destination.port, destination.protocol)


def asked_in(text: str) -> list[Destination]:
    return [typed_host(line.strip('"')).destination for line in told(text, "ask")]


def written(patch: ManifestPatch) -> str:
    """The action, the object, and everything that is added to its lists, in order."""
    after, before = (side["spec"] if side is not None else {} for side in (patch.after, patch.before))
    added: list[str] = []
    for key in ("hosts", "exportTo"):
        added += [item for item in after.get(key, ()) if item not in before.get(key, ())]
    for index, listener in enumerate(after.get("egress", ())):
        known = before["egress"][index]["hosts"] if index < len(before["egress"]) else ()
        added += [item for item in listener["hosts"] if item not in known]
    return f"{patch.action} {patch.ref}: {' '.join(added)}"


def meets(found: Iterable[str], expected: Iterable[str]) -> bool:
    """Whether each of the sentences has the words that one of the others expects, and none is left over."""
    pairs = zip(sorted(found), sorted(expected), strict=True)
    return all(all(part in one for part in words.split(": ", 1)) for one, words in pairs)


def key_of(destination: Destination) -> str:
    return required(destination).key


# -- hosts of any set -----------------------------------------------------------------------------------


@pytest.mark.parametrize("case", OPEN, ids=lambda path: path.stem)
def test_hosts_are_opened_as_the_case_expects(case: Path) -> None:
    text = case.read_text()
    snapshot = base_and(text)
    asked = HostSet("asked", "1", "the case", tuple(required(item) for item in asked_in(text)))
    assert asked.hosts
    target = Target(hosts=tuple(host.key for host in asked.hosts), namespaces=("shop",))
    if not told(text, "opens"):
        with pytest.raises(ProposalError) as refusal:
            propose(snapshot, asked, "open-hosts", target)
        (left,) = told(text, "left")
        assert left.partition(": ")[2] in str(refusal.value)
        return
    proposal = propose(snapshot, asked, "open-hosts", target)
    assert sorted(host for _, host in proposal.opens) == sorted(told(text, "opens"))
    assert sorted(map(written, proposal.patches)) == sorted(told(text, "writes"))
    assert meets(proposal.warnings, told(text, "warns"))
    for patch in proposal.patches:
        assert str(patch.ref) in proposal.summary
    with pytest.raises(ProposalError):
        propose(apply(snapshot, proposal.patches), asked, "open-hosts", target)


def opened_by(snapshot: Snapshot, wanted: Iterable[cells.Cell], changes: Iterable[ManifestPatch]) -> set[int]:
    engine = EgressEngine(apply(snapshot, changes))
    return {
        number
        for number, cell in enumerate(wanted)
        if engine.answer(cell.workload, cell.host.destination).verdict.reachable
    }


def smaller(changes: tuple[ManifestPatch, ...]) -> Iterator[list[ManifestPatch]]:
    """The patches without one of them, or without one item that one of them adds, for each."""
    for index, patch in enumerate(changes):
        others = [*changes[:index], *changes[index + 1 :]]
        yield others
        for spec in without_one(patch):
            after = {**(patch.after or {}), "spec": spec}
            yield [*others, replace(patch, after=after)]


def without_one(patch: ManifestPatch) -> Iterator[dict[str, Any]]:
    after, before = (side["spec"] if side is not None else {} for side in (patch.after, patch.before))
    for key in ("hosts", "exportTo"):
        for item in after.get(key, ()) if patch.before is not None or key == "hosts" else ():
            if item not in before.get(key, ()) and len(after[key]) > 1:
                yield {**after, key: [one for one in after[key] if one != item]}
    for index, listener in enumerate(after.get("egress", ())):
        known = before["egress"][index]["hosts"] if index < len(before["egress"]) else ()
        for item in (item for item in listener["hosts"] if item not in known):
            fewer = {**listener, "hosts": [one for one in listener["hosts"] if one != item]}
            yield {**after, "egress": [*after["egress"][:index], fewer, *after["egress"][index + 1 :]]}


@st.composite
def blocked(draw: st.DrawFn) -> tuple[Snapshot, list[cells.Cell]]:
    """A mesh of the case files, changed at random, and cells of it."""
    snapshot = draw(case_snapshots())
    snapshot = snapshot.with_patched(*draw(patches(snapshot)))
    engine = snapshot.derived(EgressEngine)
    scopes = draw(st.lists(st.sampled_from(engine.scopes()), max_size=2)) if engine.scopes() else []
    hosts = draw(st.lists(st.sampled_from(ASKED), min_size=1, max_size=3, unique=True))
    return snapshot, [cells.Cell(s.key, s.representative, required(host)) for s in scopes for host in hosts]


@given(blocked())
@settings(max_examples=examples(100), deadline=None)
def test_what_is_opened_is_reached_takes_nothing_and_is_needed_in_every_part(
    given_: tuple[Snapshot, list[cells.Cell]],
) -> None:
    snapshot, wanted = given_
    found = cells.opening(snapshot, wanted)
    before = opened_by(snapshot, wanted, ())
    gained = opened_by(snapshot, found.opens, found.patches)
    assert len(gained) == len(found.opens)
    assert bool(found.opens) == bool(found.patches)
    assert before <= opened_by(snapshot, wanted, found.patches)
    for fewer in smaller(found.patches):
        assert gained - opened_by(snapshot, found.opens, fewer), fewer
    engine, after = EgressEngine(snapshot), EgressEngine(apply(snapshot, found.patches))
    for scope in engine.scopes():
        kept = {service[:2] for service in after.reachable(after.scope_of(scope.representative))}
        assert {service[:2] for service in engine.reachable(scope)} <= kept


def test_what_somebody_declared_as_needed_is_opened_without_asking_for_it() -> None:
    hostset = replace(HOSTS, beside=(Needed(CARDS, ("sh*",)), Needed(replace(CARDS, name="looked-at"))))
    proposal = propose(laid("mesh", "shop"), hostset, "open-hosts")
    assert {host for _, host in proposal.opens} == {"api.cards.example", "reports.cards.example:8443"}
    with pytest.raises(ProposalError, match="nothing to open"):
        propose(laid("mesh", "shop"), hostset, "open-hosts", Target(namespaces=("pay",)))


def test_its_finding_is_mended_and_every_part_of_that_is_needed() -> None:
    hostset = replace(HOSTS, beside=(Needed(CARDS, ("shop",)),))
    snapshot = laid("mesh", "shop")

    def found(now: Snapshot) -> set[str]:
        return {one.message for one in analyse(now, hostset).findings if one.code == "MC140"}

    (finding,) = (one for one in analyse(snapshot, hostset).findings if one.code == "MC140")
    assert finding.remedy == "open-hosts"
    proposal = propose(snapshot, hostset, finding.remedy, Target(ref=finding.ref))
    assert not found(apply(snapshot, proposal.patches))
    for fewer in smaller(proposal.patches):
        assert found(apply(snapshot, fewer))
    elsewhere = Target(ref=ResourceRef("Sidecar", "shop", "default"))
    with pytest.raises(ProposalError, match="has no part in"):
        propose(snapshot, hostset, finding.remedy, elsewhere)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (Target(hosts=("gcr.io",), namespaces=("shop",), hostset="cards"), "not one of the hosts of cards"),
        (Target(hosts=("api.cards.example",), namespaces=("shop",), hostset="other"), "other is not in use"),
        (Target(hosts=("api.cards.example",), namespaces=("nowhere",)), "nothing to open"),
    ],
)
def test_what_cannot_be_asked_for_is_said(target: Target, words: str) -> None:
    with pytest.raises(ProposalError, match=words):
        propose(laid("mesh", "shop"), replace(HOSTS, beside=(Needed(CARDS),)), "open-hosts", target)


def test_too_much_at_once_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.mesh.remedies.open_hosts.MOST_CELLS", 1)
    with pytest.raises(ProposalError, match="at most 1 are opened at once"):
        propose(laid("mesh", "shop"), replace(HOSTS, beside=(Needed(CARDS, ("shop",)),)), "open-hosts")


# -- before the switch ------------------------------------------------------------------------------------


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
