"""The rules beyond the schema that Istio's custom resource definitions carry, as plain functions.

Messages are those a real server gives (recorded from kube-apiserver 1.36 with Istio's definitions of
2026-08).
"""

import re
from typing import Any

from apps.simcluster.schema import Check, CheckError, Json

MAX_PORT = 65535
MAX_PORT_NAME = 63
_PORT_NAME = re.compile(r"^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$")
_DURATION = re.compile(r"^(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h)$")
_DURATION_PARTS = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_MILLISECOND = 1e-3


def is_port(value: Any) -> bool:
    return isinstance(value, int) and 0 < value <= MAX_PORT


def _distinct_numbers(ports: list[Json]) -> bool:
    numbers = [port.get("number") for port in ports]
    return len(numbers) == len(set(numbers))


def _uds_absolute(value: str) -> bool:
    return not value.startswith("unix://") or value[7:8] in ("/", "@")


def _uds_file(value: str) -> bool:
    return not value.startswith("unix://") or not value.endswith("/")


def _uds_without_ports(endpoint: Json) -> bool:
    return not str(endpoint.get("address", "")).startswith("unix://") or "ports" not in endpoint


def _port_names(ports: Json) -> bool:
    return all(len(name) < MAX_PORT_NAME and _PORT_NAME.match(name) for name in ports)


def _cidr_needs_addresses(spec: Json) -> bool:
    has_cidr = any("/" in str(address) for address in spec.get("addresses", []))
    return not has_cidr or spec.get("resolution", "NONE") in ("STATIC", "NONE")


def _none_without_endpoints(spec: Json) -> bool:
    return spec.get("resolution", "NONE") != "NONE" or "endpoints" not in spec


def _round_robin_single(spec: Json) -> bool:
    return spec.get("resolution") != "DNS_ROUND_ROBIN" or len(spec.get("endpoints", [])) <= 1


def _selector_or_endpoints(spec: Json) -> bool:
    return ("workloadSelector" in spec) + ("endpoints" in spec) <= 1


def _long_enough(value: str) -> bool:
    if not _DURATION.match(value) and "".join(a + b for a, b in _DURATION_PARTS.findall(value)) != value:
        raise CheckError("type conversion error from 'string' to 'google.protobuf.Duration'")
    total = sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PARTS.findall(value))
    return total >= _MILLISECOND


def _port_keys(levels: Json) -> bool:
    numbers = []
    for key in levels:
        if not key.lstrip("-").isdigit():
            raise CheckError("type conversion error from 'string' to 'int'")
        numbers.append(int(key))
    return all(is_port(number) for number in numbers)


def _needs_selector(spec: Json) -> bool:
    return "portLevelMtls" not in spec or bool(spec.get("selector", {}).get("matchLabels"))


def at_most_one(message: str, *names: str) -> Check:
    return Check(lambda value: sum(name in value for name in names) <= 1, message)


PORT_RANGE = Check(is_port, "port must be between 1-65535")
NO_WILDCARD_HOST = Check(lambda host: host != "*", "hostname cannot be wildcard")
NO_WILDCARD_LABEL = Check(lambda value: "*" not in value, "wildcard is not supported in selector")
DISTINCT_PORT_NUMBERS = Check(_distinct_numbers, "port number cannot be duplicated")
UDS_ABSOLUTE = Check(_uds_absolute, "UDS must be an absolute path or abstract socket")
UDS_FILE = Check(_uds_file, "UDS may not be a dir")
ENDPOINT_ADDRESS = Check(lambda value: "address" in value or "network" in value, "Address is required")
UDS_WITHOUT_PORTS = Check(_uds_without_ports, "UDS may not include ports")
PORT_NAMES = Check(_port_names, "port name must be valid")
SELECTOR_OR_ENDPOINTS = Check(_selector_or_endpoints, "only one of WorkloadSelector or Endpoints can be set")
CIDR_RESOLUTION = Check(
    _cidr_needs_addresses, "CIDR addresses are allowed only for NONE/STATIC resolution types"
)
NONE_WITHOUT_ENDPOINTS = Check(_none_without_endpoints, "NONE mode cannot set endpoints")
ROUND_ROBIN_SINGLE = Check(_round_robin_single, "DNS_ROUND_ROBIN mode cannot have multiple endpoints")
DURATION = Check(_long_enough, "must be a valid duration greater than 1ms")
PORT_KEYS = Check(_port_keys, "port must be between 1-65535")
PORT_LEVEL_NEEDS_SELECTOR = Check(_needs_selector, "portLevelMtls requires selector")
