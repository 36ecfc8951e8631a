"""An AuthorizationPolicy names an HTTP method that no client sends.

`to.operation.methods` is compared with the method of the request, letter by letter and case by case
(pilot/pkg/security/authz/model/generator.go, methodGenerator): `get` never takes a GET. Kiali turns the
text into capitals before it compares, and lets that mistake pass. For gRPC the method is always POST;
the name of the gRPC method belongs into `paths`, as `/package.Service/Method`.

In an ALLOW policy such a rule refuses what it was meant to let in; in a DENY policy it keeps nobody out.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.authz import text_matches
from apps.mesh.findings import Finding, Severity
from apps.mesh.objects.security import AuthorizationPolicy
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed

# RFC 9110 and 5789, and WebDAV's (RFC 4918, 3253, 3744, 5323, 4791), which proxies pass on.
METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PURGE", "QUERY"}
    | {"PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "CHECKOUT", "CHECKIN"}
    | {"UNCHECKOUT", "VERSION-CONTROL", "MERGE", "MKACTIVITY", "MKWORKSPACE", "UPDATE", "LABEL", "ACL"}
    | {"BASELINE-CONTROL", "SEARCH", "BIND", "REBIND", "UNBIND", "LINK", "UNLINK", "MKCALENDAR"}
)


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each policy, at the first method that is wrong."""
    for policy in context.snapshot.each(AuthorizationPolicy):
        wrong = [(path, text) for path, text in _methods(policy) if not _sent(text)]
        if wrong:
            texts = list(dict.fromkeys(text for _, text in wrong))
            negative = ".notMethods" in wrong[0][0]
            effect = "the exception is for nothing" if negative else "the rule never takes a request by it"
            yield RULE.finding(
                f"No client sends the method {listed(texts)}, so {effect}. {_advice(texts)}",
                policy.ref,
                api_version=policy.api_version,
                path=wrong[0][0],
            )


def _methods(policy: AuthorizationPolicy) -> Iterator[tuple[str, str]]:
    for number, rule in enumerate(policy.rules):
        for index, operation in enumerate(rule.operations):
            where = f"spec.rules[{number}].to[{index}].operation"
            for field, values in (("methods", operation.methods), ("notMethods", operation.not_methods)):
                for place, text in enumerate(values):
                    yield f"{where}.{field}[{place}]", text


def _sent(text: str) -> bool:
    return any(text_matches(text, method) for method in METHODS)


def _advice(texts: list[str]) -> str:
    if any("/" in text or "." in text for text in texts):
        return "A gRPC method belongs into paths, as /package.Service/Method; its HTTP method is POST."
    if all(_sent(text.strip().upper()) for text in texts):
        return f"Methods are compared case by case: write {listed(text.strip().upper() for text in texts)}."
    return "Correct it."


RULE = Rule(
    code="MC201",
    name="unknown-http-method",
    severity=Severity.WARNING,
    title="The policy names a method that no client sends",
    inputs=frozenset({"AuthorizationPolicy"}),
    doc=__doc__ or "",
    check=check,
    references=("KIA0102",),
    no_remedy="Which method was meant is a guess, and a policy is its owner's to widen.",
)
