"""Remedies that end findings: what they say ends, nothing else changes, and every part of them is needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from apps.mesh.analyse import analyse
from apps.mesh.hostsets import speedscale
from apps.mesh.patches import ManifestPatch, apply, intent
from apps.mesh.remedies.base import Proposal, ProposalError, Target
from apps.mesh.remedies.catalogue import REMEDIES, propose, propose_everything
from apps.mesh.rules.catalogue import RULES
from apps.mesh.snapshot import Snapshot
from apps.mesh.whatif import predict
from tests.mesh.rule_cases import RuleCase, case_snapshot, cases

HOSTS = speedscale()
CASES = cases()
OPENING = "open-hosts"
"""Asked for by its finding too, and opens cells: see test_openings."""
ENDING = [name for name, remedy in REMEDIES.items() if remedy.by_finding and name != OPENING]
MENDED = [(case, name) for case in CASES for name in case.mended_by]
LEFT = [(case, name, reason) for case in CASES for name, reason in case.left]


def ids(value: Any) -> str:
    return f"{value.code}-{value.name}" if isinstance(value, RuleCase) else str(value)


def fingerprints(snapshot: Snapshot) -> set[str]:
    return {finding.fingerprint for finding in analyse(snapshot, HOSTS).findings}


@pytest.mark.parametrize(("case", "name"), MENDED, ids=ids)
def test_it_ends_what_it_says_and_changes_nothing_else(case: RuleCase, name: str) -> None:
    snapshot = case.snapshot()
    proposal = propose(snapshot, HOSTS, name)
    assert proposal.ends
    difference = predict(snapshot, proposal.patches, HOSTS).difference
    assert {change.fingerprint for change in difference.findings_disappear} == set(proposal.ends)
    assert not difference.findings_appear
    assert (*difference.opened, *difference.closed, *difference.changed, *difference.newly_broken) == ()
    with pytest.raises(ProposalError):
        propose(apply(snapshot, proposal.patches), HOSTS, name)


@pytest.mark.parametrize(("case", "name"), MENDED, ids=ids)
def test_no_part_of_it_can_be_left_out(case: RuleCase, name: str) -> None:
    snapshot = case.snapshot()
    proposal = propose(snapshot, HOSTS, name)
    smaller = list(fewer(proposal))
    assert smaller
    for patches in smaller:
        assert set(proposal.ends) & fingerprints(apply(snapshot, patches)), patches


@pytest.mark.parametrize(("case", "name"), MENDED, ids=ids)
def test_it_can_be_asked_for_by_its_finding(case: RuleCase, name: str) -> None:
    snapshot = case.snapshot()
    for finding in analyse(snapshot, HOSTS).findings:
        if finding.remedy == name:
            assert finding.fingerprint in propose(snapshot, HOSTS, name, Target(ref=finding.ref)).ends
    assert propose(snapshot, HOSTS, name, Target(namespaces=("nowhere", finding_namespace(case))))
    for target in (Target(hosts=("gcr.io",)), Target(namespaces=("nowhere",))):
        with pytest.raises(ProposalError):
            propose(snapshot, HOSTS, name, target)


@pytest.mark.parametrize(("case", "name", "reason"), LEFT, ids=ids)
def test_what_is_not_certain_is_left_with_the_reason(case: RuleCase, name: str, reason: str) -> None:
    with pytest.raises(ProposalError) as caught:
        propose(case.snapshot(), HOSTS, name)
    assert reason in str(caught.value)


@pytest.mark.parametrize("name", ENDING)
def test_each_has_a_case_in_which_it_is_offered_and_one_in_which_not(name: str) -> None:
    assert any(name == mended for _, mended in MENDED)
    assert any(name == left for _, left, _ in LEFT)


@pytest.mark.parametrize("name", ENDING)
def test_none_is_part_of_what_mends_a_whole_cluster(name: str) -> None:
    for case, mended in MENDED:
        if mended == name:
            proposals, _ = propose_everything(case.snapshot(), HOSTS)
            assert name not in {proposal.remedy for proposal in proposals}


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_whatever_is_offered_anywhere_was_simulated(case: RuleCase) -> None:
    """Cases that were written for something else as well."""
    snapshot = case.snapshot()
    for name in {finding.remedy for finding in analyse(snapshot, HOSTS).findings} & set(ENDING):
        try:
            proposal = propose(snapshot, HOSTS, name)
        except ProposalError:
            continue
        difference = predict(snapshot, proposal.patches, HOSTS).difference
        assert set(proposal.ends) <= {change.fingerprint for change in difference.findings_disappear}
        assert (*difference.findings_appear, *difference.closed, *difference.newly_broken) == ()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_check_says_which_remedy_it_has_or_why_none(rule: Any) -> None:
    assert rule.remedy in REMEDIES if rule.remedy else rule.no_remedy
    assert not rule.no_remedy or rule.no_remedy.endswith(".")


def test_two_annotations_are_written_where_the_sidecar_needs_both() -> None:
    snapshot = case_snapshot("SS08", "annotated-on-the-template-behind-the-cni-agent")
    (patch,) = propose(snapshot, HOSTS, "move-capture-annotation").patches
    written = intent(patch)
    assert written["metadata"]["annotations"] == {
        "sidecar.speedscale.com/inject": "true",
        "sidecar.speedscale.com/istio-cni": "true",
    }
    assert "spec" not in written


def test_pods_that_will_be_replaced_are_counted_for_who_approves() -> None:
    snapshot = case_snapshot("SS08", "annotated-on-the-template-of-pods-that-run")
    (warning,) = propose(snapshot, HOSTS, "move-capture-annotation").warnings
    assert "its 2 pods are replaced" in warning


def test_a_policy_is_made_for_the_pods_of_one_component_and_its_ports_alone() -> None:
    (patch,) = propose(
        case_snapshot("SS13", "strict-before-the-webhook"), HOSTS, "admit-callers-without-proxy"
    ).patches
    assert patch.after is not None
    assert patch.after["spec"] == {
        "selector": {"matchLabels": {"app": "speedscale-operator"}},
        "portLevelMtls": {"9443": {"mode": "PERMISSIVE"}},
    }


def finding_namespace(case: RuleCase) -> str:
    """The namespace of the first object that a case expects something of."""
    return case.expected[0].split()[2].partition("/")[0]


def fewer(proposal: Proposal) -> Iterator[list[ManifestPatch]]:
    """The patches without one of the values that they write, for each of them."""
    for index, patch in enumerate(proposal.patches):
        others = [*proposal.patches[:index], *proposal.patches[index + 1 :]]
        if patch.before is None:
            yield others
        assert patch.after is not None
        for after in without_one(patch.before or {}, patch.after):
            if any(key in after for key in ("spec", "metadata")):
                yield [
                    *others,
                    ManifestPatch(patch.action, patch.ref, patch.api_version, patch.before, after),
                ]


def without_one(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """`after` with one leaf as it is in `before`, for each leaf that differs."""
    for key, value in after.items():
        old = before.get(key)
        if old == value or key in {"apiVersion", "kind", "name", "namespace"}:
            continue
        without = {name: kept for name, kept in after.items() if name != key}
        if isinstance(value, Mapping) and isinstance(old or {}, Mapping):
            for smaller in without_one(old or {}, value):
                yield {**after, key: smaller} if smaller or key in before else without
        elif key in before:
            yield from ({**after, key: less} for less in lists(old, value))
        else:
            yield without


def lists(old: Any, new: Any) -> Iterator[Any]:
    """A list with one of its items as it was; any other value as it was."""
    if not isinstance(new, list) or not isinstance(old, list | tuple) or len(old) != len(new):
        yield old
        return
    for index, (one, other) in enumerate(zip(old, new, strict=True)):
        if one != other:
            yield [*new[:index], one, *new[index + 1 :]]
