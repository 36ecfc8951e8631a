"""The server the contract is put to, and every recorded group played once on it."""

import secrets
from collections.abc import Callable, Iterator
from functools import cache

import pytest

from apps.simcluster.fleet import ClusterSpec, SimulatedFleet
from tests.cluster_contract.endpoint import Endpoint, real_from_environment, simulated
from tests.cluster_contract.groups import USERS, drop_cluster_roles, drop_namespaces, run
from tests.cluster_contract.making import make_namespaces
from tests.cluster_contract.replay import RECORDED, Known, Outcome

Played = Callable[[str], dict[str, Outcome]]
EndpointFor = Callable[[str], tuple[Endpoint, Known]]

FACTS = "facts"  # what was not recorded


def _prefix() -> str:
    return f"contract-{secrets.token_hex(3)}-"


@pytest.fixture(scope="session")
def endpoint_for() -> Iterator[EndpointFor]:
    """An endpoint and names of its own for a purpose; a simulated cluster each, or the one real server."""
    real = real_from_environment()
    used: list[tuple[Endpoint, Known]] = []

    def take(endpoint: Endpoint) -> tuple[Endpoint, Known]:
        used.append((endpoint, Known(_prefix())))
        return used[-1]

    try:
        if real is not None:
            yield lambda purpose: take(real)
            return
        purposes = [*(path.stem for path in sorted(RECORDED.glob("*.json"))), FACTS]
        specs = [ClusterSpec(purpose, users=USERS) for purpose in purposes]
        with SimulatedFleet(specs) as fleet:
            yield lambda purpose: take(simulated(fleet[purpose]))
    finally:
        if real is not None:
            for endpoint, known in used:
                drop_namespaces(endpoint, known)
                drop_cluster_roles(endpoint, known)


@pytest.fixture(scope="session")
def facts(endpoint_for: EndpointFor) -> tuple[Endpoint, Known]:
    """A server with a namespace `demo`, for what was not recorded."""
    endpoint, known = endpoint_for(FACTS)
    make_namespaces(endpoint, known, "demo")
    return endpoint, known


@pytest.fixture(scope="session")
def played(endpoint_for: EndpointFor) -> Played:
    """The outcomes of a group by case name; a group is played once, in order."""

    @cache
    def play(group: str) -> dict[str, Outcome]:
        endpoint, known = endpoint_for(group)
        return {outcome.name: outcome for outcome in run(endpoint, group, known)}

    return play
