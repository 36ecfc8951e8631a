"""What remedies propose is needed in every part, and enough together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from apps.mesh.analyse import analyse
from apps.mesh.egress import EgressEngine
from apps.mesh.hostsets import speedscale
from apps.mesh.needs import host_needs
from apps.mesh.patches import ManifestPatch, apply
from apps.mesh.refs import Manifest
from apps.mesh.remedies.base import ProposalError
from apps.mesh.remedies.catalogue import REMEDIES, propose, propose_everything
from apps.mesh.rules.base import RuleContext
from apps.mesh.snapshot import Snapshot
from apps.mesh.tenancy import hosts_in
from apps.mesh.verdicts import Destination, Protocol
from apps.mesh.whatif import predict
from tests.mesh.rule_cases import cases

HOSTS = speedscale()


def blocked(snapshot: Snapshot) -> set[tuple[str, str]]:
    return {(b.need.scope_key, b.host.host) for b in RuleContext(snapshot, HOSTS).blockages}


ENDING = {"correct-service-entry": "SS05", "add-mesh-host": "SS12"}
"""Remedies that end a finding, whether a cell turns or not."""
CORRECTED = [case for case in cases() if case.fires and case.code in ENDING.values()]

MENDABLE = [case for case in cases() if case.fires and case.code in {"SS01", "SS02", "SS03", "SS04", "SS05"}]


@pytest.mark.parametrize("case", MENDABLE, ids=lambda case: f"{case.code}-{case.name}")
def test_everything_that_is_proposed_is_needed(case: Any) -> None:
    """Take any one host out of any list that was changed, and some cell that turned stays as it was."""
    snapshot = case.snapshot()
    for name in REMEDIES.keys() - ENDING.keys():
        try:
            proposal = propose(snapshot, HOSTS, name)
        except ProposalError:
            continue
        gained = reach(snapshot, proposal.patches) - reach(snapshot, ())
        assert gained
        for index, patch in enumerate(proposal.patches):
            for smaller in reduced(patch):
                patches = [*proposal.patches[:index], smaller, *proposal.patches[index + 1 :]]
                assert gained - reach(snapshot, patches), smaller.after


@pytest.mark.parametrize("case", CORRECTED, ids=lambda case: f"{case.code}-{case.name}")
def test_a_correction_ends_its_finding_and_no_field_of_it_can_be_left_out(case: Any) -> None:
    snapshot = case.snapshot()
    for name, code in ENDING.items():
        try:
            proposal = propose(snapshot, HOSTS, name)
        except ProposalError:
            continue
        assert case.code == code
        assert code not in codes(apply(snapshot, proposal.patches))
        for index, patch in enumerate(proposal.patches):
            for smaller in less(patch):
                patches = [*proposal.patches[:index], smaller, *proposal.patches[index + 1 :]]
                assert code in codes(apply(snapshot, patches)), smaller.after


def codes(snapshot: Snapshot) -> set[str]:
    return {finding.code for finding in analyse(snapshot, HOSTS).findings}


def less(patch: ManifestPatch) -> Iterator[ManifestPatch]:
    """The patch without one of the fields that it writes, for each of them."""
    assert patch.before is not None
    assert patch.after is not None
    old, new = patch.before["spec"], patch.after["spec"]
    for key in new:
        if old.get(key) != new[key]:
            yield with_spec(patch, {**new, key: old.get(key)})


@pytest.mark.parametrize("case", MENDABLE, ids=lambda case: f"{case.code}-{case.name}")
def test_all_remedies_together_leave_nothing_blocked_that_they_can_open(case: Any) -> None:
    snapshot = case.snapshot()
    proposals, _ = propose_everything(snapshot, HOSTS)
    patches = [patch for proposal in proposals for patch in proposal.patches]
    difference = predict(snapshot, patches, HOSTS).difference
    assert not difference.closed
    assert not difference.newly_broken
    assert blocked(apply(snapshot, patches)) <= blocked(snapshot)
    again, _ = propose_everything(apply(snapshot, patches), HOSTS)
    assert again == ()


def reach(snapshot: Snapshot, patches: Any) -> set[tuple[str, str]]:
    """The cells of needs, and the forwarder for each scope, that are reachable."""
    after = apply(snapshot, patches)
    engine = EgressEngine(after)
    forwarder = Destination("speedscale-forwarder.speedscale.svc.cluster.local", 80, Protocol.HTTP)
    destinations = [*(host.destination for host in hosts_in(snapshot, HOSTS).hosts), forwarder]
    return {
        (str(need.workload.ref), destination.host)
        for need in host_needs(after, engine)
        for destination in destinations
        if engine.answer(need.workload, destination).verdict.reachable
    }


def reduced(patch: ManifestPatch) -> Iterator[ManifestPatch]:
    """The patch without one of the names that it adds, for each of them."""
    assert patch.after is not None
    spec = patch.after["spec"]
    old = patch.before["spec"] if patch.before is not None else {}
    if "hosts" in spec:
        for key in ("hosts", "exportTo"):
            names = spec.get(key, ())
            for name in names if patch.before is not None or key == "hosts" else ():
                if name not in old.get(key, ()) and len(names) > 1:
                    yield with_spec(patch, {**spec, key: [n for n in names if n != name]})
        return
    for index, listener in enumerate(spec["egress"]):
        known = old["egress"][index].get("hosts", []) if index < len(old["egress"]) else []
        for host in listener["hosts"]:
            if host not in known:
                fewer = {**listener, "hosts": [h for h in listener["hosts"] if h != host]}
                egress = [*spec["egress"][:index], fewer, *spec["egress"][index + 1 :]]
                yield with_spec(patch, {**spec, "egress": egress})


def with_spec(patch: ManifestPatch, spec: Mapping[str, Any]) -> ManifestPatch:
    assert patch.after is not None
    after: Manifest = {**patch.after, "spec": spec}
    return ManifestPatch(patch.action, patch.ref, patch.api_version, patch.before, after)
