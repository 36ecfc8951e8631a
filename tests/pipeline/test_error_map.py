"""Every refusal that a cluster may give to a write: what the change becomes, what is said, who tries again.

One row a refusal, as a real API server words it. `asked` is how often the write was sent, `said` is in what
people read. The dry runs before it pass.
"""

# ruff: noqa: E501 (the error map reads best as a table)

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from apps.changes.lifecycle import State
from apps.common import clock
from apps.pipeline.rollout import apply_change
from apps.pipeline.writing import TRIES
from apps.simcluster.faults import Fault, FaultKind, Match
from tests.factories.shop import Shop, fresh

pytestmark = pytest.mark.django_db(transaction=True)
WRITE = Match(verb="apply", dry_run=False)
OWNED = [{"reason": "FieldManagerConflict", "field": ".spec.hosts", "message": 'conflict with "istioctl"'}]
THERE = [{"reason": "FieldValueInvalid", "field": "metadata.resourceVersion", "message": "Invalid value: 0: must be specified for an update"}]  # fmt: skip
ANEW = [{"reason": "FieldValueInvalid", "field": "metadata.uid", "message": "field is immutable"}]
MODIFIED = "Operation cannot be fulfilled: the object has been modified; please apply your changes to the latest version"


def status(code: int, reason: str, message: str, causes: list[dict[str, str]] | None = None) -> str:
    body: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
    body |= {"message": message, "reason": reason} if reason else {"message": message}
    return json.dumps(body | ({"details": {"causes": causes}} if causes else {}))


STALE = [
    ("field of another owner", status(409, "Conflict", "Apply failed with 1 conflict", OWNED), "Apply failed with 1 conflict"),
    ("resourceVersion moved", status(409, "Conflict", MODIFIED), "has been modified"),
    ("object gone", status(409, "Conflict", "uid mismatch: the provided object specified uid x, and no existing object was found"), "uid mismatch"),
    ("object made anew", status(422, "Invalid", "x is invalid", ANEW), "deleted and made anew"),
    ("create of what exists", status(422, "Invalid", "x is invalid", THERE), "moved in the moment"),
    ("create of what exists, by name", status(409, "AlreadyExists", "serviceentries x already exists"), "already exists"),
    ("namespace gone", status(404, "NotFound", 'namespaces "speedscale" not found'), "not found"),
]  # fmt: skip
REFUSED = [
    ("schema", status(422, "Invalid", "spec.hosts: Invalid value: must not be empty"), "must not be empty"),
    ("typing of apply", status(500, "", "failed to create typed patch object (a/b): .spec.x: field not declared in schema"), "not declared in schema"),
    ("strict decoding", status(400, "BadRequest", 'strict decoding error: unknown field "spec.x"'), "strict decoding error"),
    ("webhook denies", status(400, "", 'admission webhook "v.istio.io" denied the request: no'), "denied the request"),
    ("webhook denies with 403", status(403, "Forbidden", 'admission webhook "v.istio.io" denied the request: no'), "denied the request"),
    ("policy denies", status(422, "Invalid", "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no"), "denied request"),
    ("webhook without dry run", status(400, "BadRequest", 'admission webhook "v" does not support dry run'), "does not support dry run"),
    ("rights", status(403, "Forbidden", 'User "console" cannot patch resource "serviceentries"'), "cannot patch"),
    ("quota", status(403, "Forbidden", "exceeded quota: q, requested: 1, used: 9, limited: 9"), "exceeded quota"),
    ("namespace ends", status(403, "Forbidden", "unable to create new content in namespace x because it is being terminated"), "being terminated"),
    ("too large", status(500, "", "etcdserver: request is too large"), "too large"),
]  # fmt: skip
AGAIN = [
    ("webhook unreachable", status(500, "InternalError", 'Internal error occurred: failed calling webhook "v.istio.io": connection refused'), "failed calling webhook"),
    ("time-out", status(504, "Timeout", "Timeout: request did not complete within requested timeout"), "status 504"),
    ("storage time-out", status(500, "ServerTimeout", "etcdserver: request timed out"), "status 500"),
    ("storage fails", status(500, "", "etcdserver: leader changed"), "leader changed"),
    ("storage breaks off", status(500, "", "rpc error: code = Unavailable desc = error reading from server: EOF"), "rpc error"),
    ("gateway in between", status(502, "", ""), "status 502"),
    ("overload", status(429, "TooManyRequests", "Too many requests"), "asks to wait"),
]  # fmt: skip
ROWS = [
    *((name, body, State.STALE, said, 1) for name, body, said in STALE),
    *((name, body, State.FAILED, said, 1) for name, body, said in REFUSED),
    *((name, body, State.QUEUED, said, TRIES) for name, body, said in AGAIN),
    ("credential", status(401, "Unauthorized", "Unauthorized"), State.NEEDS_ATTENTION, "refused the credential", 2),
]  # fmt: skip


def fault(body: str, *, times: int = 99, retry_after: int | None = None) -> Fault:
    code = int(json.loads(body)["code"])
    return Fault(FaultKind.STATUS, WRITE, times=times, status=code, body=body, retry_after=retry_after)


@pytest.mark.parametrize(("body", "state", "said", "asked"), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS])  # fmt: skip
def test_what_a_refusal_of_the_write_makes_of_the_change(
    shop: Shop, body: str, state: State, said: str, asked: int
) -> None:
    change = shop.queued()
    planned = shop.sim.faults.add(fault(body))
    assert apply_change(change.pk, sleep=lambda _: None) == state
    assert said in fresh(change).state_message
    assert planned.hits == asked
    assert shop.on_cluster("ServiceEntry", "speedscale", "speedscale-sts") is None


@pytest.mark.parametrize("body", [row[1] for row in AGAIN], ids=[row[0] for row in AGAIN])
def test_what_passes_by_itself_is_tried_again_at_once_and_written_once(shop: Shop, body: str) -> None:
    change = shop.queued()
    planned = shop.sim.faults.add(fault(body, times=2))
    assert apply_change(change.pk, sleep=lambda _: None) == State.VERIFYING
    assert planned.hits == 2
    assert shop.live("ServiceEntry", "speedscale", "speedscale-sts")["metadata"]["generation"] == 1


@pytest.mark.parametrize("code", [429, 503])
def test_a_short_time_to_wait_is_waited_for(shop: Shop, code: int) -> None:
    change, pauses = shop.queued(), list[float]()
    shop.sim.faults.add(fault(status(code, "", "later"), times=1, retry_after=3))
    assert apply_change(change.pk, sleep=pauses.append) == State.VERIFYING
    assert [round(pause) for pause in pauses] == [3]


@pytest.mark.parametrize("code", [429, 503])
def test_a_long_time_to_wait_sends_the_change_back_into_the_queue_for_that_long(
    shop: Shop, code: int
) -> None:
    change = shop.queued()
    planned = shop.sim.faults.add(fault(status(code, "", "later"), times=1, retry_after=45))
    assert apply_change(change.pk, sleep=lambda _: None) == State.QUEUED
    free_at = fresh(change).lease_until
    assert free_at is not None
    assert free_at > clock.now() + timedelta(seconds=40)
    assert apply_change(change.pk) is None, "not before the time is over"
    assert planned.hits == 1


def test_a_credential_that_was_replaced_while_it_was_in_use_is_read_again(shop: Shop) -> None:
    change = shop.queued()
    planned = shop.sim.faults.add(fault(status(401, "Unauthorized", "Unauthorized"), times=1))
    assert apply_change(change.pk, sleep=lambda _: None) == State.VERIFYING
    assert planned.hits == 1
