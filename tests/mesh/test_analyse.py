"""An analysis: complete, ordered, the same every time, and never brought down by one rule."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec

from apps.mesh.analyse import CRASH_CODE, analyse
from apps.mesh.findings import Finding, Severity
from apps.mesh.hostsets import speedscale
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.catalogue import RULES
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Verdict
from tests.mesh.rule_cases import laid

HOSTS = speedscale()


def broken(context: RuleContext) -> Iterator[Finding]:
    yield from ()
    raise KeyError("secret value of a cluster")


BROKEN = Rule("XX99", "broken", Severity.ERROR, "Always fails", frozenset(), "", broken)


def test_a_rule_that_crashes_is_a_finding_and_the_others_still_run() -> None:
    snapshot = laid("mesh", "speedscale", "shop")
    analysis = analyse(snapshot, HOSTS, rules=(BROKEN, *RULES))
    (crash,) = [finding for finding in analysis.findings if finding.code == CRASH_CODE]
    assert "XX99" in crash.message
    assert "KeyError" in crash.message
    assert "secret" not in crash.message
    assert "SS01" in {finding.code for finding in analysis.findings}


def test_every_scope_has_an_answer_for_every_host() -> None:
    analysis = analyse(laid("mesh", "speedscale", "shop", "page-entry"), HOSTS)
    assert {len(item.answers) for item in analysis.scopes} == {len(HOSTS.hosts)}
    shop = next(item.scope.key for item in analysis.scopes if item.scope.namespace == "shop")
    answer, other = analysis.answer(shop, "gcr.io"), analysis.answer(shop, "sts.amazonaws.com")
    assert answer is not None
    assert other is not None
    assert (answer.verdict, other.verdict) == (Verdict.BLOCKED_RESET, Verdict.ALLOWED_REGISTRY)
    assert analysis.answer(shop, "example.org") is None


def test_every_workload_is_reported_with_its_scope() -> None:
    analysis = analyse(laid("mesh", "speedscale", "shop"), HOSTS)
    keys = {item.scope.key for item in analysis.scopes}
    assert {report.scope_key for report in analysis.workloads} <= keys
    assert [str(report.ref) for report in analysis.workloads] == [
        "Deployment shop/cart",
        "Deployment speedscale/speedscale-forwarder",
        "Deployment speedscale/speedscale-operator",
    ]


def test_the_same_cluster_gives_the_same_analysis_in_any_order() -> None:
    manifests = list(laid("mesh", "speedscale", "shop", "page-entry").manifests())
    first = analyse(Snapshot.from_manifests(manifests), HOSTS)
    second = analyse(Snapshot.from_manifests(reversed(manifests)), HOSTS)
    assert msgspec.to_builtins(first) == msgspec.to_builtins(second)


def test_an_analysis_can_be_written_as_json() -> None:
    analysis = analyse(laid("mesh", "speedscale", "shop"), HOSTS)
    assert json.loads(msgspec.json.encode(analysis))["findings"]


def test_an_empty_cluster_has_nothing_wrong() -> None:
    analysis = analyse(Snapshot.from_manifests([]), HOSTS)
    assert analysis.findings == ()
    assert analysis.scopes == ()
