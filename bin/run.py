"""`make run`: the console, its worker, scheduler, broker and demonstration fleet, from a bare checkout.

Keeps its data in MESHCONSOLE_STATE_DIR (./var), can be run again, and stops everything on Ctrl-C.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any, NoReturn

from bin.console_text import Failure, coloured, fail, say
from bin.environment import ROOT, RUNTIME_LOCK, become, ensure, inside
from bin.launcher import lock
from bin.launcher.stack import Stack
from bin.launcher.state import StateDirectory

DEFAULT_PORT = 8000
DETACH_SECONDS = 300
STOP_SECONDS = 60
LOOK_SECONDS = 0.5
# A service that ends is started again; this often within a minute means that it cannot live.
RESTARTS_A_MINUTE = 5
COLOURS = {"web": "green", "worker": "yellow", "beat": "magenta", "simcluster": "blue", "valkey": "cyan"}
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: list[str]) -> int:
    """Make the environment, then do what was asked in it; the exit code."""
    asked = _parse(arguments)
    state = StateDirectory(Path(os.environ.get("MESHCONSOLE_STATE_DIR") or ROOT / "var").resolve())
    try:
        if asked.stop:
            return _stop(state)
        ensure(RUNTIME_LOCK)
        if not inside():
            become("bin.run", arguments)
        return _detach(asked, state) if asked.detach else _run(asked, state)
    except Failure as failure:
        return fail(str(failure))
    except KeyboardInterrupt:
        return fail("Stopped before it was up.")


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("--port", type=int, default=int(os.environ.get("MESHCONSOLE_PORT") or DEFAULT_PORT))
    parser.add_argument("--check", action="store_true", help="start, see that all is healthy, stop")
    parser.add_argument("--detach", action="store_true", help="leave it running in the background")
    parser.add_argument("--stop", action="store_true", help="stop the one that runs on this state directory")
    parser.add_argument("--ready-file", type=Path, help="write URL, logins and clusters here once it is up")
    return parser.parse_args(arguments)


def _run(asked: argparse.Namespace, state: StateDirectory) -> int:
    for number in SIGNALS:
        signal.signal(number, _interrupt)
    stack = Stack(state.root, web_port=asked.port, report=say)
    try:
        stack.start()
        _show(stack)
        if asked.ready_file:
            _write_ready(asked.ready_file, stack)
        if not asked.check:
            stack.follow_logs(_print_line)
            _supervise(stack)
    except KeyboardInterrupt:
        say("Stopping")
    finally:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        stack.stop()
        if asked.ready_file:
            asked.ready_file.unlink(missing_ok=True)
    say("Everything is stopped; the data is kept")
    return 0


def _interrupt(number: int, frame: Any) -> NoReturn:
    raise KeyboardInterrupt


def _supervise(stack: Stack) -> NoReturn:
    """Start again what ends; Failure when something cannot stay up."""
    restarts: deque[float] = deque(maxlen=RESTARTS_A_MINUTE)
    while True:
        time.sleep(LOOK_SECONDS)
        for service in stack.dead():
            if len(restarts) == RESTARTS_A_MINUTE and time.monotonic() - restarts[0] < 60:
                raise Failure(
                    f"{service.name} {service.ending()} again and again. Its last lines:\n{service.tail()}"
                )
            restarts.append(time.monotonic())
            say(f"{service.name} {service.ending()}; starting it again", colour="yellow")
            stack.restart(service.name)


def _show(stack: Stack) -> None:
    lines = ["", coloured(f"  meshconsole is ready: {stack.url}/", "green"), ""]
    lines += [f"  {'sign in as':<15}{'password':<18}who"]
    lines += [f"  {login.username:<15}{login.password:<18}{login.may}" for login in stack.logins]
    lines += ["", "  kubectl --kubeconfig … for the demonstration clusters:"]
    lines += [f"  {cluster['name']:<22}{_short(cluster['kubeconfig'])}" for cluster in stack.fleet]
    lines += [
        "",
        f"  State and logs are in {_short(stack.state.root)}/. Ctrl-C stops everything and keeps it.",
        "",
    ]
    print("\n".join(lines), flush=True)


def _short(path: str | Path) -> str:
    full = Path(path)
    return str(full.relative_to(Path.cwd()) if full.is_relative_to(Path.cwd()) else full)


def _print_line(name: str, line: str) -> None:
    try:
        print(f"{coloured(f'{name:<10} │', COLOURS.get(name, 'grey'))} {line}", flush=True)
    except OSError:
        return  # nobody reads any more; the log file has it


def _write_ready(path: Path, stack: Stack) -> None:
    ready = {
        "url": stack.url,
        "pid": os.getpid(),
        "logins": {login.username: login.password for login in stack.logins},
        "clusters": stack.fleet,
        "state_dir": str(stack.state.root),
    }
    partial = path.with_name(f"{path.name}.partial")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(ready, indent=2), encoding="utf-8")
    partial.replace(path)


def _detach(asked: argparse.Namespace, state: StateDirectory) -> int:
    """Start another one of these in the background and wait until it is up."""
    state.prepare()
    ready = asked.ready_file or state.root / "ready.json"
    if lock.holder(state.lock) is None:
        ready.unlink(missing_ok=True)
    command = [
        sys.executable,
        "-m",
        "bin.run",
        "--port",
        str(asked.port),
        "--ready-file",
        str(ready.resolve()),
    ]
    log = state.logs / "launcher.log"
    log.touch(mode=0o600)
    with log.open("wb") as output:
        background = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    until = time.monotonic() + DETACH_SECONDS
    while not ready.exists() or background.poll() is not None:
        if background.poll() is not None:
            raise Failure(f"It did not start:\n{log.read_text(encoding='utf-8', errors='replace').strip()}")
        if time.monotonic() > until:
            background.terminate()
            raise Failure(f"It was not up within {DETACH_SECONDS} s; {log} says how far it came.")
        time.sleep(LOOK_SECONDS)
    print(log.read_text(encoding="utf-8", errors="replace"))
    say(f"Process {background.pid} runs in the background; `make stop` ends it, {_short(ready)} describes it")
    return 0


def _stop(state: StateDirectory) -> int:
    pid = lock.holder(state.lock)
    if pid is None:
        say("Nothing is running")
        return 0
    say(f"Stopping process {pid}")
    os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + STOP_SECONDS
    while lock.holder(state.lock) is not None:
        if time.monotonic() > until:
            raise Failure(f"Process {pid} did not stop within {STOP_SECONDS} s.")
        time.sleep(LOOK_SECONDS)
    say("Stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
