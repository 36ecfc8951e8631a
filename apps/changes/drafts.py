"""Makes a revision out of patches: items, prediction and policy. Written by `propose` and `edit` only.

The simulation runs before the transaction; what is written in it is the finished revision. What the
items rest on (uid, resourceVersion) is what was last read; validation reads the cluster itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from apps.accounts.models import User
from apps.changes import intents, policy_versions, rulings
from apps.changes.access import Place
from apps.changes.foresight import Foresight, foresee
from apps.changes.models import ChangeItem, ChangeSet, Revision
from apps.changes.policy import Assessment, PolicyItem, assess
from apps.changes.waves import Plan, fitted, plain
from apps.clusters.models import Cluster
from apps.common import clock
from apps.common.errors import InvalidInputError
from apps.inventory.models import ObjectVersion
from apps.mesh.ownership import keeper_of
from apps.mesh.patches import ManifestPatch, PatchAction, stripped
from apps.mesh.refs import Manifest, ResourceRef

Patches = Mapping[Cluster, Sequence[ManifestPatch]]
TakeOver = Collection[tuple[str, ResourceRef]]  # (cluster name, object) whose foreign fields are taken
LeftOut = Sequence[Mapping[str, Any]]  # as `Revision.left_out` keeps it
ITEM_LIMIT = 200
ONE_WAVE = Plan()
_ORDER = {PatchAction.CREATE: 0, PatchAction.UPDATE: 1, PatchAction.DELETE: 2}


@dataclass(frozen=True, slots=True)
class Draft:
    """A revision that is not written yet. `entries` are in the order of writing."""

    entries: tuple[tuple[Cluster, ManifestPatch], ...]
    foresights: Mapping[str, Foresight]
    assessment: Assessment
    policy_version: int
    take_over: TakeOver

    @property
    def places(self) -> tuple[Place, ...]:
        return places_of(self.entries)


def places_of(entries: Sequence[tuple[Cluster, ManifestPatch]]) -> tuple[Place, ...]:
    """Everywhere these patches write."""
    return tuple(sorted({Place(c.environment, c.name, p.ref.namespace) for c, p in entries}))


def in_order(patches: Patches) -> tuple[tuple[Cluster, ManifestPatch], ...]:
    """Cluster by cluster, what adds first and what deletes last. Raises InvalidInputError for nothing,
    too much, or two patches of one object."""
    entries = [(cluster, patch) for cluster, some in patches.items() for patch in some]
    if not entries:
        raise InvalidInputError("There is nothing to change.", code="nothing_to_change")
    if len(entries) > ITEM_LIMIT:
        raise InvalidInputError(f"A change may hold {ITEM_LIMIT} objects; this one has {len(entries)}.")
    seen: set[tuple[str, ResourceRef]] = set()
    for cluster, patch in entries:
        if (cluster.name, patch.ref) in seen:
            raise InvalidInputError(
                f"{patch.ref} on {cluster.name} is in the change twice.", field="manifests"
            )
        seen.add((cluster.name, patch.ref))
    return tuple(sorted(entries, key=lambda e: (e[0].name, _ORDER[e[1].action], e[1].ref)))


def patch_of(item: ChangeItem) -> ManifestPatch:
    """What an item writes, as the patch that it was made from."""
    return ManifestPatch(
        PatchAction(item.action),
        ResourceRef(item.kind, item.namespace, item.name),
        item.api_version,
        item.base,
        intents.unstamped(item.desired) if item.desired is not None else None,
    )


def prepare(patches: Patches, *, take_over: TakeOver = (), revert: bool = False) -> Draft:
    """Simulates and judges. Touches no cluster; slow enough to stay outside of a transaction."""
    entries = in_order(patches)
    foresights = {cluster.name: foresee(cluster, some) for cluster, some in patches.items() if some}
    items = [_policy_item(c, p, foresights[c.name], (c.name, p.ref) in take_over) for c, p in entries]
    losses = [loss for foresight in foresights.values() for loss in foresight.losses]
    known = frozenset[str]().union(*(foresight.known_hosts for foresight in foresights.values()))
    active = policy_versions.active()
    assessment = assess(items, losses=losses, known_hosts=known, revert=revert, policy=active.policy)
    return Draft(entries, foresights, assessment, active.number, frozenset(take_over))


def write(
    change: ChangeSet,
    draft: Draft,
    *,
    editor: User,
    number: int,
    plan: Plan = ONE_WAVE,
    left_out: LeftOut = (),
) -> Revision:
    """Writes the revision and its items. The caller owns the transaction."""
    clusters = {cluster.name for cluster, _ in draft.entries}
    revision = Revision.objects.create(
        change=change,
        number=number,
        editor=editor,
        created_at=clock.now(),
        prediction={name: foresight.prediction for name, foresight in draft.foresights.items()},
        policy=policy_json(draft),
        plan=plain(fitted(plan, clusters)),
        left_out=list(left_out),
    )
    ChangeItem.objects.bulk_create(
        _item(revision, position, cluster, patch, (cluster.name, patch.ref) in draft.take_over)
        for position, (cluster, patch) in enumerate(draft.entries, start=1)
    )
    return revision


def policy_json(draft: Draft) -> dict[str, Any]:
    """The assessment as `Revision.policy` keeps it."""
    assessment = draft.assessment
    return {
        "version": draft.policy_version,
        "required": assessment.required,
        "groups": list(assessment.ruling.groups),
        "emergency": assessment.ruling.emergency,
        "level": assessment.level.value,
        "reasons": list(assessment.ruling.reasons),
        "risks": [
            {**asdict(risk), "code": risk.code.value, "level": risk.level.value, "tone": risk.tone}
            for risk in assessment.risks
        ],
        "subjects": rulings.plain(assessment.subjects),
    }


def _policy_item(cluster: Cluster, patch: ManifestPatch, foresight: Foresight, force: bool) -> PolicyItem:
    return PolicyItem(
        cluster=cluster.name,
        environment=cluster.environment,
        action=patch.action.value,
        kind=patch.ref.kind,
        namespace=patch.ref.namespace,
        name=patch.ref.name,
        before=patch.before,
        after=patch.after,
        force=force,
        root_namespaces=foresight.root_namespaces,
    )


def _item(
    revision: Revision, position: int, cluster: Cluster, patch: ManifestPatch, force: bool
) -> ChangeItem:
    op = intents.operation(revision.change_id, revision.number, position)
    meta = _meta(cluster, patch.ref)
    desired = intents.stamped(stripped(patch.after), op) if patch.after is not None else None
    intent = None
    if desired is not None:
        try:
            intent = intents.intent_for(patch.before, desired, managed_fields=meta.get("managedFields"))
        except intents.IntentError as error:
            raise InvalidInputError(f"{patch.ref} on {cluster.name}: {error}", field="manifests") from error
    base = stripped(patch.before) if patch.before is not None else None
    return ChangeItem(
        kept_by=_kept_by(base, meta),
        revision=revision,
        position=position,
        cluster=cluster,
        action=patch.action.value,
        api_version=patch.api_version,
        kind=patch.ref.kind,
        namespace=patch.ref.namespace,
        name=patch.ref.name,
        base_uid=str(meta.get("uid") or "") if base is not None else "",
        base_resource_version=str(meta.get("resourceVersion") or "") if base is not None else "0",
        base=base,
        intent=intent,
        desired=desired,
        force=force,
    )


def _kept_by(base: Manifest | None, meta: Mapping[str, Any]) -> dict[str, Any]:
    """The GitOps tool that keeps the object, by its marks or by the managers of its fields."""
    if base is None:
        return {}
    owners = meta.get("managedFields") or []
    keeper = keeper_of({**base, "metadata": {**(base.get("metadata") or {}), "managedFields": owners}})
    return asdict(keeper) if keeper is not None else {}


def _meta(cluster: Cluster, ref: ResourceRef) -> dict[str, Any]:
    row = ObjectVersion.objects.filter(
        cluster=cluster, kind=ref.kind, namespace=ref.namespace, name=ref.name, valid_to__isnull=True
    ).values_list("meta", flat=True)
    return dict(row.first() or {})
