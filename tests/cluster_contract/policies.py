"""The admission policy that the recorded cases meet: no wildcard hosts, and few of them."""

import time
from collections.abc import Callable
from typing import Any

from tests.cluster_contract.endpoint import Endpoint
from tests.cluster_contract.making import ISTIO, must, service_entry
from tests.cluster_contract.replay import Known

Json = dict[str, Any]
Step = Callable[[Endpoint, Known], None]
PATH = "/apis/admissionregistration.k8s.io/v1"
HEAD = {"apiVersion": "admissionregistration.k8s.io/v1"}
POLICY, BINDING = "no-wildcards", "nw"
WAIT_SECONDS, PAUSE = 30, 0.2


def policy(name: str, *validations: Json, **spec: Any) -> Json:
    """A policy on new and changed ServiceEntries."""
    rule = {
        "apiGroups": ["networking.istio.io"],
        "apiVersions": ["*"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["serviceentries"],
    }
    stated = {"matchConstraints": {"resourceRules": [rule]}, "validations": list(validations), **spec}
    return {**HEAD, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": stated}


def binding(name: str, policy_name: str, namespace: str, action: str, **spec: Any) -> Json:
    """A binding of a policy that holds in one namespace."""
    chosen = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    stated = {"policyName": policy_name, "validationActions": [action], "matchResources": chosen, **spec}
    return {**HEAD, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name}, "spec": stated}


def apply_policy(endpoint: Endpoint, *objects: Json) -> None:
    """Make policies and bindings anew."""
    for body in objects:
        plural = f"{body['kind'].lower()}s".replace("policys", "policies")
        endpoint.json("DELETE", f"{PATH}/{plural}/{body['metadata']['name']}")
        must(endpoint, "POST", f"{PATH}/{plural}", body)


def drop_policies(endpoint: Endpoint, *names: tuple[str, str]) -> None:
    """Remove policies and their bindings, given as (policy, binding)."""
    for policy_name, binding_name in names:
        endpoint.json("DELETE", f"{PATH}/validatingadmissionpolicybindings/{binding_name}")
        endpoint.json("DELETE", f"{PATH}/validatingadmissionpolicies/{policy_name}")


def wait_until_asked(endpoint: Endpoint, namespace: str, hosts: list[str], *, word: str) -> None:
    """A real server comes to know a policy after a while: ask, in a dry run, until it says the word."""
    body = service_entry("asked", namespace, hosts=hosts)
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        answer = endpoint.json("POST", f"{ISTIO}/{namespace}/serviceentries?dryRun=All", body)
        if word in " ".join([*answer.warnings, str(answer.body)]):
            return
        time.sleep(PAUSE)
    raise AssertionError(f"the policy is not asked: {answer.status} {answer.body}")


def _registered(action: str, word: str) -> Step:
    def step(endpoint: Endpoint, known: Known) -> None:
        names = {name: known.namespace(name) for name in (POLICY, BINDING)}
        for name, here in names.items():
            known.learn(name, here)
        wildcards = {
            "expression": "!object.spec.hosts.exists(h, h.startsWith('*'))",
            "message": "wildcard hosts are not allowed",
        }
        many = {
            "expression": "size(object.spec.hosts) <= 4",
            "messageExpression": "'too many hosts: ' + string(size(object.spec.hosts))",
            "reason": "Forbidden",
        }
        space = known.namespace("demo")
        apply_policy(
            endpoint,
            policy(names[POLICY], wildcards, many),
            binding(names[BINDING], names[POLICY], space, action),
        )
        wait_until_asked(endpoint, space, ["*.example.com"], word=word)

    return step


def drop_recorded_policy(endpoint: Endpoint, known: Known) -> None:
    drop_policies(endpoint, (known.namespace(POLICY), known.namespace(BINDING)))


POLICY_STEPS: dict[str, Step] = {
    "vap-deny": _registered("Deny", "denied request"),
    "vap-warn": _registered("Warn", "Validation failed"),
}
