"""Registers `apps.pipeline` with Django under the label `pipeline`."""

from django.apps import AppConfig


class PipelineConfig(AppConfig):
    name = "apps.pipeline"
    label = "pipeline"
