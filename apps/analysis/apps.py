"""Registers `apps.analysis` with Django under the label `analysis`."""

from django.apps import AppConfig


class AnalysisConfig(AppConfig):
    name = "apps.analysis"
    label = "analysis"
