"""Makes `.venv` in the checkout hold exactly what a lock file names; does nothing when it already does.

The locks carry a hash for every file and no address of any index: they install from where pip is told to.
"""

import fcntl
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from bin.console_text import Failure, say

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "meshconsole-installed.json"
RUNTIME_LOCK = ROOT / "requirements.lock"
TEST_LOCK = ROOT / "requirements-dev.lock"  # everything of the runtime lock, and the tools of the tests
INSTALLER_LOCK = ROOT / "requirements-uv.lock"


def ensure(lock: Path) -> Path:
    """Install `lock` into `.venv` unless it is there; the environment's Python. Failure says why not."""
    VENV.mkdir(exist_ok=True)
    with _one_at_a_time(VENV):
        if not _works(PYTHON):
            _create()
        wanted = TEST_LOCK if lock == RUNTIME_LOCK and "dev" in _installed() else lock
        if _installed() != _stamp(wanted):
            _install(wanted)
            STAMP.write_text(json.dumps(_stamp(wanted)))
    return PYTHON


def inside() -> bool:
    """Whether this process already runs on the environment's Python."""
    return Path(sys.prefix).resolve() == VENV.resolve()


def become(module: str, arguments: list[str]) -> NoReturn:
    """Replace this process by `module`, run on the environment's Python: same number, same signals."""
    os.chdir(ROOT)
    os.execv(PYTHON, [str(PYTHON), "-m", module, *arguments])


def _create() -> None:
    say(f"Creating the environment in {VENV.name}/ with Python {sys.version.split()[0]}")
    STAMP.unlink(missing_ok=True)
    made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True)
    if made.returncode:
        detail = (made.stdout + made.stderr).strip()
        if "ensurepip" in detail:
            raise Failure(
                "Python's venv module is not complete here. On Debian: apt-get install python3-venv."
            )
        raise Failure(f"The environment could not be created in {VENV}: {detail}")


def _install(lock: Path) -> None:
    say(f"Installing what {lock.name} names, every file checked against its hash")
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    if _quietly([*pip, "-r", str(INSTALLER_LOCK)]) and _quietly([str(VENV / "bin" / "uv"), *_uv_sync(lock)]):
        return
    say("uv could not do it; trying pip, which takes about a minute")
    if subprocess.run([*pip, "-r", str(lock)], cwd=ROOT).returncode:
        raise Failure(
            f"The packages of {lock.name} could not be installed; the reason stands above. "
            "Check that pip can reach its package index, then run the command again."
        )


def _uv_sync(lock: Path) -> list[str]:
    return ["pip", "sync", "--quiet", "--require-hashes", "--python", str(PYTHON), str(lock)]


def _quietly(command: list[str]) -> bool:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        say(f"{Path(command[0]).name} said: {last}", colour="yellow")
    return done.returncode == 0


def _works(python: Path) -> bool:
    if not python.exists():
        return False
    probe = "import sys, pip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))"
    return subprocess.run([str(python), "-c", probe], capture_output=True).returncode == 0


def _installed() -> dict[str, str]:
    try:
        stamp: dict[str, str] = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp


def _stamp(lock: Path) -> dict[str, str]:
    if not lock.exists():
        raise Failure(f"{lock.name} is missing from this checkout.")
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    return {"dev" if lock == TEST_LOCK else "runtime": digest}


@contextmanager
def _one_at_a_time(directory: Path) -> Iterator[None]:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another command is installing; waiting for it")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
