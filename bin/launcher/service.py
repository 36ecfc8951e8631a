"""One long-running process: started in a group of its own, its lines kept in a file and handed on."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bin.console_text import Failure

Follower = Callable[[str, str], None]  # name of the service, one line
TAIL_LINES = 25
DRAIN_SECONDS = 2


@dataclass(slots=True)
class Service:
    """`command` as a process. `stop_seconds` is how long it may take to end in its own way."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    folder: Path
    log: Path
    stop_seconds: float = 10
    follow: Follower | None = None
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _reader: threading.Thread | None = field(default=None, init=False)

    def start(self) -> None:
        """Start it. The log of the time before is kept as NAME.log.1."""
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        self.log.touch(mode=0o600)
        self._process = subprocess.Popen(
            self.command,
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with self.log.open("ab", buffering=0) as file:
            for line in process.stdout:
                file.write(line)
                if self.follow:
                    self.follow(self.name, line.decode("utf-8", "replace").rstrip("\n"))

    @property
    def pid(self) -> int:
        """The process number. Raises Failure when it was not started."""
        if self._process is None:
            raise Failure(f"{self.name} was not started.")
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def ending(self) -> str:
        """How it ended, in words; "" while it runs or before it was started."""
        code = self._process.poll() if self._process else None
        if code is None:
            return ""
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send `number` to the process and all its children."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)
        if number == signal.SIGKILL and self._process:
            self._process.wait()

    def stop(self) -> None:
        """SIGTERM to the process itself, and SIGKILL to what is left of its group after `stop_seconds`."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=self.stop_seconds)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._reader:
            self._reader.join(timeout=DRAIN_SECONDS)

    def text(self) -> str:
        """Everything it wrote since it was started."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def tail(self) -> str:
        """Its last lines, to show why it failed; all of them once it has ended."""
        if self._reader and not self.alive:
            self._reader.join(timeout=DRAIN_SECONDS)
        return "\n".join(self.text().splitlines()[-TAIL_LINES:])
