"""A simulated fleet in a process of its own, as `manage.py simcluster` starts it, and what it costs."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SIZE = Path(__file__).parent.parent / "apps" / "simcluster" / "scenarios" / "size"
START_SECONDS = 300
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Address:
    """How a client reaches a server: port, trust, and the headers of its requests."""

    port: int
    context: ssl.SSLContext
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Simulator:
    """A running fleet. `clusters` is its ready file; `seconds` the wall time until all answered."""

    pid: int
    seconds: float
    clusters: list[dict[str, Any]]

    def cpu(self) -> float:
        """CPU seconds so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self, which: str = "VmRSS") -> int:
        """Resident bytes now, or at most (`VmHWM`)."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(f"{which}:")).split()[1]) * 1024

    def address(self, index: int = 0) -> Address:
        """Of a cluster, as its administrator."""
        row = self.clusters[index]
        context = ssl.create_default_context(cafile=row["ca_file"])
        headers = {"Authorization": f"Bearer {row['tokens']['admin']}"}
        return Address(int(row["url"].rpartition(":")[2]), context, headers)


@contextmanager
def simulator(scenario: str) -> Iterator[Simulator]:
    """The fleet of a scenario file of `scenarios/size`, until the block ends."""
    with tempfile.TemporaryDirectory() as directory:
        ready = Path(directory) / "ready.json"
        command = [sys.executable, "manage.py", "simcluster", "--scenario", str(SIZE / scenario)]
        env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "meshconsole.settings.test",
            "MESHCONSOLE_LOG_LEVEL": "CRITICAL",
        }
        started = time.perf_counter()
        process = subprocess.Popen(
            [*command, "--ready-file", str(ready)], env=env, stdout=subprocess.DEVNULL, cwd=SIZE.parents[3]
        )
        try:
            while not ready.exists():
                if process.poll() is not None or time.perf_counter() - started > START_SECONDS:
                    raise SystemExit("The simulated fleet of the benchmark did not start.")
                time.sleep(0.02)
            seconds = time.perf_counter() - started
            yield Simulator(process.pid, seconds, json.loads(ready.read_text())["clusters"])
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def echo(simulated: Simulator, bodies: dict[str, bytes]) -> Iterator[Address]:
    """The yardstick's server with the first cluster's certificate and these bodies."""
    tls = Path(simulated.clusters[0]["ca_file"]).parent
    with tempfile.TemporaryDirectory() as directory:
        for name, body in bodies.items():
            (Path(directory) / name).write_bytes(body)
        command = [sys.executable, "-m", "bench.echo", str(tls / "server.pem"), str(tls / "server.key")]
        process = subprocess.Popen(
            [*command, directory], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            yield Address(port, simulated.address().context, {})
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(10)
