"""Hosts that Speedscale needs are blocked, because no ServiceEntry names them.

Under the outbound traffic policy `REGISTRY_ONLY` a proxy lets out only what Istio's registry knows.
Speedscale's control plane, where it runs behind a proxy, and the generator and responder pods that a
replay starts in the application's namespace, dial Speedscale's cloud: twelve hosts over TLS on port
443. Each of them must be named by a ServiceEntry that those pods see. A wildcard does not include the
name it hangs from: `*.s3.us-east-1.amazonaws.com` and `s3.us-east-1.amazonaws.com` are two entries.

The example on Speedscale's page names nine of the twelve hosts of its own table. Of the three it
leaves out, the telemetry host is documented and worth opening; the other two are dialled by the
kubelet and by Helm, never by a pod of the mesh, so leaving them blocked costs nothing.

The check speaks only of pods that stand behind a proxy. Where no such pod of Speedscale runs, and
nothing behind a proxy is captured, there is nothing to open. A captured workload itself needs none
of these hosts: it talks to the forwarder.

What is needed follows the settings of the installation, as far as its ConfigMaps tell: with `HTTPS_PROXY`
the outbound proxy takes the place of the hosts (but for `NO_PROXY`), with `primaryTransport=cloud` the app
host alone is left, exporters outside of the cluster are added, and region and app host are the tenant's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from apps.mesh.blockages import Blockage, Cause, by_cause, grouped_hosts, home_entry
from apps.mesh.findings import Finding, Severity
from apps.mesh.hostsets import RequiredHost, Tier
from apps.mesh.needs import INPUTS, Need, NeedKind
from apps.mesh.refs import ResourceRef
from apps.mesh.rules.base import TIER_SEVERITY, Rule, RuleContext
from apps.mesh.rules.wording import counted, listed
from apps.mesh.verdicts import Protocol

MAX_HOSTS = 12
NOT_IN_THE_EXAMPLE = ("monitoring.", "gcr.io", "speedscale.github.io")


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each installation, whatever the number of hosts: they have one cause and one cure."""
    blocked = context.blockages
    missing = by_cause(blocked, Cause.MISSING, Cause.OTHER)
    for namespace in sorted({item.need.install.namespace for item in missing}):
        yield _finding(context, namespace, tuple(b for b in missing if b.need.install.namespace == namespace))


def _finding(context: RuleContext, namespace: str, blocked: tuple[Blockage, ...]) -> Finding:
    by_host = grouped_hosts(blocked)
    home = home_entry(context.snapshot, context.hostset, namespace)
    if home is not None and not {host.port for host in by_host} <= {port.number for port in home.ports}:
        home = None  # an entry for 443 is no place for a proxy or an exporter on another port
    worst = next(iter(by_host))
    needs = list({id(item.need): item.need for item in blocked}.values())  # one need has many hosts
    affected = dict.fromkeys(ref for need in needs for ref in need.affected)
    return RULE.finding(
        f"{_what(by_host)} {_who(needs)} {_advice(by_host, home is not None)}{_unread(context, namespace)}",
        home.ref if home is not None else ResourceRef("Namespace", "", namespace),
        api_version=home.api_version if home is not None else "v1",
        severity=TIER_SEVERITY[worst.tier],
        path="spec.hosts" if home is not None else "",
        remedy=None if any(host.protocol is not Protocol.TCP for host in by_host) else "",
        affected=tuple(affected),
        evidence=by_host[worst][0].answer.evidence,
    )


def _unread(context: RuleContext, namespace: str) -> str:
    """What could have told of other hosts: the settings of the installation."""
    gap = context.snapshot.missing("ConfigMap", namespace)
    if gap is None:
        return ""
    return (
        f" The ConfigMaps of {namespace} could not be read: with an outbound proxy, another region or app "
        "host it would be other hosts."
    )


def _what(by_host: Mapping[RequiredHost, tuple[Blockage, ...]]) -> str:
    parts = []
    for tier in Tier:
        names = [host.host for host in by_host if host.tier is tier]
        if names:
            parts.append(f"{tier}: {listed(names, MAX_HOSTS)}")
    verb = "is" if len(by_host) == 1 else "are"
    return f"{counted(len(by_host), 'host')} that Speedscale uses {verb} blocked ({'; '.join(parts)})."


def _who(needs: list[Need]) -> str:
    control = sorted({need.namespace for need in needs if need.kind is NeedKind.CONTROL_PLANE})
    replays = sorted({need.namespace for need in needs if need.kind is NeedKind.REPLAY})
    parts = []
    if control:
        parts.append(f"the control plane in {listed(control)}")
    if replays:
        parts.append(f"the pods that a replay starts in {listed(replays)}")
    return f"It hits {' and '.join(parts)}."


def _advice(by_host: Mapping[RequiredHost, tuple[Blockage, ...]], extend: bool) -> str:
    if all(item.cause is Cause.OTHER for items in by_host.values() for item in items):
        return "A ServiceEntry names them and is visible; the evidence says what else stands in the way."
    cure = "Add them to this ServiceEntry." if extend else "Create one ServiceEntry that names them."
    if any(host.protocol is Protocol.TCP for host in by_host):
        cure += " For the outbound proxy write its port as TCP, and its address."
    left_out = [host for host in by_host if host.host.startswith(NOT_IN_THE_EXAMPLE)]
    if left_out:
        cure += f" {_left_out(left_out)}"
    if all(host.tier is Tier.INFORMATIONAL for host in by_host):
        return f"No pod behind a proxy dials them, so nothing fails. {cure}"
    return cure


def _left_out(hosts: list[RequiredHost]) -> str:
    """Which of them the page's own example does not name, and whether that matters."""
    idle = [host.host for host in hosts if host.tier is Tier.INFORMATIONAL]
    telling = [host.host for host in hosts if host.tier is not Tier.INFORMATIONAL]
    parts = [f"{listed(telling)}, which matters (telemetry)"] if telling else []
    if idle:
        parts.append(f"{listed(idle)}, which {'does' if len(idle) == 1 else 'do'} not matter to any pod")
    return f"The example on Speedscale's page leaves out {'; and '.join(parts)}."


RULE = Rule(
    code="SS01",
    name="required-host-blocked",
    severity=Severity.ERROR,
    title="Hosts that Speedscale needs are blocked",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=check,
    remedy="open-required-hosts",
    about_hosts=True,
)
