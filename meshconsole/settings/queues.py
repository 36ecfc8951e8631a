"""How Celery is set up, and what runs on a schedule.

A change's truth is its row in the database and the message is a hint: what a dead worker or broker
held is delivered again, soon enough to matter, and a task that finds nothing to do ends.
"""

from typing import Any

# The longest a task may take; the broker hands out a message again after a longer silence.
TASK_LIMIT_SECONDS = 300
VISIBILITY_SECONDS = 600

# Seconds between two runs. A run that nobody began before the next is due is dropped.
SCHEDULE = {
    "pipeline.refresh_due_clusters": 10,
    "pipeline.publish_outbox": 5,
    "pipeline.recover_stuck": 10,
    "pipeline.send_notifications": 5,
    "pipeline.checkpoint_audit": 60,
    "pipeline.open_windows": 10,
    "pipeline.end_openings": 15,
}


def broker_url(redis_url: str) -> str:
    """Celery's spelling of the same Redis: it writes a socket as redis+socket://…?virtual_host=N."""
    if redis_url.startswith("unix://"):
        return redis_url.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=")
    return redis_url


def beat_schedule() -> dict[str, dict[str, Any]]:
    """Celery's beat_schedule from SCHEDULE."""
    return {
        name: {"task": name, "schedule": float(seconds), "options": {"expires": seconds}}
        for name, seconds in SCHEDULE.items()
    }


# Without unacked_restore_* the sweep for lost messages runs about every hundred seconds.
TRANSPORT_OPTIONS = {
    "visibility_timeout": VISIBILITY_SECONDS,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
}
