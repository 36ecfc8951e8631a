"""exportTo holds entries that do not go together, or that cannot be namespaces.

Istio reads the list as a whole. `*` is everybody, and whatever stands beside it says nothing. `~` is
nobody, and wins over every name: with it in the list nobody sees the object (only a DestinationRule
does not know it). `~` is meant for Services
and ServiceEntries; on a VirtualService or DestinationRule Istio's webhook refuses it, and where it got
past, nobody sees the object either. `.` is the own namespace, so that its name beside it is said twice. A
list in one text (`"a,b"`) or a pattern (`team-*`) is no namespace, and matches none.

See pkg/config/validation/validation.go (validateExportTo) and pilot/pkg/model/push_context.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.exports import INPUTS, Export, exports
from apps.mesh.findings import Finding, Severity
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed
from apps.mesh.visibility import NONE, PRIVATE, PUBLIC, is_namespace_name

MAY_HIDE = frozenset({"Service", "ServiceEntry"})


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each object, for the worst that its list holds."""
    for found in exports(context.snapshot):
        worst = _worst(found)
        if worst is not None:
            yield RULE.finding(
                worst[1],
                found.item.ref,
                api_version=found.item.api_version,
                severity=worst[0],
                path=found.path,
            )


def _worst(found: Export) -> tuple[Severity, str] | None:
    names, kind = found.names, found.item.ref.kind
    others = listed(name for name in names if name not in {PUBLIC, NONE})
    if PUBLIC in names:
        if len(set(names)) == 1:
            return None
        rest = listed(name for name in names if name != PUBLIC)
        return (
            Severity.INFO,
            f"`*` is everybody, so that {rest} beside it says nothing. Leave one of the two.",
        )
    if NONE in names and others and kind == "DestinationRule":
        return Severity.WARNING, (
            f"`~` is for Services and ServiceEntries; here it means nothing beside {others}, and "
            "Istio refuses the object when it is applied again. Take it out."
        )
    if NONE in names and others:
        return Severity.ERROR, (
            f"`~` is nobody and wins over {others}: nobody sees this object. Take `~` out, or the rest."
        )
    if NONE in names and kind not in MAY_HIDE:
        return Severity.WARNING, (
            f"`~` is for Services and ServiceEntries; Istio refuses it here, and nobody sees this {kind}. "
            "Name who should see it, or delete it."
        )
    return _names(found)


def _names(found: Export) -> tuple[Severity, str] | None:
    names, own = found.names, found.item.namespace
    wrong = [name for name in names if name not in {PRIVATE, NONE} and not is_namespace_name(name)]
    if wrong:
        nobody = len(wrong) == len(names)
        return Severity.ERROR if nobody else Severity.WARNING, (
            f"{listed(repr(name) for name in wrong)} cannot be the name of a namespace and matches none. "
            f"{'Nobody sees this object. ' if nobody else ''}Write each namespace by its full name, one an "
            "item."
        )
    resolved = [own if name == PRIVATE else name for name in names]
    twice = sorted({name for name in resolved if resolved.count(name) > 1})
    if twice:
        return Severity.INFO, (
            f"{listed(twice)} is in the list twice (`.` is the own namespace). Istio refuses that when the "
            "object is applied again; leave one."
        )
    return None


RULE = Rule(
    code="MC104",
    name="export-list-contradicts-itself",
    severity=Severity.ERROR,
    title="exportTo contradicts itself",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=check,
    references=("IST0106",),
    no_remedy="Which part of the contradiction is meant decides who sees the object.",
)
