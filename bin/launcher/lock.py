"""One console per state directory: a lock that dies with its holder; what a killed one left is ended."""

import fcntl
import json
import os
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bin.console_text import Failure


@dataclass(slots=True)
class RunLock:
    """Held from start to stop. The file names the process that holds it."""

    path: Path
    _descriptor: int | None = field(default=None, init=False)

    @property
    def held(self) -> bool:
        """Whether this process has it."""
        return self._descriptor is not None

    def take(self) -> None:
        """Raises Failure, with the holder's number, when another process has it."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode().strip() or "unknown"
            os.close(descriptor)
            raise Failure(
                f"A console is already running on {self.path.parent} (process {holder}). Stop it first, "
                "or start another one with its own MESHCONSOLE_STATE_DIR."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give it back; does nothing when it is not held."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def holder(path: Path) -> int | None:
    """The process that holds the lock at `path`, if one does."""
    if not path.exists():
        return None
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.read(descriptor, 32).decode().strip()
        return int(text) if text.isdigit() else None
    finally:
        os.close(descriptor)
    return None


def remember(path: Path, pids: dict[str, int]) -> None:
    """Write down which processes run, each with its start time: a number used again is not mistaken."""
    rows = [{"name": name, "pid": pid, "started": started(pid)} for name, pid in pids.items()]
    path.write_text(json.dumps(rows), encoding="utf-8")


def end_leftovers(path: Path) -> tuple[str, ...]:
    """End the processes that `remember` wrote down and that still run; their names."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ()
    left = [row for row in rows if row["started"] and started(row["pid"]) == row["started"]]
    for row in left:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(row["pid"], signal.SIGKILL)
    path.unlink(missing_ok=True)
    return tuple(str(row["name"]) for row in left)


def started(pid: int) -> str:
    """When process `pid` began, in the kernel's ticks; "" when there is none or the system does not say."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]
