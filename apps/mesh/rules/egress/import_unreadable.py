"""An egress listener of a Sidecar holds a host that Istio passes over, or none at all.

Every item of `egress[].hosts` is `namespace/host`, with exactly one slash. The CRD takes any text, and
Istio's control plane only logs what it cannot read (`Illegal host in sidecar resource`), so that
`istio-system` instead of `istio-system/*` is an import that never happens. A listener with an empty
`hosts` imports nothing: alone in a Sidecar it cuts its workloads off from every service of the mesh.
Istio's validating webhook refuses both; they are found where it is off, or came later than the object.

See pilot/pkg/model/sidecar.go (convertIstioListenerToWrapper).
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.egresshosts import EgressHost, egress_hosts
from apps.mesh.findings import Finding, Severity
from apps.mesh.objects.networking import Sidecar
from apps.mesh.planes import INPUTS
from apps.mesh.rules.base import OneByOne, Rule, RuleContext
from apps.mesh.rules.wording import listed
from apps.mesh.visibility import is_namespace_name

OWNERS = frozenset({"*", "."})


def judge(_context: RuleContext, sidecar: Sidecar) -> Iterator[Finding]:
    """Two findings at most: items that cannot be read, and listeners without any."""
    wrong = [item for item in egress_hosts(sidecar) if not _readable(item)]
    if wrong:
        yield _unreadable(sidecar, wrong)
    empty = [index for index, listener in enumerate(sidecar.egress) if not listener.hosts]
    if empty:
        yield _empty(sidecar, empty)


def _readable(item: EgressHost) -> bool:
    if not item.readable or not item.host:
        return False
    return item.owner in OWNERS or is_namespace_name(item.owner) or item.bare


def _unreadable(sidecar: Sidecar, wrong: list[EgressHost]) -> Finding:
    texts = listed(repr(item.text) for item in wrong)
    one = len(wrong) == 1
    return RULE.finding(
        f"{texts} {'is' if one else 'are'} not of the form namespace/host. Istio passes over "
        f"{'it' if one else 'them'}, and nothing is imported for {'it' if one else 'them'}. For example: "
        "`istio-system/*` for a namespace, `./*` for the own one, or `*/api.example.com` for a host.",
        sidecar.ref,
        api_version=sidecar.api_version,
        path=wrong[0].path,
        key="form",
    )


def _empty(sidecar: Sidecar, empty: list[int]) -> Finding:
    all_of_them = len(empty) == len(sidecar.egress)
    what = (
        "Its workloads know no service at all"
        if all_of_them
        else f"{'A listener' if len(empty) == 1 else f'{len(empty)} listeners'} of it imports nothing"
    )
    return RULE.finding(
        f"{what}, because `hosts` is empty. Name the hosts, or take the listener out; without any listener "
        "everything that is exported is imported.",
        sidecar.ref,
        api_version=sidecar.api_version,
        path=f"spec.egress[{empty[0]}].hosts",
        key="empty",
    )


RULE = Rule(
    code="MC111",
    name="import-unreadable",
    severity=Severity.ERROR,
    title="The Sidecar's egress hosts are not namespace/host",
    inputs=INPUTS | {"Sidecar"},
    doc=__doc__ or "",
    check=OneByOne(Sidecar, judge),
    references=("IST0106",),
    no_remedy="What was meant to be imported cannot be told from the text, and every import opens something.",
)
