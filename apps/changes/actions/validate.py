"""Trying a submitted change on its clusters, by a worker, before anybody is asked to approve it.

Between the short transactions at both ends nothing is held but the lease. What the cluster answered
becomes part of the revision: base, intent, expectation, and with them the digest to approve.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import msgspec
from django.db import transaction

from apps.changes import approvals, drafts, dryrun, intents, leases, transitions
from apps.changes.actions.complete import complete
from apps.changes.dryrun import Tried
from apps.changes.lifecycle import Event, State
from apps.changes.models import ChangeItem, ChangeSet, Revision
from apps.changes.selectors import current_revision
from apps.clusters.connect import open_gateway
from apps.clusters.gateway import ClusterGateway, GatewayError
from apps.clusters.models import Cluster
from apps.common import clock
from apps.mesh.objects.workloads import WORKLOAD_KINDS
from apps.mesh.patches import ManifestPatch, PatchAction, stripped
from apps.mesh.refs import ResourceRef

PENDING_FOR = timedelta(days=7)
BEGAN = "dry_run_began"
PAUSES = (0.5, 2.0)  # seconds, between tries of a cluster that gives no answer
AGAIN = "Submit it again later."
NOTHING = "Nothing would change: the clusters already read like this."
Opener = Callable[[Cluster], AbstractContextManager[ClusterGateway]]
Answers = list[tuple[ChangeItem, Tried]]


def validate(
    *, change_id: int, opener: Opener = open_gateway, sleep: Callable[[float], None] = time.sleep
) -> State | None:
    """Validating → pending, or back to draft with what is wrong. None when there was nothing to do."""
    change = leases.take(change_id, State.VALIDATING, kind=BEGAN, text="A worker tries it on the clusters.")
    if change is None:
        return None
    revision = current_revision(change)
    items = list(revision.items.select_related("cluster").order_by("position"))
    try:
        try:
            answers = _patiently(lambda: _ask(change, items, opener), sleep)
        except GatewayError as error:
            return _send_back(change, [], "The dry run could not be made.", [error.message, AGAIN])
        problems = [tried.message for _, tried in answers if not tried.ok]
        if problems:
            return _send_back(change, answers, "The dry run found problems.", problems)
        if all(tried.noop for _, tried in answers):
            return _send_back(change, answers, NOTHING, [])
        return _pass(change, revision, answers)
    except transitions.LostRaceError:
        return None


def give_up(*, change_id: int, message: str) -> None:
    """Back to draft when a cluster could not be asked; the author may submit again."""
    change = ChangeSet.objects.filter(pk=change_id, state=State.VALIDATING).first()
    if change is not None:
        _send_back(change, [], "The dry run could not be made.", [message, AGAIN])


def _patiently(ask: Callable[[], Answers], sleep: Callable[[float], None]) -> Answers:
    for pause in PAUSES:
        try:
            return ask()
        except GatewayError as error:
            if error.permanent:
                raise
            sleep(pause)
    return ask()


def _ask(change: ChangeSet, items: Sequence[ChangeItem], opener: Opener) -> Answers:
    by_cluster: dict[Cluster, list[ChangeItem]] = defaultdict(list)
    for item in items:
        by_cluster[item.cluster].append(item)
    answers: Answers = []
    for cluster, some in by_cluster.items():
        with opener(cluster) as gateway:
            for item in some:
                answers.append((item, _ask_one(gateway, item)))
                leases.renew(change)
    return answers


def _ask_one(gateway: ClusterGateway, item: ChangeItem) -> Tried:
    resource = dryrun.resource_for(gateway, item)
    if resource is None:
        return Tried(False, f"{item.cluster.name} does not serve {item.kind} in {item.api_version}.")
    lacking = dryrun.forbidden_verbs(gateway, resource, item)
    if lacking:
        verbs = ", ".join(lacking)
        return Tried(False, f"The console may not {verbs} {resource.plural} in {item.namespace} there.")
    return dryrun.attempt(gateway, resource, item)


def _pass(change: ChangeSet, revision: Revision, answers: Answers) -> State:
    for item, tried in answers:
        _adopt(item, tried)
    draft = drafts.prepare(
        _patches(answers),
        take_over={(i.cluster.name, _ref(i)) for i, _ in answers if i.force},
        revert=change.kind == ChangeSet.Kind.REVERT,
    )
    with transaction.atomic():
        _save(answers)
        revision.prediction = {name: seen.prediction for name, seen in draft.foresights.items()}
        revision.policy = drafts.policy_json(draft)
        revision.digest = approvals.digest_of(revision)
        revision.save(update_fields=["prediction", "policy", "digest"])
        transitions.move(
            change,
            Event.PASS_DRY_RUN,
            actor=None,
            text=f"{_would_accept(answers)}; waiting for approval.",
            tone="ok",
            lease_until=None,
            expires_at=clock.now() + PENDING_FOR,
        )
        standing = approvals.standing(change, revision)
        if standing.met:
            complete(change, revision, standing)
        return State(change.state)


def _would_accept(answers: Answers) -> str:
    clusters = len({item.cluster_id for item, _ in answers})
    objects = "the object" if len(answers) == 1 else f"all {len(answers)} objects"
    return f"The cluster{'s' * (clusters != 1)} would accept {objects}"


def _send_back(change: ChangeSet, answers: Answers, text: str, problems: list[str]) -> State:
    with transaction.atomic():
        _save(answers)
        return transitions.move(
            change,
            Event.FAIL_DRY_RUN,
            actor=None,
            text=text,
            tone="bad",
            lease_until=None,
            state_message="\n".join([text, *problems]),
        )


def _adopt(item: ChangeItem, tried: Tried) -> None:
    item.base, item.base_uid = tried.base, tried.base_uid
    item.base_resource_version = tried.base_resource_version
    item.intent, item.desired = tried.intent, tried.desired


def _save(answers: Answers) -> None:
    for item, tried in answers:
        item.dry_run = _record(tried)
        item.save(update_fields=["dry_run", "base", "base_uid", "base_resource_version", "intent", "desired"])


def _record(tried: Tried) -> dict[str, Any]:
    expected = dict(tried.expected) if tried.expected is not None else None
    return {
        "ok": tried.ok,
        "noop": tried.noop,
        "at": clock.now().isoformat(),
        "message": tried.message,
        "causes": msgspec.to_builtins(tried.causes),
        "warnings": list(tried.warnings),
        "expected": expected and intents.comparable(expected)["content"],
        "comparable": expected and intents.comparable(expected),
    }


def _patches(answers: Answers) -> dict[Cluster, list[ManifestPatch]]:
    """What would be written; of a workload with what admission makes of it."""
    patches: dict[Cluster, list[ManifestPatch]] = defaultdict(list)
    for item, tried in answers:
        admitted = tried.expected if item.kind in WORKLOAD_KINDS else None
        after = stripped(admitted) if admitted is not None else item.desired
        patches[item.cluster].append(
            ManifestPatch(PatchAction(item.action), _ref(item), item.api_version, item.base, after)
        )
    return patches


def _ref(item: ChangeItem) -> ResourceRef:
    return ResourceRef(item.kind, item.namespace, item.name)
