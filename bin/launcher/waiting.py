"""Waits until a service does its work, or says in a sentence that it never will."""

import http.client
import subprocess
import sys
import time
from collections.abc import Callable, Mapping

from bin.console_text import Failure
from bin.environment import ROOT
from bin.launcher.ports import LOOPBACK
from bin.launcher.service import Service

START_SECONDS = 180
PAUSE_SECONDS = 0.1
WEB_SECONDS = 5
PING_SECONDS = 30


def wait_for(service: Service, healthy: Callable[[], bool]) -> None:
    """Return when `healthy`; Failure, with the last lines, when the service ends before or takes too long."""
    until = time.monotonic() + START_SECONDS
    while not healthy():
        if not service.alive:
            raise Failure(
                f"{service.name} {service.ending()} while starting. Its last lines:\n{service.tail()}"
            )
        if time.monotonic() > until:
            raise Failure(
                f"{service.name} was not healthy within {START_SECONDS} s. Its last lines:\n{service.tail()}"
            )
        time.sleep(PAUSE_SECONDS)


def web_answers(port: int) -> bool:
    """Whether the console says that database and broker answer it too."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=WEB_SECONDS)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def worker_answers(worker: Service, environment: Mapping[str, str]) -> bool:
    """Whether the worker answers a ping over the broker; asked only once it says that it is ready."""
    if " ready." not in worker.text():
        return False
    command = [sys.executable, "-m", "celery", "-A", "meshconsole", "inspect", "ping", "--timeout", "5"]
    try:
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=PING_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
