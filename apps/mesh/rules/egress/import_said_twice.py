"""An egress host of a Sidecar adds nothing to the ones beside it.

`*/*` imports everything that is exported to the namespace, so that every other import of the same
listener says nothing; it is often left over from a time when the list was meant to be narrow, and makes
readers believe that it still is. The same is true of a host beside `namespace/*` and of one that is
listed twice. Istio accepts all of it with a warning. Imports keep proxies small: either drop `*/*`
and keep the list, or say `*/*` alone. An exclusion (`~namespace/host`) beside `*/*` does have a meaning, and
so has the root namespace by name beside `./*` in the default of the mesh, where `.` is each workload's own.

See pkg/config/validation/validation.go (ValidateSidecar).
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.egresshosts import EgressHost, listener_hosts
from apps.mesh.findings import Finding, Severity
from apps.mesh.objects.networking import Sidecar
from apps.mesh.planes import INPUTS
from apps.mesh.rules.base import OneByOne, Rule, RuleContext
from apps.mesh.rules.wording import listed

ALL = ("*", "*")


def judge(context: RuleContext, sidecar: Sidecar) -> Iterator[Finding]:
    """One finding at most."""
    root = context.mesh_config(sidecar.namespace).root_namespace
    default = sidecar.namespace == root and sidecar.workload_selector is None
    own = "." if default else sidecar.namespace
    extra = [item for index in range(len(sidecar.egress)) for item in _extra(sidecar, index, own)]
    if extra:
        texts = listed(dict.fromkeys(item.text for item in extra))
        one = len(extra) == 1
        yield RULE.finding(
            f"{texts} {'says' if one else 'say'} nothing that the other hosts of the listener do not say "
            f"already. Take {'it' if one else 'them'} out, or the wider one if it is not meant.",
            sidecar.ref,
            api_version=sidecar.api_version,
            path=extra[0].path,
        )


def _extra(sidecar: Sidecar, index: int, own: str) -> Iterator[EgressHost]:
    """The items of a listener that another one of it already says; `own` is what `.` stands for."""
    items = [item for item in listener_hosts(sidecar, index) if item.readable and not item.excluded]
    said = [(item.owner_in(own), item.host) for item in items]
    for place, (item, (owner, host)) in enumerate(zip(items, said, strict=True)):
        wider = {ALL, (owner, "*")} - {(owner, host)}
        if (owner, host) in said[:place] or not wider.isdisjoint(said):
            yield item


RULE = Rule(
    code="MC113",
    name="import-said-twice",
    severity=Severity.INFO,
    title="An egress host of the Sidecar adds nothing",
    inputs=INPUTS | {"Sidecar"},
    doc=__doc__ or "",
    check=OneByOne(Sidecar, judge),
    references=("IST0133",),
    no_remedy=(
        "Either the wide host or the narrow ones are meant; taking out the wrong one changes what is "
        "imported later."
    ),
)
