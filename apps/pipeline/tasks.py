"""Every Celery task of the product: ids in, nothing decided here, safe to run twice."""

from __future__ import annotations

from celery import current_app, shared_task
from kombu.exceptions import OperationalError

from apps.audit.context import acting
from apps.common.outbox import carry_with
from apps.pipeline import refresh
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
