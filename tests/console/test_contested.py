"""A draft that writes fields of somebody else says so before it is submitted, and what both ways mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.changes.actions.propose_yaml import propose_yaml
from apps.changes.models import ChangeSet
from apps.changes.selectors import current_revision
from apps.clusters.models import Cluster
from apps.inventory.models import ObjectVersion
from apps.mesh.patches import stripped, to_yaml

As = Callable[[User], Client]


@pytest.fixture
def contested(shop: Cluster, alice: User) -> ChangeSet:
    """A draft that adds a host to a ServiceEntry whose hosts `helm` manages."""
    row = ObjectVersion.objects.filter(cluster=shop, kind="ServiceEntry", valid_to__isnull=True).first()
    assert row is not None
    owned: dict[str, Any] = {"f:spec": {"f:hosts": {}}}
    row.meta = {
        **row.meta,
        "managedFields": [{"manager": "helm", "operation": "Update", "fieldsV1": owned}],
    }
    row.save()
    manifest = stripped(row.content.manifest)
    hosts = [*manifest["spec"]["hosts"], "sts.us-east-1.amazonaws.com"]
    text = to_yaml({**manifest, "spec": {**manifest["spec"], "hosts": hosts}})
    return propose_yaml(actor=alice, cluster=shop, text=text, title="One more host")


def page(client: Client, change: ChangeSet) -> str:
    return " ".join(client.get(f"/changes/{change.pk}/").content.decode().split())


def test_the_draft_says_who_owns_which_field_and_offers_both_ways(
    contested: ChangeSet, alice: User, as_: As
) -> None:
    text = page(as_(alice), contested)
    assert "<b>helm</b> owns <code>spec.hosts</code>" in text
    assert "the dry run is expected to refuse it" in text
    assert text.count("Take the fields over</button>") == 1
    assert text.count("Submit as it is</button>") == 1
    assert "Submit for approval</button>" not in text


def test_taking_over_makes_a_revision_that_names_whose_fields_it_takes(
    contested: ChangeSet, alice: User, as_: As
) -> None:
    client = as_(alice)
    client.post(f"/changes/{contested.pk}/take_over/")
    contested.refresh_from_db()
    assert contested.revision_number == 2
    assert current_revision(contested).items.get().force
    text = page(client, contested)
    assert "Takes spec.hosts over from helm." in text
    assert "This draft writes fields that somebody else manages" not in text
    assert "Submit for approval</button>" in text
    assert "Take the fields over</button>" not in text


def test_somebody_who_may_only_look_sees_the_owner_and_no_button(
    contested: ChangeSet, victor: User, as_: As
) -> None:
    text = page(as_(victor), contested)
    assert "<b>helm</b> owns" in text
    assert "Take the fields over</button>" not in text
    assert "Submit as it is</button>" not in text


def test_a_draft_that_meets_nobody_says_nothing_of_owners(draft: ChangeSet, alice: User, as_: As) -> None:
    text = page(as_(alice), draft)
    assert "somebody else manages" not in text
    assert "Submit for approval</button>" in text
    answer = as_(alice).post(f"/changes/{draft.pk}/take_over/", follow=True)
    assert "met fields of another owner" in answer.content.decode()


def test_owners_cost_one_query(contested: ChangeSet, alice: User, as_: As) -> None:
    client = as_(alice)
    page(client, contested)
    with CaptureQueriesContext(connection) as queries:
        page(client, contested)
    assert sum("objectversion" in query["sql"] for query in queries) == 1
