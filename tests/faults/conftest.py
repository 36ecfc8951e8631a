"""The running product, with a short lease so that dead workers are missed soon."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bin.launcher.stack import Stack

LEASE_SECONDS = 4


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    environment = {"MESHCONSOLE_LEASE_SECONDS": str(LEASE_SECONDS)}
    with Stack(tmp_path_factory.mktemp("faults"), environment=environment) as running:
        yield running
