"""A policy goes by who calls, and callers can come without a certificate.

`principals`, `namespaces` and `serviceAccounts` are read from the certificate of mutual TLS; a caller in
plaintext has none. Where the workload's mode is DISABLE nobody has one: an ALLOW rule by identity then
refuses everybody and a DENY rule takes nobody. Under PERMISSIVE, Istio's default, an ALLOW rule by
identity is safe, because plaintext callers are refused. But a DENY rule by identity, and an ALLOW rule
by its negation (`notNamespaces`, `notPrincipals`), let every caller in plaintext pass: whoever wants to
get round the policy has only to leave the mesh. Istio's security best practices therefore ask for STRICT.

Kiali reports any such policy where mutual TLS is off and none where auto mTLS is on; what counts is the
workload's own mode and the direction of the rule.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.authz import ALLOW, DENY, AuthorizationPolicies, enforced
from apps.mesh.authz import INPUTS as POLICY_INPUTS
from apps.mesh.findings import Finding, Severity
from apps.mesh.mtls import INPUTS as MODE_INPUTS
from apps.mesh.objects.security import AuthorizationPolicy, AuthorizationRule
from apps.mesh.refs import ResourceRef
from apps.mesh.reports import MtlsMode
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import counted, listed

IDENTITY_KEYS = frozenset({"source.namespace", "source.principal", "source.serviceAccount"})


def check(context: RuleContext) -> Iterator[Finding]:
    """At most one finding for each policy; the worse of the two."""
    policies = context.snapshot.derived(AuthorizationPolicies)
    for policy in context.snapshot.each(AuthorizationPolicy):
        asked = next(_by_identity(policy), None)
        if asked is None or policy.action not in {ALLOW, DENY} or not enforced(policy):
            continue
        modes = [(w.ref, context.mtls[w.ref].mode) for w in policies.taken(policy)]
        never = [ref for ref, mode in modes if mode is MtlsMode.DISABLE]
        around = next((path for path in _evadable(policy)), "")
        open_to = [ref for ref, mode in modes if mode is MtlsMode.PERMISSIVE]
        if never:
            yield _never(policy, *asked, never)
        elif around and open_to:
            yield _around(policy, around, open_to)


def _by_identity(policy: AuthorizationPolicy) -> Iterator[tuple[str, bool]]:
    """Paths of what is read from a certificate, and whether it makes an exception."""
    for number, rule in enumerate(policy.rules):
        yield from _identities(number, rule)


def _evadable(policy: AuthorizationPolicy) -> Iterator[str]:
    """Paths of what a caller without a certificate gets round."""
    for number, rule in enumerate(policy.rules):
        for path, negative in _identities(number, rule):
            if negative is (policy.action == ALLOW) and not _needs_one_too(rule, policy.action):
                yield path


def _identities(number: int, rule: AuthorizationRule) -> Iterator[tuple[str, bool]]:
    for index, source in enumerate(rule.sources):
        where = f"spec.rules[{number}].from[{index}].source"
        for field, values, negative in (
            ("principals", source.principals, False),
            ("namespaces", source.namespaces, False),
            ("serviceAccounts", source.service_accounts, False),
            ("notPrincipals", source.not_principals, True),
            ("notNamespaces", source.not_namespaces, True),
            ("notServiceAccounts", source.not_service_accounts, True),
        ):
            if values:
                yield f"{where}.{field}", negative
    for index, condition in enumerate(rule.conditions):
        if condition.key in IDENTITY_KEYS:
            yield f"spec.rules[{number}].when[{index}]", not condition.values


def _needs_one_too(rule: AuthorizationRule, action: str) -> bool:
    """An ALLOW rule that names callers besides: one without a certificate is not taken then."""
    named = all(s.principals or s.namespaces or s.service_accounts for s in rule.sources)
    return action == ALLOW and bool(rule.sources) and named


def _never(policy: AuthorizationPolicy, path: str, negative: bool, refs: list[ResourceRef]) -> Finding:
    outcome = {
        (ALLOW, False): "lets nobody in",
        (ALLOW, True): "lets everybody in",
        (DENY, False): "keeps nobody out",
        (DENY, True): "refuses everybody",
    }[policy.action, negative]
    return RULE.finding(
        f"{_shown(refs)} no mutual TLS, so no caller ever has an identity and this {policy.action} rule "
        f"{outcome}. Set the mode to STRICT.",
        policy.ref,
        api_version=policy.api_version,
        path=path,
        affected=tuple(refs),
    )


def _shown(refs: list[ResourceRef]) -> str:
    return (
        f"{counted(len(refs), 'workload')} ({listed(ref.path for ref in refs)}) "
        f"{'takes' if len(refs) == 1 else 'take'}"
    )


def _around(policy: AuthorizationPolicy, path: str, refs: list[ResourceRef]) -> Finding:
    what = "denies callers by identity" if policy.action == DENY else "lets in whoever is not named"
    return RULE.finding(
        f"This policy {what}, and {_shown(refs)} plaintext as well, where a caller has no identity and is "
        "not kept out. Set the mode to STRICT.",
        policy.ref,
        api_version=policy.api_version,
        severity=Severity.WARNING,
        path=path,
        affected=tuple(refs),
    )


RULE = Rule(
    code="MC203",
    name="identity-without-mtls",
    severity=Severity.ERROR,
    title="The policy goes by an identity that callers need not have",
    inputs=MODE_INPUTS | POLICY_INPUTS,
    doc=__doc__ or "",
    check=check,
    references=("KIA0105",),
    no_remedy=(
        "Demanding mutual TLS may refuse callers that are served today; which of the two should give way "
        "is the owner's decision."
    ),
)
