"""Composition root: settings, URLs, ASGI and the Celery application. No app imports it."""

from meshconsole.celery import app as celery_app

__all__ = ["celery_app"]
