"""Registers `apps.audit` with Django under the label `audit`."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "apps.audit"
    label = "audit"
