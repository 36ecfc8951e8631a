"""One wish for many clusters: each is simulated on its own, and what is left out says why."""

from __future__ import annotations

import pytest

from apps.accounts.models import RoleBinding
from apps.analysis.models import Finding
from apps.changes.actions.propose_fleet import Remedy, Wish, propose_fleet
from apps.changes.lifecycle import State
from apps.changes.models import ChangeSet
from apps.changes.selectors import current_revision
from apps.changes.waves import Plan
from apps.clusters.models import HealthState
from apps.common.errors import InvalidInputError
from tests.factories.rings import IN_ORDER, Rings, asked
from tests.factories.shop import NEW_ENTRY, fresh, items

NO_CREATE = {"group": "networking.istio.io", "plural": "serviceentries", "verb": "create"}
pytestmark = pytest.mark.django_db


def proposed(rings: Rings, wish: Wish, plan: Plan = Plan(IN_ORDER)) -> ChangeSet:  # noqa: B008
    return propose_fleet(actor=rings.priya, clusters=list(rings.clusters.values()), wish=wish, **asked(plan))


def left_out(change: ChangeSet) -> dict[str, str]:
    return {one["cluster"]: one["why"] for one in current_revision(change).left_out}


def test_the_required_hosts_are_opened_on_every_cluster_by_what_it_lacks_itself(rings: Rings) -> None:
    change = proposed(rings, Wish(Remedy.HOSTS))
    assert [(i.cluster.name, i.kind) for i in items(change)] == [
        (name, "ServiceEntry") for name in ("lab", "prod", "stage")
    ]
    revision = current_revision(change)
    assert sorted(revision.prediction) == ["lab", "prod", "stage"]
    assert all(part["difference"]["opened"] for part in revision.prediction.values())
    assert (revision.waves, revision.left_out) == (Plan(IN_ORDER), [])
    assert change.title == "Open the hosts that Speedscale needs on 3 clusters"


def test_such_a_change_goes_all_the_way(rings: Rings) -> None:
    change = rings.approved(rings.submitted(proposed(rings, Wish(Remedy.EVERYTHING))))
    assert [rings.wave(change) for _ in IN_ORDER] == [State.QUEUED, State.QUEUED, State.APPLIED], fresh(
        change
    ).state_message


def test_a_cluster_with_nothing_to_do_is_said_to_have_nothing_and_leaves_the_waves(rings: Rings) -> None:
    change = rings.approved(rings.submitted(rings.proposed(Plan(), names=["lab"])))
    rings.wave(change)
    again = proposed(rings, Wish(manifests=NEW_ENTRY))
    assert left_out(again) == {"lab": "lab already reads like this: there is nothing to change."}
    assert current_revision(again).waves == Plan((("stage",), ("prod",)))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"paused": True}, "The cluster is paused."),
        ({"health": HealthState.UNREACHABLE}, "It does not answer now."),
        (
            {"may_not": [NO_CREATE]},
            "The console may not write it there: grant the apply role of its page first.",
        ),
        ({"served": {"networking.istio.io": ["v1alpha3"]}}, "It does not serve networking.istio.io/v1."),
        ({"health": HealthState.NEW}, "It has not been read yet."),
    ],
)
def test_a_cluster_that_nothing_can_be_said_for_is_left_out_with_the_reason(
    rings: Rings, fields: dict[str, object], why: str
) -> None:
    cluster = rings.clusters["stage"]
    for field, value in fields.items():
        setattr(cluster, field, value)
    change = proposed(rings, Wish(manifests=NEW_ENTRY))
    assert left_out(change) == {"stage": why}
    assert {item.cluster.name for item in items(change)} == {"lab", "prod"}


def test_where_one_may_not_propose_nothing_is_proposed(rings: Rings) -> None:
    RoleBinding.objects.filter(user=rings.priya).update(environment="lab")
    change = proposed(rings, Wish(Remedy.HOSTS))
    assert sorted(left_out(change)) == ["prod", "stage"]
    assert {item.cluster.name for item in items(change)} == {"lab"}


def test_a_check_is_mended_wherever_the_console_can(rings: Rings) -> None:
    finding = (
        Finding.objects.filter(cluster=rings.clusters["lab"], resolved_at=None).exclude(remedy="").first()
    )
    assert finding is not None
    Finding.objects.filter(cluster=rings.clusters["stage"]).delete()
    change = proposed(rings, Wish(code=finding.code))
    assert {item.cluster.name for item in items(change)} == {"lab", "prod"}
    assert "is open there" in left_out(change)["stage"]


def test_nothing_anywhere_is_said_with_the_reasons(rings: Rings) -> None:
    with pytest.raises(InvalidInputError, match="lab: No finding SS99 that the console can mend") as refused:
        proposed(rings, Wish(code="SS99"))
    assert refused.value.code == "nothing_to_change"
    with pytest.raises(InvalidInputError, match="Choose a cluster"):
        propose_fleet(actor=rings.priya, clusters=[], wish=Wish(Remedy.HOSTS))


def test_a_plan_that_names_another_cluster_is_refused(rings: Rings) -> None:
    with pytest.raises(InvalidInputError, match="elsewhere: nothing is written there"):
        proposed(rings, Wish(Remedy.HOSTS), Plan((*IN_ORDER, ("elsewhere",))))
