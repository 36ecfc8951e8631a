"""`make test` counts honestly: a stage that fails, runs too long or runs nothing is a failure."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bin import stages, test
from bin.stages import Stage

ROOT = Path(__file__).resolve().parents[2]
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir")


def pytest_stage(
    folder: Path, monkeypatch: pytest.MonkeyPatch, source: str, *, limit_seconds: int = 60
) -> Stage:
    """A stage that runs `source` as a test file, with its report below `folder`."""
    monkeypatch.setattr(stages, "RESULTS", folder)
    (folder / "test_it.py").write_text(source)
    (folder / "pytest.ini").write_text("[pytest]\n")
    report = folder / "it.xml"
    command = (*PYTEST, str(folder), "-c", str(folder / "pytest.ini"), f"--junitxml={report}", str(folder))
    return Stage("it", "it", command, limit_seconds, counts_tests=True)


def run(stage: Stage) -> tuple[int, int, int, str]:
    outcome = test._run(stage, {"PATH": "/usr/bin:/bin"})
    return outcome.passed, outcome.failed, outcome.skipped, outcome.reason


def test_a_stage_that_passes_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = pytest_stage(tmp_path, monkeypatch, "def test_a(): pass\ndef test_b(): pass\n")
    assert run(stage) == (2, 0, 0, "")


def test_a_failing_test_fails_its_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = pytest_stage(tmp_path, monkeypatch, "def test_a(): pass\ndef test_b(): assert False\n")
    assert run(stage) == (1, 1, 0, "exit code 1")


def test_a_stage_without_tests_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(pytest_stage(tmp_path, monkeypatch, "")) == (0, 1, 0, "ran no test")


def test_a_stage_that_skips_everything_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = pytest_stage(tmp_path, monkeypatch, "import pytest\ndef test_a(): pytest.skip('no reason')\n")
    assert run(stage) == (0, 1, 1, "ran no test")


def test_a_file_that_cannot_be_imported_fails_its_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed, failed, _, reason = run(pytest_stage(tmp_path, monkeypatch, "import nothing_of_that_name\n"))
    assert (passed, failed) == (0, 1)
    assert reason.startswith("exit code")


def test_a_stage_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = pytest_stage(
        tmp_path, monkeypatch, "import time\ndef test_a(): time.sleep(60)\n", limit_seconds=2
    )
    assert run(stage) == (0, 1, 0, "took longer than 2 s and was ended")


def test_what_the_unit_stage_leaves_out_is_run_by_a_stage_of_its_own() -> None:
    commands = {stage.name: stage.command for stage in stages.stages() if stage.counts_tests}
    left_out = {word.removeprefix("--ignore=") for word in commands["unit"] if word.startswith("--ignore=")}
    run_apart = {commands[name][-1] for name in ("cluster contract", "browser", "faults") if name in commands}
    assert left_out == run_apart == set(stages.APART)


def test_make_alone_lists_every_target_and_runs_none() -> None:
    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True).stdout
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)
    assert {"run", "test", "test-fast", "lint", "types", "imports", "bench", "demo-reset"} <= set(targets)
    assert [target for target in targets if f"make {target} " not in shown] == []


def test_continuous_integration_runs_what_a_person_runs() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert script.splitlines()[-1] == "exec make test"
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_a_python_that_is_too_old_is_refused_with_a_sentence(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    for name in ("python3.11", "python3.12"):
        (tmp_path / name).symlink_to(old)
    (tmp_path / "dirname").symlink_to("/usr/bin/dirname")
    done = subprocess.run(
        ["/bin/sh", "bin/python", "-m", "bin.run"],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert "needs Python 3.11 or 3.12" in done.stderr
