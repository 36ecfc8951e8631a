"""The listeners of a Sidecar's egress cannot stand together as they do.

A listener without a port serves whatever the listeners with a port leave, so there can be one only, and
it has to be the last. Two listeners for one port cannot be told apart either. Istio's validating webhook
refuses such a Sidecar, so it is found where the webhook was off or away when the object was written;
which of the listeners serves a connection is then not what anybody has promised, and the next
`kubectl apply` of the same manifest fails.

See pkg/config/validation/validation.go (ValidateSidecar).
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.objects.networking import Sidecar
from apps.mesh.planes import INPUTS
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each Sidecar."""
    for sidecar in context.snapshot.each(Sidecar):
        found = _wrong(sidecar)
        if found is not None and context.reads(sidecar):
            yield RULE.finding(
                f"{found[1]} Istio's webhook refuses that, and what happens where it got past is undefined. "
                "Put all of it into one listener for each port, and one without a port at the end.",
                sidecar.ref,
                api_version=sidecar.api_version,
                path=f"spec.egress[{found[0]}]",
            )


def _wrong(sidecar: Sidecar) -> tuple[int, str] | None:
    """The listener that is in the way, and why."""
    open_ones = [index for index, listener in enumerate(sidecar.egress) if listener.port is None]
    if len(open_ones) > 1:
        return open_ones[0], f"{len(open_ones)} listeners have no port, and each would serve all the rest."
    if open_ones and open_ones[0] != len(sidecar.egress) - 1:
        return open_ones[0], "The listener without a port is not the last one."
    numbers = [listener.port.number if listener.port is not None else 0 for listener in sidecar.egress]
    twice = sorted({number for number in numbers if number and numbers.count(number) > 1})
    if twice:
        return numbers.index(twice[0]), f"More than one listener has port {listed(map(str, twice))}."
    return None


RULE = Rule(
    code="MC112",
    name="catch-all-misplaced",
    severity=Severity.WARNING,
    title="The Sidecar's egress listeners get in each other's way",
    inputs=INPUTS | {"Sidecar"},
    doc=__doc__ or "",
    check=check,
    references=("IST0106",),
    no_remedy="Which listener should serve the rest decides what the workloads reach.",
)
