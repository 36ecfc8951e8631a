"""What the launcher promises about secrets, ports, locks and processes, on real ones."""

import os
import signal
import socket
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from bin.console_text import Failure
from bin.launcher import broker, lock, plan, waiting
from bin.launcher.ports import free_port
from bin.launcher.service import Service
from bin.launcher.state import PEOPLE, StateDirectory, keep_secrets, logins

SLEEP = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
PARENT = (
    "import subprocess, sys, time; "
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
    "print(child.pid, flush=True); time.sleep(60)"
)


@pytest.fixture
def services() -> Iterator[list[Service]]:
    """Services that a test starts; all are ended after it."""
    started: list[Service] = []
    yield started
    for service in started:
        service.stop_seconds = 0.2
        service.stop()


def python(program: str, folder: Path, services: list[Service], *, stop_seconds: float = 5) -> Service:
    """A running Python program as a service, after its first line."""
    service = Service(
        "program", [sys.executable, "-c", program], os.environ, folder, folder / "program.log", stop_seconds
    )
    services.append(service)
    service.start()
    waiting.wait_for(service, lambda: service.text() != "")
    return service


def test_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "secrets.env"
    made = keep_secrets(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keep_secrets(path) == made
    assert len(made["DJANGO_SECRET_KEY"]) >= 50
    Fernet(made["MESHCONSOLE_ENCRYPTION_KEYS"])
    assert len({login.password for login in logins(made)}) == len(PEOPLE)


def test_a_secret_that_somebody_chose_stays(tmp_path: Path) -> None:
    path = tmp_path / "secrets.env"
    path.write_text("# mine\nDEMO_PASSWORD_VIEWER=chosen=by me\n")
    assert keep_secrets(path)["DEMO_PASSWORD_VIEWER"] == "chosen=by me"
    assert keep_secrets(path)["DEMO_PASSWORD_VIEWER"] == "chosen=by me"


def test_the_state_directory_is_closed_to_others(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / "var")
    state.prepare()
    state.prepare()
    assert stat.S_IMODE(state.root.stat().st_mode) == 0o700


def test_a_port_that_is_taken_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) != port
        assert free_port(0) not in (0, port)


def test_a_second_console_on_the_same_state_is_refused_by_the_first_ones_number(tmp_path: Path) -> None:
    first, second = lock.RunLock(tmp_path / "run.lock"), lock.RunLock(tmp_path / "run.lock")
    first.take()
    with pytest.raises(Failure, match=f"already running on .* \\(process {os.getpid()}\\)"):
        second.take()
    assert lock.holder(first.path) == os.getpid()
    first.release()
    assert lock.holder(first.path) is None
    second.take()
    second.release()


def test_what_a_killed_launcher_left_is_ended_and_nobody_else(
    tmp_path: Path, services: list[Service]
) -> None:
    left = python(SLEEP, tmp_path, services)
    path = tmp_path / "processes.json"
    lock.remember(path, {"worker": left.pid})
    assert lock.end_leftovers(path) == ("worker",)
    assert waiting_for_the_end(left).startswith("was ended by SIGKILL")
    assert not path.exists()

    other = python(SLEEP, tmp_path, services)
    path.write_text(f'[{{"name": "worker", "pid": {other.pid}, "started": "1"}}]')
    assert lock.end_leftovers(path) == ()
    assert other.alive


def waiting_for_the_end(service: Service) -> str:
    until = time.monotonic() + 5
    while service.alive and time.monotonic() < until:
        time.sleep(0.02)
    return service.ending()


def test_a_process_that_does_not_listen_is_ended_for_certain(tmp_path: Path, services: list[Service]) -> None:
    service = python(STUBBORN, tmp_path, services, stop_seconds=0.3)
    service.stop()
    assert service.ending() == "was ended by SIGKILL"


def test_no_child_outlives_its_service(tmp_path: Path, services: list[Service]) -> None:
    service = python(PARENT, tmp_path, services)
    child = int(service.text())
    service.stop()
    until = time.monotonic() + 5
    while lock.started(child) and time.monotonic() < until:
        time.sleep(0.02)
    state = Path(f"/proc/{child}/stat")
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_killed_service_says_how_it_ended_and_can_be_started_again(
    tmp_path: Path, services: list[Service]
) -> None:
    service = python(SLEEP, tmp_path, services)
    service.kill(signal.SIGKILL)
    assert service.ending() == "was ended by SIGKILL"
    service.start()
    waiting.wait_for(service, lambda: "up" in service.text())
    assert service.alive
    assert (tmp_path / "program.log.1").exists()


def test_a_process_that_dies_at_the_start_is_shown_with_its_last_lines(tmp_path: Path) -> None:
    service = Service(
        "web",
        [sys.executable, "-c", "raise SystemExit('no settings')"],
        os.environ,
        tmp_path,
        tmp_path / "web.log",
    )
    service.start()
    with pytest.raises(Failure, match=r"web ended with code 1 while starting(.|\n)*no settings"):
        waiting.wait_for(service, lambda: False)
    service.stop()


def test_the_embedded_broker_answers_on_a_socket_only_its_owner_can_open(
    tmp_path_factory: pytest.TempPathFactory, services: list[Service]
) -> None:
    state = StateDirectory(tmp_path_factory.mktemp("v"))
    state.prepare()
    chosen = broker.choose(state, {})
    service = Service("valkey", chosen.command, os.environ, state.root, state.logs / "valkey.log")
    services.append(service)
    service.start()
    waiting.wait_for(service, chosen.answers)
    assert chosen.socket is not None
    assert stat.S_IMODE(chosen.socket.stat().st_mode) == 0o700
    assert chosen.url == f"unix://{chosen.socket}?db=0"
    chosen.tidy()


def test_a_long_state_directory_gets_its_socket_elsewhere(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / ("long-" * 30))
    state.prepare()
    chosen = broker.choose(state, {})
    assert chosen.socket is not None
    assert len(str(chosen.socket)) < 100
    assert chosen.socket.parent.exists()
    chosen.tidy()
    assert not chosen.socket.parent.exists()


def test_a_broker_that_the_environment_names_is_used_and_not_started(tmp_path: Path) -> None:
    chosen = broker.choose(StateDirectory(tmp_path), {"REDIS_URL": "redis://elsewhere:6379/0"})
    assert (chosen.url, chosen.command) == ("redis://elsewhere:6379/0", [])


def test_a_stack_that_a_test_starts_runs_on_the_local_settings(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    kept = keep_secrets(state.secrets)
    around = {"DJANGO_SETTINGS_MODULE": "meshconsole.settings.test", "DJANGO_SECRET_KEY": "mine"}
    made = plan.environment(state, kept, around, {"MESHCONSOLE_REFRESH_SECONDS": "5"})
    assert made["DJANGO_SETTINGS_MODULE"] == "meshconsole.settings.local"
    assert made["DJANGO_SECRET_KEY"] == "mine"
    assert made["MESHCONSOLE_REFRESH_SECONDS"] == "5"
    assert made["MESHCONSOLE_STATE_DIR"] == str(tmp_path)


def test_every_service_is_started_by_a_command_of_its_own(tmp_path: Path) -> None:
    chosen = broker.Broker("redis://elsewhere", [], None, None)
    names = ("simcluster", "worker", "beat", "web")
    commands = [plan.command(name, StateDirectory(tmp_path), chosen, 8123) for name in names]
    assert len({tuple(command) for command in commands}) == len(names)
    assert "8123" in commands[-1]
