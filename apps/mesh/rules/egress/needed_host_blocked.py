"""Hosts of another product that these namespaces need cannot be reached.

An administrator keeps lists of hosts for other products than Speedscale (the API of a payment provider, a
monitoring service) and says in which namespaces they are needed. Where a workload there stands behind a
proxy and a host of the list is blocked, or let out by the mesh and stopped after it, calls fail as soon as
somebody makes them.

What was not declared as needed is never reported, whatever is blocked, and neither are hosts that no pod
opens (`informational`). Register the hosts in a ServiceEntry that these workloads see, or correct the list
or its namespaces. The matrix of the set shows each cell, with its evidence.

The remedy writes an entry that the namespace alone sees, with the import where a Sidecar needs one. What is
stopped after the mesh let it out, what is plain TCP and what would take something from somebody is left to
people, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from apps.mesh.egress import EgressScope
from apps.mesh.findings import Finding
from apps.mesh.hostsets import HostSet, Needed, RequiredHost, Tier
from apps.mesh.needs import INPUTS
from apps.mesh.refs import ResourceRef
from apps.mesh.rules.base import TIER_SEVERITY, Rule, RuleContext
from apps.mesh.rules.wording import counted, listed
from apps.mesh.verdicts import EgressAnswer

MOST_HOSTS = 12


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each set and namespace."""
    for needed in context.hostset.beside:
        scopes: dict[str, list[EgressScope]] = {}
        for scope in context.engine.scopes() if needed.namespaces else ():
            if _needs(needed, scope.namespace):
                scopes.setdefault(scope.namespace, []).append(scope)
        for namespace, found in sorted(scopes.items()):
            if closed := _closed(context, needed.hostset, found):
                yield _finding(needed.hostset, namespace, closed)


def _needs(needed: Needed, namespace: str) -> bool:
    return any(fnmatchcase(namespace, pattern) for pattern in needed.namespaces)


def _closed(
    context: RuleContext, hostset: HostSet, scopes: list[EgressScope]
) -> list[tuple[RequiredHost, EgressScope, EgressAnswer]]:
    """What does not get through, the hosts that matter most first."""
    return [
        (host, scope, answer)
        for host in sorted(hostset.hosts, key=lambda host: host.tier.rank)
        for scope in (scopes if host.tier is not Tier.INFORMATIONAL else ())
        if (answer := context.engine.answer(scope.representative, host.destination)).verdict.blocked
        or answer.stopped is not None
    ]


def _finding(
    hostset: HostSet, namespace: str, closed: list[tuple[RequiredHost, EgressScope, EgressAnswer]]
) -> Finding:
    hosts = list(dict.fromkeys(host for host, _, _ in closed))
    scopes = {scope.key: scope for _, scope, _ in closed}
    workloads = tuple(dict.fromkeys(ref for scope in scopes.values() for ref in scope.workloads))
    verb = "is" if len(hosts) == 1 else "are"
    return RULE.finding(
        f"{counted(len(hosts), 'host')} that {namespace} needs {verb} out of reach ({hostset}): "
        f"{listed([host.key for host in hosts], MOST_HOSTS)}. It hits "
        f"{counted(len(workloads), 'workload')}. Register them in a ServiceEntry that these see; the matrix "
        f"of {hostset.name} says what stands in the way of each.",
        ResourceRef("Namespace", "", namespace),
        api_version="v1",
        severity=TIER_SEVERITY[hosts[0].tier],
        key=hostset.name,
        affected=workloads,
        evidence=closed[0][2].evidence,
        remedy=None if any(answer.verdict.blocked for _, _, answer in closed) else "",
        hostset=str(hostset),
    )


RULE = Rule(
    code="MC140",
    name="needed-host-blocked",
    severity=TIER_SEVERITY[Tier.REQUIRED],
    title="Hosts that were declared as needed are out of reach",
    inputs=INPUTS - {"CustomResourceDefinition", "ValidatingWebhookConfiguration"},
    doc=__doc__ or "",
    check=check,
    remedy="open-hosts",
    no_remedy="What stops a host after the mesh has let it out is for its owner to change.",
)
