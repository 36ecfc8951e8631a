"""Let a route that names the port of a container name the port of its Service.

Offered where the host is a Service with a single port, whose `targetPort` is the very number that the
route names: the call then arrives where the route says, and it fails today. Every destination of the
object with that host and port is corrected; the routes are written whole, because their list is atomic for
the API server.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.mesh.destinations import RoutedTo, destinations, named
from apps.mesh.findings import Finding
from apps.mesh.hosts import resolve_short_name
from apps.mesh.objects.networking import Service, VirtualService
from apps.mesh.patches import updated
from apps.mesh.remedies.base import RemedyContext
from apps.mesh.remedies.mending import DoubtError, Mend, ending


def write(context: RemedyContext, finding: Finding) -> Mend:
    """Raises DoubtError."""
    route, before = context.snapshot.get(finding.ref), context.snapshot.manifest(finding.ref)
    if not isinstance(route, VirtualService) or before is None:
        raise DoubtError("it cannot be read")
    goal = next(goal for goal in destinations(route) if f"{goal.host} {goal.target.port}" == finding.key)
    number = _service_port(context, goal)

    def corrected(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [corrected(item) for item in value]
        if not isinstance(value, Mapping):
            return value
        if _is_goal(value, goal):
            return {**value, "port": {**value["port"], "number": number}}
        return {key: corrected(item) for key, item in value.items()}

    return Mend((finding,), (updated(before, {**before, "spec": corrected(before["spec"])}),))


def _service_port(context: RemedyContext, goal: RoutedTo) -> int:
    """The port of the one Service whose container port the route names. Raises DoubtError."""
    services = [
        found
        for item in named(context.snapshot, goal.host, goal.route.namespace)
        if isinstance(found := context.snapshot.get(item.ref), Service)
    ]
    ports = services[0].ports if len(services) == 1 else ()
    if len(ports) != 1 or str(ports[0].target_port or "") != str(goal.target.port):
        raise DoubtError(f"{goal.target.port} is not the container port of a Service with a single port")
    return ports[0].number


def _is_goal(value: Mapping[str, Any], goal: RoutedTo) -> bool:
    port = value.get("port")
    if not isinstance(port, Mapping) or port.get("number") != goal.target.port:
        return False
    return resolve_short_name(str(value.get("host") or ""), goal.route.namespace) == goal.host


REMEDY = ending(
    name="route-to-service-port",
    title="Route to the port of the Service",
    doc=__doc__ or "",
    write=write,
)
