"""`make bench-apply`: how soon an approved change is begun, and how long writing many objects takes.

A whole console with its worker processes, on a fleet of its own and on a hundred more clusters. Prints
figures, yardsticks of the same run (bare requests to the same API servers) and goals; exits 1 when one is
missed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.simulator import simulator
from bin.launcher.stack import Stack

CLUSTERS = 50
CLAIM_GOAL = 1.0  # seconds, 95th percentile
SET_GOAL = 30.0  # seconds for 20 objects on one cluster
REQUEST_GOAL = 20.0  # times a bare request, an object; the console asks some ten times for each
TIMEOUT = 900


def measure(stack: Stack, clusters: list[dict[str, Any]]) -> dict[str, Any]:
    """The measurements, in a process with the console's own settings."""
    command = [sys.executable, "-m", "bench.apply_work"]
    done = subprocess.run(
        command,
        env=stack.environment | {"MESHCONSOLE_LOG_LEVEL": "ERROR"},
        input=json.dumps(clusters),
        stdout=subprocess.PIPE,
        text=True,
        timeout=TIMEOUT,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def report_claims(found: dict[str, Any]) -> bool:
    """From the last approval to the worker that has claimed the change."""
    waits = sorted(found["claims"])
    p95 = waits[min(len(waits) - 1, int(0.95 * len(waits)))]
    print(
        f"claim       {waits[len(waits) // 2] * 1000:.0f} ms median, {p95 * 1000:.0f} ms 95th percentile of "
        f"{len(waits)} (goal {CLAIM_GOAL * 1000:.0f} ms)"
    )
    return bool(p95 < CLAIM_GOAL)


def report_set(name: str, what: str, part: dict[str, Any], goal: float) -> bool:
    """Writing a set: whole, for each object, and against the yardstick."""
    objects, seconds, bare = part["objects"], part["write"], part["bare"]
    each = seconds / objects
    print(
        f"{name:11} {seconds:.2f} s to write {objects} objects {what} (goal {goal:.0f} s), "
        f"{part['verify']:.2f} s to verify them, ended {part['state']}"
    )
    print(
        f"            {each * 1000:.0f} ms an object, {each / bare:.1f} times a bare handshake and apply of "
        f"{bare * 1000:.1f} ms (goal {REQUEST_GOAL:.0f} times)"
    )
    return bool(part["state"] == "applied" and seconds <= goal and each / bare <= REQUEST_GOAL)


def main() -> int:
    """Measures and prints everything."""
    print(f"load        {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs", flush=True)
    environment = {"MESHCONSOLE_REFRESH_SECONDS": "3600"}
    with (
        simulator("hundred-clusters.yaml") as fleet,
        tempfile.TemporaryDirectory() as directory,
        Stack(Path(directory), environment=environment) as stack,
    ):
        found = measure(stack, fleet.clusters[:CLUSTERS])
    good = [
        report_claims(found),
        report_set("one cluster", "on one cluster", found["one"], SET_GOAL),
        report_set("fleet", f"on {CLUSTERS} clusters", found["many"], SET_GOAL * CLUSTERS / 20),
    ]
    print("all goals are met" if all(good) else "NOT ALL GOALS ARE MET")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
