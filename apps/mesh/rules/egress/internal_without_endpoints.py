"""A ServiceEntry calls a host part of the mesh (`MESH_INTERNAL`) and gives no endpoints for it.

`location: MESH_INTERNAL` says that the other side belongs to the mesh: its proxy, or the workload's own,
speaks Istio's mutual TLS, and telemetry counts it as a workload. For a host outside, an API of a supplier
say, that is not true: settings that are meant for the mesh (mutual TLS by a DestinationRule for
`*.local`, by mesh defaults) may be used towards a server that does not know them, and handshakes fail.
The setting is right together with `endpoints` or a `workloadSelector` that name virtual machines or pods,
and for names of the cluster.

Set `MESH_EXTERNAL`. An entry of Speedscale's hosts is reported by its own check.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.needs import FlawKind
from apps.mesh.objects.networking import ServiceEntry
from apps.mesh.rules.base import FLAWED_INPUTS, Rule, RuleContext
from apps.mesh.rules.wording import listed

INSIDE = frozenset({"cluster", "corp", "global", "internal", "lan", "local", "mesh", "svc"})
"""Last labels of names that no supplier on the Internet has."""


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each ServiceEntry."""
    for entry in context.snapshot.each(ServiceEntry):
        if entry.location != "MESH_INTERNAL" or entry.endpoints or entry.workload_selector is not None:
            continue
        outside = [host for host in entry.hosts if "." in host and host.rpartition(".")[2] not in INSIDE]
        known = (entry.ref, FlawKind.LOCATION) in context.flawed
        if outside and not known and context.reads(entry):
            yield RULE.finding(
                f"{listed(outside)} {'is' if len(outside) == 1 else 'are'} called part of the mesh, with "
                "no endpoints that are. Mutual TLS that is meant for the mesh may be spoken to a server that "
                "does not know it. Set location to MESH_EXTERNAL.",
                entry.ref,
                api_version=entry.api_version,
                path="spec.location",
            )


RULE = Rule(
    code="MC127",
    name="internal-without-endpoints",
    severity=Severity.WARNING,
    title="A host outside is called part of the mesh",
    inputs=FLAWED_INPUTS,
    doc=__doc__ or "",
    check=check,
    no_remedy=(
        "Clients may rest on what the location makes of them; where the hosts are Speedscale's, SS05 "
        "mends it."
    ),
)
