"""The Celery application. Tasks are declared in apps.pipeline.tasks and nowhere else."""

import logging.config
import os
from typing import Any

import structlog
from celery import Celery, Task
from celery.signals import setup_logging
from django.conf import settings
from django.dispatch import receiver
from django_structlog.celery import signals
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "meshconsole.settings.local")

app = Celery("meshconsole")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.steps["worker"].add(DjangoStructLogInitStep)
app.autodiscover_tasks(["apps.pipeline"])


@setup_logging.connect
def use_our_logs(**_: Any) -> None:
    """Celery writes its lines the way everything else does, instead of setting up its own."""
    logging.config.dictConfig(settings.LOGGING)


@receiver(signals.bind_extra_task_metadata)
def name_the_task(task: "Task[Any, Any]", **_: Any) -> None:
    """Every line that a task writes says which task it was."""
    structlog.contextvars.bind_contextvars(task=task.name)
