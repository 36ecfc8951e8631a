"""What a reading, or its failure, says about the connection to a cluster. Only conditional updates."""

from __future__ import annotations

from django.db import transaction

from apps.audit.actions import record
from apps.audit.models import Outcome
from apps.clusters.gateway import GatewayError, Identity, ServerVersion, UnauthorizedError
from apps.clusters.models import Cluster, HealthState
from apps.common.clock import now


def note_answer(cluster: Cluster, version: ServerVersion, identity: Identity) -> None:
    """The cluster answered and knows us; how much can be read shows later."""
    Cluster.objects.filter(pk=cluster.pk).update(
        checked_at=now(), kubernetes_version=version.git_version, identity=identity.username
    )


def note_complete(cluster: Cluster, gaps: int) -> None:
    """A whole reading was kept; `gaps` kinds could not be read."""
    kinds = f"{gaps} kind{'' if gaps == 1 else 's'} of objects could not be read"
    state = HealthState.DEGRADED if gaps else HealthState.HEALTHY
    _move(cluster, state, f"{kinds}; what rests on them is unknown." if gaps else "")


def note_failure(cluster: Cluster, failure: GatewayError) -> None:
    """The cluster could not be read. What was known of it stays, with its age."""
    refused = isinstance(failure, UnauthorizedError)
    _move(cluster, HealthState.AUTH_FAILED if refused else HealthState.UNREACHABLE, failure.message)


def _move(cluster: Cluster, state: HealthState, message: str) -> None:
    """Sets the health; a change of state is recorded once, not at every reading."""
    moment = now()
    failing = state in {HealthState.UNREACHABLE, HealthState.AUTH_FAILED}
    with transaction.atomic():
        row = Cluster.objects.filter(pk=cluster.pk)
        moved = row.exclude(health=state).update(health=state)
        row.update(health_message=message, checked_at=moment)
        if failing:
            row.filter(failing_since__isnull=True).update(failing_since=moment)
        else:
            row.update(failing_since=None)
        if moved and cluster.health != state:
            record(
                actor=None,
                action="cluster.health",
                summary=f"{cluster.name}: {state.label}. {message}".strip(),
                object_type="cluster",
                object_id=cluster.name,
                cluster=cluster.name,
                outcome=Outcome.FAILED if failing else Outcome.DONE,
            )
    cluster.health = state
