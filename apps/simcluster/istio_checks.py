"""The rules beyond the schema that Istio's custom resource definitions carry.

Rules and messages are those of Istio's definitions of 2026-08, as a real server serves them.
"""

from apps.simcluster.schema import Check


def at_most_one(message: str, *names: str) -> Check:
    counted = " + ".join(f"(has(self.{name}) ? 1 : 0)" for name in names)
    return Check(f"{counted} <= 1", message)


PORT_RANGE = Check("0 < self && self <= 65535", "port must be between 1-65535")
NO_WILDCARD_HOST = Check('self != "*"', "hostname cannot be wildcard")
NO_WILDCARD_LABEL = Check('!self.contains("*")', "wildcard is not supported in selector")
DISTINCT_PORT_NUMBERS = Check(
    "self.all(l1, self.exists_one(l2, l1.number == l2.number))", "port number cannot be duplicated"
)
UDS_ABSOLUTE = Check(
    'self.startsWith("unix://") ? (self.substring(7, 8) == "/" || self.substring(7, 8) == "@") : true',
    "UDS must be an absolute path or abstract socket",
)
UDS_FILE = Check('self.startsWith("unix://") ? !self.endsWith("/") : true', "UDS may not be a dir")
ENDPOINT_ADDRESS = Check("has(self.address) || has(self.network)", "Address is required")
UDS_WITHOUT_PORTS = Check(
    '(has(self.address) ? self.address : "").startsWith("unix://") ? !has(self.ports) : true',
    "UDS may not include ports",
)
PORT_NAMES = Check(
    'self.all(key, size(key) < 63 && key.matches("^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$"))',
    "port name must be valid",
)
SELECTOR_OR_ENDPOINTS = at_most_one(
    "only one of WorkloadSelector or Endpoints can be set", "workloadSelector", "endpoints"
)
CIDR_RESOLUTION = Check(
    '!((has(self.addresses) ? self.addresses : []).exists(k, k.contains("/")) && '
    '!((has(self.resolution) ? self.resolution : "NONE") in ["STATIC", "NONE"]))',
    "CIDR addresses are allowed only for NONE/STATIC resolution types",
)
NONE_WITHOUT_ENDPOINTS = Check(
    '((has(self.resolution) ? self.resolution : "NONE") == "NONE") ? !has(self.endpoints) : true',
    "NONE mode cannot set endpoints",
)
ROUND_ROBIN_SINGLE = Check(
    '((has(self.resolution) ? self.resolution : "") == "DNS_ROUND_ROBIN") ? '
    "((has(self.endpoints) ? self.endpoints : []).size() <= 1) : true",
    "DNS_ROUND_ROBIN mode cannot have multiple endpoints",
)
DURATION = Check('duration(self) >= duration("1ms")', "must be a valid duration greater than 1ms")
PORT_KEYS = Check("self.all(key, 0 < int(key) && int(key) <= 65535)", "port must be between 1-65535")
PORT_LEVEL_NEEDS_SELECTOR = Check(
    "(has(self.selector) && has(self.selector.matchLabels) && self.selector.matchLabels.size() > 0) || "
    "!has(self.portLevelMtls)",
    "portLevelMtls requires selector",
)
