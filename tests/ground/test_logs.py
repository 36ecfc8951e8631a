"""Log lines are JSON, carry the request's id, and never a secret."""

import io
import json
import logging
import logging.config
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import structlog
from django_structlog.celery import signals

from meshconsole.celery import app
from meshconsole.logs import configure_structlog, logging_config

PING = "celery.chord"  # a task that Celery brings along
SECRETS = {
    "a bearer header": "Authorization was Bearer abcdefgh12345678",
    "a private key": "-----BEGIN PRIVATE KEY-----\nMIIEabcdefgh12345678\n-----END PRIVATE KEY-----",
    "a JSON web token": "eyJhbGciOiJSUzI1NiJ9.eyJhbcdefgh12345678.sig",
    "an address with a password": "postgres://meshconsole:abcdefgh12345678@db/meshconsole",
    "what is encrypted at rest": "gAAAAABabcdefgh12345678abcdefgh",
    "a token of ours": "mct_abcdefgh12345678",
}


class Holder:
    """An object whose text gives a secret away."""

    def __str__(self) -> str:
        return SECRETS["a bearer header"]


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """All that is logged, as the JSON form writes it."""
    with captured(frozenset()) as stream:
        yield stream


@pytest.fixture
def stream_of_routine() -> Iterator[io.StringIO]:
    """The same, where publishing the outbox is routine."""
    with captured(frozenset({"pipeline.publish_outbox"})) as stream:
        yield stream


@contextmanager
def captured(routine: frozenset[str]) -> Iterator[io.StringIO]:
    """The stream that our handler writes to; the suite's own logging comes back afterwards."""
    stream = io.StringIO()
    config = logging_config(level="INFO", form="json", routine=routine)
    config["handlers"]["stream"]["stream"] = stream
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logging.config.dictConfig(config)
    configure_structlog()
    try:
        yield stream
    finally:
        root.handlers[:], root.level = handlers, level
        structlog.contextvars.clear_contextvars()


def only(stream: io.StringIO) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(stream.getvalue())
    return line


def test_a_line_carries_the_id_of_its_request(lines: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        logging.getLogger("some.library").info("listed %s pods", 3)
    line = only(lines)
    assert (line["event"], line["request_id"], line["level"]) == ("listed 3 pods", "r-1", "info")


@pytest.mark.parametrize("what", SECRETS)
def test_no_line_holds(what: str, lines: io.StringIO) -> None:
    structlog.get_logger("ours").warning(SECRETS[what], detail={"nested": [SECRETS[what]]})
    logging.getLogger("theirs").error("failed: %s", SECRETS[what])
    assert "abcdefgh12345678" not in lines.getvalue()
    assert lines.getvalue().count("[removed]") == 3


def test_a_field_named_like_a_secret_is_emptied(lines: io.StringIO) -> None:
    structlog.get_logger("ours").info("registered", token="plain", form={"db_password": "plain"})
    assert "plain" not in lines.getvalue()


def test_an_object_and_an_exception_are_redacted_as_text(lines: io.StringIO) -> None:
    try:
        raise RuntimeError(SECRETS["a bearer header"])
    except RuntimeError:
        structlog.get_logger("ours").exception("failed", holder=Holder())
    line = only(lines)
    assert "RuntimeError" in line["exception"]
    assert "abcdefgh12345678" not in lines.getvalue()


def test_what_runs_every_few_seconds_is_news_only_when_it_fails(stream_of_routine: io.StringIO) -> None:
    log = structlog.get_logger("django_structlog")
    log.info("task_succeeded", task="pipeline.publish_outbox")
    logging.getLogger("celery.beat").info("Scheduler: Sending due task %s", "pipeline.publish_outbox")
    assert stream_of_routine.getvalue() == ""
    log.error("task_failed", task="pipeline.publish_outbox")
    log.info("task_succeeded", task="pipeline.apply_change")
    assert stream_of_routine.getvalue().count("\n") == 2


def test_every_line_of_a_task_says_which_task_it_was() -> None:
    signals.bind_extra_task_metadata.send(sender=None, task=app.tasks[PING], logger=None)
    try:
        assert structlog.contextvars.get_contextvars()["task"] == PING
    finally:
        structlog.contextvars.clear_contextvars()
