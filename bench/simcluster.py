"""`make bench-simcluster`: what the simulated cluster costs, against the same bytes from a bare server.

Prints figures, yardsticks of the same run and goals; exits 1 when a goal is missed.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from bench.reading import echoed, fan_out, fetch, initial_events, pages
from bench.simulator import Simulator, echo, simulator
from bench.stopwatch import timed

MB = 10**6
PAGE = 500
ROUNDS = 3
WATCHERS, CHANGES = 200, 100
IDLE_SECONDS = 30
# Goals. Times are CPU seconds of the simulator where a busy machine would falsify wall time.
START_GOAL = 10.0
LIST_GOAL = 3.0
INITIAL_GOAL = 10.9  # what a real API server took for as many pods
EVENTS_GOAL = 5_000
MEMORY_GOAL = 600 * MB
FLEET_GOAL, FLEET_MEMORY_GOAL, IDLE_GOAL = 10.0, 2 * MB, 0.02


def best(work: list[tuple[float, float]]) -> float:
    """The least wall time of some rounds."""
    return min(wall for wall, _ in work)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a start: CPU seconds, and bytes resident then and at most."""

    cpu: float
    resident: int
    peak: int


def report_start(large: Simulator, cost: Cost, bodies: list[bytes]) -> bool:
    """Start of the large cluster; yardstick: encoding its pods once with `json`."""
    pods = [item for body in bodies for item in json.loads(body)["items"]]
    yardstick = timed(lambda: [json.dumps(pod) for pod in pods])[1]
    print(
        f"start       {large.seconds:.1f} s until {len(pods)} pods were served, {cost.cpu:.1f} s CPU "
        f"(goal {START_GOAL:.0f} s CPU)"
    )
    print(f"            {cost.cpu / yardstick:.1f} times what json needs to encode them ({yardstick:.1f} s)")
    print(
        f"memory      {cost.resident / MB:.0f} MB resident (goal {MEMORY_GOAL / MB:.0f} MB), "
        f"{cost.peak / MB:.0f} MB at most"
    )
    return cost.cpu <= START_GOAL and cost.resident <= MEMORY_GOAL


def report_lists(large: Simulator, bodies: list[bytes]) -> bool:
    """Pages of pods and initial events of a watch, against the same bytes from the bare server."""
    address = large.address()
    stream = initial_events(address)
    numbers = [str(number) for number in range(len(bodies))]
    works: dict[str, tuple[Callable[[], Any], list[str]]] = {
        "pages": (lambda: pages(address, PAGE), numbers),
        "initial": (lambda: initial_events(address), ["stream"]),
    }
    good = []
    with echo(large, dict(zip(numbers, bodies, strict=True)) | {"stream": stream}) as bare:
        for name, (work, paths) in works.items():
            full, plain = [], []
            for _ in range(ROUNDS):
                plain.append(timed(partial(fetch, bare, paths)))
                full.append(timed(work))
            size = len(stream) if name == "initial" else sum(len(body) for body in bodies)
            ratio = best(full) / best(plain)
            print(
                f"{name:11} {best(full):.2f} s for {size / MB:.0f} MB, bare {best(plain):.2f} s, "
                f"ratio {ratio:.2f} (goal {LIST_GOAL:.0f})"
            )
            good.append(ratio <= LIST_GOAL and best(full) <= INITIAL_GOAL)
    return all(good)


def report_watches(large: Simulator) -> bool:
    """One change after the other to many watchers; yardstick: as many bytes to as many connections."""
    address, before = large.address(), large.cpu()
    seconds = asyncio.run(fan_out(address, WATCHERS, CHANGES))
    cpu, events = large.cpu() - before, WATCHERS * CHANGES
    size = CHANGES * len(fetch(address, ["/api/v1/namespaces/istio-system/configmaps/istio"])[0])
    with echo(large, {"nothing": b"", "events": b"x" * size}) as bare:
        plain = asyncio.run(echoed(bare, WATCHERS, size))
    print(
        f"watches     {events / seconds:.0f} events/s to {WATCHERS} watchers, {events / cpu:.0f} of them "
        f"a CPU second (goal {EVENTS_GOAL})"
    )
    print(f"            {seconds:.2f} s for {CHANGES} changes; bytes alone at once {plain:.2f} s")
    return events / cpu >= EVENTS_GOAL


def report_fleet() -> bool:
    """A hundred clusters in one process: start, memory, and what doing nothing costs."""
    with simulator("hundred-clusters.yaml") as fleet:
        count, cpu = len(fleet.clusters), fleet.cpu()
        answered = sum(
            b"gitVersion" in fetch(fleet.address(index), ["/version"])[0] for index in range(count)
        )
        each = fleet.memory() / count
        time.sleep(1)
        before = fleet.cpu()
        time.sleep(IDLE_SECONDS)
        idle = (fleet.cpu() - before) / IDLE_SECONDS
    print(f"fleet       {answered} of {count} clusters answer after {fleet.seconds:.1f} s, {cpu:.1f} s CPU")
    print(f"            (goal {FLEET_GOAL:.0f} s CPU), {each / MB:.1f} MB a cluster (goal 2 MB)")
    print(f"idle        {idle:.1%} of a CPU for {count} clusters (goal {IDLE_GOAL:.0%})")
    return answered == count and cpu <= FLEET_GOAL and each <= FLEET_MEMORY_GOAL and idle <= IDLE_GOAL


def main() -> int:
    """Measures and prints everything."""
    print(f"load        {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs", flush=True)
    with simulator("ten-thousand-pods.yaml") as large:
        cost = Cost(large.cpu(), large.memory(), large.memory("VmHWM"))
        bodies = pages(large.address(), PAGE)
        good = [report_start(large, cost, bodies), report_lists(large, bodies), report_watches(large)]
    good.append(report_fleet())
    print("all goals are met" if all(good) else "NOT ALL GOALS ARE MET")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
