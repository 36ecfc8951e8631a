"""What opens hosts of any set: the cases, and what always holds.

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
from apps.mesh.egress import EgressEngine
from apps.mesh.hostsets import HostSet, Needed, RequiredHost, Tier, speedscale
from apps.mesh.patches import ManifestPatch, apply
from apps.mesh.refs import ResourceRef
from apps.mesh.remedies import cells
from apps.mesh.remedies.base import ProposalError, Target
from apps.mesh.remedies.catalogue import propose
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Destination, Protocol
from tests.mesh.budget import examples
from tests.mesh.cases_runner import CASES, base_and
from tests.mesh.mutation import case_snapshots, patches
from tests.mesh.rule_cases import CARDS, laid

OPEN = sorted((CASES / "open").glob("*.yaml"))
HOSTS = speedscale()
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
