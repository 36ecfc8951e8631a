"""How many approvals a change needs, and the sentences that say why."""

from __future__ import annotations

from typing import Any

from apps.changes.policies import Level
from apps.changes.policy import Loss, PolicyItem, assess, quorum_problem

KNOWN = frozenset({"sts.amazonaws.com", "*.s3.us-east-1.amazonaws.com"})


def entry(hosts: list[str], **spec: Any) -> dict[str, Any]:
    return {"kind": "ServiceEntry", "spec": {"hosts": hosts, **spec}}


def item(
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    *,
    kind: str = "ServiceEntry",
    environment: str = "staging",
    namespace: str = "shop",
    force: bool = False,
) -> PolicyItem:
    action = "create" if before is None else "delete" if after is None else "update"
    return PolicyItem(
        "east", environment, action, kind, namespace, "it", before, after, force, frozenset({"istio-system"})
    )


def judged(*items: PolicyItem, losses: tuple[Loss, ...] = (), revert: bool = False) -> Any:
    return assess(items, losses=losses, known_hosts=KNOWN, revert=revert)


def test_production_needs_two_and_everything_else_one() -> None:
    asked_for = entry(["sts.amazonaws.com"])
    assert judged(item(None, asked_for, environment="production")).required == 2
    assert judged(item(None, asked_for, environment="lab")).required == 1


def test_one_item_in_production_decides_for_the_whole_change() -> None:
    lab, production = (
        item(None, entry([]), environment="lab"),
        item(None, entry([]), environment="production"),
    )
    assert judged(lab, production).required == 2


def test_the_wildcard_of_the_edition_itself_is_no_risk() -> None:
    found = judged(item(None, entry(["*.s3.us-east-1.amazonaws.com"])))
    assert (found.level, found.required, found.risks) == (Level.LOW, 1, ())


def test_another_wildcard_raises_the_bar() -> None:
    found = judged(item(None, entry(["*.amazonaws.com"])))
    assert (found.level, found.required) == (Level.HIGH, 2)
    assert "*.amazonaws.com" in found.risks[0].text


def test_a_wildcard_that_was_there_before_does_not() -> None:
    assert judged(item(entry(["*.old.example"]), entry(["*.old.example", "sts.amazonaws.com"]))).required == 1


def test_another_host_is_shown_but_does_not_raise_the_bar() -> None:
    found = judged(item(None, entry(["pay.example"])))
    assert (found.level, found.required) == (Level.MEDIUM, 1)


def test_becoming_visible_to_everybody_raises_the_bar() -> None:
    narrow, wide = entry(["sts.amazonaws.com"], exportTo=["."]), entry(["sts.amazonaws.com"])
    assert judged(item(narrow, wide)).required == 2
    assert judged(item(wide, narrow)).required == 1


def test_a_sidecar_in_the_root_namespace_raises_the_bar() -> None:
    sidecar = {"kind": "Sidecar", "spec": {"egress": [{"hosts": ["./*"]}]}}
    assert judged(item(sidecar, sidecar, kind="Sidecar", namespace="istio-system")).required == 2


def test_a_new_sidecar_without_a_selector_raises_the_bar_and_one_with_is_shown() -> None:
    bare = {"kind": "Sidecar", "spec": {}}
    chosen = {"kind": "Sidecar", "spec": {"workloadSelector": {"labels": {"app": "pay"}}}}
    assert judged(item(None, bare, kind="Sidecar")).required == 2
    found = judged(item(None, chosen, kind="Sidecar"))
    assert (found.level, found.required) == (Level.MEDIUM, 1)


def test_a_take_over_and_a_deletion_are_high_risks_without_another_approval() -> None:
    forced = judged(item(entry([]), entry(["sts.amazonaws.com"]), force=True))
    deleted = judged(item(entry(["sts.amazonaws.com"]), None))
    assert {(found.level, found.required) for found in (forced, deleted)} == {(Level.HIGH, 1)}


def test_cutting_workloads_off_raises_the_bar_unless_it_puts_back_what_was() -> None:
    loss = Loss("east", "namespace payments", 12, lost=3, blocked=3)
    sidecar = item(entry([]), entry([]))
    found = judged(sidecar, losses=(loss,))
    assert found.required == 2
    assert "12 workloads" in found.risks[0].text
    assert judged(sidecar, losses=(loss,), revert=True).required == 1


def test_what_still_passes_as_unknown_traffic_does_not_raise_the_bar() -> None:
    loss = Loss("east", "namespace payments", 1, lost=2, blocked=0)
    assert judged(item(entry([]), entry([])), losses=(loss,)).required == 1


def test_a_new_pod_template_says_that_pods_are_replaced() -> None:
    before = {"kind": "Deployment", "spec": {"template": {"metadata": {}}}}
    after = {"kind": "Deployment", "spec": {"template": {"metadata": {"annotations": {"a": "b"}}}}}
    assert "pods are replaced" in judged(item(before, after, kind="Deployment")).risks[0].text


def modes(**spec: Any) -> dict[str, Any]:
    return {"kind": "PeerAuthentication", "spec": spec}


def test_a_port_that_takes_plaintext_from_now_on_is_said() -> None:
    strict, permissive = {"mode": "STRICT"}, {"mode": "PERMISSIVE"}
    opened = modes(mtls=strict, portLevelMtls={"9443": permissive})
    for before in (None, modes(mtls=strict), modes(portLevelMtls={"9443": strict})):
        found = judged(item(before, opened, kind="PeerAuthentication"))
        assert found.level is Level.HIGH
        assert "port 9443 take calls without mutual TLS" in found.risks[0].text
    assert judged(item(opened, modes(mtls=strict), kind="PeerAuthentication")).risks == ()


def test_a_quorum_that_nobody_can_meet_says_so() -> None:
    assert quorum_problem(2, ["Sam", "Noor"]) == ""
    assert "only 1 person may approve" in quorum_problem(2, ["Sam"])
    assert "nobody" in quorum_problem(1, [])
