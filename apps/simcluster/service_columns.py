"""The cells of Services and of what they lead to, in the words of the API server's printers.

It knows objects and no table.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from apps.simcluster.pod_columns import NONE
from apps.simcluster.schema import Json

UNSET = "<unset>"


def listed(values: Sequence[Any] | None) -> str:
    return ",".join(str(value) for value in values or ()) or NONE


def pairs(labels: Json | None) -> str:
    return listed([f"{key}={value}" for key, value in sorted((labels or {}).items())])


def _external(spec: Json, status: Json) -> str:
    """Where a service is reached from outside."""
    kind, given = spec.get("type", "ClusterIP"), list(spec.get("externalIPs") or ())
    if kind == "ExternalName":
        return str(spec.get("externalName", ""))
    if kind == "LoadBalancer":
        ingress = (status.get("loadBalancer") or {}).get("ingress") or ()
        return (
            ",".join([item.get("ip") or item.get("hostname", "") for item in ingress] + given) or "<pending>"
        )
    return listed(given)


def _port(port: Json) -> str:
    node = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port.get('port')}{node}/{port.get('protocol', 'TCP')}"


def service_cells(obj: Json, now: datetime) -> list[Any]:
    spec = obj.get("spec", {})
    ports = listed([_port(port) for port in spec.get("ports") or ()])
    external = _external(spec, obj.get("status", {}))
    kind = spec.get("type", "ClusterIP")
    return [kind, spec.get("clusterIP") or NONE, external, ports, pairs(spec.get("selector"))]


def endpoints_cells(obj: Json, now: datetime) -> list[Any]:
    shown = [
        f"{address.get('ip')}:{port.get('port')}"
        for subset in obj.get("subsets") or ()
        for port in subset.get("ports") or ()
        for address in subset.get("addresses") or ()
    ]
    more = f" + {len(shown) - 3} more..." if len(shown) > 3 else ""
    return [listed(shown[:3]) + more]


def _more(shown: Sequence[Any]) -> str:
    """The first three, and how many more there are."""
    more = f" + {len(shown) - 3} more..." if len(shown) > 3 else ""
    return ",".join(str(value) for value in shown[:3]) + more or UNSET


def slice_cells(obj: Json, now: datetime) -> list[Any]:
    ports = [row.get("port") or row.get("name") or "*" for row in obj.get("ports") or ()]
    addresses = [address for row in obj.get("endpoints") or () for address in row.get("addresses") or ()]
    return [obj.get("addressType", ""), _more(ports), _more(addresses)]
