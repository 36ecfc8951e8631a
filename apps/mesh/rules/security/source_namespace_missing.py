"""An AuthorizationPolicy names a source namespace that is not there.

`source.namespaces` (and the condition `source.namespace`) are compared with the namespace in the caller's
certificate. A name that no namespace has takes nobody: in an ALLOW policy callers that were meant to
come in are refused, in a DENY policy nobody is kept out; in `notNamespaces` it makes an exception for nobody.
A name may hold `*` in any place, and then it is enough that one namespace goes by it
(pilot/pkg/security/authz/model/generator.go); Kiali compares the names as they are and reports such patterns
wrongly.

A namespace of another cluster of the same mesh cannot be seen from here. If callers come from there,
suppress the finding on the policy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from apps.mesh.authz import namespace_matches
from apps.mesh.findings import Finding, Severity
from apps.mesh.objects.security import AuthorizationPolicy
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed

CONDITION = "source.namespace"


@dataclass(frozen=True, slots=True)
class _Named:
    """A name in a policy; `negative` where it makes an exception."""

    path: str
    text: str
    negative: bool


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each policy, at the first field that is wrong."""
    names = tuple(context.snapshot.namespaces)
    if not names or context.snapshot.missing("Namespace"):
        return
    known = dict.fromkeys(names, True)
    for policy in context.snapshot.each(AuthorizationPolicy):
        wrong = [item for item in _named(policy) if not _known(item.text, names, known)]
        if wrong:
            texts = list(dict.fromkeys(item.text for item in wrong))
            verb = "is no namespace" if len(texts) == 1 else "are no namespaces"
            taken = f"no caller from it is ever taken by this {policy.action} policy"
            effect = "the exception is for nobody" if wrong[0].negative else taken
            yield RULE.finding(
                f"{listed(texts)} {verb} of this cluster, so {effect}. Correct the name, or remove it.",
                policy.ref,
                api_version=policy.api_version,
                path=wrong[0].path,
            )


def _known(text: str, names: tuple[str, ...], known: dict[str, bool]) -> bool:
    """Every pattern is compared with the names once."""
    if text not in known:
        known[text] = "*" in text and namespace_matches(text, names)
    return known[text]


def _named(policy: AuthorizationPolicy) -> Iterator[_Named]:
    for number, rule in enumerate(policy.rules):
        for index, source in enumerate(rule.sources):
            where = f"spec.rules[{number}].from[{index}].source"
            yield from _each(f"{where}.namespaces", source.namespaces, negative=False)
            yield from _each(f"{where}.notNamespaces", source.not_namespaces, negative=True)
        for index, condition in enumerate(rule.conditions):
            if condition.key == CONDITION:
                where = f"spec.rules[{number}].when[{index}]"
                yield from _each(f"{where}.values", condition.values, negative=False)
                yield from _each(f"{where}.notValues", condition.not_values, negative=True)


def _each(path: str, texts: tuple[str, ...], *, negative: bool) -> Iterator[_Named]:
    for place, text in enumerate(texts):
        yield _Named(f"{path}[{place}]", text, negative)


RULE = Rule(
    code="MC200",
    name="source-namespace-missing",
    severity=Severity.WARNING,
    title="The policy names a source namespace that is not there",
    inputs=frozenset({"AuthorizationPolicy", "Namespace"}),
    doc=__doc__ or "",
    check=check,
    references=("KIA0101", "IST0101"),
    no_remedy="Which namespace was meant is a guess, and a policy is its owner's to widen.",
)
