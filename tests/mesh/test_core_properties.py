"""Laws of hosts and imports, and what neither order nor grouping may change."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from apps.mesh.analyse import analyse
from apps.mesh.egress import EgressEngine
from apps.mesh.egress.hostimports import host_imports
from apps.mesh.hosts import matches, subset_of
from apps.mesh.hostsets import speedscale
from apps.mesh.needs import host_needs
from apps.mesh.objects.networking import EgressListener
from apps.mesh.patches import apply
from apps.mesh.remedies.base import Proposal, ProposalError
from apps.mesh.remedies.catalogue import REMEDIES, propose
from apps.mesh.snapshot import Snapshot
from apps.mesh.tenancy import hosts_in
from apps.mesh.verdicts import Destination, Protocol
from tests.mesh.budget import examples
from tests.mesh.mutation import ISTIO_KINDS, case_snapshots, manifests_of, patches
from tests.mesh.rule_cases import cases
from tests.mesh.test_remedies_ending import OPENING, fewer
from tests.mesh.test_remedies_minimal import reduced

HOSTS = speedscale()
LABELS = st.sampled_from(["a", "b", "x", "com"])
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
WILDCARDS = st.one_of(st.just("*"), NAMES.map(lambda name: f"*.{name}"), NAMES.map(lambda name: f"*{name}"))
ANY_HOST = st.one_of(NAMES, WILDCARDS)
EXPLORED = settings(max_examples=examples(80), deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(ANY_HOST, ANY_HOST, ANY_HOST)
@settings(max_examples=examples(500), deadline=None)
def test_being_a_subset_is_a_partial_order(one: str, two: str, three: str) -> None:
    assert subset_of(one, one)
    if subset_of(one, two) and subset_of(two, one):
        assert one == two
    if subset_of(one, two) and subset_of(two, three):
        assert subset_of(one, three)


@given(ANY_HOST, ANY_HOST, NAMES)
@settings(max_examples=examples(500), deadline=None)
def test_overlap_is_symmetric_and_a_name_in_a_subset_is_in_the_whole(one: str, two: str, name: str) -> None:
    assert matches(one, two) == matches(two, one)
    if subset_of(one, two) and subset_of(name, one):
        assert subset_of(name, two)


ENTRIES = st.tuples(st.sampled_from(["*", ".", "shop", "pay"]), ANY_HOST).map("/".join)


def taken(hosts: list[str], name: str) -> bool:
    """Whether a listener of these hosts imports a service of namespace `pay`, as the engine decides it."""
    found = host_imports(EgressListener(hosts=tuple(hosts)), "shop")
    candidates = [found[owner] for owner in ("pay", "*") if owner in found]
    return any(item.takes(name) for item in candidates) and not any(
        item.excludes(name) for item in candidates
    )


@given(st.lists(ENTRIES, max_size=4), st.lists(ENTRIES, max_size=3), NAMES)
@settings(max_examples=examples(400), deadline=None)
def test_exclusions_only_shrink_what_is_imported(kept: list[str], gone: list[str], name: str) -> None:
    excluded = [f"~{entry}" for entry in gone if not entry.startswith(".")]
    if taken([*kept, *excluded], name):
        assert taken(kept, name)


@given(case_snapshots(), st.randoms(use_true_random=False))
@EXPLORED
def test_the_order_of_manifests_changes_nothing(snapshot: Snapshot, random: Any) -> None:
    shuffled = manifests_of(snapshot)
    random.shuffle(shuffled)
    again = Snapshot.from_manifests(shuffled, gaps=snapshot.gaps)
    assert analyse(again, HOSTS) == analyse(snapshot, HOSTS)


@given(st.data())
@EXPLORED
def test_a_workload_alone_gets_the_verdict_of_its_scope(data: st.DataObject) -> None:
    snapshot = data.draw(case_snapshots())
    snapshot = snapshot.with_patched(*data.draw(patches(snapshot)))
    shared = snapshot.derived(EgressEngine)
    for scope in shared.scopes():
        for workload in snapshot.workloads:
            if workload.ref in scope.workloads:
                for probe in (Destination("api.x.com"), HOSTS.hosts[0].destination):
                    alone = EgressEngine(snapshot).answer(workload, probe)
                    through = shared.answer(scope.representative, probe)
                    assert (alone.verdict, alone.cluster) == (through.verdict, through.cluster)


@given(st.data(), st.sampled_from([name for name, one in sorted(REMEDIES.items()) if not one.by_finding]))
@settings(
    max_examples=examples(120),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_a_remedy_turns_exactly_what_it_says_and_every_part_is_needed(data: st.DataObject, name: str) -> None:
    snapshot = data.draw(case_snapshots())
    snapshot = snapshot.with_patched(*data.draw(patches(snapshot)))
    # A cluster gives every such object a namespace; without one it is read, and cannot be imported.
    assume(all(ref.namespace for ref in snapshot.refs if ref.kind in ISTIO_KINDS))
    proposal: Proposal | None = None
    try:
        proposal = propose(snapshot, HOSTS, name)
    except ProposalError:
        assume(False)
    assert proposal is not None
    assert proposal.opens or name in {"add-mesh-host", "correct-service-entry"}  # which end findings
    told = opened(snapshot, snapshot, proposal)
    assert told == set()
    after = opened(snapshot, apply(snapshot, proposal.patches), proposal)
    # The forwarder counts as opened where it is imported, even if its Service was not among what was read.
    assert (
        {cell for cell in proposal.opens if snapshot.derived(hosts_in, HOSTS).get(cell[1])}
        <= after
        <= set(proposal.opens)
    )
    if not after:
        return
    for index, patch in enumerate(proposal.patches):
        for smaller in reduced(patch):
            fewer = [*proposal.patches[:index], smaller, *proposal.patches[index + 1 :]]
            assert opened(snapshot, apply(snapshot, fewer), proposal) < after


@given(
    st.data(),
    st.sampled_from([name for name, one in sorted(REMEDIES.items()) if one.by_finding and name != OPENING]),
)
@settings(
    max_examples=examples(120),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_a_remedy_ends_the_findings_it_names_and_every_part_is_needed(data: st.DataObject, name: str) -> None:
    mended = [case for case in cases() if name in case.mended_by]
    snapshot = data.draw(st.sampled_from(mended)).snapshot()
    snapshot = snapshot.with_patched(*data.draw(patches(snapshot)))
    before = {finding.fingerprint for finding in analyse(snapshot, HOSTS).findings}
    proposal: Proposal | None = None
    try:
        proposal = propose(snapshot, HOSTS, name)
    except ProposalError:
        assume(False)
    assert proposal is not None
    after = {finding.fingerprint for finding in analyse(apply(snapshot, proposal.patches), HOSTS).findings}
    assert set(proposal.ends) <= before - after
    assert after <= before
    for smaller in fewer(proposal):
        left = analyse(apply(snapshot, smaller), HOSTS).findings
        assert set(proposal.ends) & {finding.fingerprint for finding in left}


def opened(before: Snapshot, after: Snapshot, proposal: Proposal) -> set[tuple[str, str]]:
    """Those of the cells a proposal names that are reachable afterwards."""
    known = before.derived(EgressEngine)
    scopes = {scope.key: scope.representative for scope in known.scopes()}
    # A replay that does not run yet may be the only one of its scope.
    scopes |= {need.scope_key: need.workload for need in host_needs(before, known)}
    engine = EgressEngine(after)
    return {
        (key, host)
        for key, host in proposal.opens
        if key in scopes and engine.answer(scopes[key], asked(before, host)).verdict.reachable
    }


def asked(snapshot: Snapshot, host: str) -> Destination:
    """A host of the set as it is dialled; any other is the forwarder."""
    entry = snapshot.derived(hosts_in, HOSTS).get(host)
    return entry.destination if entry is not None else Destination(host, 80, Protocol.HTTP)
