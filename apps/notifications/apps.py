"""Registers `apps.notifications` with Django under the label `notifications`."""

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "apps.notifications"
    label = "notifications"
