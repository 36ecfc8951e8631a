"""A Service leads to a named port that no container of its pods declares.

`targetPort` may be a name, which is looked up among the ports of each pod's containers. A pod without a port
of that name is no endpoint for it at all, so that the port of the Service refuses every connection, with a
mesh or without. A number needs no declaration: containers may listen on ports that they do not list, so
numbers are not reported, although Kiali does.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.clienttls import container_port
from apps.mesh.findings import Finding, Severity
from apps.mesh.objects.networking import Service
from apps.mesh.objects.workloads import WORKLOAD_KINDS
from apps.mesh.rules.base import InEachNamespace, Rule, RuleContext
from apps.mesh.rules.wording import listed

_INJECTED = frozenset({"http-envoy-prom"})
"""Names of ports that injection brings along; templates do not show them."""


def check(context: RuleContext, namespace: str) -> Iterator[Finding]:
    """One finding for each Service; none where workloads could not be read."""
    index = context.services_in(namespace)
    for service in context.snapshot.each_in(Service, namespace):
        names = [port for port in service.ports if _is_name(port.target_port)]
        workloads = index.behind(service.ref) if names else ()
        if not workloads or any(context.snapshot.missing(kind, service.namespace) for kind in WORKLOAD_KINDS):
            continue
        lost = [
            port for port in names if all(container_port(port, workload) is None for workload in workloads)
        ]
        if lost:
            yield RULE.finding(
                f"{listed(port.target_port for port in lost)} is a port of no container of "
                f"{listed(item.ref.path for item in workloads)}, so that nothing answers on "
                f"{listed(str(port.number) for port in lost)}. Name the container's port so, or use its "
                "number.",
                service.ref,
                api_version=service.api_version,
                path=f"spec.ports[{service.ports.index(lost[0])}].targetPort",
                affected=tuple(item.ref for item in workloads),
            )


def _is_name(target: str) -> bool:
    return bool(target) and not target.isdecimal() and target not in _INJECTED


RULE = Rule(
    code="MC175",
    name="target-port-unnamed",
    severity=Severity.ERROR,
    title="A Service leads to a port name that no container has",
    inputs=frozenset({"Service", "Workload"}),
    doc=__doc__ or "",
    check=InEachNamespace(check),
    references=("KIA0701",),
    no_remedy="Which container port was meant is a guess.",
)
