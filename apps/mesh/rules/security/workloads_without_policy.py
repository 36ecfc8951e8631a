"""Some workloads of a namespace are covered by AuthorizationPolicies, and others by none.

Without any policy a workload takes every request that reaches it. Where a namespace has policies of its
own, somebody decided to control access there, and a workload that none of them selects is likely to have
been forgotten, for instance because it was added later. A policy in the mesh's root namespace covers the
workloads of all namespaces.

Kiali reports each workload of the mesh that no policy covers. Here one finding is given for each
namespace, and only where the namespace has a policy itself: a namespace in which nobody wanted access
control is no mistake, and hundreds of hints hide the one that matters.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.authz import INPUTS as POLICY_INPUTS
from apps.mesh.authz import AuthorizationPolicies, enforced
from apps.mesh.findings import Finding, Severity
from apps.mesh.mtls import INPUTS as MODE_INPUTS
from apps.mesh.objects.security import AuthorizationPolicy
from apps.mesh.objects.workloads import Workload
from apps.mesh.refs import ResourceRef
from apps.mesh.reports import MtlsMode
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import counted, listed
from apps.mesh.selection import WorkloadIndex
from apps.mesh.snapshot import Snapshot

BEHIND_PROXY = frozenset({MtlsMode.STRICT, MtlsMode.PERMISSIVE, MtlsMode.DISABLE})


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each namespace."""
    if context.snapshot.missing("AuthorizationPolicy"):
        return
    for namespace, uncovered in context.snapshot.derived(_uncovered).items():
        if namespace == context.mesh_config(namespace).root_namespace:
            continue
        bare = [item for item in uncovered if context.mtls[item.ref].mode in BEHIND_PROXY]
        if bare:
            yield _finding(namespace, bare)


def _uncovered(snapshot: Snapshot) -> dict[str, tuple[Workload, ...]]:
    """By namespace that has policies: the workloads that none is enforced before."""
    policies, index = snapshot.derived(AuthorizationPolicies), snapshot.derived(WorkloadIndex)
    own = {item.namespace for item in snapshot.each(AuthorizationPolicy) if enforced(item)}
    return {
        name: tuple(item for item in index.of_namespace(name) if not policies.before(item))
        for name in sorted(own)
    }


def _finding(namespace: str, bare: list[Workload]) -> Finding:
    return RULE.finding(
        f"{namespace} has AuthorizationPolicies, and {counted(len(bare), 'workload')} "
        f"({listed(w.name for w in bare)}) of it none: "
        f"{'it takes' if len(bare) == 1 else 'they take'} every request. Cover "
        f"{'it' if len(bare) == 1 else 'them'}, or deny by default with a policy without rules.",
        ResourceRef("Namespace", "", namespace),
        api_version="v1",
        affected=tuple(workload.ref for workload in bare),
    )


RULE = Rule(
    code="MC211",
    name="workloads-without-policy",
    severity=Severity.INFO,
    title="Workloads are covered by no AuthorizationPolicy",
    inputs=MODE_INPUTS | POLICY_INPUTS,
    doc=__doc__ or "",
    check=check,
    references=("KIA1301",),
    follows_pods=True,
    no_remedy="Who may call the workloads only their owner knows.",
)
