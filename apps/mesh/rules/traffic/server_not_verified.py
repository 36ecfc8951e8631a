"""A DestinationRule starts TLS without checking who the server is.

With `SIMPLE` or `MUTUAL` the proxy checks the server's certificate against `caCertificates`, and since Istio
1.21 against the certificates of the system where none are named (VERIFY_CERTIFICATE_AT_CLIENT). Older
versions accept any certificate then, and `insecureSkipVerify` switches the check off in all versions: anybody
in between can read and change what is sent. istioctl still reports every rule without `caCertificates`, which
is outdated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.inforce import INPUTS, in_force
from apps.mesh.objects.networking import DestinationRule
from apps.mesh.objects.traffic import MUTUAL, SIMPLE, ClientTls, TrafficPolicy
from apps.mesh.planes import namespace_planes
from apps.mesh.rules.base import Rule, RuleContext

VERIFIES = (1, 21)
"""The first version that uses the system's certificates where none are named."""


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each rule: its first setting that does not verify."""
    planes = context.snapshot.derived(namespace_planes)
    for rule in in_force(context.snapshot, DestinationRule):
        old = _older(planes.of(rule.namespace).version)
        for path, tls in _settings(rule):
            if tls.mode not in {SIMPLE, MUTUAL}:
                continue
            if tls.skips_verification:
                reason, way_out = "insecureSkipVerify is on", "Name the server's caCertificates instead."
            elif old and not tls.ca_certificates and not tls.credential_name:
                reason = "this version of Istio accepts any certificate where no caCertificates are named"
                way_out = "Name them."
            else:
                continue
            yield RULE.finding(
                f"The connection to {rule.host} is encrypted, but {reason}, so that anybody can pose as the "
                f"server. {way_out}",
                rule.ref,
                api_version=rule.api_version,
                path=path,
            )
            break


def _settings(rule: DestinationRule) -> Iterator[tuple[str, ClientTls]]:
    yield from _of(rule.policy, "spec.trafficPolicy")
    for place, subset in enumerate(rule.subsets):
        yield from _of(subset.policy, f"spec.subsets[{place}].trafficPolicy")


def _of(policy: TrafficPolicy, path: str) -> Iterator[tuple[str, ClientTls]]:
    if policy.tls is not None:
        yield f"{path}.tls", policy.tls
    for tls in policy.port_tls.values():
        if tls is not None:
            yield f"{path}.portLevelSettings", tls


def _older(version: str) -> bool:
    """False for a version that is not known."""
    found = re.match(r"v?(\d+)\.(\d+)", version)
    return found is not None and (int(found[1]), int(found[2])) < VERIFIES


RULE = Rule(
    code="MC172",
    name="server-not-verified",
    severity=Severity.WARNING,
    title="TLS does not check who the server is",
    inputs=INPUTS | {"DestinationRule"},
    doc=__doc__ or "",
    check=check,
    references=("IST0128", "IST0129"),
    no_remedy=(
        "Which name and which authority the certificate should have is not in any manifest; a wrong one "
        "breaks every call."
    ),
)
