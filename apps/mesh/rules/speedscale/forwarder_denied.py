"""Access control keeps what captured pods record from Speedscale's forwarder.

Speedscale's proxy in a captured pod, and the Java agent, send what they record to the forwarder, through
Istio's proxy of their pod. If the forwarder is in the mesh, AuthorizationPolicies of its namespace and of the
root namespace decide whether they may: one ALLOW policy that selects it, or a policy without rules that
denies by default, refuses everybody whom no rule lets in. Pods are ready, all containers run, and nothing
arrives.

Only certain refusals are reported: a rule that might take the call, by its path, address or token, counts as
one that lets it in, and one that might deny it as one that does not. Callers are judged by their namespace,
service account and the forwarder's container ports, as they are seen in the mesh's certificates.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.authz import ALLOW, DENY, AuthorizationPolicies, Caller, takes
from apps.mesh.authz import INPUTS as POLICY_INPUTS
from apps.mesh.capture import INPUTS as CAPTURE_INPUTS
from apps.mesh.findings import Finding, Severity
from apps.mesh.mtls import INPUTS as MODE_INPUTS
from apps.mesh.needs import senders
from apps.mesh.objects.security import AuthorizationPolicy
from apps.mesh.objects.workloads import Workload
from apps.mesh.principals import trust_domains
from apps.mesh.refs import ResourceRef
from apps.mesh.reports import MtlsMode, SpeedscaleInstall
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import counted, listed
from apps.mesh.serviceports import served
from apps.mesh.snapshot import Snapshot
from apps.mesh.speedscale import FORWARDER_NAME, FORWARDER_PORT, installs, serving

WITH_IDENTITY = frozenset({MtlsMode.STRICT, MtlsMode.PERMISSIVE})
DEFAULT_ACCOUNT = "default"


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each policy that stands in the way."""
    found = context.snapshot.derived(_senders)
    if not found or context.snapshot.missing("AuthorizationPolicy"):
        return
    policies = context.snapshot.derived(AuthorizationPolicies)
    for install in context.installs:
        forwarder = _forwarder(context, install)
        if forwarder is None or install.namespace not in found:
            continue
        before = policies.before(forwarder)
        if not before:
            continue
        refused: dict[ResourceRef, tuple[AuthorizationPolicy, list[Workload]]] = {}
        for workload in found[install.namespace]:
            policy = _refusing(before, _callers(context, install, forwarder, workload))
            if policy is not None:
                refused.setdefault(policy.ref, (policy, []))[1].append(workload)
        for policy, workloads in refused.values():
            yield _finding(policy, workloads)


def _senders(snapshot: Snapshot) -> dict[str, list[Workload]]:
    """Captured workloads that send through their own proxy, by the namespace of their installation."""
    known = snapshot.derived(installs)
    found: dict[str, list[Workload]] = {}
    for name, workloads in snapshot.parts(senders).items():
        install = serving(known, name) if workloads else None
        if install is not None:
            found.setdefault(install.namespace, []).extend(workloads)
    return found


def _forwarder(context: RuleContext, install: SpeedscaleInstall) -> Workload | None:
    """The forwarder's workload, if a proxy stands before it that sees who calls."""
    component = install.component("forwarder")
    if component is None or context.mtls[component.ref].mode not in WITH_IDENTITY:
        return None
    found = context.snapshot.get(component.ref)
    return found if isinstance(found, Workload) else None


def _callers(
    context: RuleContext, install: SpeedscaleInstall, forwarder: Workload, workload: Workload
) -> list[Caller]:
    """The calls of one workload: one for each container port behind the forwarder's own port."""
    domains = trust_domains(context.mesh_config(install.namespace))
    account = workload.template.service_account or DEFAULT_ACCOUNT
    ports = {
        target
        for service, number, target in served(context.snapshot, forwarder)
        if service.name == FORWARDER_NAME and number == FORWARDER_PORT
    }
    return [Caller(workload.namespace, account, port, domains) for port in sorted(ports)]


def _refusing(policies: tuple[AuthorizationPolicy, ...], callers: list[Caller]) -> AuthorizationPolicy | None:
    """The policy by which a call is certainly refused; None where it may pass."""
    for caller in callers:
        for policy in policies:
            if policy.action == DENY and any(
                takes(r, policy.namespace, caller) is True for r in policy.rules
            ):
                return policy
        allowing = [policy for policy in policies if policy.action == ALLOW]
        rules = [(rule, policy.namespace) for policy in allowing for rule in policy.rules]
        if allowing and all(takes(rule, namespace, caller) is False for rule, namespace in rules):
            return next((policy for policy in allowing if policy.rules), allowing[0])
    return None


def _finding(policy: AuthorizationPolicy, workloads: list[Workload]) -> Finding:
    namespaces = sorted({workload.namespace for workload in workloads})
    outcome = "denies" if policy.action == DENY else "does not let in"
    return RULE.finding(
        f"This policy stands before Speedscale's forwarder and {outcome} "
        f"{counted(len(workloads), 'captured workload')} of {listed(namespaces)}: what they record is lost. "
        f"{'Leave these namespaces out' if policy.action == DENY else 'Add a rule for these namespaces'}.",
        policy.ref,
        api_version=policy.api_version,
        path="spec.rules",
        affected=tuple(workload.ref for workload in workloads),
    )


RULE = Rule(
    code="SS20",
    name="forwarder-denied",
    severity=Severity.WARNING,
    title="Access control keeps records from the forwarder",
    inputs=CAPTURE_INPUTS | MODE_INPUTS | POLICY_INPUTS | {"Service"},
    doc=__doc__ or "",
    check=check,
    no_remedy=(
        "Who may reach the forwarder is its owner's decision: an access rule is never widened by a remedy."
    ),
)
