"""Every recorded exchange with a real API server, asked again: the server under test answers alike."""

import pytest

from tests.cluster_contract.conftest import Played
from tests.cluster_contract.endpoint import real_from_environment
from tests.cluster_contract.groups import ONLY_SIMULATED
from tests.cluster_contract.replay import cases

GROUPS = (
    "discovery",
    "crud",
    "delete",
    "ssa",
    "fieldvalidation",
    "validation",
    "list",
    "generation",
    "auth",
    "admission",
    "overload",
    "expired",
    "odd",
)
CASES = [(group, case["name"]) for group in GROUPS for case in cases(group)]

pytestmark = pytest.mark.contract


@pytest.mark.parametrize(("group", "name"), CASES, ids=[f"{group}/{name}" for group, name in CASES])
def test_the_server_answers_as_recorded(played: Played, group: str, name: str) -> None:
    reason = ONLY_SIMULATED.get((group, name)) or ONLY_SIMULATED.get((group, ""))
    if reason and real_from_environment() is not None:
        pytest.skip(reason)
    outcome = played(group)[name]
    assert not outcome.problems, f"{outcome.note}\n" + "\n".join(outcome.problems)
