"""A policy goes by fields of HTTP, and some ports of its workloads carry plain TCP.

`methods`, `paths`, `hosts`, `requestPrincipals` and conditions on `request.…` exist only in HTTP. On a port
that Istio takes for TCP (by the name or `appProtocol` of the Service's port) the two actions go opposite
ways (pilot/pkg/security/authz/model/model.go, checkError): an ALLOW rule with such a field is left out as a
whole, so that nobody gets in by it; in a DENY rule only the field is left out, and what remains denies. A
DENY of `GET` for everybody thereby closes every TCP port of the workload, databases included.

Say the ports in `to.operation.ports`, and write a rule of its own for the TCP ports. Istio warns only of
rules that hold nothing but fields of HTTP, and does not look whether there is a TCP port. Gateways are left
out: what their ports carry is said by the servers of their Gateways.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.authz import ALLOW, DENY, AuthorizationPolicies, enforced, text_matches
from apps.mesh.authz import INPUTS as POLICY_INPUTS
from apps.mesh.findings import Finding, Severity
from apps.mesh.knownhosts import INPUTS as HOST_INPUTS
from apps.mesh.mtls import INPUTS as MODE_INPUTS
from apps.mesh.objects.security import AuthorizationPolicy, AuthorizationRule, Operation
from apps.mesh.objects.workloads import Workload
from apps.mesh.refs import ResourceRef
from apps.mesh.reports import MtlsMode
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import counted, listed
from apps.mesh.serviceports import tcp_ports

Hit = dict[ResourceRef, tuple[int, ...]]


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each policy."""
    policies = context.snapshot.derived(AuthorizationPolicies)
    for policy in context.snapshot.each(AuthorizationPolicy):
        if policy.action not in {ALLOW, DENY} or not enforced(policy):
            continue
        if policy.action == ALLOW and context.snapshot.missing("AuthorizationPolicy"):
            continue  # another one may let in what this one does not
        asked = [(number, path) for number, rule in enumerate(policy.rules) for path in _fields(number, rule)]
        if not asked:
            continue
        rules = [policy.rules[number] for number in dict.fromkeys(number for number, _ in asked)]
        hit: Hit = {}
        for workload in policies.taken(policy):
            tcp = tcp_ports(context.snapshot, workload)
            if not tcp or context.mtls[workload.ref].mode is MtlsMode.GATEWAY:
                continue
            ports = _hit(tcp, policies, policy, rules, workload)
            if ports and context.injections[workload.ref].meshed:
                hit[workload.ref] = ports
        if hit:
            yield _finding(policy, asked[0][1], hit)


def _fields(number: int, rule: AuthorizationRule) -> Iterator[str]:
    """The paths of what exists only in HTTP."""
    for index, source in enumerate(rule.sources):
        for field, values in (
            ("requestPrincipals", source.request_principals),
            ("notRequestPrincipals", source.not_request_principals),
        ):
            if values:
                yield f"spec.rules[{number}].from[{index}].source.{field}"
    for index, operation in enumerate(rule.operations):
        for field, values in (
            ("hosts", operation.hosts),
            ("notHosts", operation.not_hosts),
            ("methods", operation.methods),
            ("notMethods", operation.not_methods),
            ("paths", operation.paths),
            ("notPaths", operation.not_paths),
        ):
            if values:
                yield f"spec.rules[{number}].to[{index}].operation.{field}"
    for index, condition in enumerate(rule.conditions):
        if condition.key.startswith("request."):
            yield f"spec.rules[{number}].when[{index}]"


def _hit(
    ports: tuple[int, ...],
    policies: AuthorizationPolicies,
    policy: AuthorizationPolicy,
    rules: list[AuthorizationRule],
    workload: Workload,
) -> tuple[int, ...]:
    """The TCP ports of a workload on which the rules do something else than they say."""
    found = [port for port in ports if any(_about(rule, port) for rule in rules)]
    if policy.action == DENY or not found:
        return tuple(found)
    others = [
        rule
        for item in policies.before(workload)
        if item.action == ALLOW
        for rule in item.rules
        if not any(True for _ in _fields(0, rule))
    ]
    return tuple(port for port in found if not any(_about(rule, port) for rule in others))


def _about(rule: AuthorizationRule, port: int) -> bool:
    return not rule.operations or any(_takes_port(item, str(port)) for item in rule.operations)


def _takes_port(operation: Operation, port: str) -> bool:
    if operation.ports and not any(text_matches(item, port) for item in operation.ports):
        return False
    return not any(text_matches(item, port) for item in operation.not_ports)


def _finding(policy: AuthorizationPolicy, path: str, hit: Hit) -> Finding:
    ports = listed(str(port) for port in sorted({port for ports in hit.values() for port in ports}))
    names = listed(ref.path for ref in hit)
    where = f"port {ports} of {counted(len(hit), 'workload')} ({names})"
    if policy.action == DENY:
        text = f"the field is left out there, and what remains of the rule denies all traffic to {where}"
    else:
        text = f"the rule is left out there, and nothing else lets anybody in on {where}"
    return RULE.finding(
        f"Istio takes the port for TCP, which has no {path.rpartition('.')[2].partition('[')[0]}: {text}. "
        "Limit the rule to the HTTP ports, and write one without fields of HTTP for the others.",
        policy.ref,
        api_version=policy.api_version,
        severity=Severity.ERROR if policy.action == DENY else Severity.WARNING,
        path=path,
        affected=tuple(hit),
    )


RULE = Rule(
    code="MC210",
    name="http-field-on-tcp",
    severity=Severity.ERROR,
    title="The policy goes by HTTP on a port that carries TCP",
    inputs=HOST_INPUTS | MODE_INPUTS | POLICY_INPUTS,
    doc=__doc__ or "",
    check=check,
    references=("IST0133",),
    no_remedy=(
        "Whether the port or the condition is wrong cannot be seen, and a policy is its owner's to change."
    ),
)
