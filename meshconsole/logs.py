"""Logs: one JSON object a line (readable at a desk), with the request's or task's ids, without secrets.

Redaction is the last step before a line is written, so it covers the libraries' messages too.
"""

import logging
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from apps.common import redaction

MAX_DEPTH = 6


def plain(value: Any, depth: int = 0) -> Any:
    """`value` as JSON knows it; anything else becomes its text, and what lies below MAX_DEPTH is left out."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if depth >= MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return {str(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item, depth + 1) for item in value]
    return str(value)


def plain_event(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """The processor form of `plain`: redaction reads texts, so nothing may hide in an object."""
    flat: EventDict = plain(event)
    return flat


def readable(logger: WrappedLogger, method: str, event: EventDict) -> str:
    """One line for a person: time, level, event, the rest as key=value; an exception below it."""
    time = str(event.pop("timestamp", ""))[11:19]
    level, text = event.pop("level", ""), event.pop("event", "")
    exception = event.pop("exception", "")
    rest = " ".join(
        f"{key}={event[key]}" for key in sorted(event) if key != "logger" and event[key] is not None
    )
    line = " ".join(part for part in (time, f"{level:<7}", str(text), rest) if part)
    return f"{line}\n{exception}" if exception else line


class OnlyNews(logging.Filter):
    """Leaves out that what runs every few seconds was due and went well. `routine` has the tasks' names."""

    def __init__(self, routine: frozenset[str]) -> None:
        super().__init__()
        self.routine = routine

    def filter(self, record: logging.LogRecord) -> bool:
        """False for a line that says nothing new."""
        message = record.msg
        if isinstance(message, dict):
            return message.get("event") != "task_succeeded" or message.get("task") not in self.routine
        return not str(message).startswith("Scheduler: Sending due task")


def shared_processors() -> list[Processor]:
    """What is done to every event, ours or a library's, before it is written."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        structlog.processors.UnicodeDecoder(),
    ]


def configure_structlog() -> None:
    """Hands structlog's events to the standard library, where one formatter writes all lines."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared_processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def logging_config(*, level: str, form: str, routine: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Django's LOGGING; `form` is "json" or "text". Server loggers lose their own handlers and join ours."""
    renderer: Processor = readable if form == "text" else structlog.processors.JSONRenderer()
    joined: dict[str, Any] = {"handlers": [], "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared_processors(),
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    plain_event,
                    redaction.log_processor,
                    renderer,
                ],
            }
        },
        "filters": {"news": {"()": OnlyNews, "routine": routine}},
        "handlers": {"stream": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["news"]}},
        "root": {"handlers": ["stream"], "level": level},
        "loggers": {
            "django": joined,
            "django.server": joined,
            "uvicorn": joined,
            "uvicorn.error": joined,
            "uvicorn.access": {"handlers": [], "propagate": False},
            # The libraries' own word on every request and task; ours carries the ids, theirs would repeat it.
            "django.request": {"level": "ERROR"},
            "celery": joined,
            "celery.app.trace": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "httpx": {"level": "WARNING"},
            "urllib3": {"level": "WARNING"},
            "dulwich": {"level": "WARNING"},
            "paramiko": {"level": "CRITICAL"},  # what goes wrong is raised as well
        },
    }
