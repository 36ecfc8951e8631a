"""What `make test` runs, in order, as data: quick checks first, what starts the whole product last."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from bin.environment import ROOT, VENV

RESULTS = ROOT / "test-results"
CODE = ("apps", "meshconsole", "bin", "bench", "tests", "manage.py")
TYPED = ("apps", "meshconsole", "bin", "bench", "tests")
APART = ("tests/cluster_contract", "tests/browser", "tests/faults")
# What locks, claims and chains must hold on the database of production too.
ON_POSTGRES = ("accounts", "analysis", "audit", "changes", "clusters", "inventory", "pipeline")


@dataclass(frozen=True, slots=True)
class Stage:
    """One check: a command whose exit code counts, and whose tests are counted where it is pytest."""

    name: str
    group: str
    command: tuple[str, ...]
    limit_seconds: int
    fast: bool = True
    counts_tests: bool = False
    needs_chromium: bool = False

    @property
    def report(self) -> Path:
        """Where pytest writes what it ran."""
        return RESULTS / f"{self.name.replace(' ', '-')}.xml"


def stages() -> tuple[Stage, ...]:
    """Every stage of `make test`, as this checkout's folders are now."""
    code = tuple(part for part in CODE if (ROOT / part).exists())
    typed = tuple(part for part in TYPED if (ROOT / part).exists())
    templates = tuple(str(path.relative_to(ROOT)) for path in sorted((ROOT / "templates").rglob("*.html")))
    return (
        Stage("ruff check", "lint", (_tool("ruff"), "check", *code), 120),
        Stage("ruff format", "lint", (_tool("ruff"), "format", "--check", *code), 120),
        Stage("templates", "lint", (_tool("djade"), "--check", "--target-version", "5.2", *templates), 120),
        Stage("types", "types", (_tool("mypy"), *typed), 900, fast=False),
        Stage("imports", "imports", (_tool("lint-imports"),), 300),
        Stage(
            "migrations",
            "lint",
            (
                _tool("python"),
                "manage.py",
                "makemigrations",
                "--check",
                "--dry-run",
                "--settings=meshconsole.settings.test",
            ),
            120,
        ),
        _tests(
            "unit", ["tests", *(f"--ignore={part}" for part in APART), "-n", "2", "--dist", "loadfile"], 1800
        ),
        _on_postgres(tuple(f"tests/{part}" for part in ON_POSTGRES if (ROOT / "tests" / part).exists())),
        _tests("cluster contract", ["tests/cluster_contract"], 900),
        _tests("browser", ["tests/browser"], 1200, fast=False, needs_chromium=True),
        _tests(
            "faults",
            ["tests/faults"],
            5400 if os.environ.get("MESHCONSOLE_FAULTS") == "all" else 1200,
            fast=False,
        ),
    )


def _tool(name: str) -> str:
    return str(VENV / "bin" / name)


def _tests(
    name: str, arguments: list[str], limit_seconds: int, *, fast: bool = True, needs_chromium: bool = False
) -> Stage:
    stage = Stage(name, name, (), limit_seconds, fast, counts_tests=True, needs_chromium=needs_chromium)
    command = (_tool("python"), "-m", "pytest", "-q", f"--junitxml={stage.report}", *arguments)
    return Stage(name, name, command, limit_seconds, fast, counts_tests=True, needs_chromium=needs_chromium)


def _on_postgres(folders: tuple[str, ...]) -> Stage:
    stage = _tests("on postgres", list(folders), 1200, fast=False)
    return replace(stage, command=(_tool("python"), "-m", "bin.postgres", *stage.command))
