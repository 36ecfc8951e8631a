"""Registers `apps.pipeline` with Django and makes it the carrier of the outbox."""

from importlib import import_module

from django.apps import AppConfig


class PipelineConfig(AppConfig):
    name = "apps.pipeline"
    label = "pipeline"

    def ready(self) -> None:
        """Models exist only now, so the tasks are imported here."""
        import_module("apps.pipeline.tasks").carry_outbox()
