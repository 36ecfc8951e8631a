"""The locks serve every Python that is accepted, not only the one they were made on."""

import re
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LINE = re.compile(r"^([A-Za-z0-9._-]+)(?:\[([a-z,]+)\])?==(\S+)", re.MULTILINE)
# Debian 12 has 3.11.2; some packages need a helper below 3.11.3.
PYTHONS = ("3.11.0", "3.11.2", "3.11.9", "3.12.0")


def locked(lock: str) -> dict[str, str]:
    """The packages of a lock with their versions, by canonical name."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    return {canonicalize_name(name): version for name, _, version in LINE.findall(text)}


def wanted(name: str, python: str) -> set[str]:
    """What the installed package `name` requires on Linux under `python`, extras left out."""
    environment: dict[str, str] = {name: str(value) for name, value in default_environment().items()}
    environment |= {
        "python_full_version": python,
        "python_version": python.rpartition(".")[0],
        "sys_platform": "linux",
        "extra": "",
    }
    try:
        lines = Distribution.from_name(name).requires or []
    except PackageNotFoundError:  # of another Python or platform
        return set()
    requirements = [Requirement(line) for line in lines]
    return {
        canonicalize_name(requirement.name)
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate(environment)
    }


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_has_everything_its_packages_need_under(lock: str, python: str) -> None:
    packages = locked(lock)
    assert len(packages) > 50
    missing = {name: lacks for name in packages if (lacks := wanted(name, python) - set(packages))}
    assert missing == {}


def test_the_locks_agree() -> None:
    runtime, development = locked("requirements.lock"), locked("requirements-dev.lock")
    assert {name: version for name, version in runtime.items() if development.get(name) != version} == {}
