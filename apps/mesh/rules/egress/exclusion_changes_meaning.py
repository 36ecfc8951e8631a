"""An egress host of a Sidecar begins with `~`, which means one thing before Istio 1.31 and another since.

Before 1.31 `~/*` was the way to say "no import at all" and did nothing beside other hosts. Since 1.31 `~`
excludes: `~/*` takes away everything that the listener imports, `~pay/*` what namespace `pay` exports. A
Sidecar with `["./*", "~/*"]`, harmless for years, leaves its workloads without any service on the day of
the upgrade. The other way round an exclusion that is written for 1.31 is no exclusion on an older control
plane: what it should hide stays visible, and Istio says nothing.

The version is that of the control plane that reads the namespace, by the image of its Deployment. `~/*`
alone in a listener means the same to both.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.egresshosts import EgressHost, listener_hosts
from apps.mesh.findings import Finding, Severity
from apps.mesh.objects.networking import Sidecar
from apps.mesh.planes import INPUTS, at_least, namespace_planes
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed

Verdict = tuple[Severity, EgressHost, str]


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each Sidecar, for the first of its listeners."""
    for sidecar in context.snapshot.each(Sidecar):
        if not any(host.startswith("~") for listener in sidecar.egress for host in listener.hosts):
            continue
        plane = context.snapshot.derived(namespace_planes).of(sidecar.namespace)
        found = _first(sidecar, at_least(plane, 1, 31), plane.version)
        if found is not None and context.reads(sidecar):
            severity, item, message = found
            yield RULE.finding(
                message,
                sidecar.ref,
                api_version=sidecar.api_version,
                severity=severity,
                path=item.path,
            )


def _first(sidecar: Sidecar, excludes: bool | None, version: str) -> Verdict | None:
    for index in range(len(sidecar.egress)):
        items = [item for item in listener_hosts(sidecar, index) if item.readable]
        found = _everything(items, excludes, version) or _some(items, excludes, version)
        if found is not None:
            return found
    return None


def _everything(items: list[EgressHost], excludes: bool | None, version: str) -> Verdict | None:
    """`~/*` beside imports."""
    bare = [item for item in items if item.bare and item.host == "*"]
    imported = [item.text for item in items if not item.excluded]
    if not bare or not imported:
        return None
    cure = "Take `~/*` out."
    if excludes:
        return (
            Severity.ERROR,
            bare[0],
            (
                f"`~/*` excludes everything in Istio {version}, so that {listed(imported)} beside it "
                f"{'imports' if len(imported) == 1 else 'import'} nothing. {cure}"
            ),
        )
    when = f"nothing in Istio {version}" if excludes is False else "nothing before Istio 1.31"
    return (
        Severity.WARNING,
        bare[0],
        (
            f"`~/*` beside {listed(imported)} does {when}, and excludes everything since 1.31: the workloads "
            f"would be left without any service. {cure}"
        ),
    )


def _some(items: list[EgressHost], excludes: bool | None, version: str) -> Verdict | None:
    """Exclusions that an older control plane does not know."""
    named = [item for item in items if item.excluded and not (item.bare and item.host == "*")]
    if not named or excludes is not False:
        return None
    return (
        Severity.WARNING,
        named[0],
        (
            f"{listed(item.text for item in named)} is an exclusion since Istio 1.31; this control plane is "
            f"{version} and does not know it, so that nothing is hidden. List what to import instead."
        ),
    )


RULE = Rule(
    code="MC114",
    name="exclusion-changes-meaning",
    severity=Severity.ERROR,
    title="An exclusion in the Sidecar depends on the version of Istio",
    inputs=INPUTS | {"Sidecar"},
    doc=__doc__ or "",
    check=check,
    no_remedy="Which of the two meanings is wanted only the owner knows.",
)
