"""An AuthorizationPolicy names a service account that is not there.

`source.principals` are `<trust domain>/ns/<namespace>/sa/<service account>`, and `serviceAccounts` are
`<namespace>/<service account>` (or the name alone, for one of the policy's namespace). They are compared
with the caller's certificate, which Istio issues for the pod's service account. A name that is not there
takes nobody: an ALLOW policy then refuses who was meant to come in. The name of the Deployment in the
place of its service account is the usual cause; pods that name none run as `default`.

A service account may exist in another cluster of the same mesh, which cannot be seen from here. Only
names in namespaces whose service accounts were read, or that are not there at all, are reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.authz import qualified, text_matches
from apps.mesh.derived import EachNamespace
from apps.mesh.findings import Finding, Severity
from apps.mesh.objects.config import ServiceAccount
from apps.mesh.objects.security import AuthorizationPolicy
from apps.mesh.principals import INPUTS, parts_of, trust_domains
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed
from apps.mesh.snapshot import Snapshot


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each policy, at the first name that is wrong."""
    if context.snapshot.missing("ServiceAccount"):
        return
    accounts = context.snapshot.derived(_accounts)
    for policy in context.snapshot.each(AuthorizationPolicy):
        wrong = [
            (path, f"{namespace}/{name}")
            for path, namespace, name in _named(context, policy)
            if not _there(context, accounts, namespace, name)
        ]
        if wrong:
            texts = list(dict.fromkeys(text for _, text in wrong))
            verb = "is no service account" if len(texts) == 1 else "are no service accounts"
            yield RULE.finding(
                f"{listed(texts)} {verb} of this cluster, so no caller is taken by that name. "
                "Name the account that the callers' pods run as (serviceAccountName).",
                policy.ref,
                api_version=policy.api_version,
                path=wrong[0][0],
            )


def _named(context: RuleContext, policy: AuthorizationPolicy) -> Iterator[tuple[str, str, str]]:
    """Path, namespace and account of what the policy names in the mesh's own trust domain."""
    domains = trust_domains(context.mesh_config(policy.namespace))
    for number, rule in enumerate(policy.rules):
        for index, source in enumerate(rule.sources):
            where = f"spec.rules[{number}].from[{index}].source"
            for place, text in enumerate(source.principals):
                parts = parts_of(text)
                if parts is not None and "*" not in parts.namespace and parts.local(domains):
                    yield f"{where}.principals[{place}]", parts.namespace, parts.account
            for place, text in enumerate(qualified(source.service_accounts, policy.namespace)):
                namespace, _, name = text.partition("/")
                yield f"{where}.serviceAccounts[{place}]", namespace, name


def _there(context: RuleContext, accounts: dict[str, set[str]], namespace: str, name: str) -> bool:
    """False only where that is certain."""
    if namespace in accounts:
        return any(text_matches(name, own) for own in accounts[namespace])
    return not accounts or context.namespace_exists(namespace) is not False


def _accounts(snapshot: Snapshot) -> dict[str, set[str]]:
    """Names by namespace, only of namespaces that have one."""
    return {name: names for name, names in snapshot.parts(_accounts_in).items() if names}


@EachNamespace
def _accounts_in(snapshot: Snapshot, namespace: str) -> set[str]:
    """A pod may run as one that is not listed."""
    known = {account.name for account in snapshot.each_in(ServiceAccount, namespace)}
    if not known:
        return set()
    running = {workload.template.service_account for workload in snapshot.workloads_in(namespace)}
    return {"default"} | known | (running - {""})


RULE = Rule(
    code="MC205",
    name="service-account-missing",
    severity=Severity.WARNING,
    title="The policy names a service account that is not there",
    inputs=INPUTS | {"AuthorizationPolicy", "ServiceAccount"},
    doc=__doc__ or "",
    check=check,
    references=("KIA0106", "KIA0107"),
    no_remedy="Which service account was meant is a guess, and a policy is its owner's to widen.",
)
