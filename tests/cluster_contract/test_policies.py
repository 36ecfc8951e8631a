"""ValidatingAdmissionPolicies beyond the recorded ones: what their expressions see, and what they decide."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cluster_contract.endpoint import Answer, Endpoint
from tests.cluster_contract.making import ISTIO, make_namespaces, must, service_entry
from tests.cluster_contract.policies import (
    PATH,
    apply_policy,
    binding,
    drop_policies,
    policy,
    wait_until_asked,
)
from tests.cluster_contract.replay import Known

pytestmark = pytest.mark.contract
Json = dict[str, Any]
Register = Callable[..., None]
SPACE = "shop"
NEVER = {"expression": "false", "message": "never"}


class Bound:
    """A namespace whose ServiceEntries one policy judges."""

    def __init__(self, endpoint: Endpoint, known: Known) -> None:
        self.endpoint, self.known = endpoint, known
        self.space = known.namespace(SPACE)
        self.name = f"{known.prefix}policy"

    def judge_by(self, *rules: Json, word: str, action: str = "Deny", **spec: Any) -> None:
        """Register a policy; returns once a ServiceEntry named `asked` is answered with the word."""
        referring = {"paramRef": spec.pop("paramRef")} if "paramRef" in spec else {}
        apply_policy(
            self.endpoint,
            policy(self.name, *rules, **spec),
            binding(self.name, self.name, self.space, action, **referring),
        )
        wait_until_asked(self.endpoint, self.space, ["*.asked.example.com"], word=word)

    def create(self, name: str, **changes: Any) -> Answer:
        body = service_entry(name, self.space, **changes)
        return self.endpoint.json("POST", f"{ISTIO}/{self.space}/serviceentries", body)

    def delete(self, name: str) -> Answer:
        return self.endpoint.json("DELETE", f"{ISTIO}/{self.space}/serviceentries/{name}")

    def why(self, answer: Answer) -> str:
        """What the policy says of a denied request."""
        text = str(answer.body["details"]["causes"][0]["message"])
        lead = f"ValidatingAdmissionPolicy '{self.name}' with binding '{self.name}' denied request: "
        assert text.startswith(lead), text
        assert answer.body["message"].endswith(text)
        return text.removeprefix(lead)


@pytest.fixture(scope="module")
def bound(facts: tuple[Endpoint, Known]) -> Bound:
    endpoint, known = facts
    make_namespaces(endpoint, known, SPACE)
    space = f"/api/v1/namespaces/{known.namespace(SPACE)}"
    change = {"metadata": {"labels": {"team": "pay"}}}
    must(endpoint, "PATCH", space, change, kind="application/merge-patch+json")
    limits = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "limits"}, "data": {"hosts": "1"}}
    must(endpoint, "POST", f"{space}/configmaps", limits)
    return Bound(endpoint, known)


@pytest.fixture(autouse=True)
def no_policy_left(bound: Bound) -> Iterator[None]:
    yield
    drop_policies(bound.endpoint, (bound.name, bound.name))


def test_without_a_message_the_expression_is_shown(bound: Bound) -> None:
    rule = {"expression": " object.metadata.name != 'asked' "}
    bound.judge_by(rule, word="denied")
    denied = bound.create("asked")
    assert (denied.status, denied.body["reason"]) == (422, "Invalid")
    assert bound.why(denied) == "failed expression: object.metadata.name != 'asked'"
    assert bound.create("other").status == 201


def test_a_message_is_computed_from_variables(bound: Bound) -> None:
    rule = {
        "expression": "!variables.wild",
        "message": "not shown",
        "messageExpression": "'wildcards: ' + variables.shown",
    }
    variables = [
        {"name": "wild", "expression": "object.spec.hosts.exists(h, h.startsWith('*'))"},
        {"name": "shown", "expression": "string(variables.wild)"},
    ]
    bound.judge_by(rule, word="wildcards", variables=variables)
    assert bound.why(bound.create("a", hosts=["*.example.com"])) == "wildcards: true"


def test_a_policy_sees_request_namespace_and_user(bound: Bound) -> None:
    rule = {
        "expression": "false",
        "messageExpression": (
            "request.operation + ' ' + request.resource.resource + ' ' + request.namespace + ' ' + "
            "namespaceObject.metadata.labels.team + ' ' + string(request.dryRun)"
        ),
    }
    bound.judge_by(rule, word="denied")
    assert bound.why(bound.create("a")) == f"CREATE serviceentries {bound.space} pay false"


def test_an_update_is_compared_with_the_old_object(bound: Bound) -> None:
    rule = {
        "expression": "oldObject == null || object.spec.hosts == oldObject.spec.hosts",
        "message": "hosts may not change",
    }
    named = {"expression": "object.metadata.name != 'asked'", "message": "asked"}
    bound.judge_by(rule, named, word="denied")
    assert bound.create("moving").status == 201
    path = f"{ISTIO}/{bound.space}/serviceentries/moving"
    hosts, resolution = {"spec": {"hosts": ["other.example.com"]}}, {"spec": {"resolution": "DNS"}}
    merge = "application/merge-patch+json"
    assert bound.why(bound.endpoint.json("PATCH", path, hosts, kind=merge)) == "hosts may not change"
    assert bound.endpoint.json("PATCH", path, resolution, kind=merge).status == 200


def test_a_deletion_is_judged_where_the_rules_name_it(bound: Bound) -> None:
    everything = {
        "apiGroups": ["networking.istio.io"],
        "apiVersions": ["*"],
        "operations": ["*"],
        "resources": ["serviceentries"],
    }
    match = {"resourceRules": [everything]}
    kept = {"expression": "request.operation != 'DELETE' || oldObject == null", "message": "is kept"}
    named = {"expression": "object == null || object.metadata.name != 'asked'", "message": "asked"}
    assert bound.create("kept").status == 201
    bound.judge_by(kept, named, word="denied", matchConstraints=match)
    assert bound.why(bound.delete("kept")) == "is kept"


def test_match_conditions_decide_whether_the_policy_speaks(bound: Bound) -> None:
    conditions = [{"name": "asked-only", "expression": "object.metadata.name == 'asked'"}]
    bound.judge_by(NEVER, word="denied", matchConditions=conditions)
    assert bound.why(bound.create("asked")) == "never"
    assert bound.create("not-asked").status == 201


@pytest.mark.parametrize(("policy_says", "status"), [("Fail", 422), ("Ignore", 201)])
def test_an_expression_that_cannot_be_evaluated_follows_the_failure_policy(
    bound: Bound, policy_says: str, status: int
) -> None:
    broken = {"expression": "object.metadata.annotations['absent'] == 'x'"}
    named = {"expression": "object.metadata.name != 'asked'", "message": "asked"}
    bound.judge_by(named, broken, word="denied", failurePolicy=policy_says)
    answer = bound.create(f"failing-{policy_says.lower()}")
    assert answer.status == status
    if status == 422:
        lead = "expression 'object.metadata.annotations['absent'] == 'x'' resulted in error: no such key: "
        assert bound.why(answer).startswith(lead)


def test_parameters_come_from_the_object_that_the_binding_names(bound: Bound) -> None:
    rule = {
        "expression": "size(object.spec.hosts) <= int(params.data.hosts)",
        "messageExpression": "'at most ' + params.data.hosts",
    }
    named = {"expression": "object.metadata.name != 'asked'", "message": "asked"}
    kind = {"apiVersion": "v1", "kind": "ConfigMap"}
    reference = {"name": "limits", "namespace": bound.space, "parameterNotFoundAction": "Deny"}
    bound.judge_by(rule, named, word="asked", paramKind=kind, paramRef=reference)
    assert bound.create("one-host").status == 201
    assert bound.why(bound.create("two-hosts", hosts=["a.b", "c.d"])) == "at most 1"


def test_absent_parameters_deny_where_the_binding_says_so(bound: Bound) -> None:
    kind = {"apiVersion": "v1", "kind": "ConfigMap"}
    reference = {"name": "absent", "namespace": bound.space, "parameterNotFoundAction": "Deny"}
    bound.judge_by(NEVER, word="no params found", paramKind=kind, paramRef=reference)
    why = (
        "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"
    )
    assert bound.why(bound.create("a")) == why


@pytest.mark.parametrize("allowed", [True, False])
def test_a_policy_may_ask_what_the_user_is_allowed(bound: Bound, allowed: bool) -> None:
    verb = "create" if allowed else "no-such-verb"
    check = f"authorizer.group('networking.istio.io').resource('sidecars').check('{verb}').allowed()"
    named = {"expression": "object.metadata.name != 'asked'", "message": "asked"}
    bound.judge_by({"expression": check, "message": "may not"}, named, word="denied")
    # An administrator may do everything, whatever the verb.
    assert bound.create(f"allowed-{allowed}".lower()).status == 201


def test_an_audited_failure_stops_nothing_and_says_nothing(bound: Bound) -> None:
    bound.judge_by(NEVER, word="Validation failed", action="Warn")
    change = {"spec": {"validationActions": ["Audit"]}}
    path = f"{PATH}/validatingadmissionpolicybindings/{bound.name}"
    must(bound.endpoint, "PATCH", path, change, kind="application/merge-patch+json")
    for attempt in range(100):  # a real server comes to know it after a while
        answer = bound.create(f"audited-{attempt}")
        assert answer.status == 201
        if not answer.warnings:
            return
    raise AssertionError("the warning never went away")


REFUSED_POLICIES: list[tuple[str, Json, str]] = [
    ("without validations", {"validations": []}, "spec.validations"),
    ("without a match", {"matchConstraints": None}, "spec.matchConstraints"),
    ("that is no expression", {"validations": [{"expression": "object."}]}, "spec.validations[0].expression"),
    (
        "with an unknown function",
        {"validations": [{"expression": "nosuch(object)"}]},
        "spec.validations[0].expression",
    ),
    (
        "with an unknown reason",
        {"validations": [{"expression": "true", "reason": "Teapot"}]},
        "spec.validations[0].reason",
    ),
    ("with an unknown failure policy", {"failurePolicy": "Perhaps"}, "spec.failurePolicy"),
]


@pytest.mark.parametrize(("what", "change", "field"), REFUSED_POLICIES, ids=[r[0] for r in REFUSED_POLICIES])
def test_a_policy_is_refused(bound: Bound, what: str, change: Json, field: str) -> None:
    body = policy(bound.name, NEVER)
    body["spec"] |= change
    answer = bound.endpoint.json("POST", f"{PATH}/validatingadmissionpolicies?dryRun=All", body)
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert field in [cause["field"] for cause in answer.body["details"]["causes"]]


REFUSED_BINDINGS: list[tuple[str, Json, str]] = [
    ("without a policy", {"policyName": ""}, "spec.policyName"),
    ("without an action", {"validationActions": []}, "spec.validationActions"),
    ("with an unknown action", {"validationActions": ["Shout"]}, "spec.validationActions[0]"),
    ("that denies and warns", {"validationActions": ["Deny", "Warn"]}, "spec.validationActions"),
]


@pytest.mark.parametrize(("what", "change", "field"), REFUSED_BINDINGS, ids=[r[0] for r in REFUSED_BINDINGS])
def test_a_binding_is_refused(bound: Bound, what: str, change: Json, field: str) -> None:
    body = binding(bound.name, bound.name, bound.space, "Deny")
    body["spec"] |= change
    answer = bound.endpoint.json("POST", f"{PATH}/validatingadmissionpolicybindings?dryRun=All", body)
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert field in [cause["field"] for cause in answer.body["details"]["causes"]]
