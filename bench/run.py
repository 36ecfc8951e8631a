"""`make bench`: collect, model and analyse 10,000 pods, against merely downloading the same pages.

Prints the yardstick, the figures and the goals; exits 1 when a goal is missed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

RATIO_GOAL = 2.0
MEMORY_GOAL = 250 * 10**6
PAGE_GOAL = 0.100
TIMEOUT = 600
MB = 10**6


@contextmanager
def plain_server() -> Iterator[dict[str, Any]]:
    """The prepared pages behind TLS, in a process of its own."""
    command = [sys.executable, "-m", "bench.server"]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        if not line:
            raise SystemExit("The server of the benchmark did not start.")
        yield json.loads(line)
    finally:
        assert server.stdin is not None
        server.stdin.close()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()


def measure(what: str, facts: dict[str, Any], state: Path) -> dict[str, Any]:
    """One measurement in a fresh process."""
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "meshconsole.settings.test",
        "DATABASE_URL": f"sqlite:///{state / 'bench.sqlite3'}",
        "MESHCONSOLE_STATE_DIR": str(state),
        "MESHCONSOLE_LOG_LEVEL": "ERROR",
    }
    command = [sys.executable, "-m", "bench.measure", what, json.dumps(facts)]
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, timeout=TIMEOUT, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def best(rounds: list[list[float]]) -> tuple[float, float]:
    """The least wall time and the least CPU time: what the work takes when nobody disturbs it."""
    return min(wall for wall, _ in rounds), min(cpu for _, cpu in rounds)


def report_ratio(found: dict[str, Any], facts: dict[str, Any]) -> bool:
    """Prints yardstick, whole and ratio; whether the goal is met."""
    bare_wall, bare_cpu = best(found["download"])
    full_wall, full_cpu = best(found["whole"])
    print(
        f"data        {facts['pods']} pods of {facts['pod_bytes'] / facts['pods'] / 1000:.1f} kB, "
        f"{found['workloads']} workloads, {found['objects']} objects in {found['requests']} requests, "
        f"{found['bytes'] / MB:.0f} MB decoded"
    )
    print(
        f"found       {found['findings']} findings, {found['scopes']} scopes, gaps: {found['gaps'] or 'none'}"
    )
    print(f"yardstick   {bare_wall:.2f} s to download and decompress the same pages ({bare_cpu:.2f} s CPU)")
    print(f"whole       {full_wall:.2f} s to collect, model and analyse ({full_cpu:.2f} s CPU)")
    rounds = ", ".join(
        f"{whole[0] / bare[0]:.2f}" for bare, whole in zip(found["download"], found["whole"], strict=True)
    )
    print(f"ratio       {full_wall / bare_wall:.2f} by wall time, which the goal of {RATIO_GOAL} is for")
    print(f"            {full_cpu / bare_cpu:.2f} by CPU time; on a busy machine this is the steadier figure")
    load = f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs"
    print(f"            wall time round by round: {rounds}; load {load}")
    return full_wall / bare_wall <= RATIO_GOAL


def report_pages(found: dict[str, Any]) -> bool:
    """Prints every page's time; whether the heaviest meets the goal."""
    state, first, second = found["state"], found["first_refresh"][0], found["second_refresh"][0]
    print(f"refresh     {first:.2f} s into an empty database, {second:.2f} s again: {state['message']}")
    print(f"            {state['workloads']} workload rows, {state['scopes']} scope rows")
    for path, page in found["pages"].items():
        size = page["bytes"] / 1000
        wall, cpu = page["median"] * 1000, page["cpu"] * 1000
        print(f"page        {wall:6.1f} ms ({cpu:.1f} CPU)  {size:4.0f} kB  {page['status']}  {path}")
    heaviest = max(page["median"] for page in found["pages"].values())
    right = all(page["status"] == 200 for page in found["pages"].values())
    print(f"heaviest    {heaviest * 1000:.1f} ms (goal {PAGE_GOAL * 1000:.0f} ms)")
    return right and heaviest <= PAGE_GOAL


def main() -> int:
    """Measures and prints everything."""
    print("preparing   the pages of the server", flush=True)
    with plain_server() as facts, tempfile.TemporaryDirectory() as directory:
        state = Path(directory)
        good = [report_ratio(measure("ratio", facts, state), facts)]
        memory = measure("memory", facts, state)
        peak, before = memory["peak"] / MB, memory["before"] / MB
        print(
            f"memory      {peak:.0f} MB at most, {before:.0f} MB of it before anything is read "
            f"(goal {MEMORY_GOAL / MB:.0f} MB)"
        )
        good.append(memory["peak"] <= MEMORY_GOAL)
        good.append(report_pages(measure("pages", facts, state)))
    print("all goals are met" if all(good) else "NOT ALL GOALS ARE MET")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
