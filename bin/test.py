"""`make test`: installs what the tests need, runs every stage, and ends with what passed and what failed.

A stage that ran no test has failed: silence is not success.
"""

import argparse
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

from bin import chromium
from bin.console_text import Failure, coloured, fail, say
from bin.environment import ROOT, TEST_LOCK, ensure
from bin.processes import end_group
from bin.stages import RESULTS, Stage, stages


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a stage did: tests passed, failed, skipped, seconds, and why it failed ("" if it did not)."""

    stage: Stage
    passed: int
    failed: int
    skipped: int
    seconds: float
    reason: str


def main(arguments: list[str]) -> int:
    """Run the stages that were asked for; 0 only when every one of them passed."""
    asked = _parse(arguments)
    try:
        ensure(TEST_LOCK)
        chosen = [stage for stage in stages() if _wanted(stage, asked)]
        browser = chromium.ensure() if any(stage.needs_chromium for stage in chosen) else None
    except Failure as failure:
        return fail(str(failure))
    RESULTS.mkdir(exist_ok=True)
    environment = os.environ | ({"MESHCONSOLE_CHROMIUM": browser} if browser else {})
    started = time.monotonic()
    outcomes = [_run(stage, environment) for stage in chosen]
    _summary(outcomes, time.monotonic() - started)
    return 1 if any(outcome.reason for outcome in outcomes) else 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make test", description=__doc__)
    parser.add_argument("--fast", action="store_true", help="leave out types, browser and faults")
    parser.add_argument("--only", help="one group: lint, types, imports, unit, browser, faults …")
    return parser.parse_args(arguments)


def _wanted(stage: Stage, asked: argparse.Namespace) -> bool:
    if asked.only:
        return bool(stage.group == asked.only)
    return stage.fast or not asked.fast


def _run(stage: Stage, environment: dict[str, str]) -> Outcome:
    say(f"{stage.name}")
    stage.report.unlink(missing_ok=True)
    started = time.monotonic()
    process = subprocess.Popen(stage.command, cwd=ROOT, env=environment, start_new_session=True)
    try:
        code, reason = process.wait(timeout=stage.limit_seconds), ""
    except subprocess.TimeoutExpired:
        code, reason = 1, f"took longer than {stage.limit_seconds} s and was ended"
    finally:
        end_group(process, wait_seconds=5)
    seconds = time.monotonic() - started
    if not stage.counts_tests:
        return Outcome(stage, int(code == 0), int(code != 0), 0, seconds, reason or _exit(code))
    passed, failed, skipped = _counts(stage)
    if not reason and not passed and not failed:
        reason = "ran no test" if code in (0, 5) else _exit(code)
    if (reason or code) and not failed:
        failed = 1
    return Outcome(stage, passed, failed, skipped, seconds, reason or _exit(code))


def _exit(code: int) -> str:
    return f"exit code {code}" if code else ""


def _counts(stage: Stage) -> tuple[int, int, int]:
    """Passed, failed and skipped tests as pytest's report has them; zeros where there is none."""
    try:
        root = ElementTree.parse(stage.report).getroot()  # written by our own pytest
    except (OSError, ElementTree.ParseError):
        return 0, 0, 0
    suites = root.findall("testsuite")
    total, failures, errors, skipped = (
        sum(int(suite.get(name, 0)) for suite in suites)
        for name in ("tests", "failures", "errors", "skipped")
    )
    return max(total - failures - errors - skipped, 0), failures + errors, skipped


def _summary(outcomes: list[Outcome], seconds: float) -> None:
    print(f"\n{'stage':<18}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}")
    for outcome in outcomes:
        counts = f"{outcome.passed:>8}{outcome.failed:>8}{outcome.skipped:>9}{outcome.seconds:>9.1f}"
        row = f"{outcome.stage.name:<18}{counts}  {outcome.reason}".rstrip()
        print(coloured(row, "red" if outcome.reason else "green"))
    passed, failed, skipped = (
        sum(getattr(outcome, name) for outcome in outcomes) for name in ("passed", "failed", "skipped")
    )
    print(f"\n{passed} passed, {failed} failed, {skipped} skipped in {seconds:.0f}s")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
