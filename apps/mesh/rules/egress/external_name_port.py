"""A Service of type ExternalName declares a TCP port, which older versions of Istio open to every address.

An ExternalName Service is a DNS alias. Before Istio 1.21 proxies built a listener for each of its ports,
on any address because it has none of its own: a port named `tcp`, or one whose protocol Istio could not
tell from its name, took all traffic of that port number, to whatever host, and sent it to the alias.
Since 1.21 Istio follows the alias to the host that it names, and its ports mean nothing (unless
`ENABLE_EXTERNAL_NAME_ALIAS` is off); istioctl reports IST0150 all the same.

Name the port `http-…` or `tls-…` for what it carries, or take it out: DNS does not need it.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.egress.services import AUTO, service_protocol
from apps.mesh.findings import Finding, Severity
from apps.mesh.objects.networking import Service
from apps.mesh.planes import INPUTS, at_least, namespace_planes
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each Service; a hint where the version of Istio is not known."""
    for service in context.snapshot.each(Service):
        if service.type != "ExternalName":
            continue
        wide = [index for index, p in enumerate(service.ports) if service_protocol(p) in {AUTO, "TCP"}]
        plane = context.snapshot.derived(namespace_planes).of(service.namespace)
        follows_alias = at_least(plane, 1, 21)
        if not wide or follows_alias or not context.reads(service):
            continue
        version = plane.version or "older than 1.21"
        numbers = listed(str(service.ports[index].number) for index in wide)
        several = len(wide) > 1
        yield RULE.finding(
            f"Port{'s' if several else ''} {numbers} of this ExternalName {'are' if several else 'is'} "
            f"plain TCP to Istio {version}, which sends everything on {'them' if several else 'it'} to "
            f"{service.external_name}, whatever the host. Name the port for its protocol, or take it out.",
            service.ref,
            api_version=service.api_version,
            severity=Severity.INFO if follows_alias is None else Severity.WARNING,
            path=f"spec.ports[{wide[0]}]",
        )


RULE = Rule(
    code="MC132",
    name="external-name-port",
    severity=Severity.WARNING,
    title="A TCP port of an ExternalName Service takes all traffic of its number",
    inputs=INPUTS | {"Service"},
    doc=__doc__ or "",
    check=check,
    references=("IST0150",),
    no_remedy="Which protocol the port carries only its callers know, and naming one changes what they get.",
)
