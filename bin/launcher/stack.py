"""Starts everything in order, waits until each part is healthy, and stops it in the reverse order.

with Stack(Path("/tmp/somewhere")) as stack:
    stack.url, stack.logins, stack.fleet
    stack.kill("worker"); stack.restart("worker", {"MESHCONSOLE_CRASH_AT": ""})
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bin.console_text import Failure
from bin.environment import ROOT
from bin.launcher import broker, lock, plan, waiting
from bin.launcher.ports import free_port
from bin.launcher.service import Follower, Service
from bin.launcher.state import Login, StateDirectory, keep_secrets, logins

COMMAND_SECONDS = 300
FIRST_READ_SECONDS = 90
Reporter = Callable[[str], None]


def _silent(_: str) -> None:
    return None


class Stack:
    """One running console on its own state directory.

    `web_port` is what to try first, 0 for any; `environment` is laid over that of this process;
    `report` gets a sentence a step. The logs are in files; `follow_logs` hands them on.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        web_port: int = 0,
        environment: Mapping[str, str] | None = None,
        report: Reporter = _silent,
    ) -> None:
        self.state = StateDirectory(state_dir.resolve())
        self.wanted_port = web_port
        self.web_port = 0
        self.report = report
        self._follow: Follower | None = None
        self.services: dict[str, Service] = {}
        self.logins: tuple[Login, ...] = ()
        self._given = dict(environment or {})
        self._environment: dict[str, str] = {}
        self._broker: broker.Broker | None = None
        self._lock = lock.RunLock(self.state.lock)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where the console answers, without a slash at the end."""
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def environment(self) -> dict[str, str]:
        """What every process gets."""
        return dict(self._environment)

    @property
    def fleet(self) -> list[dict[str, Any]]:
        """The simulated clusters as they describe themselves: name, url, ca_file, kubeconfig, tokens."""
        clusters: list[dict[str, Any]] = json.loads(self.state.fleet.read_text(encoding="utf-8"))["clusters"]
        return clusters

    def start(self) -> None:
        """Start everything and wait until it is healthy. Raises Failure and leaves nothing running."""
        self.state.prepare()
        self._lock.take()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        left = lock.end_leftovers(self.state.processes)
        if left:
            self.report(f"Ended what a killed console had left running: {', '.join(left)}")
        self._prepare_environment()
        self._start_broker()
        self.report("Bringing the database up to date")
        self.manage("migrate", "--noinput", "--verbosity", "0")
        self.report("Starting the demonstration clusters, worker and web")
        for name in ("simcluster", "worker", "web"):
            self._launch(name)
        self._wait("simcluster")
        self.seed()
        # Only now: on what it schedules, the clusters have to answer.
        self.report("Starting the scheduler, and waiting until everything answers")
        self._launch("beat")
        for name in ("web", "worker", "beat"):
            self._wait(name)

    def follow_logs(self, follow: Follower) -> None:
        """Hand on every line that is written from now on, also by services that are started again."""
        self._follow = follow
        for service in self.services.values():
            service.follow = follow

    def stop(self) -> None:
        """Stop what runs, the last started first; safe to call twice."""
        for service in reversed(list(self.services.values())):
            service.stop()
        self.services.clear()
        if self._broker:
            self._broker.tidy()
        if self._lock.held:
            self.state.processes.unlink(missing_ok=True)
        self._lock.release()

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send `number` to the service and all its children; nobody starts it again by itself."""
        self.services[name].kill(number)

    def restart(self, name: str, environment: Mapping[str, str] | None = None) -> None:
        """Stop the service, start it again with `environment` laid over, and wait until it is healthy."""
        self.services[name].stop()
        self._launch(name, environment)
        self._wait(name)
        if name == "simcluster":
            self.seed()

    def seed(self) -> None:
        """Make the demonstration's people and clusters, or bring them up to date, and have them read."""
        self.report("Making the demonstration's people and clusters, and reading the clusters")
        said = self.manage("demo_seed", "--fleet", str(self.state.fleet), "--wait", str(FIRST_READ_SECONDS))
        unread = [line for line in said.splitlines() if line.startswith("Not read yet")]
        if unread:
            self.report(f"{unread[0]}; the worker goes on with it")

    def pid(self, name: str) -> int:
        """The process number of a service."""
        return self.services[name].pid

    def log(self, name: str) -> str:
        """What the service wrote since it was last started."""
        return self.services[name].text()

    def dead(self) -> tuple[Service, ...]:
        """The services that should run and do not."""
        return tuple(service for service in self.services.values() if not service.alive)

    def manage(self, *arguments: str) -> str:
        """Run a command of manage.py in this console's environment; its output. Raises Failure with it."""
        command = [sys.executable, "manage.py", *arguments]
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=self._environment,
                capture_output=True,
                text=True,
                timeout=COMMAND_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise Failure(f"`manage.py {arguments[0]}` did not end within {COMMAND_SECONDS} s.") from error
        if done.returncode:
            detail = (done.stdout + done.stderr).strip()
            raise Failure(f"`manage.py {arguments[0]}` ended with code {done.returncode}:\n{detail}")
        return done.stdout

    def _prepare_environment(self) -> None:
        kept = keep_secrets(self.state.secrets)
        self.logins = logins(kept)
        self._environment = plan.environment(self.state, kept, os.environ, self._given)
        self._broker = broker.choose(self.state, self._environment)
        self._environment["REDIS_URL"] = self._broker.url
        self.web_port = free_port(self.wanted_port)
        self._environment.setdefault("MESHCONSOLE_URL", self.url)
        if self.wanted_port not in (0, self.web_port):
            self.report(
                f"Port {self.wanted_port} is taken; the console answers on port {self.web_port} instead"
            )

    def _start_broker(self) -> None:
        assert self._broker is not None
        if self._broker.command:
            self.report("Starting the broker")
            self._run("valkey")
        else:
            self.report("Using the broker that REDIS_URL names")

    def _run(self, name: str) -> None:
        self._launch(name)
        self._wait(name)

    def _launch(self, name: str, environment: Mapping[str, str] | None = None) -> None:
        assert self._broker is not None
        service = Service(
            name,
            plan.command(name, self.state, self._broker, self.web_port),
            self._environment | dict(environment or {}),
            ROOT,
            self.state.logs / f"{name}.log",
            plan.STOP_SECONDS.get(name, plan.USUAL_STOP_SECONDS),
            self._follow,
        )
        if name == "simcluster":
            self.state.fleet.unlink(missing_ok=True)
        service.start()
        self.services[name] = service
        lock.remember(self.state.processes, {key: kept.pid for key, kept in self.services.items()})

    def _wait(self, name: str) -> None:
        assert self._broker is not None
        probes: dict[str, Callable[[], bool]] = {
            "valkey": self._broker.answers,
            "simcluster": self.state.fleet.exists,
            "web": lambda: waiting.web_answers(self.web_port),
            "worker": lambda: waiting.worker_answers(self.services["worker"], self._environment),
            "beat": lambda: "beat: Starting" in self.services["beat"].text(),
        }
        waiting.wait_for(self.services[name], probes[name])
