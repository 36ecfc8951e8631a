"""The Celery application. Tasks are declared in apps.pipeline.tasks and nowhere else."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "meshconsole.settings.local")

app = Celery("meshconsole")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["apps.pipeline"])
