"""Every Celery task of the product: ids in, nothing decided here, safe to run twice."""

from __future__ import annotations

from celery import current_app, shared_task
from kombu.exceptions import OperationalError

from apps.audit.context import acting
from apps.changes.actions import end, next_wave, schedule, validate
from apps.common.outbox import carry_with
from apps.gitops import pushing
from apps.notifications import sweep
from apps.pipeline import checkpoints, recover, refresh, rollout, settling, verifying
from apps.pipeline.dispatch import Dispatcher, forget_published


def _send(task: str, arguments: dict[str, int | str]) -> None:
    try:
        current_app.send_task(task, kwargs=arguments, retry=False)
    except OperationalError as failure:
        raise ConnectionError("The broker does not answer.") from failure


dispatcher = Dispatcher(_send)


def carry_outbox() -> None:
    """Makes this process send what its transactions leave in the outbox."""
    carry_with(dispatcher.publish_pending)


@shared_task(name="pipeline.refresh_cluster")
def refresh_cluster(run_id: int) -> None:
    """Reads a cluster and prepares its answers."""
    with acting(via="worker"):
        refresh.refresh(run_id)


@shared_task(name="pipeline.refresh_due_clusters")
def refresh_due_clusters() -> None:
    """Queues a refresh for every cluster that is due."""
    with acting(via="worker"):
        refresh.request_due()


@shared_task(name="pipeline.publish_outbox")
def publish_outbox() -> None:
    """Sends what an earlier attempt could not."""
    dispatcher.publish_pending(patient=True)
    forget_published()


@shared_task(name="pipeline.validate_change")
def validate_change(change_id: int) -> None:
    """Tries a submitted change on its clusters."""
    with acting(via="worker"):
        validate.validate(change_id=change_id)


@shared_task(name="pipeline.apply_change")
def apply_change(change_id: int) -> None:
    """Writes an approved change."""
    with acting(via="worker"):
        rollout.apply_change(change_id)


@shared_task(name="pipeline.verify_change")
def verify_change(change_id: int) -> None:
    """Compares a written change with what was predicted."""
    with acting(via="worker"):
        verifying.verify_change(change_id)


@shared_task(name=settling.SETTLE_TASK)
def settle_change(change_id: int) -> None:
    """Looks at a change once more after its settling time."""
    with acting(via="worker"):
        settling.settle_change(change_id)


@shared_task(name="pipeline.open_windows")
def open_windows() -> None:
    """Queues what was scheduled for now, and begins the next wave of what has paused until now."""
    with acting(via="worker"):
        schedule.open_due()
        next_wave.next_due()


@shared_task(name="pipeline.end_openings")
def end_openings() -> None:
    """Proposes to put back what was opened until now."""
    with acting(via="worker"):
        end.end_due()


@shared_task(name="pipeline.recover_stuck")
def recover_stuck() -> None:
    """Sends again what a lost message or a dead worker left behind."""
    with acting(via="worker"):
        recover.recover_stuck()
        pushing.send_waiting()


@shared_task(name="pipeline.send_notifications")
def send_notifications() -> None:
    """Tells what has happened, and tries again what could not be told."""
    with acting(via="worker"):
        sweep.sweep()


@shared_task(name="pipeline.push_to_git")
def push_to_git(push_id: int) -> None:
    """Pushes a change to a Git repository."""
    with acting(via="worker"):
        pushing.push(push_id)


@shared_task(name="pipeline.checkpoint_audit")
def checkpoint_audit() -> None:
    """Signs the head of the audit record when it is time."""
    with acting(via="worker"):
        checkpoints.take_due()
