"""An AuthorizationPolicy names a principal that no caller of the mesh can have.

A principal is `<trust domain>/ns/<namespace>/sa/<service account>`. Istio puts `spiffe://` before it when
it compares, so a principal that is copied from a certificate with that beginning never takes anybody; nor
does one with a part too little. Both read well, are accepted, and are wrong without exception.

A trust domain that is neither the mesh's own nor one of its `trustDomainAliases` belongs to another mesh.
If there is a federation with it, the principal is right and cannot be checked from here: that is a hint.
`cluster.local` always means the mesh's own trust domain, whatever its name is, and is no foreign one.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.objects.security import AuthorizationPolicy
from apps.mesh.principals import INPUTS, SPIFFE, parts_of, trust_domains
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed


def check(context: RuleContext) -> Iterator[Finding]:
    """For each policy at most one finding on principals that are no principals, one on foreign ones."""
    for policy in context.snapshot.each(AuthorizationPolicy):
        config = context.mesh_config(policy.namespace)
        malformed, foreign = [], []
        for path, text in _principals(policy):
            parts = parts_of(text)
            if parts is None and _is_wrong(text):
                malformed.append((path, text))
            elif parts is not None and not config.unread and not parts.local(trust_domains(config)):
                foreign.append((path, parts.domain))
        if malformed:
            yield _malformed(policy, malformed)
        if foreign:
            yield _foreign(policy, foreign, config.trust_domain)


def _principals(policy: AuthorizationPolicy) -> Iterator[tuple[str, str]]:
    for number, rule in enumerate(policy.rules):
        for index, source in enumerate(rule.sources):
            where = f"spec.rules[{number}].from[{index}].source"
            for field, values in (
                ("principals", source.principals),
                ("notPrincipals", source.not_principals),
            ):
                for place, text in enumerate(values):
                    yield f"{where}.{field}[{place}]", text


def _is_wrong(text: str) -> bool:
    """A text that is cut by a wildcard may be a part of a principal; one that is not cut must be whole."""
    return text.startswith(SPIFFE) or not (text.startswith("*") or text.endswith("*"))


def _malformed(policy: AuthorizationPolicy, found: list[tuple[str, str]]) -> Finding:
    texts = list(dict.fromkeys(text for _, text in found))
    why = (
        f"Istio adds {SPIFFE} itself; leave it out."
        if any(text.startswith(SPIFFE) for text in texts)
        else "Write <trust domain>/ns/<namespace>/sa/<service account>."
    )
    return RULE.finding(
        f"No caller can have the principal {listed(texts)}. {why}",
        policy.ref,
        api_version=policy.api_version,
        path=found[0][0],
        key="malformed",
        references=(),
    )


def _foreign(policy: AuthorizationPolicy, found: list[tuple[str, str]], own: str) -> Finding:
    domains = listed(dict.fromkeys(domain for _, domain in found))
    return RULE.finding(
        f"{domains} is not the trust domain of this mesh ({own}) and no alias of it. Without a federation "
        "no caller has such a principal; with one, it cannot be checked from here.",
        policy.ref,
        api_version=policy.api_version,
        severity=Severity.INFO,
        path=found[0][0],
        key="foreign",
    )


RULE = Rule(
    code="MC206",
    name="principal-cannot-match",
    severity=Severity.ERROR,
    title="The policy names a principal that no caller has",
    inputs=INPUTS | {"AuthorizationPolicy"},
    doc=__doc__ or "",
    check=check,
    references=("KIA0108",),
    no_remedy="Which principal was meant is a guess, and a policy is its owner's to widen.",
)
